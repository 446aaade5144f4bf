"""Blanks around cells: found quickly, taken away and counted. Pure.

A line is looked at only where a blank stands beside a delimiter, a quote or an end, so that clean files cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from bulkim.text import counted

BLANKS = " \t\u00a0\u2007\u202f\u3000"  # not U+FEFF: it takes no room, so nobody means it as a blank
LINES_SHOWN = 5
LINES_KEPT = 10_000  # of what is told, where some may be left out
DELIMITERS = ",;\t|"
_EDGES = DELIMITERS + '"\r\n'


def blank_at_an_edge(text: str) -> bool:
    """Whether a blank may stand around some cell, whatever the delimiter. Costs little: it is asked of all text that is read."""
    edges = [edge for edge in _EDGES if edge in text]
    return any(
        blank + edge in text or edge + blank in text for blank in BLANKS if blank in text for edge in edges
    )


def trimmed(text: str) -> str:
    """The text without blanks around it."""
    return text.strip(BLANKS)


@dataclass(slots=True)
class Noticed:
    """What was odd about an input while it was read: counted, with the first lines."""

    trimmed: int = 0  # cells that had blanks around them
    trimmed_lines: dict[int, int] = field(default_factory=dict)  # line -> cells, of the first
    repeats: int = 0  # rows that were given back as duplicates of another one
    repeat_lines: list[int] = field(default_factory=list)
    # Whoever has more to say.
    others: list[Callable[[Collection[int] | None], list[str]]] = field(default_factory=list)

    def trim(self, cells: int, line: int | None) -> None:
        """So many cells of a line were trimmed."""
        self.trimmed += cells
        if line is not None and len(self.trimmed_lines) < LINES_KEPT:
            self.trimmed_lines[line] = self.trimmed_lines.get(line, 0) + cells

    def repeat(self, line: int) -> None:
        """The row of this line was given back as a duplicate."""
        self.repeats += 1
        if len(self.repeat_lines) < LINES_KEPT:
            self.repeat_lines.append(line)

    def notes(self, sent: Collection[int] | None = None) -> list[str]:
        """A line each, for a person; never a value. `sent`: lines of rows that are sent, where others are left out; None: all."""
        lines = []
        cells, at = self.trimmed, list(self.trimmed_lines)
        if sent is not None and cells == sum(self.trimmed_lines.values()):
            at = [line for line in at if line in sent]
            cells = sum(map(self.trimmed_lines.__getitem__, at))
        if cells:
            where = f" ({_first_of(at)})" if at else ""
            taken = counted(cells, "cell")
            lines.append(f"blanks around {taken} were taken away{where}; `trim: false` keeps them")
        rows, at = self.repeats, self.repeat_lines
        if sent is not None and rows == len(at):
            at = [line for line in at if line in sent]
            rows = len(at)
        if rows:
            lines.append(
                f"`_code` of {counted(rows, 'row')} ({_first_of(at)}) is duplicate: the earlier run took another row of the same user."
                " Sent now, such a row replaces what that one set; take it out unless that is meant"
                " (`results RUN --rejects --without duplicate` leaves them out)"
            )
        return [*lines, *(line for say in self.others for line in say(sent))]


def _first_of(lines: list[int]) -> str:
    return listed(lines[:LINES_SHOWN], more=len(lines) > LINES_SHOWN)


def listed(lines: list[int], *, more: bool = False) -> str:
    """``line 3`` or ``lines 3, 7, …``."""
    word = "line" if len(lines) == 1 and not more else "lines"
    return f"{word} {', '.join(map(str, lines))}{', …' if more else ''}"


class Tidier:
    """Takes blanks around the cells of a CSV line away; a cell that is quoted behind a blank becomes a quoted one."""

    def __init__(self, delimiter: str) -> None:
        blanks = BLANKS.replace(delimiter, "")
        blank, mark = f"[{blanks}]", re.escape(delimiter)
        self._blanks = blanks
        self._suspect = re.compile(rf'(?:^|[{mark}"]){blank}|{blank}(?:[{mark}"\r\n]|$)').search
        self._cell = re.compile(
            rf'{blank}*"(?P<quoted>(?:[^"]|"")*)(?P<closed>"{blank}*(?=[{mark}\r\n]|$))?|(?P<bare>[^{mark}\r\n]*)'
        )
        self._rest = re.compile(rf'(?P<quoted>(?:[^"]|"")*)(?P<closed>"{blank}*(?=[{mark}\r\n]|$))?')

    def tidied(self, line: str, *, inside: bool) -> tuple[str, int]:
        """The line, and how many cells were trimmed. `inside`: it begins within a quoted cell."""
        if not self._suspect(line):
            return line, 0
        parts: list[str] = []
        at = cells = 0
        opened = inside
        while True:
            found = (self._rest if opened else self._cell).match(line, at)
            assert found is not None, "both patterns match nothing, too"
            text = found.group()
            clean, whole = self._clean(found, opened=opened)
            cells += clean != text
            parts.append(clean)
            at, opened = found.end(), False
            if not whole or at >= len(line) or line[at] in "\r\n":
                return "".join(parts) + line[at:], cells
            parts.append(line[at])  # the delimiter
            at += 1

    def _clean(self, found: re.Match[str], *, opened: bool) -> tuple[str, bool]:
        """A cell without blanks, and whether it ends on this line in a way that the next can be told."""
        quoted = found["quoted"]
        if quoted is None:
            return found["bare"].strip(self._blanks), True
        if not found["closed"]:  # it goes on in the next line, or is wrong: the reader says so
            return (quoted if opened else '"' + quoted.lstrip(self._blanks)), False
        if opened:
            return quoted.rstrip(self._blanks) + '"', True
        return '"' + quoted.strip(self._blanks) + '"', True
