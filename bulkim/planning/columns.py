"""A block of a table judged at once: what can be said of all its rows together need not be asked of each.

A block in which anything needs a closer look is left to whoever looks at one row after another, so that there is one place that
says what is wrong and only one that says it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

from bulkim.catalogue.shapes import Field
from bulkim.catalogue.values import AllValid, all_valid
from bulkim.source.table import Block

_PLAIN = (str, int, float, bool)


class Clean(NamedTuple):
    """Rows of a block that are all valid, by column."""

    usernames: Sequence[str]
    fields: Iterable[Mapping[str, Any]]  # of each row, in the order of the operation's fields
    extras: Iterable[Mapping[str, str]]
    others: Iterator[tuple[Any, ...]]  # what each row says beside its identity


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

    def __init__(
        self, taken: Sequence[_Taken], fields: Sequence[str], public: Sequence[tuple[int, str]]
    ) -> None:
        self._taken, self._public = tuple(taken), tuple(public)
        self._names = tuple(each.name for each in taken)
        self._beside = tuple(name for name in fields if name != "username")

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
        return cls(
            taken, [each.name for each in fields], [(names.index(name), label) for name, label in public]
        )

    def clean(self, block: Block) -> Clean | None:
        """The block's rows, if all of them are surely valid."""
        columns: dict[str, Sequence[Any]] = {}
        gaps = False
        for each in self._taken:
            if each.column is None:
                continue
            cells = columns[each.name] = block.columns[each.column]
            if "" in cells:
                if each.needed or each.name == "username":
                    return None
                gaps, cells = True, tuple(cell for cell in cells if cell)
            if cells and each.valid is not None and not each.valid(cells):
                return None
        rows = zip(*(columns.get(each.name) or repeat(each.constant) for each in self._taken), strict=False)
        fields: Iterable[Mapping[str, Any]]
        if gaps:
            fields = [
                {name: value for name, value in zip(self._names, row, strict=True) if value != ""}
                for row in rows
            ]
        else:
            fields = [dict(zip(self._names, row)) for row in rows]  # noqa: B905 - it costs time
        return Clean(columns["username"], fields, self._extras(block), self._others(columns, gaps=gaps))

    def _extras(self, block: Block) -> Iterable[Mapping[str, str]]:
        if not self._public:
            return repeat({})
        labels = [label for _, label in self._public]
        rows = zip(*(block.columns[column] for column, _ in self._public), strict=True)
        return [{label: text for label, text in zip(labels, row, strict=True) if text} for row in rows]

    def _others(self, columns: Mapping[str, Sequence[Any]], *, gaps: bool) -> Iterator[tuple[Any, ...]]:
        constants = {each.name: each.constant for each in self._taken}
        parts: list[Iterable[Any]] = []
        for name in self._beside:
            cells: Iterable[Any] = columns.get(name) or repeat(constants.get(name))
            parts.append([cell or None for cell in cells] if gaps and name in columns else cells)
        return zip(*parts, strict=False) if parts else repeat(())
