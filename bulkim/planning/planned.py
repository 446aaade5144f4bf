"""What becomes of a source's rows: one planned item, or a stretch of a table whose rows are all sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, islice, repeat
from typing import Any, Literal, NamedTuple

from bulkim.catalogue.values import quoted
from bulkim.model import Row
from bulkim.planning.columns import Clean
from bulkim.source import BadRow

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Skip:
    """Why an item is never sent."""

    code: Literal[
        "duplicate", "protected", "invalid", "changed", "removed"
    ]  # the last two: against a saved plan
    reason: str


class Planned(NamedTuple):  # a tuple is made five times as fast as a frozen dataclass, and there are millions
    """One row of the source as the operation sees it. With `skip`, `fields` is empty."""

    position: int  # 1-based, counts every row of the source
    line: int | None  # 1-based line in the file where the row starts
    key: str | None  # identity, folded as the vendor folds it; None: invalid
    username: str  # as the source writes it; of an invalid item fit for showing
    fields: Mapping[str, Any] = _NOTHING  # typed, params merged, secrets included
    extra: Mapping[str, str] = _NOTHING  # the source's own columns, without secrets
    skip: Skip | None = None

    def __repr__(self) -> str:
        """Without the fields: they may hold secrets."""
        return f"Planned(position={self.position}, line={self.line}, key={self.key!r}, skip={self.skip})"


class Stretch(NamedTuple):
    """Rows of a table that follow one another, one a line, and are all sent. Whoever only counts needs no item of them."""

    position: int  # of the first
    line: int  # of the first
    keys: Sequence[str]
    clean: Clean  # may have more rows than belong to the stretch
    size: int

    @property
    def usernames(self) -> Sequence[str]:
        """As the source writes them."""
        return self.clean.usernames[: self.size]

    def items(self) -> Iterator[Planned]:
        """One by one."""
        clean, lines = self.clean, count(self.line)
        made = zip(
            count(self.position),
            lines,
            self.keys,
            clean.usernames,
            clean.fields(),
            clean.extras(),
            repeat(None),
        )
        return map(_MADE, islice(made, self.size))

    def __repr__(self) -> str:
        """Without the cells: they may hold secrets."""
        return f"Stretch(position={self.position}, line={self.line}, size={self.size})"


_MADE: Callable[[Iterable[Any]], Planned] = partial(
    tuple.__new__, Planned
)  # as Planned._make, at half the time


def one_by_one(parts: Iterable[Planned | Stretch]) -> Iterator[Planned]:
    """The same items, without stretches."""
    for each in parts:
        if type(each) is Stretch:
            yield from each.items()
        else:
            yield each  # type: ignore[misc]  # mypy does not take `type(...) is` for a test of the other kind


def values_hash(fields: Mapping[str, Any], names: Sequence[str]) -> int:
    """By which a user's rows are compared, without keeping what stands in them."""
    values = tuple(map(fields.get, names))
    try:
        return hash(values)
    except TypeError:  # a mapping or a list
        return hash(repr(values))


def invalid_item(row: Row | BadRow, reason: str, extra: Mapping[str, str]) -> Planned:
    """A row that cannot be sent, fit for showing."""
    username = row.values.get("username", "")
    shown = quoted(username)[1:-1] if isinstance(username, str) else str(username)[:80]
    return Planned(row.position, row.line, None, shown, _NOTHING, extra, Skip("invalid", reason))
