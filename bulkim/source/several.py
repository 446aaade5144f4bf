"""Several files as one input: their rows one after another, each with its own file's lines."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, cast

from bulkim.model import Row
from bulkim.source.rejects import Form, Original
from bulkim.source.rows import BadRow
from bulkim.source.tidy import Noticed

if TYPE_CHECKING:
    from bulkim.source import SourceReader


class Several:
    """A `SourceReader` over readers. Positions count on from file to file; a line is a line of its own file."""

    def __init__(self, parts: Sequence[SourceReader]) -> None:
        """`parts`: two or more."""
        self.parts = parts
        more = len(parts) - 1
        self.name = f"{parts[0].name} and {more} more file{'s' if more > 1 else ''}"
        self.digest = hashlib.sha256(" ".join(each.digest for each in parts).encode()).hexdigest()
        self.columns = _union([each.columns for each in parts])
        self.names = _union([each.names for each in parts])
        self._sizes: list[int | None] = [None] * len(parts)  # rows of each file, once they were counted
        self._reading = 0  # which file the row that was given last is from
        self.keep_raw = False

    @property
    def noticed(self) -> Noticed:
        """What was odd about each, by its name."""
        return Noticed(
            others=[
                lambda sent, part=part: [f"{part.name}: {note}" for note in part.noticed.notes(sent)]  # type: ignore[misc]
                for part in self.parts
            ]
        )

    @property
    def raw(self) -> str:
        """The row that was given last, as its file has it; with an end of line, for another may follow."""
        text = cast("Original", self.parts[self._reading]).raw
        return text if text.endswith(("\n", "\r")) else text + "\n"

    def given_back(self) -> Form:
        """How the rows are written. Raises ValueError where the files are not of one form."""
        forms = [cast("Original", each).given_back() for each in self.parts]
        if any(each != forms[0] for each in forms) or len({each.columns for each in self.parts}) > 1:
            raise ValueError("the files have different columns or encodings")
        return forms[0]

    def file_of(self, position: int) -> str:
        """The name of the file that has the row at a position that was read."""
        return self.parts[self._part_of(position)].name

    def place_of(self, position: int) -> str:
        """A row in words: its number in its file, and the file."""
        part = self._part_of(position)
        before = sum(size or 0 for size in self._sizes[:part])
        return f"row {position - before} of {self.parts[part].name}"

    def _part_of(self, position: int) -> int:
        starts = list(accumulate((size or 0 for size in self._sizes), initial=0))
        found = (
            bisect_right(starts, position - 1) - 1
        )  # files behind the one that is being read have no size yet
        return max(0, min(found, self._reading))

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Raises InputError."""
        before = 0
        for number, part in enumerate(self.parts):
            size = self._sizes[number]
            if size is not None and before + size <= after:
                before += size
                continue
            cast("Original", part).keep_raw = self.keep_raw
            skip = max(0, after - before) if size is not None else 0
            last = skip
            for row in part.rows(skip):
                last = row.position
                self._reading = number
                if before + last > after:
                    yield _at(row, before + last)
            self._sizes[number] = size = last if size is None else size
            before += size


def _at(row: Row | BadRow, position: int) -> Row | BadRow:
    return row._replace(position=position) if isinstance(row, Row) else replace(row, position=position)


def _union(names: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    if any(each is None for each in names):
        return None
    return tuple(dict.fromkeys(name for each in names for name in each or ()))
