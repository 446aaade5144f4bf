"""User ids as hashes that nobody can turn back: the key is forgotten when the report is written."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

from bulkim.journal import Reader
from bulkim.journal.records import CodeCount

_WORD = re.compile(r"[\w.@+#-]+")


class Redactor:
    """Hashes one run's user ids. The same user gets the same hash within one report, and another one in the next."""

    def __init__(self, journal: Reader, run_id: int, folded: Callable[[str], str]) -> None:
        """`folded`: how the run's vendor compares usernames."""
        self._journal, self._run_id, self._folded = journal, run_id, folded
        self._key = secrets.token_bytes(32)
        self._known: dict[str, bool] = {}

    def name(self, username: str) -> str:
        """The hash that stands for a user."""
        folded = self._folded(username).encode("utf-8", "surrogatepass")
        return "user:" + blake2b(folded, key=self._key, digest_size=5).hexdigest()

    def text(self, text: str, *usernames: str) -> str:
        """A vendor's sentence without these users, and without any word that is a user of this run."""
        for username in usernames:
            if username:
                # However it is written there: it may be another user, who is hidden, too.
                written = re.compile(re.escape(username), re.IGNORECASE)
                text = written.sub(lambda found: self.name(found[0]), text)
        return _WORD.sub(lambda word: self._hidden(word[0]), text)

    def code_count(self, found: CodeCount) -> CodeCount:
        """A code's example and reason."""
        reason = self.text(found.reason, found.example) if found.reason else found.reason
        return replace(
            found, example=self.name(found.example) if found.example else found.example, reason=reason
        )

    def _hidden(self, word: str) -> str:
        bare = word.strip(".-")
        return word.replace(bare, self.name(bare)) if bare and self._is_user(bare) else word

    def _is_user(self, word: str) -> bool:
        found = self._known.get(word)
        if found is None:
            found = self._known[word] = any(
                self._journal.is_user(self._run_id, word, way) for way in (self._folded, str.lower)
            )
        return found
