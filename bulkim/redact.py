"""What is secret, and the one place where it is taken out of what is said: logs, errors, reasons, job texts, columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"
HIDDEN_CHARS_MIN = 4  # a shorter secret would mask half of every text

# The one list of words that a secret's name has in it. A bare "signature" is not among them: it is a line about a person.
_WORDS = r"(?:password|passwd|pwd|secret|token|certificate|authorization|api[_-]?key|user_?sig|credentials?)"
_ANYWHERE = re.compile(_WORDS, re.IGNORECASE)
_NAME = re.compile(rf"(?:.*[_-])?(?:new)?{_WORDS}(?:_key)?", re.IGNORECASE)
_PATTERNS = (
    (re.compile(r"(?i)\b(bearer\s+|basic\s+(?=[\w+/=]{12}))[^\s\"',}\]]+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)\b([\w-]*{_WORDS}(?:_key)?=)[^&\s\"')]{{4,}}"), rf"\1{MASK}"),
    (re.compile(rf"(?i)([\"'][\w-]*{_WORDS}(?:_key)?[\"']\s*:\s*)([\"']).*?\2"), rf"\1\2{MASK}\2"),
    (re.compile(r"\b007eJx[\w+/=-]{20,}"), MASK),  # an AccessToken2, wherever it stands
)
_ASSIGNED = re.compile(
    rf"""(\w*{_WORDS}(?:_key)?["']?\s*[:=]\s*)(?!["']?\$\{{)["']?[^\s"',}}]+""", re.IGNORECASE
)
_ECHOED = re.compile(
    r"(passwords are)\b.*", re.IGNORECASE | re.DOTALL
)  # a vendor's sentence that ends with them

_hidden: set[str] = set()


def hide(values: Iterable[str]) -> None:
    """From now on, take these out of whatever is logged or said."""
    from urllib.parse import quote

    for value in values:
        if len(value) >= HIDDEN_CHARS_MIN:
            _hidden.update((value, quote(value, safe=""), json.dumps(value)[1:-1]))


def looks_secret(text: str) -> bool:
    """Whether a column's name, a key or an option has such a word anywhere: rather one too many than one too few."""
    return _ANYWHERE.search(text) is not None


def is_hidden(key: str, value: str) -> bool:
    """Whether a ``--set`` pair may be a secret."""
    return looks_secret(key) or looks_secret(value) or key.startswith(("connection.auth", "notify"))


def names_secret(name: str) -> bool:
    """Whether a name as a whole is a secret's: `app_token` is, `tokens` (a number of them) is not."""
    return _NAME.fullmatch(name) is not None


def without_assigned(text: str) -> str:
    """The text without values that stand behind a secret's name and a `:` or `=`; `${VARIABLES}` stay."""
    return _ASSIGNED.sub(rf"\1{MASK}", text)


class Echoes:
    """Masks the secrets of some calls' items in what a vendor says of them, and never an id.

    A secret of fewer than four characters is looked for only where a vendor is known to echo it: it would mask half of
    every text. One that stands inside an id (whoever's password is their name) tells nobody anything.
    """

    def __init__(self, secrets: Iterable[str], ids: Iterable[str]) -> None:
        self._secrets = _any_of(each for each in secrets if len(each) >= HIDDEN_CHARS_MIN)
        self._ids = tuple(ids)

    def masked(self, text: str) -> str:
        """The text without these secrets."""
        text = _ECHOED.sub(rf"\1 {MASK}", text)
        if self._secrets is None or not self._secrets.search(text):
            return text
        ids = _any_of(self._ids, whole=True)
        kept = [found.span() for found in ids.finditer(text)] if ids else []

        def mask(found: re.Match[str]) -> str:
            inside = any(start <= found.start() and found.end() <= end for start, end in kept)
            return found[0] if inside else MASK

        return self._secrets.sub(mask, text)


def _any_of(values: Iterable[str], *, whole: bool = False) -> re.Pattern[str] | None:
    """Finds any of the values, the longest first; `whole`: not as a part of a longer word."""
    found = sorted({each for each in values if each}, key=len, reverse=True)
    pattern = "|".join(map(re.escape, found))
    return re.compile(rf"(?i)(?<!\w)(?:{pattern})(?!\w)" if whole else pattern) if found else None


def redact(text: str) -> str:
    """The text without secrets: registered ones, bearer tokens, and values of telling names."""
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redacted(value: Any, name: str = "") -> Any:
    """The same for any value; what stands under a telling name is masked whole."""
    if name and names_secret(name) and value is not None and not isinstance(value, bool):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redacted(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value) if not isinstance(value, bytes) else value.decode("utf-8", "replace"))
