"""What a row that cannot be read is; the readers of a plain list and of items in the job file. A bad file is an InputError."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from bulkim.model import Row, Source
from bulkim.source.content import Content
from bulkim.source.rejects import REJECTED, Form, without_cells
from bulkim.source.tidy import BLANKS, Noticed, trimmed

_AROUND = BLANKS + "\r\n"
_HEADERS = frozenset({"username", "user_name", "userid", "user_id"})
_GIVEN_BACK = ",".join(["username", *REJECTED])  # the first line of a list that was given back


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read. It counts as an item, which ends as invalid."""

    position: int  # 1-based, counts every row of the source
    line: int | None  # 1-based line in the file where the row starts
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)  # what could be read of it


class TextReader:
    """One username a line; blank lines and lines that start with # are skipped."""

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = ("username",)

    def __init__(self, content: Content, *, trim: bool = True) -> None:
        self._content = content
        self._around = _AROUND if trim else "\r\n"
        self.name = content.name
        self.digest = content.digest
        self.noticed = Noticed()
        self.keep_raw = False
        self.raw = ""  # with `keep_raw`: the row that was given last, as the file has it

    def given_back(self) -> Form:
        """How its rows are written with what became of them."""
        return Form(self._content.codec, self._content.mark, head=f"{_GIVEN_BACK}\n", delimiter=",")

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Usernames, without the white space around them unless it is theirs. Raises InputError for a CSV file with more than one column."""
        position, given_back = 0, False
        for line, text in enumerate(self._content.lines(), 1):
            if not position and text.strip(_AROUND) == _GIVEN_BACK:
                given_back = True
                continue
            own = without_cells(text, ",") if given_back else text
            username = own.strip(self._around)
            if trimmed(username) and not username.startswith("#"):
                if self.keep_raw:
                    self.raw = own
                position += 1
                if username.lower() in _HEADERS:
                    if position > after:
                        yield BadRow(
                            position, line, f"{username!r} is a header, not a user: csv reads files with one"
                        )
                    continue
                if position == 1 and _is_table(username):
                    hint = f"write source: {{csv: {self.name.rpartition('/')[2]}}}"
                    raise self._content.problem("is a CSV file, not a list of users", line=line, hint=hint)
                if position > after:
                    yield Row(position, line, {"username": username})


def _is_table(first: str) -> bool:
    """Whether a list's first line is the header of a table with several columns."""
    cells = [cell.strip(_AROUND + '"').lower() for cell in re.split(r"[,;\t|]", first)]
    return len(cells) > 1 and not _HEADERS.isdisjoint(cells)


def trimmed_values(values: Mapping[str, Any], line: int | None, noticed: Noticed) -> Mapping[str, Any]:
    """The values without blanks around text, counted; the same mapping where there are none."""
    around = {
        name: clean
        for name, value in values.items()
        if type(value) is str and (clean := trimmed(value)) != value
    }
    if not around:
        return values
    noticed.trim(len(around), line)
    return {**values, **around}


class ItemsReader:
    """Items that stand in the job file."""

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None

    def __init__(self, source: Source, secret_fields: AbstractSet[str]) -> None:
        self._source = source
        self.noticed = Noticed()
        self.name = str(source.path or "items")  # the job file
        public = [{k: v for k, v in each.items() if k not in secret_fields} for each in source.items]
        text = json.dumps(public, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
        self.digest = hashlib.sha256(text.encode()).hexdigest()

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Items, each with its line in the job file."""
        noticed = Noticed()
        if not after:
            self.noticed = noticed
        lines, trim = self._source.item_lines, self._source.trim
        for position, values in enumerate(self._source.items[after:], after + 1):
            line = lines[position - 1] if position <= len(lines) else None
            yield Row(position, line, trimmed_values(values, line, noticed) if trim else values)
