"""A run out of a journal and into one, every column: for whoever keeps runs elsewhere. What one side does not know is left out."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bulkim.journal.sqlite.writer import Journal, forget_run

ITEM = ("ordinal", "key", "username", "position", "line", "fields", "extra", "outcome", "code", "reason", "attempts", "doubt_since", "doubt_clock",
        "http_status", "finished_at", "data")  # fmt: skip
TALLY = ("outcome", "code", "items", "example", "reason")


def planned(path: Path, run: str) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """A run's row as it stands in a journal, and its tally."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM run WHERE run = ?", (run,)).fetchone())
        tally = db.execute(f"SELECT {', '.join(TALLY)} FROM tally WHERE run_id = ?", (row["id"],)).fetchall()
        return row, [tuple(each) for each in tally]


def items(path: Path, run_id: int) -> Iterator[tuple[Any, ...]]:
    """Its items: the columns of `ITEM`, and JSON of what else there is."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        for row in db.execute("SELECT * FROM item WHERE run_id = ? ORDER BY ordinal", (run_id,)):
            names = set(row.keys()) - {*ITEM, "run_id"}
            rest = {name: row[name] for name in sorted(names) if row[name] is not None}
            yield (*(row[name] for name in ITEM), as_text(rest) if rest else None)


def as_text(row: Mapping[str, Any]) -> str:
    """A row as JSON; bytes as their digits."""
    return json.dumps(row, ensure_ascii=False, default=lambda value: {"hex": value.hex()})


class Copy:
    """A run that is being written into a journal. Columns that this journal does not have are left out."""

    def __init__(self, db: sqlite3.Connection, run: Mapping[str, Any]) -> None:
        self._db = db
        self._statements: dict[tuple[str, tuple[str, ...]], tuple[list[str], str]] = {}
        self.added = Counter[str]()  # rows by table
        for (before,) in db.execute("SELECT id FROM run WHERE run = ?", (run["run"],)).fetchall():
            forget_run(db, before)
        self.run_id = self.add("run", {**run, "id": None})
        self.last_attempt: int = db.execute("SELECT coalesce(max(id), 0) FROM attempt").fetchone()[0]

    def add(self, table: str, row: Mapping[str, Any]) -> int:
        """One row, of this run whatever it says; an id that is None is the journal's own to give. Returns its number."""
        self.added[table] += 1
        names, statement = self._statement(table, tuple(row))
        values = [row[name] for name in names]
        values = [bytes.fromhex(each["hex"]) if isinstance(each, dict) else each for each in values]
        return self._db.execute(statement, values).lastrowid or 0

    def _statement(self, table: str, given: tuple[str, ...]) -> tuple[list[str], str]:
        """Which columns are taken, and how they are written: the same for all rows of a table."""
        if (table, given) not in self._statements:
            there = [each[1] for each in self._db.execute(f"PRAGMA table_info({table})") if each[1] in given]
            marks = [f"{self.run_id}" if name == "run_id" else "?" for name in there]
            statement = f"INSERT INTO {table} ({', '.join(there)}) VALUES ({', '.join(marks)})"
            self._statements[table, given] = [name for name in there if name != "run_id"], statement
        return self._statements[table, given]


@contextmanager
def into(journal: Path, run: Mapping[str, Any]) -> Iterator[Copy]:
    """Write a run, in place of what is there of it: all or nothing. Raises JournalError for a journal that cannot be used."""
    Journal.open(journal).close()  # makes it, or brings it up to this version
    with closing(sqlite3.connect(journal, isolation_level=None, timeout=10)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield Copy(db, run)
        db.execute("COMMIT")
