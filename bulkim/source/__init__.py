"""Where items come from: csv, text, jsonl and inline items as rows, streaming, as often as they are wanted.

``listing`` and ``run`` need the vendor and the journal; whoever has those makes a `SourceReader` of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

from bulkim.model import Row, Source
from bulkim.source.content import Content, piped
from bulkim.source.jsonl import JsonlReader
from bulkim.source.rows import BadRow, ItemsReader, TextReader
from bulkim.source.several import Several
from bulkim.source.shaped import Shaped
from bulkim.source.table import CsvReader
from bulkim.source.tidy import Noticed

__all__ = ["BadRow", "Several", "Shaped", "SourceReader", "file_of", "open_source", "piped", "unshaped"]


class SourceReader(Protocol):
    """Rows that can be read again and again."""

    @property
    def name(self) -> str:
        """The source in messages."""

    @property
    def digest(self) -> str:
        """SHA-256 of the input, in hexadecimal."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The header as the file writes it; None where every row has its own names."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """The keys of every row's values, in the order of `columns`: a mapped column has its field's name."""

    @property
    def noticed(self) -> Noticed:
        """What was odd about the input when its rows were last read from the first on."""

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """The rows whose position is greater than `after`. Raises InputError where the input cannot be read any further."""


def open_source(
    source: Source, *, secret_fields: AbstractSet[str] = frozenset(), required: AbstractSet[str] | None = None
) -> SourceReader:
    """A reader for a csv, text, jsonl or items source; standard input is kept in a temporary file without a name.

    `secret_fields` stay out of the digest of inline items and out of messages; a row of a table may be short as long as
    it has the `required` fields (None: it may not). Raises InputError: no such file, not
    text, no usable header; ValueError for the kinds that are no input of their own.
    """
    reader = _opened(source, secret_fields, required)
    return Shaped(reader, source, secret_fields) if source.is_shaped else reader


def _opened(
    source: Source, secret_fields: AbstractSet[str], required: AbstractSet[str] | None
) -> SourceReader:
    if len(source.paths) > 1:
        parts = [replace(source, path=path, paths=()) for path in source.paths]
        return Several([_opened(each, secret_fields, required) for each in parts])
    match source.kind:
        case "csv":
            return CsvReader(source, Content(source.path, source.encoding), secret_fields, required)
        case "text":
            return TextReader(Content(source.path, source.encoding), trim=source.trim)
        case "jsonl":
            return JsonlReader(source, Content(source.path, source.encoding))
        case "items":
            return ItemsReader(source, secret_fields)
        case "listing" | "run" | "none":
            raise ValueError(f"a source of kind {source.kind!r} is not an input file")


def unshaped(reader: SourceReader) -> SourceReader:
    """The reader of the file itself, or of several."""
    return reader.reader if isinstance(reader, Shaped) else reader


def file_of(reader: SourceReader, position: int | None) -> str:
    """The name of the file that has the row at a position; of one file its own."""
    inner = unshaped(reader)
    return inner.file_of(position) if isinstance(inner, Several) and position else reader.name
