"""A glance at a journal, to complete what is being typed: reads only, at once, and finds nothing where something is wrong.

`bulkim.journal` opens a journal to work with it: it creates, migrates, waits for locks and says what is the matter. None
of that may happen because somebody pressed Tab.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WAIT_S = 0.1  # for a lock
LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run in short."""

    run: str
    name: str
    operation: str
    state: str  # as it was left; `unfinished` where its process runs, or died
    outcomes: str  # "118 succeeded, 2 pending"


@dataclass(frozen=True, slots=True)
class ItemSeen:
    """One user of a run."""

    username: str
    outcome: str
    code: str | None


@dataclass(frozen=True, slots=True)
class CodeSeen:
    """How often a code ended an item, and what the vendor said of one of them."""

    code: str
    outcome: str
    items: int
    reason: str | None


def runs(path: Path, *, limit: int) -> list[RunSeen]:
    """The newest runs, the newest first."""
    newest = _rows(
        path,
        "SELECT id, run, name, operation, iif(state = 'running', 'unfinished', state), items FROM run"
        " ORDER BY created_at DESC, id DESC LIMIT ?",
        (limit,),
    )
    ended = defaultdict[int, Counter[str]](Counter)
    for run_id, outcome, number in _rows(path, "SELECT run_id, outcome, items FROM tally", ()):
        ended[run_id][outcome] += number
    return [
        RunSeen(run, name, operation, state, _outcomes(ended[run_id], total))
        for run_id, run, name, operation, state, total in newest
    ]


def _outcomes(ended: Counter[str], items: int) -> str:
    counts = ended + Counter(pending=items - ended.total())
    return ", ".join(f"{number:,} {outcome}" for outcome, number in counts.most_common())


def items(path: Path, run: str, *, beginning: str, limit: int) -> list[ItemSeen]:
    """Users of a run, named as people name runs, whose names begin so, whatever the case."""
    bounds = [bound for each in (beginning, beginning.lower()) for bound in (each, each + LAST_CHARACTER)]
    rows = _rows(
        path,
        "SELECT username, coalesce(outcome, 'pending'), code FROM item WHERE run_id = ?"
        " AND (key BETWEEN ? AND ? OR key BETWEEN ? AND ?) ORDER BY key LIMIT ?",  # as typed, and as most vendors fold it
        (_find(path, run), *bounds, limit),
    )
    return [ItemSeen(*row) for row in rows if row[0].lower().startswith(beginning.lower())]


def codes(path: Path, run: str) -> list[CodeSeen]:
    """The codes of a run, the most frequent first; plain success left out."""
    rows = _rows(
        path,
        "SELECT code, outcome, items, reason FROM tally WHERE run_id = ? AND code NOT IN ('', '0')"
        " ORDER BY items DESC, code",
        (_find(path, run),),
    )
    return [CodeSeen(*row) for row in rows]


def _find(path: Path, run: str) -> int | None:
    """As `Reader.find` does, but of several it takes the newest."""
    found = _rows(
        path,
        "SELECT id FROM run WHERE ?1 IN ('last', run, name) OR substr(run, 1, length(?1)) = ?1"
        " ORDER BY run = ?1 DESC, name = ?1 DESC, created_at DESC, id DESC LIMIT 1",
        (run,),
    )
    return found[0][0] if found else None


def _rows(path: Path, query: str, values: Sequence[Any]) -> list[Any]:
    # Where nobody writes there is no write-ahead log, and asking for one would leave it behind.
    immutable = int(not Path(f"{path}-wal").exists())
    address = f"{path.absolute().as_uri()}?mode=ro&immutable={immutable}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=WAIT_S)) as connection:
            return connection.execute(query, values).fetchall()
    except (sqlite3.Error, OSError):
        return []
