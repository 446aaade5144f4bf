"""A block of a table judged at once: what can be said of all its rows together need not be asked of each.

A block in which anything needs a closer look is left to whoever looks at one row after another, so that there is one place that
says what is wrong and only one that says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from bulkim.catalogue.shapes import Field
from bulkim.catalogue.values import AllValid, all_valid
from bulkim.source.table import Block

_PLAIN = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Clean:
    """Rows of a block that are all valid, by column. What is made of them is made when it is asked for."""

    usernames: Sequence[str]
    # In the order of the operation's; for each all rows' cells, which may be secrets, or a constant without end.
    _fields: Mapping[str, Iterable[Any]] = field(repr=False)
    _gaps: AbstractSet[str]  # fields that some rows lack: there the cell is empty
    _public: Sequence[tuple[str, Sequence[str]]]  # the other columns: what they are called, and their cells

    @property
    def only_usernames(self) -> bool:
        """Whether nothing else is known of any row."""
        return len(self._fields) == 1

    @property
    def has_gaps(self) -> bool:
        """Whether some row lacks a field that others have."""
        return bool(self._gaps)

    def has(self, name: str) -> bool:
        """Whether a row may have this field."""
        return name in self._fields

    def fields(self, chosen: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Of each row, typed: all, or those that are chosen; the clean rows have them."""
        names = tuple(self._fields) if chosen is None else chosen
        rows = zip(*(self._fields[name] for name in names), strict=False)
        if self._gaps.isdisjoint(names):
            return (dict(zip(names, row)) for row in rows)  # noqa: B905 - it costs time
        return ({name: value for name, value in zip(names, row, strict=True) if value != ""} for row in rows)

    def rows(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The values of these fields, of each row; None for what it lacks."""
        parts = [
            self._with_gaps(name) if name in self._gaps else self._fields.get(name, _LACKING)
            for name in names
        ]
        return zip(*parts, strict=False) if parts else repeat(())

    def _with_gaps(self, name: str) -> list[Any]:
        return [cell or None for cell in self._fields[name]]

    def lacking(self, name: str) -> Iterator[int]:
        """Places of the rows, from 0 on, that lack a field which some have."""
        return (
            (at for at, cell in enumerate(self._fields[name]) if cell == "")
            if name in self._gaps
            else iter(())
        )

    def extras(self) -> Iterator[Mapping[str, str]]:
        """What stands in the other columns, of each row."""
        if not self._public:
            return repeat({})
        labels = [label for label, _ in self._public]
        rows = zip(*(cells for _, cells in self._public), strict=True)
        return ({label: text for label, text in zip(labels, row, strict=True) if text} for row in rows)


_LACKING = repeat(None)


def folded(names: Sequence[str], fold: Callable[[str], str]) -> Sequence[str]:
    """What the vendor compares of many names. Most lists are written so, which shows in all of it at once."""
    together = "".join(names)
    return names if fold(together) == together else list(map(fold, names))


@dataclass(frozen=True, slots=True)
class _Taken:
    """One field of the operation, as the table or the job has it."""

    name: str
    column: int | None  # None: the job's params have it
    valid: AllValid | None = None
    needed: bool = False
    constant: Any = None


class Columns:
    """What an operation wants of a table's columns."""

    def __init__(self, taken: Sequence[_Taken], public: Sequence[tuple[int, str]]) -> None:
        self._taken, self._public = tuple(taken), tuple(public)

    @classmethod
    def of(
        cls,
        fields: Sequence[Field],
        names: Sequence[str],
        *,
        params: Mapping[str, Any],
        any_of: Sequence[str],
        public: Sequence[tuple[str, str]],
    ) -> Columns | None:
        """None for an operation whose rows must be looked at one by one."""
        taken: list[_Taken] = []
        for each in fields:
            if each.name in names:
                valid = all_valid(each)
                if valid is None or each.name in params:  # an empty cell would be filled up
                    return None
                taken.append(_Taken(each.name, names.index(each.name), valid, each.needed))
            elif each.name in params:
                if not isinstance(params[each.name], _PLAIN) or params[each.name] == "":
                    return None
                taken.append(_Taken(each.name, None, constant=params[each.name]))
            elif each.needed:
                return None
        if any_of and not any(each.name in any_of and each.column is None for each in taken):
            return None
        if not any(each.name == "username" and each.column is not None for each in taken):
            return None
        return cls(taken, [(names.index(name), label) for name, label in public])

    def clean(self, block: Block) -> Clean | None:
        """The block's rows, if all of them are surely valid."""
        columns: dict[str, Sequence[Any]] = {}
        gaps: set[str] = set()
        for each in self._taken:
            if each.column is None:
                continue
            cells = columns[each.name] = block.columns[each.column]
            if "" in cells:
                if each.needed or each.name == "username":
                    return None
                gaps.add(each.name)
                cells = tuple(cell for cell in cells if cell)
            if cells and each.valid is not None and not each.valid(cells):
                return None
        fields = {each.name: columns.get(each.name) or repeat(each.constant) for each in self._taken}
        public = [(label, block.columns[column]) for column, label in self._public]
        return Clean(columns["username"], fields, gaps, public)
