"""Rows that are probably not meant: damaged ids, a last row that is a total, one user with two different values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bulkim.source.tidy import LINES_SHOWN, listed
from bulkim.text import counted

_DAMAGED = re.compile(r"\d([.,]\d+)?E\+\d{1,3}|\d+[.,]0").fullmatch  # 1.38001E+10, 10001.0
_LENGTHS_MAX = 64
_TOTALS_SHOWN = 3
# What a spreadsheet writes under a list: "Total", "Grand total: 4,977", "合计", "共 4977 人".
_TOTAL = re.compile(
    r"((grand|sub)[ -]?)?total(e|s| users| accounts| rows| count)?|sum|summe|gesamt(summe)?|(row |user )?count|итого"
    r"|总计|合计|小计|总数|总和|总人数|共计|总共|共|總計|合計|小計|總數|共計",
    re.IGNORECASE,
).fullmatch
_AMOUNT = re.compile(
    r"[\s:：=]*[\d., \u00a0\u202f]*\s*(人|个|條|条|名|行|users?|accounts?|rows?|items?)?\s*$", re.IGNORECASE
)


class _Lines:
    """How many rows, and the first of them."""

    __slots__ = ("example", "first", "rows")

    def __init__(self) -> None:
        self.rows, self.example = 0, ""
        self.first: list[int] = []

    def add(self, line: int | None, example: str) -> None:
        self.rows += 1
        self.example = self.example or example
        if line is not None and len(self.first) < LINES_SHOWN:
            self.first.append(line)

    def __str__(self) -> str:
        where = f"{listed(self.first, more=self.rows > len(self.first))}: " if self.first else ""
        return f"{where}{self.example[:60]!r}"


class Suspects:
    """Looks at identities on their way, and says at the end what looks wrong."""

    def __init__(self) -> None:
        self.contradictions = _Lines()
        self._damaged = _Lines()
        self._padded: set[int] = set()  # lengths of ids that begin with 0
        self._digits: dict[int, _Lines] = {}  # by length: ids of digits that do not
        self._totals: list[str] = []  # places of last rows that are totals, each with its id

    def look(self, identity: str, line: int | None) -> None:
        """One id that begins with a digit."""
        if not identity.isdigit():
            if _DAMAGED(identity):
                self._damaged.add(line, identity)
            return
        length = len(identity)
        if identity[0] == "0":
            if len(self._padded) < _LENGTHS_MAX:
                self._padded.add(length)
        elif length in self._digits:
            self._digits[length].add(line, identity)
        elif len(self._digits) < _LENGTHS_MAX:
            self._digits[length] = lines = _Lines()
            lines.add(line, identity)

    def look_at_invalid(self, identity: object, line: int | None) -> None:
        """One id that the vendor would refuse, perhaps because of what a spreadsheet made of it."""
        if isinstance(identity, str) and _DAMAGED(identity):
            self._damaged.add(line, identity)

    def look_at_last(self, values: Mapping[str, Any], place: str, *, rows_before: int, sent: bool) -> None:
        """The last row of a file, with its place in words. `sent`: nothing else holds it back."""
        if sent and _is_total(values, rows_before):
            self._totals.append(f"{place}: {str(values.get('username'))[:60]!r}")

    def notes(self) -> list[str]:
        """A line each, for a person."""
        notes = []
        if self._totals:
            shown = "; ".join(self._totals[:_TOTALS_SHOWN])
            more = (
                f"; and {len(self._totals) - _TOTALS_SHOWN} more" if len(self._totals) > _TOTALS_SHOWN else ""
            )
            notes.append(
                f"a last row looks like a total, not like a user ({shown}{more}), and is sent as one;"
                " take it out of the input if it is none"
            )
        if self._damaged.rows:
            notes.append(
                f"{counted(self._damaged.rows, 'id')} look{'s' * (self._damaged.rows == 1)} like a number that a spreadsheet has rewritten"
                f" ({self._damaged}); export the column as text"
            )
        if len(self._padded) == 1:  # ids of one length, and others that are shorter: their zeros are gone
            (length,) = self._padded
            shorter = [lines for size, lines in self._digits.items() if size < length]
            rows = sum(lines.rows for lines in shorter)
            if rows:
                first = min(shorter, key=lambda lines: lines.first[:1] or [0])
                notes.append(
                    f"{counted(rows, 'id')} may have lost {'its' if rows == 1 else 'their'} leading zeros in a spreadsheet ({first}): others"
                    f" have {length} digits and begin with 0"
                )
        if self.contradictions.rows:
            rows = self.contradictions.rows
            notes.append(
                f"{counted(rows, 'row')} name{'s' * (rows == 1)} a user again, with other values ({self.contradictions});"
                " the first row counts"
            )
        return notes


def _is_total(values: Mapping[str, Any], rows_before: int) -> bool:
    """Whether the id is a word for a total, or all else that the row has is how many rows stand above it."""
    identity = values.get("username")
    if not isinstance(identity, str):
        return False
    if _TOTAL(_AMOUNT.sub("", identity.strip(), count=1)):
        return True
    others = [value for name, value in values.items() if name != "username" and value not in (None, "")]
    if len(others) != 1 or rows_before < 2:
        return False
    return re.sub(r"[., \u00a0\u202f]", "", str(others[0])) == str(rows_before)
