"""Rows that are probably not meant: damaged ids, ids that stand for none, a last row that is a total, one user with two different
values. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from bulkim.source.tidy import LINES_SHOWN, listed
from bulkim.text import counted

_DAMAGED = re.compile(r"\d([.,]\d+)?E\+\d{1,3}|\d+[.,]0").fullmatch  # 1.38001E+10, 10001.0
_LENGTHS_MAX = 64
_SENT_MAX = 10_000  # lines of rows that are sent, where others are left out
# What a program or a spreadsheet writes where there is nothing.
_NO_VALUE = frozenset({
    "NULL", "Null", "null", "(null)", "None", "none", "nil", "N/A", "n/a", "#N/A", "NaN", "undefined", "-", "--", "?",
    "#REF!", "#NAME?", "#VALUE!",
})  # fmt: skip
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
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


@cache
def _odd() -> frozenset[str]:
    """Whole ids, so that a column of them is compared at once: what stands for no value, and the dates that ids such as MAR05 became."""
    days = [str(day) for day in range(1, 32)] + [f"0{day}" for day in range(1, 10)]
    dates = {f"{month}-{year:02}" for month in _MONTHS for year in range(100)}
    dates |= {f"{day}-{month}" for month in _MONTHS for day in days}
    dates |= {f"{month}月{day}日" for month in range(1, 13) for day in range(1, 32)}
    return _NO_VALUE | dates


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


class _Places(list[str]):
    """Rows in words."""

    def add(self, _: int | None, example: str) -> None:
        self.append(example)


class Suspects:
    """Looks at identities on their way, and says at the end what looks wrong.

    `narrowed`: some rows are left out behind, and only what `settle` says is sent counts.
    """

    def __init__(self, *, narrowed: bool = False) -> None:
        self.sent: set[int] | None = set() if narrowed else None  # their lines; None: all, or too many
        self._waiting: dict[tuple[int | None, str], list[tuple[_Lines | _Places, str]]] | None = (
            {} if narrowed else None
        )
        self._done = _Lines()
        self._contradictions = _Lines()
        self._damaged = _Lines()
        self._dates, self._nobody = _Lines(), _Lines()
        self._unset: dict[str, _Lines] = {}  # by field: rows without a password
        self._set: set[str] = set()  # of these fields, those that some row has
        self._padded: set[int] = set()  # lengths of ids that begin with 0
        self._digits: dict[int, _Lines] = {}  # by length: ids of digits that do not
        self._totals = _Places()  # of last rows that are totals, each with its id
        self._settled: tuple[int | None, str | None, bool] = (
            None,
            None,
            False,
        )  # the row of the last verdict

    def settle(self, line: int | None, username: str, *, sent: bool, done: bool = False) -> None:
        """What becomes of a row that was looked at. `done`: an earlier run has done its user."""
        if done:
            self._done.add(line, username)
        assert self._waiting is not None, "only where rows are left out"
        self._settled = (line, username, sent)
        found = self._waiting.pop((line, username), ())
        if not sent:
            return
        for lines, example in found:
            lines.add(line, example)
        if self.sent is not None and line is not None:
            self.sent.add(line)
            if len(self.sent) > _SENT_MAX:
                self.sent = None

    def _add(self, lines: _Lines | _Places, line: int | None, example: str, username: str) -> None:
        if self._waiting is None:
            lines.add(line, example)
        else:
            self._waiting.setdefault((line, username), []).append((lines, example))

    def look_at_all(self, usernames: Sequence[str], line: int) -> None:
        """A stretch of rows that begins at `line`."""
        if odd := _odd().intersection(usernames):
            for at, name in enumerate(usernames, line):
                if name in odd:
                    self._look_at_odd(name, at)
        if min(usernames) < ":":  # otherwise none of them begins with a digit
            for at, name in enumerate(usernames, line):
                if "0" <= name[0] <= "9":
                    self.look(name, at, name)

    def look_at_one(self, username: str, line: int | None) -> None:
        """A row by itself."""
        if username in _odd():
            self._look_at_odd(username, line)
        if "0" <= username[0] <= "9":
            self.look(username, line, username)

    def contradict(self, username: str, line: int | None) -> None:
        """A row names somebody again, with other values."""
        self._add(self._contradictions, line, username, username)

    def _look_at_odd(self, username: str, line: int | None) -> None:
        self._add(self._nobody if username in _NO_VALUE else self._dates, line, username, username)

    def look(self, identity: str, line: int | None, username: str) -> None:
        """One id of a user's row."""
        if not identity.isdigit():
            if _DAMAGED(identity):
                self._add(self._damaged, line, identity, username)
            return
        length = len(identity)
        if identity[0] == "0":
            if len(self._padded) < _LENGTHS_MAX:
                self._padded.add(length)
        elif length in self._digits or len(self._digits) < _LENGTHS_MAX:
            self._add(self._digits.setdefault(length, _Lines()), line, identity, username)

    def lack(self, name: str, username: str, line: int | None) -> None:
        """A new user's row has no password, and the vendor would take it."""
        self._add(self._unset.setdefault(name, _Lines()), line, username, username)

    def have(self, name: str, rows: int) -> None:
        """Some rows have one."""
        if rows:
            self._set.add(name)

    def look_at_invalid(self, identity: object, line: int | None) -> None:
        """One id that the vendor would refuse, perhaps because of what a spreadsheet made of it."""
        if self._waiting is None and isinstance(identity, str) and _DAMAGED(identity):
            self._damaged.add(line, identity)

    def look_at_last(
        self, values: Mapping[str, Any], place: str, *, line: int | None = None, rows_before: int, sent: bool
    ) -> None:
        """The last row of a file, with its place in words. `sent`: nothing else holds it back."""
        if not (sent and _is_total(values, rows_before)):
            return
        username = str(values.get("username"))
        if self._settled[:2] != (line, username):
            self._add(self._totals, line, f"{place}: {username[:60]!r}", username)
        elif self._settled[2]:
            self._totals.add(line, f"{place}: {username[:60]!r}")

    def notes(self) -> list[str]:
        """A line each, for a person."""
        parts = (self._left_out(), self._last_rows(), self._odd_ids(), self._passwords(), self._twice())
        return [note for part in parts for note in part]

    def _left_out(self) -> Iterator[str]:
        if rows := self._done.rows:
            are = "is" if rows == 1 else "are"
            yield f"{counted(rows, 'row')} {are} left out, for earlier runs have done their users ({self._done})"

    def _last_rows(self) -> Iterator[str]:
        if not self._totals:
            return
        shown = "; ".join(self._totals[:_TOTALS_SHOWN])
        more = f"; and {len(self._totals) - _TOTALS_SHOWN} more" if len(self._totals) > _TOTALS_SHOWN else ""
        yield (
            f"a last row looks like a total, not like a user ({shown}{more}), and is sent as one;"
            " take it out of the input if it is none"
        )

    def _odd_ids(self) -> Iterator[str]:
        if rows := self._damaged.rows:
            yield (
                f"{counted(rows, 'id')} look{'s' * (rows == 1)} like a number that a spreadsheet has rewritten"
                f" ({self._damaged}); export the column as text"
            )
        yield from self._lost_zeros()
        if rows := self._nobody.rows:
            look, sent, them = (
                ("looks", "is sent as a user", "it out of the input if it is none")
                if rows == 1
                else ("look", "are sent as users", "them out of the input if they are none")
            )
            ids = counted(rows, "id")
            yield f"{ids} {look} like a cell without a value ({self._nobody}), and {sent}; take {them}"
        if rows := self._dates.rows:
            yield (
                f"{counted(rows, 'id')} look{'s' * (rows == 1)} like a date that a spreadsheet has made ({self._dates});"
                " export the column as text"
            )

    def _lost_zeros(self) -> Iterator[str]:
        """Ids of one length that begin with 0, and others that are shorter: their zeros are gone."""
        if len(self._padded) != 1:
            return
        (length,) = self._padded
        shorter = [lines for size, lines in self._digits.items() if size < length and lines.rows]
        if rows := sum(lines.rows for lines in shorter):
            first = min(shorter, key=lambda lines: lines.first[:1] or [0])
            yield (
                f"{counted(rows, 'id')} may have lost {'its' if rows == 1 else 'their'} leading zeros in a spreadsheet ({first}): others"
                f" have {length} digits and begin with 0"
            )

    def _passwords(self) -> Iterator[str]:
        for name in sorted(self._set & self._unset.keys()):
            lines = self._unset[name]
            if rows := lines.rows:
                yield f"{counted(rows, 'row')} ha{'s' if rows == 1 else 've'} no {name} ({lines}); the user is made without one"

    def _twice(self) -> Iterator[str]:
        if rows := self._contradictions.rows:
            yield (
                f"{counted(rows, 'row')} name{'s' * (rows == 1)} a user again, with other values ({self._contradictions});"
                " the first row counts"
            )


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
