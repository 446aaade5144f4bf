"""Rows given back as their file wrote them, with what became of each behind its own cells. Pure.

What is given back is a source again: the readers leave what stands behind a row's own cells alone.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Protocol

from bulkim.model import Status
from bulkim.source.tidy import BLANKS

REJECTED = ("_outcome", "_code", "_reason", "_line")
"""What `results --rejects` puts behind a row's own cells."""

OUTCOMES = frozenset(map(str, Status))
_STRING = r'(?:null|"(?:[^"\\]|\\.)*")'
_IN_JSON = re.compile(
    rf'\s*,?\s*"_outcome"\s*:\s*{_STRING}\s*,\s*"_code"\s*:\s*{_STRING}\s*,\s*"_reason"\s*:\s*{_STRING}\s*,'
    r'\s*"_line"\s*:\s*(?:\d+|null)\s*(?=\}\s*$)'
)
_END = re.compile(r"\r\n|\r|\n")


_REPEATED = ("skipped", "duplicate")


def was_duplicate(values: Sequence[str]) -> bool:
    """Whether cells behind a row's own say that it was not sent because another row of its user was."""
    return _REPEATED in pairwise(values)


class Why(NamedTuple):
    """Why a row is given back: its four cells."""

    outcome: str
    code: str
    reason: str
    line: int | None


class Original(Protocol):
    """A reader of a file whose rows can be given back."""

    keep_raw: bool  # set before `rows` is called
    raw: str  # then: the row that was given last, as the file has it, without cells of an earlier time

    def given_back(self) -> Form:
        """How the file's rows are written."""


@dataclass(frozen=True, slots=True)
class Form:
    """How rows of one file are written with their four cells."""

    codec: str  # without a mark
    mark: str  # what stands before everything, or nothing
    head: str = ""  # the lines above the first row, with the four names
    between: str = ""  # two rows
    tail: str = ""
    delimiter: str | None = None  # None: rows are JSON objects

    def row(self, raw: str, why: Why) -> str:
        """The row with its four cells; those of an earlier time are replaced. `raw`: as its reader gives it."""
        return _as_object(raw, why) if self.delimiter is None else _as_line(raw, why, self.delimiter)


def with_cells(line: str, cells: Sequence[object], delimiter: str) -> str:
    """A line with more cells, before its end."""
    found = _END.search(line, max(len(line.rstrip("\r\n")), 0))
    at = found.start() if found else len(line)
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="").writerow(cells)
    return f"{line[:at]}{delimiter}{written.getvalue()}{line[at:]}"


def without_cells(line: str, delimiter: str) -> str:
    """A row of what was given back without its four cells, if it has them. Another file's own cells may look the same."""
    return _cells(delimiter).sub("", line, count=1)


def own_text(line: str, own: int, delimiter: str, *, trim: bool) -> str:
    """A row's own cells as they are written, so many, and its line end. `trim`: a quote may stand behind blanks."""
    mark, end = re.escape(delimiter), _END.search(line, len(line.rstrip("\r\n")))
    blanks = f"[{BLANKS.replace(delimiter, '')}]*" if trim else ""
    cell = rf'(?:{blanks}"(?:[^"]|"")*"[^{mark}\r\n]*|[^{mark}\r\n]*)'
    found = re.match(rf"{cell}(?:{mark}{cell}){{{own - 1}}}", line)
    return (found.group() if found else line) + (end.group() if end and found else "")


def own_cells(cells: list[str], own: int) -> list[str]:
    """A row's own cells. `own`: how many the header has. A short row's four cells stand further left; a spreadsheet fills it up behind them."""
    filled = len(cells)
    while filled and not cells[filled - 1]:
        filled -= 1
    at = filled - len(REJECTED)
    if at > 0 and cells[at] in OUTCOMES and cells[filled - 1].isdigit():
        return cells[:at]
    return cells[:own] if len(cells) <= own + len(REJECTED) else cells


@lru_cache(maxsize=8)
def _cells(delimiter: str) -> re.Pattern[str]:
    mark, blanks = re.escape(delimiter), BLANKS.replace(delimiter, "")
    cell = rf'(?:[{blanks}]*"(?:[^"]|"")*"[{blanks}]*|[^{mark}"\r\n]*)'
    outcomes = "|".join(sorted(OUTCOMES))
    return re.compile(
        rf'{mark}"?(?:{outcomes})"?{mark}{cell}{mark}{cell}{mark}"?\d+"?(?:[{mark}{blanks}]|"")*(?=[\r\n]*\Z)'
    )


def _as_line(raw: str, why: Why, delimiter: str) -> str:
    return with_cells(raw, [*why[:3], "" if why.line is None else why.line], delimiter)


def _as_object(raw: str, why: Why) -> str:
    """What is no object cannot take anything up: it is given back as it is."""
    body = raw.rstrip()
    try:
        if not isinstance(json.loads(body), dict):
            return raw
    except (ValueError, RecursionError):
        return raw
    inner = _IN_JSON.sub("", body).removesuffix("}").rstrip()
    more = json.dumps(dict(zip(REJECTED, why, strict=True)), ensure_ascii=False)[1:-1]
    return f"{inner}{'' if inner.endswith('{') else ', '}{more}}}{raw[len(body) :]}"
