"""Where items come from: csv, text, jsonl and inline items as rows, streaming, as often as they are wanted.

``listing`` and ``run`` need the vendor and the journal; whoever has those makes a `SourceReader` of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Protocol

from bulkim.model import Row, Source
from bulkim.source.content import Content, piped
from bulkim.source.jsonl import JsonlReader
from bulkim.source.rows import BadRow, ItemsReader, TextReader
from bulkim.source.table import CsvReader
from bulkim.source.tidy import Noticed

__all__ = ["BadRow", "SourceReader", "open_source", "piped"]


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
    match source.kind:
        case "csv":
            return CsvReader(source, Content(source.path, source.encoding), secret_fields, required)
        case "text":
            return TextReader(Content(source.path, source.encoding))
        case "jsonl":
            return JsonlReader(source, Content(source.path, source.encoding))
        case "items":
            return ItemsReader(source, secret_fields)
        case "listing" | "run" | "none":
            raise ValueError(f"a source of kind {source.kind!r} is not an input file")
