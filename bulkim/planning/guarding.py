"""`guard.protect`: who is never sent, and patterns that matched nobody, with the name that they may have meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from bulkim.catalogue.shapes import Provider
from bulkim.catalogue.values import quoted
from bulkim.model import Guard

NAMES_KEPT = 2_000  # of those who were looked at, for a near miss
_SYNTAX = re.compile(r"\\[A-Za-z]|\\(.)|\[[^\]]*\]|\{[^}]*\}|[.^$*+?|()]")

Protects = Callable[[str], "str | None"]
"""A username -> why it is protected; None: it is not."""


def protector(guard: Guard, provider: Provider) -> Protects | None:
    """Asks the guard about a username; None where it protects nobody."""
    patterns = compiled(guard.protect, provider)
    if not patterns:
        return None

    def protects(username: str) -> str | None:
        for text, pattern in patterns:
            if pattern.fullmatch(username):
                return f"protected by {quoted(text)}"
        return None

    return protects


def compiled(patterns: Iterable[str], provider: Provider) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Patterns as the vendor compares usernames: regardless of case where it ignores case."""
    flags = re.IGNORECASE if provider.identity.fold == "lower" else 0
    return tuple((text, re.compile(text, flags)) for text in patterns)


class Matched:
    """Which patterns matched somebody, over all usernames that pass by."""

    def __init__(self, patterns: Sequence[tuple[str, re.Pattern[str]]]) -> None:
        self._open = dict(patterns)  # those that have matched nobody yet
        self._names: list[str] = []

    def take(self, name: str) -> None:
        """Look at one name."""
        if self._open:
            for text in [text for text, pattern in self._open.items() if pattern.fullmatch(name)]:
                del self._open[text]
            if len(self._names) < NAMES_KEPT:
                self._names.append(name)

    def notes(self, what: str) -> list[str]:
        """A line for each pattern that matched nobody; none where nobody passed by. `what`: the key that has them."""
        if not self._names:
            return []
        return [f"{what} {quoted(text)} matched nobody{_near(text, self._names)}" for text in self._open]


def _near(pattern: str, names: Sequence[str]) -> str:
    found = nearest(pattern, names)
    return f"; the nearest name is {quoted(found)}" if found is not None else ""


def nearest(pattern: str, names: Sequence[str]) -> str | None:
    """The name that a pattern may have meant: the same in another case, or a part of it, or one that looks alike."""
    loose = re.compile(pattern, re.IGNORECASE)
    for matches in (loose.fullmatch, loose.search):
        if found := next((name for name in names if matches(name) and name), None):
            return found
    literal = _SYNTAX.sub(lambda part: part[1] or "", pattern).lower()
    alike = {name.lower(): name for name in reversed(names)}
    close = get_close_matches(literal, alike, n=1, cutoff=0.6) if literal else []
    return alike[close[0]] if close else None
