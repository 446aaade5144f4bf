"""Readers: each turns one kind of source into rows. A bad row is a row with a reason; a bad file is an InputError."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal

from bulkim.model import Row, Source
from bulkim.source.content import Content


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read. It counts as an item, which ends as invalid."""

    position: int  # 1-based, counts every row of the source
    line: int | None  # 1-based line in the file where the row starts
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)  # what could be read of it


class TextReader:
    """One username a line; blank lines and lines that start with # are skipped."""

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = ("username",)

    def __init__(self, content: Content) -> None:
        self._content = content
        self.name = content.name
        self.digest = content.digest

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Usernames, without the white space around it."""
        position = 0
        for line, text in enumerate(self._content.lines(), 1):
            username = text.strip(" \t\r\n")
            if username and not username.startswith("#"):
                position += 1
                if position > after:
                    yield Row(position, line, {"username": username})


class JsonlReader:
    """One JSON object a line."""

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None

    def __init__(self, source: Source, content: Content) -> None:
        self._content = content
        self._fields = {column: name for name, column in source.columns.items()}
        if source.called and "username" not in source.columns:
            self._fields.setdefault(source.called, "username")
        self.name = content.name
        self.digest = content.digest

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Lines that are not blank."""
        position = 0
        for line, text in enumerate(self._content.lines(), 1):
            if text.isspace():
                continue
            position += 1
            if position <= after:
                continue
            values = _object(text)
            if isinstance(values, str):
                yield BadRow(position, line, values)
            elif self._fields:
                named = {self._fields.get(column, column): value for column, value in values.items()}
                yield Row(position, line, named)
            else:
                yield Row(position, line, values)


class ItemsReader:
    """Items that stand in the job file."""

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None

    def __init__(self, source: Source, secret_fields: AbstractSet[str]) -> None:
        self._source = source
        self.name = str(source.path or "items")  # the job file
        public = [{k: v for k, v in each.items() if k not in secret_fields} for each in source.items]
        text = json.dumps(public, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
        self.digest = hashlib.sha256(text.encode()).hexdigest()

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Items, each with its line in the job file."""
        lines = self._source.item_lines
        for position, values in enumerate(self._source.items[after:], after + 1):
            yield Row(position, lines[position - 1] if position <= len(lines) else None, values)


# ---------------------------------------------------------------------------------------------- JSON


class _Refused(ValueError):  # noqa: N818 - becomes a reason
    """JSON that is valid by the letter and ambiguous in effect."""


def _object(text: str) -> dict[str, Any] | str:
    """A line's object, or why it is none. The reason never quotes the line, which may hold a password."""
    try:
        value = _DECODER.decode(text.rstrip())
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return f"is not JSON: {error.msg} at character {error.pos + 1}"
    except _Refused as error:
        return str(error)
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no character"
    except (ValueError, RecursionError):
        return "is not JSON that can be read: a number too long, or nested too deep"
    return value if isinstance(value, dict) else "is not a JSON object"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("has a key twice")
    return found


def _not_a_number(_: str) -> Literal[0]:
    raise _Refused("holds NaN or Infinity, which JSON does not know")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_not_a_number)
