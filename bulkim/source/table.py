"""CSV: a header row, then one item a row.

Bounded in memory whatever the file holds: a line and a record have a greatest length. A quote that is never closed would
swallow the rows behind it without a trace, so it stops the reading instead.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from io import StringIO
from itertools import islice
from typing import NamedTuple, Protocol

from bulkim.errors import InputError
from bulkim.model import Row, Source
from bulkim.source.content import LINE_MAX, Content
from bulkim.source.header import header_problems, names, title_hint
from bulkim.source.rejects import (
    REJECTED,
    Form,
    own_cells,
    own_text,
    was_duplicate,
    with_cells,
    without_cells,
)  # fmt: skip
from bulkim.source.rows import BadRow
from bulkim.source.tidy import DELIMITERS, Noticed, Tidier, trimmed
from bulkim.text import counted

RECORD_MAX = LINE_MAX  # characters, quoted line ends included
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR = re.compile(r'"?sep=(?P<mark>[^\w"\s]|\t)"?[\r\n]*', re.IGNORECASE)
_PROBLEMS_MAX = 20
TITLE_LINES_MAX = 6  # among which a header is looked for, below a title
_CHUNK_CHARS = 1 << 13  # some hundred rows: what a processor's cache holds


class Block(NamedTuple):
    """Rows that follow one another, one a line, each with all its cells."""

    position: int  # of the first
    line: int  # of the first
    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]  # cells by column

    def __repr__(self) -> str:
        """Without the cells: they may hold secrets."""
        return f"Block(position={self.position}, line={self.line}, names={self.names})"

    def rows(self) -> Iterator[Row]:
        """One by one."""
        for number, cells in enumerate(zip(*self.columns, strict=True)):
            yield Row(self.position + number, self.line + number, dict(zip(self.names, cells, strict=True)))


class CsvReader:
    """The rows of a CSV file. Raises InputError for a header that cannot be used."""

    def __init__(
        self,
        source: Source,
        content: Content,
        secret_fields: AbstractSet[str],
        required: AbstractSet[str] | None = None,
    ) -> None:
        """`required`: fields that no row may lack; None: every row has as many cells as the header."""
        self._content = content
        self.name = content.name
        self.digest = content.digest
        self.lines = content.size  # of the file; a row has one or more
        self.noticed = Noticed()
        self.raw = ""  # with `keep_raw`: the row that was given last, as the file has it
        self.keep_raw = False
        self._skipped, said = self._separator()
        self._delimiter = source.delimiter or said or self._detected()
        blanks = content.has_blanks or self._delimiter not in DELIMITERS
        self._tidier = Tidier(self._delimiter) if source.trim and blanks else None
        _, lines, line, header = self._opened(Noticed(), keep=True)
        self._above = "".join(lines.raw)  # the text before the first row, as the file has it
        header = _filled(tuple(trimmed(cell) for cell in header))
        self._own: int | None = None  # of what was given back: how many cells its rows have of their own
        if len(header) > len(REJECTED) and header[-len(REJECTED) :] == REJECTED:
            self._own = len(header) - len(REJECTED)
            header = _filled(header[: self._own])
        self.columns: tuple[str, ...] | None = header
        if problems := header_problems(self.name, line, header, source.columns, secret_fields):
            raise InputError(problems[:_PROBLEMS_MAX], hint=self.title_hint())
        self.names: tuple[str, ...] | None = names(header, source.columns, source.called)
        # Cells of a row that needs no closer look; in what was given back, a short row with its four may have as many.
        self._usual = len(self.names) if self._own is None else -1
        self._least = _least(self.names, required)

    def title_hint(self) -> str | None:
        """What to do where a title stands above the header; None where none seems to."""
        return title_hint(islice(self._content.lines(), TITLE_LINES_MAX), DELIMITERS)

    def blocks(self) -> Iterator[Block | Row | BadRow]:
        """The same as `rows`, with rows that are alike put together.

        A quoted line end or a broken row makes it read the file again from its start, and go on row by row.
        """
        position = 0
        self.noticed = Noticed()
        for line, got in self._chunks():
            if got is None:
                self.noticed = noticed = Noticed()
                yield from self._rows(position, noticed)
                return
            if self._alike(got):
                yield Block(position + 1, line, self.names or (), tuple(zip(*got, strict=True)))
                position += len(got)
                continue
            for at, cells in enumerate(got, line):
                if (row := self._row(cells, position + 1, at)) is not None:
                    position += 1
                    yield row

    def _chunks(self) -> Iterator[tuple[int, list[list[str]] | None]]:
        """(line of the first, rows) as long as each row is one line of a usual length; None for the rows of what is not."""
        if self._tidier is not None or self.keep_raw or self._content.has_nul:
            yield 0, None
            return
        reader, _, _, _ = self._opened(Noticed())
        line = reader.line_num + self._skipped + 1
        with self._content.text() as file:
            for _ in range(line - 1):
                file.readline()
            while text := file.read(_CHUNK_CHARS):
                text += file.readline(_CHUNK_CHARS)
                if text[-1] not in "\r\n" and file.read(1):
                    break
                chunk: _Reader = csv.reader(
                    StringIO(text, newline=""), delimiter=self._delimiter, strict=True
                )
                try:
                    got = list(chunk)
                except csv.Error:
                    break
                if chunk.line_num != len(got):
                    break
                yield line, got
                line += len(got)
            else:
                return
        yield line, None

    def _alike(self, rows: Sequence[list[str]]) -> bool:
        """Whether each has all cells, and is surely neither empty nor the header again."""
        if set(map(len, rows)) != {self._usual}:
            return False
        first = [cells[0] for cells in rows]
        return "" not in first and (self.columns or ("",))[0] not in first

    def _row(self, cells: list[str], position: int, line: int) -> Row | BadRow | None:
        if (judged := self._judged(cells)) is None:
            return None
        own, reason = judged
        if self._own is not None and was_duplicate(cells[len(own) :]):
            self.noticed.repeat(line)
        cells = own
        values = dict(zip(self.names or (), cells, strict=False))
        return Row(position, line, values) if reason is None else BadRow(position, line, reason, values)

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Rows below the header. Blank lines are none, nor are rows of nothing but delimiters.

        What lies before is only counted, which costs half.
        """
        noticed = Noticed()
        if not after:
            self.noticed = noticed
        return self._rows(after, noticed)

    def _rows(self, after: int, noticed: Noticed) -> Iterator[Row | BadRow]:  # noqa: C901 - one loop: a call a row costs a tenth
        reader, lines, _, _ = self._opened(noticed, keep=self.keep_raw)
        columns, first, skipped = self.names or (), (self.columns or ("",))[0], self._skipped
        width, has_nul, position = self._usual, self._content.has_nul, 0
        while True:
            line = reader.line_num + skipped + 1
            lines.budget = RECORD_MAX
            lines.begins = True
            reason: str | None = None
            try:
                got = cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _TooLong) as error:
                got, cells, reason = [], [], self._reason(error, line, reader.line_num + skipped)
            else:
                if len(cells) != width or not cells[0] or cells[0] == first:
                    judged = self._judged(cells)
                    if judged is None:
                        continue
                    cells, reason = judged
                    if self._own is not None and was_duplicate(got[len(cells) :]):
                        noticed.repeat(line)
            position += 1
            if position <= after:
                continue
            if lines.keep:
                raw = "".join(lines.raw)
                self.raw = raw if self._own is None else self._own_text(raw, got)
            if reason is not None:
                yield BadRow(position, line, reason, dict(zip(columns, cells, strict=False)))
            elif has_nul and any("\0" in cell for cell in cells):
                yield BadRow(position, line, "holds a NUL byte")
            else:
                yield Row(position, line, dict(zip(columns, cells)))  # noqa: B905 - it costs time

    def _judged(self, cells: list[str]) -> tuple[list[str], str | None] | None:
        """The cells of a row that may not be like the others, and what is wrong with them; None: it is no row."""
        header = list(self.columns or ())
        width = len(header)
        if cells[:width] == header:
            return cells, "is the header again"
        if self._own is not None:
            cells = own_cells(cells[:], self._own)
        if not any(cells) and (len(cells) != 1 or width > 1):
            return None
        given = len(cells)
        while len(cells) > width and not cells[-1]:
            cells.pop()
        if len(cells) > width or len(cells) < self._least:
            return cells, f"has {counted(given, 'cell')} where the header has {width}"
        return cells, None

    def _own_text(self, raw: str, cells: list[str]) -> str:
        """A row of what was given back without what became of it. `cells`: all of them; none: it is broken."""
        if not cells or self._own is None:
            return without_cells(raw, self._delimiter)
        own = len(own_cells(cells, self._own))
        return own_text(raw, own, self._delimiter, trim=self._tidier is not None)

    def given_back(self) -> Form:
        """How its rows are written with what became of them."""
        head = self._above if self._own is not None else with_cells(self._above, REJECTED, self._delimiter)
        return Form(self._content.codec, self._content.mark, head, delimiter=self._delimiter)

    def _separator(self) -> tuple[int, str | None]:
        """Excel's own first line, ``sep=;``: how many lines to skip for it, and what it says."""
        first = next(self._content.lines(), "")
        found = _SEPARATOR.fullmatch(first)
        return (1, found["mark"]) if found else (0, None)

    def _opened(
        self, noticed: Noticed, *, keep: bool = False
    ) -> tuple[_Reader, _Lines, int, tuple[str, ...]]:
        """A reader that stands below the header, its lines, and the header with its line."""
        lines = _Lines(self._content, self._skipped, self._tidier, keep=keep)
        reader: _Reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        csv.field_size_limit(max(csv.field_size_limit(), RECORD_MAX))  # a record's own bound holds
        skipped = self._skipped
        line = skipped + 1
        try:
            for cells in reader:
                lines.budget = RECORD_MAX
                if any(map(trimmed, cells)):
                    lines.noticed = noticed  # blanks in a header are nobody's
                    return reader, lines, line, tuple(cells)
                line = reader.line_num + skipped + 1
        except (csv.Error, _TooLong) as error:
            raise self._content.problem(
                self._reason(error, line, reader.line_num + skipped), line=line
            ) from None
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
        if isinstance(error, _TooLong) and error.one_line:
            message = f"the line is longer than {LINE_MAX:,} characters"
            raise self._content.problem(message, line=last_line + 1, hint="is it the right file?")
        text = str(error)
        if last_line > line or isinstance(error, _TooLong) or "unexpected end" in text:
            raise self._content.problem(
                "a quote is opened here and not closed properly: it swallows the rows that follow",
                line=line,
                hint='write a quote inside a quoted cell twice: ""',
            )
        if "expected after" in text:
            return "has a quote inside a quoted cell that is not written twice"
        return "is not CSV"


