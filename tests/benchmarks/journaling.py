"""Journal rows per second, against plain `executemany` with the same durability."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from bulkim.journal import Journal
from bulkim.journal.records import Closing, Entry, NewRun
from bulkim.model import Batch, Final, Item, Status

from . import measure
from .report import Report

BATCH = 60


def run(report: Report, folder: Path, *, tiny: bool) -> None:
    report.head("journal: items ended per CPU-second (synchronous=FULL, a call has 60)")
    folder.mkdir(parents=True, exist_ok=True)
    count = 1_200 if tiny else 60_000
    sizes: dict[str, int] = {}
    ways: dict[str, Callable[[Path, int], float]] = {
        "bulkim: begin and settle a call": _journal,
        "plain executemany, one transaction a call": _plain,
    }

    def measured(name: str) -> float:
        path = folder / "measured.db"
        cpu_s = ways[name](path, count)
        sizes[name] = path.stat().st_size
        for file in folder.glob("measured.db*"):
            file.unlink()
        return count / cpu_s

    rates = measure.in_turn(
        {name: lambda name=name: measured(name) for name in ways}, rounds=1 if tiny else 5
    )
    rows = [
        (name, f"{rate:,.0f}", f"{1e6 / rate:.1f}", f"{sizes[name] / count:.0f}")
        for name, rate in rates.items()
    ]
    report.table(f"{count:,} items", rows, ("way", "items per CPU-second", "us an item", "bytes an item"))
    report.note("6,000 items a second (100 calls of 60) are "
                f"{6000 / rates['bulkim: begin and settle a call']:.1%} of a core.")  # fmt: skip


def _journal(path: Path, count: int) -> float:
    with Journal.open(path) as journal:
        run = journal.create_run(NewRun("bench", "easemob", "register", "nowhere", {}), now=1.0)
        session = journal.session(run, journal.begin_session(run, now=1.0))
        names = [f"user_{n:08d}" for n in range(count)]
        entries = (Entry(n, n + 1, name, name) for n, name in enumerate(names, 1))
        journal.read_input(run, entries, name="users.csv", digest="", now=1.0)
        items = [Item(n, name, name, {}, n + 1, attempts=1) for n, name in enumerate(names, 1)]
        batches = [Batch(tuple(items[start : start + BATCH])) for start in range(0, count, BATCH)]
        ended = [tuple(Final(item, Status.SUCCEEDED) for item in batch.items) for batch in batches]
        began = time.process_time()
        for batch, finals in zip(batches, ended, strict=True):
            attempt = session.begin(batch, now=2.0)
            session.settle(attempt, Closing(3.0, "succeeded", 200), finals=finals, touched=())
        spent = time.process_time() - began
        journal._database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return spent


def _plain(path: Path, count: int) -> float:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE item (username TEXT PRIMARY KEY, outcome TEXT, code TEXT, finished_at REAL)")
    began = time.process_time()
    for start in range(0, count, BATCH):
        rows = [(f"user_{n:08d}", "succeeded", None, 3.0) for n in range(start, start + BATCH)]
        db.execute("BEGIN")
        db.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", rows)
        db.execute("COMMIT")
    spent = time.process_time() - began
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return spent
