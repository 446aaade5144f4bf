"""JSON lines, one object a line; and one JSON array, whose elements are read one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, Literal

from bulkim.model import Row, Source
from bulkim.source.content import CHUNK_BYTES, LINE_MAX, Content
from bulkim.source.header import names
from bulkim.source.rejects import REJECTED, Form, was_duplicate
from bulkim.source.rows import BadRow, trimmed_values
from bulkim.source.tidy import Noticed

Named = Callable[[tuple[str, ...]], tuple[str, ...]]
_BETWEEN = re.compile(r"[\s,]*")


class JsonlReader:
    """One JSON object a line, or one array of objects."""

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None

    def __init__(self, source: Source, content: Content) -> None:
        self._content = content
        self._named: Named | None = None  # a row's keys -> what they are called in it
        if source.columns or source.called:
            self._named = lru_cache(maxsize=64)(partial(names, columns=source.columns, called=source.called))
        self._trim = source.trim and content.has_blanks
        self.name = content.name
        self.digest = content.digest
        self.noticed = Noticed()
        self.keep_raw = False
        self.raw = ""  # with `keep_raw`: the row that was given last, as the file has it

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Lines that are not blank, or an array's elements. Raises InputError for a document that is neither."""
        noticed = Noticed()
        if not after:
            self.noticed = noticed
        first = self._first()
        found = self._elements() if _is_array(first) else self._lines(first)
        for position, (line, text, values) in enumerate(found, 1):
            if position <= after:
                continue
            if self.keep_raw:
                self.raw = text
            if isinstance(values, str):
                yield BadRow(position, line, values)
                continue
            clean = _own(values) if REJECTED[0] in values else values
            if clean is not values and was_duplicate([values[each] for each in REJECTED]):
                noticed.repeat(line)
            clean = dict(trimmed_values(clean, line, noticed)) if self._trim else clean
            if self._named is not None:
                clean = dict(zip(self._named(tuple(clean)), clean.values(), strict=True))
            yield Row(position, line, clean)

    def given_back(self) -> Form:
        """How its rows are written with what became of them: in an array if it is one."""
        codec, mark = self._content.codec, self._content.mark
        if _is_array(self._first()):
            return Form(codec, mark, head="[\n", between=",\n", tail="\n]\n")
        return Form(codec, mark)

    def _first(self) -> str:
        return next((text for text in self._content.lines() if not text.isspace()), "").lstrip()

    def _lines(self, first: str) -> Iterator[tuple[int, str, dict[str, Any] | str]]:
        if first.strip() == "{" or (first.startswith("{") and _is_wrapped(first)):
            raise self._content.problem(
                "is one JSON document, not one object a line",
                hint="jq -c '.users[]' makes lines of its list `users`; an array alone is read as it is",
            )
        for line, text in enumerate(self._content.lines(), 1):
            if not text.isspace():
                yield line, text, _object(text)

    def _elements(self) -> Iterator[tuple[int, str, dict[str, Any] | str]]:
        """The elements of an array, each with the line that it begins on."""
        with self._content.text() as file:
            buffer, line, ended = "", 1, False
            while not buffer.lstrip().startswith("["):
                buffer += file.read(CHUNK_BYTES)
            at = buffer.index("[") + 1
            line += buffer.count("\n", 0, at)
            while True:
                start = _past_blanks(buffer, at)
                line += buffer.count("\n", at, start)
                at = start
                if buffer[at : at + 1] == "]":
                    return
                try:
                    _, end = _PLAIN.raw_decode(buffer, at)
                    complete = end < len(buffer) or ended
                except (ValueError, RecursionError):
                    complete, end = ended, at
                if not complete and len(buffer) - at < LINE_MAX:
                    more = file.read(CHUNK_BYTES)
                    ended = not more
                    buffer, at = buffer[at:] + more, 0
                    continue
                if end == at:
                    message = "the JSON array is damaged here, or cut off"
                    raise self._content.problem(
                        message, line=line, hint="export it again, or mend it by hand"
                    )
                text = buffer[at:end]
                yield line, text, _object(text)
                line += buffer.count("\n", at, end)
                at = end


def _own(values: dict[str, Any]) -> dict[str, Any]:
    """Without what became of the row at an earlier time."""
    if not values.keys() >= set(REJECTED):
        return values
    return {name: value for name, value in values.items() if name not in REJECTED}


def _past_blanks(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _is_array(first: str) -> bool:
    return first.startswith("[") and not _is_line(first)


def _is_line(first: str) -> bool:
    """Whether a line that begins with a bracket is a whole array of something else than objects: a row at fault, no array of rows."""
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return first.startswith("[[")
    return not any(isinstance(each, dict) for each in value) and value != []


def _is_wrapped(first: str) -> bool:
    """Whether the first line is an object with nothing in it but one list of objects: ``{"users": [...]}``."""
    values = _object(first)
    if isinstance(values, str):
        return False
    lists = [each for each in values.values() if isinstance(each, list)]
    return (
        len(lists) == 1
        and len(values) == 1
        and all(isinstance(each, dict) for each in lists[0])
        and bool(lists[0])
    )


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


_PLAIN = json.JSONDecoder()
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_not_a_number)
