"""A run of the fleet into a journal, column by column."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bulkim.fleet import view
from bulkim.fleet.schema import reached
from bulkim.journal import Reader, transfer

LIVE = (
    "state", "planned_at", "created_at", "finished_at", "items", "requests", "retries", "throttled", "stop_code", "stop_reason", "cursor"
)  # fmt: skip
SESSION = (
    "id",
    "pid",
    "host",
    "process",
    "started_at",
    "seen_at",
    "ended_at",
    "ended",
    "boot",
    "clock_zero",
    "vendor_ahead_s",
)
ATTEMPT = (
    "id",
    "session_id",
    "mode",
    "size",
    "items",
    "began_at",
    "ended_at",
    "http_status",
    "kind",
    "code",
    "reason",
)
PACE = ("session_id", "pool", "at", "limit_per_s", "allowed_per_s")
CHUNK = 5_000


def pulled(wanted: str, journal: Path) -> tuple[dict[str, Any], int, int]:
    """Find a run, and write it into a journal: the run as `view` reads it, items, calls. Raises BulkimError."""
    with reached() as connection:
        connection.isolation_level = 3  # repeatable read: one moment of the run
        with connection.transaction():
            run = view.find(connection, wanted)
            return (run, *pull(connection, run["run"], journal))


@contextmanager
def copied(wanted: str) -> Iterator[tuple[Reader, dict[str, Any]]]:
    """A journal that holds nothing but this run, for the moment, and the run. Raises BulkimError."""
    with tempfile.TemporaryDirectory(prefix="bulkim-") as folder:
        journal = Path(folder) / "run.db"
        run, _, _ = pulled(wanted, journal)
        with Reader.open(journal) as reader:
            yield reader, run


def pull(connection: Any, run: str, journal: Path) -> tuple[int, int]:
    """Write a run into a journal, in place of what an earlier pull left of it: (items, calls).

    `connection` sees one moment of the database (repeatable read). Raises JournalError for a journal that cannot be used.
    """
    live = f"SELECT id, planned, {', '.join(LIVE)} FROM bulkim.run WHERE run = %s"
    run_id, kept, *values = connection.execute(live, (run,)).fetchone()
    with transfer.into(
        journal, {**json.loads(kept), **dict(zip(LIVE, values, strict=True)), "run": run}
    ) as copy:
        sessions = {}
        for each in _rows(connection, "session", SESSION, "run_id = %s ORDER BY id", run_id):
            sessions[each[0]] = copy.add(
                "session", {**dict(zip(SESSION, each, strict=True)), "run_id": copy.run_id}
            )
        items = calls = 0
        for *row, rest in _rows(
            connection, "item", (*transfer.ITEM, "rest"), "run_id = %s ORDER BY ordinal", run_id
        ):
            items += 1
            if rest is None:
                copy.insert("item", ("run_id", *transfer.ITEM), [(copy.run_id, *row)])
            else:
                copy.add(
                    "item",
                    {**dict(zip(transfer.ITEM, row, strict=True)), **json.loads(rest), "run_id": copy.run_id},
                )
        for row in _rows(connection, "before", transfer.BEFORE, "run_id = %s ORDER BY ordinal", run_id):
            copy.insert("before", ("run_id", *transfer.BEFORE), [(copy.run_id, *row)])
        for number, session, *row in _rows(connection, "attempt", ATTEMPT, "run_id = %s ORDER BY id", run_id):
            calls += 1
            copy.insert(
                "attempt",
                ("run_id", *ATTEMPT),
                [(copy.run_id, copy.last_attempt + number, sessions[session], *row)],
            )
        tally = [
            (copy.run_id, *row) for row in _rows(connection, "tally", transfer.TALLY, "run_id = %s", run_id)
        ]
        copy.insert("tally", ("run_id", *transfer.TALLY), tally)
        paces = _rows(connection, "pace", PACE, "session_id = ANY(%s)", list(sessions))
        copy.insert("pace", PACE, [(sessions[session], *row) for session, *row in paces])
    return items, calls


def _rows(connection: Any, table: str, columns: tuple[str, ...], condition: str, value: Any) -> Any:
    """Streaming."""
    with connection.cursor(name=f"pull_{table}") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(f"SELECT {', '.join(columns)} FROM bulkim.{table} WHERE {condition}", (value,))
        yield from cursor