def _filled(header: tuple[str, ...]) -> tuple[str, ...]:
    """Without the cells that a delimiter at the end of every line makes."""
    while len(header) > 1 and not header[-1]:
        header = header[:-1]
    return header


def _least(names: tuple[str, ...], required: AbstractSet[str] | None) -> int:
    """How many cells a row has at least: behind them, only what may be left out is missing."""
    if required is None:
        return len(names)
    return max((number for number, name in enumerate(names, 1) if name in required), default=1)


class _Reader(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


class _TooLong(Exception):  # noqa: N818 - becomes an InputError where the record's line is known
    """A record goes on and on."""

    def __init__(self, *, one_line: bool) -> None:
        super().__init__()
        self.one_line = one_line


class _Lines:
    """Lines for `csv.reader`, which puts them together to records as long as a quote is open."""

    def __init__(self, content: Content, skipped: int, tidier: Tidier | None, *, keep: bool) -> None:
        self._content, self._skipped, self._tidier = content, skipped, tidier
        self.noticed = Noticed()
        self.keep = keep
        self.raw: list[str] = []  # lines of the record that is being read; at first, of all before it, too
        self.begins = False  # the next line is a record's first
        self.budget = RECORD_MAX  # characters left for the record that is being read

    def __iter__(self) -> Iterator[str]:
        if self._tidier is not None or self.keep or self._skipped:
            yield from self._with_care()
            return
        with self._content.text() as file:
            for line in iter(partial(file.readline, LINE_MAX), ""):
                self.budget -= len(line)
                if self.budget <= 0:
                    raise _TooLong(one_line=len(line) == LINE_MAX)
                yield line

    def _with_care(self) -> Iterator[str]:
        """The same, without blanks around cells, and with what the record looked like kept."""
        tidier, keep, inside = self._tidier, self.keep, False
        for number, line in enumerate(self._content.lines(), 1):
            if keep:
                if self.begins:
                    self.raw.clear()
                    self.begins = False
                self.raw.append(line)
            if number <= self._skipped:
                continue
            inside = self.budget < RECORD_MAX
            self.budget -= len(line)
            if self.budget <= 0:
                raise _TooLong(one_line=False)
            clean = line
            if tidier is not None:
                clean, cells = tidier.tidied(line, inside=inside)
                if cells:
                    self.noticed.trim(cells, number)
            yield clean
