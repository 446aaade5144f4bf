"""A run of the fleet into a journal, column by column."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
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
    "id", "pid", "host", "process", "started_at", "seen_at", "ended_at", "ended", "boot", "clock_zero", "vendor_ahead_s"
)  # fmt: skip
ATTEMPT = (
    "id", "session_id", "mode", "size", "items", "began_at", "ended_at", "http_status", "kind", "code", "reason"
)  # fmt: skip
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
    row = {**json.loads(kept), **dict(zip(LIVE, values, strict=True)), "run": run}
    with transfer.into(journal, row) as copy:

        def rows(table: str, columns: tuple[str, ...], order: str) -> Iterator[tuple[Any, ...]]:
            return _rows(connection, table, columns, f"run_id = %s ORDER BY {order}", run_id)

        def insert(table: str, columns: tuple[str, ...], *values: Any) -> None:
            copy.insert(table, ("run_id", *columns), [(copy.run_id, *values)])

        def add(table: str, columns: tuple[str, ...], values: Sequence[Any], **more: Any) -> int:
            return int(
                copy.add(table, {**dict(zip(columns, values, strict=True)), **more, "run_id": copy.run_id})
            )

        items = calls = 0
        sessions = {each[0]: add("session", SESSION, each) for each in rows("session", SESSION, "id")}
        for *item, rest in rows("item", (*transfer.ITEM, "rest"), "ordinal"):
            items += 1
            if rest is None:
                insert("item", transfer.ITEM, *item)
            else:
                add("item", transfer.ITEM, item, **json.loads(rest))
        for image in rows("before", transfer.BEFORE, "ordinal"):
            insert("before", transfer.BEFORE, *image)
        for number, session, *call in rows("attempt", ATTEMPT, "id"):
            calls += 1
            insert("attempt", ATTEMPT, copy.last_attempt + number, sessions[session], *call)
        for total in rows("tally", transfer.TALLY, "outcome, code"):
            insert("tally", transfer.TALLY, *total)
        paces = _rows(connection, "pace", PACE, "session_id = ANY(%s)", list(sessions))
        copy.insert("pace", PACE, [(sessions[session], *rate) for session, *rate in paces])
    return items, calls


def _rows(
    connection: Any, table: str, columns: tuple[str, ...], condition: str, value: Any
) -> Iterator[tuple[Any, ...]]:
    """Streaming."""
    with connection.cursor(name=f"pull_{table}") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(f"SELECT {', '.join(columns)} FROM bulkim.{table} WHERE {condition}", (value,))
        yield from cursor
