"""CSV: a header row, then one item a row.

Bounded in memory whatever the file holds: a line, a record and a cell each have a greatest length. A quote that is never
closed would swallow the rows behind it without a trace, so it stops the reading instead.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Protocol

from bulkim.errors import InputError, Problem
from bulkim.model import Row, Source
from bulkim.source.content import LINE_MAX, Content
from bulkim.source.rows import BadRow

DELIMITERS = ",;\t|"
RECORD_MAX = LINE_MAX  # characters, quoted line ends included
_QUOTED = re.compile(r'"[^"]*"')
_PROBLEMS_MAX = 20


class CsvReader:
    """The rows of a CSV file. Raises InputError for a header that cannot be used."""

    def __init__(self, source: Source, content: Content, secret_fields: AbstractSet[str]) -> None:
        self._content = content
        self.name = content.name
        self.digest = content.digest
        self._delimiter = source.delimiter or self._detected()
        _, _, line, header = self._opened()
        self.columns: tuple[str, ...] | None = header
        if problems := _header_problems(self.name, line, header, source.columns, secret_fields):
            raise InputError(problems[:_PROBLEMS_MAX])
        self.names: tuple[str, ...] | None = _names(header, source)

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Rows below the header. Blank lines are none. What lies before is only counted, which costs half."""
        reader, lines, _, _ = self._opened()
        names = self.names or ()
        width, has_nul, position = len(names), self._content.has_nul, 0
        while True:
            line = reader.line_num + 1
            lines.budget = RECORD_MAX
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _TooLong) as error:
                position += 1
                reason = self._reason(error, line, reader.line_num)
                if position > after:
                    yield BadRow(position, line, reason)
                continue
            if not cells:
                continue
            position += 1
            if position <= after:
                continue
            if len(cells) != width:
                reason = f"has {len(cells)} cells where the header has {width}"
                yield BadRow(position, line, reason, dict(zip(names, cells, strict=False)))
            elif has_nul and any("\0" in cell for cell in cells):
                yield BadRow(position, line, "holds a NUL byte")
            else:
                yield Row(position, line, dict(zip(names, cells)))  # noqa: B905 - checked above, and it costs time

    def _opened(self) -> tuple[_Reader, _Lines, int, tuple[str, ...]]:
        """A reader that stands below the header, its lines, and the header with its line."""
        lines = _Lines(self._content)
        reader: _Reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if cells:
                    return reader, lines, line, tuple(cell.strip() for cell in cells)
                line = reader.line_num + 1
        except (csv.Error, _TooLong) as error:
            raise self._content.problem(self._reason(error, line, reader.line_num), line=line) from None
        raise self._content.problem(
            "is empty", hint="the first line names the columns, such as username,nickname"
        )

    def _detected(self) -> str:
        """The delimiter that the header has most of, outside quotes; a comma where there is only one column."""
        first = next((line for line in self._content.lines() if line.strip()), "")
        bare = _QUOTED.sub("", first)
        return max(DELIMITERS, key=bare.count)

    def _reason(self, error: Exception, line: int, last_line: int) -> str:
        """What is wrong with one record. Raises InputError when the rows behind it cannot be told any more."""
        text = str(error)
        if last_line > line or isinstance(error, _TooLong) or "unexpected end" in text:
            raise self._content.problem(
                "a quote is opened here and not closed properly: it swallows the rows that follow",
                line=line,
                hint='write a quote inside a quoted cell twice: ""',
            )
        if "field limit" in text:
            return f"has a cell of more than {csv.field_size_limit():,} characters"
        if "expected after" in text:
            return "has a quote inside a quoted cell that is not written twice"
        return "is not CSV"


class _Reader(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


class _TooLong(Exception):  # noqa: N818 - becomes an InputError where the record's line is known
    """A record goes on and on."""


class _Lines:
    """Lines for `csv.reader`, which puts them together to records as long as a quote is open."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.budget = RECORD_MAX  # characters left for the record that is being read

    def __iter__(self) -> Iterator[str]:
        for line in self._content.lines():
            self.budget -= len(line)
            if self.budget < 0:
                raise _TooLong
            yield line


def _header_problems(
    file: str, line: int, header: Sequence[str], columns: Mapping[str, str], secret_fields: AbstractSet[str]
) -> list[Problem]:
    problems = []
    first: dict[str, int] = {}
    for number, name in enumerate(header, 1):
        if not name:
            problems.append(Problem(file, line, None, f"column {number} of the header has no name"))
        elif first.setdefault(name, number) != number:
            message = f"column {name[:60]!r} is there twice: as number {first[name]} and {number}"
            problems.append(Problem(file, line, None, message))
    for name, column in columns.items():
        if column not in first:
            # In a file without a header the first line may hold a password: it must not be shown.
            near = () if name in secret_fields else first
            match = get_close_matches(column, near, n=1, cutoff=0.5)
            hint = (
                f"did you mean {match[0][:60]!r}?" if match else f"the header has {len(header)} other columns"
            )
            message = f"has no column {column!r}, which source.columns takes for {name}"
            problems.append(Problem(file, line, None, message, hint))
    return problems


def _names(header: Sequence[str], source: Source) -> tuple[str, ...]:
    """What each column is called in a row: by its field where it is mapped, else by its own name."""
    fields = {column: name for name, column in source.columns.items()}
    if source.called and "username" not in {*header, *source.columns}:
        fields.setdefault(source.called, "username")
    taken = set(source.columns)
    return tuple(fields.get(name) or (f"source_{name}" if name in taken else name) for name in header)
