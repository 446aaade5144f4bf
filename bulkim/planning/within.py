"""What of an input lies within a saved plan: the items that it sends, with the values that it has for them. Nothing else.

The plan is kept as hashes, about 35 bytes an item; what the input no longer has is read from the plan's lines again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from bulkim.model import Row
from bulkim.planning.planfile import identity, is_sent, key_of
from bulkim.planning.planned import Planned, Skip
from bulkim.planning.seen import Seen
from bulkim.source import BadRow
from bulkim.source.tidy import Noticed

CHANGED = Skip("changed", "has other values in the input than in the plan")
_BITS = 2**64 - 1
REMOVED = Skip("removed", "in the plan, and no longer in the input")


class Lines(Protocol):
    """A saved plan, as far as its items go."""

    @property
    def name(self) -> str:
        """The file, for messages."""

    @property
    def digest(self) -> str:
        """Its own digest."""

    def items(self) -> Iterator[tuple[str, str, str]]:
        """(what, digest, identity) of each line, as often as wanted. Raises InputError where the file has changed."""


class Within:
    """Lets through what a plan sends, and counts what it does not."""

    def __init__(
        self, plan: Lines, folded: Callable[[str], str], digest_of: Callable[[Mapping[str, Any]], str]
    ) -> None:
        """`folded`: how the vendor compares usernames; `digest_of`: as the plan's digests were made. Raises InputError."""
        self._plan, self._folded, self._digest_of = plan, folded, digest_of
        self._seen, self._digests = Seen(), array("Q")
        add, append = self._seen.add, self._digests.append
        for place, (_, digest, shown) in enumerate(self._sent(), 1):
            append(_told_apart(digest, identity(shown)[0]))
            add(self._key(shown), place)
        self._met = bytearray(len(self._digests))
        self.new = self.changed = self.gone = 0

    def of(self, planned: Iterable[Planned], *, known: Callable[[list[str]], set[str]]) -> Iterator[Planned]:
        """The items of an input that the plan sends; those that it has otherwise, or alone, as skipped.

        `known`: those of these keys that the run has pending. They are left to be found missing.
        """
        position = 0
        for each in planned:
            position = each.position
            place = self._seen.find(each.key) if each.key is not None else None
            if place is not None:
                self._met[place - 1] = 1
            if each.skip is not None:
                yield each
            elif place is None:
                self.new += 1
            elif self._digests[place - 1] == _told_apart(self._digest_of(each.fields), each.username):
                yield each
            else:
                self.changed += 1
                yield each._replace(fields={}, skip=CHANGED)
        yield from self._missing(position, known)

    def _missing(self, position: int, known: Callable[[list[str]], set[str]]) -> Iterator[Planned]:
        """What the plan sends and the input no longer has."""
        self.gone = self._met.count(0)
        if not self.gone:
            return
        for place, (_, _, shown) in enumerate(self._sent()):
            if not self._met[place] and not known([key := self._key(shown)]):
                position += 1
                yield Planned(position, None, key, identity(shown)[0], skip=REMOVED)

    def _sent(self) -> Iterator[tuple[str, str, str]]:
        return (each for each in self._plan.items() if is_sent(each[0]))

    def _key(self, shown: str) -> str:
        if "\t" in shown or "\\" in shown:
            return key_of(identity(shown), self._folded)
        return self._folded(shown)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should hear of it."""
        if not (self.new or self.changed or self.gone):
            return ()
        parts = [
            f"{number:,} {words}"
            for number, words in (
                (self.gone, "no longer in the input"),
                (self.changed, "with other values now"),
                (self.new, "not in the plan"),
            )
            if number
        ]
        return (f"left out by the plan: {', '.join(parts)}",)


def _told_apart(digest: str, username: str) -> int:
    """64 bits of an item's values, its username as it is spelled among them."""
    return int(digest, 16) ^ (hash(username) & _BITS)


class PlannedRows:
    """The items of a plan as a `SourceReader`: those whom a listing named when the plan was written."""

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = ("username",)

    def __init__(self, plan: Lines) -> None:
        self._plan = plan
        self.name, self.digest = plan.name, plan.digest
        self.noticed = Noticed()

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """The items that it sends."""
        sent = (shown for what, _, shown in self._plan.items() if is_sent(what))
        for position, shown in enumerate(sent, 1):
            if position > after:
                yield Row(position, None, {"username": identity(shown)[0]})
