"""Reading an input into the journal: by identity, streaming, and again when the input was edited."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice

from bulkim.journal.records import Entry, to_json
from bulkim.journal.sqlite.database import Database
from bulkim.journal.sqlite.tally import count_ended

CHUNK = 2_000  # rows a transaction


def read_input(
    database: Database, run_id: int, entries: Iterable[Entry], *, name: str, digest: str | None, now: float
) -> None:
    """As `writer.Journal.read_input`."""
    fresh = _forget_positions(database, run_id)
    source = iter(entries)
    while chunk := list(islice(source, CHUNK)):
        with database.transaction() as tx:
            added = chunk if fresh else _merge(tx, run_id, chunk)
            insert_entries(tx, run_id, added, now=now)
    with database.transaction() as tx:
        _drop_removed(tx, run_id, now=now)
        tx.execute(
            "UPDATE run SET planned_at = ?, input_name = ?, input_digest = ? WHERE id = ?",
            (now, name, digest, run_id),
        )


def _forget_positions(database: Database, run_id: int) -> bool:
    """Make ready for reading (again). True when the run has no items yet."""
    with database.transaction() as tx:
        tx.execute("UPDATE run SET planned_at = NULL WHERE id = ?", (run_id,))
        if not tx.execute("SELECT 1 FROM item WHERE run_id = ? LIMIT 1", (run_id,)).fetchone():
            return True
        tx.execute("DELETE FROM item WHERE run_id = ? AND outcome = 'skipped'", (run_id,))
        tx.execute("DELETE FROM tally WHERE run_id = ? AND outcome = 'skipped'", (run_id,))
        tx.execute("UPDATE item SET position = NULL WHERE run_id = ? AND outcome IS NULL", (run_id,))
        tx.execute(
            "UPDATE run SET items = (SELECT count(*) FROM item WHERE run_id = run.id) WHERE id = ?", (run_id,)
        )
    return False


def _merge(tx: sqlite3.Connection, run_id: int, chunk: Sequence[Entry]) -> list[Entry]:
    """Update what the journal knows of the chunk; returns what it does not know."""
    keys = [entry.key for entry in chunk if entry.key is not None]
    known: dict[str, int] = {}
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        marks = ",".join("?" * len(part))
        known.update(
            tx.execute(
                f"SELECT key, ordinal FROM item WHERE run_id = ? AND key IN ({marks})", (run_id, *part)
            )
        )
    for each in chunk:
        if each.skip_code and each.key in known and _withdraw(tx, run_id, known[each.key]):
            del known[each.key]
    tx.executemany(
        "UPDATE item SET position = ?, line = ?, username = ?, fields = ?, extra = ?"
        " WHERE run_id = ? AND ordinal = ? AND outcome IS NULL",
        [
            (each.position, each.line, each.username, to_json(each.fields), to_json(each.extra), run_id,
             known[each.key])
            for each in chunk if each.key in known
        ],
    )  # fmt: skip
    return [entry for entry in chunk if entry.key not in known]


def _withdraw(tx: sqlite3.Connection, run_id: int, ordinal: int) -> bool:
    """Forget a pending item that must not be sent any more. False when it was sent: then it keeps its place."""
    never_sent = "run_id = ? AND ordinal = ? AND outcome IS NULL AND doubt_since IS NULL"
    withdrawn = tx.execute(f"DELETE FROM item WHERE {never_sent}", (run_id, ordinal)).rowcount == 1
    tx.execute("UPDATE run SET items = items - ? WHERE id = ?", (int(withdrawn), run_id))
    return withdrawn


def insert_entries(tx: sqlite3.Connection, run_id: int, entries: Sequence[Entry], *, now: float) -> None:
    """Add entries after those that the run has."""
    last = tx.execute("SELECT coalesce(max(ordinal), 0) FROM item WHERE run_id = ?", (run_id,)).fetchone()[0]
    tx.executemany(
        "INSERT INTO item (run_id, ordinal, key, username, position, line, fields, extra, outcome, code, reason,"
        " finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (run_id, ordinal, key, username, position, line, to_json(fields) if fields else None,
             to_json(extra) if extra else None, "skipped" if skip_code else None, skip_code, skip_reason, now if skip_code else None)
            for ordinal, (position, line, key, username, fields, extra, skip_code, skip_reason)
            in enumerate(entries, last + 1)
        ],
    )  # fmt: skip
    tx.execute("UPDATE run SET items = items + ? WHERE id = ?", (len(entries), run_id))
    skipped = [each for each in entries if each.skip_code]
    count_ended(
        tx, run_id, [("skipped", each.skip_code, each.username, each.skip_reason) for each in skipped]
    )


def _drop_removed(tx: sqlite3.Connection, run_id: int, *, now: float) -> None:
    """Never sent and no longer in the input: skipped. One in doubt stays pending, to be asked about."""
    gone = "run_id = ? AND outcome IS NULL AND position IS NULL AND doubt_since IS NULL"
    names = tx.execute(f"SELECT username FROM item WHERE {gone}", (run_id,)).fetchall()
    reason = "no longer in the input, and never done"
    tx.execute(
        f"UPDATE item SET outcome = 'skipped', code = 'removed', reason = ?, finished_at = ? WHERE {gone}",
        (reason, now, run_id),
    )
    count_ended(tx, run_id, [("skipped", "removed", name, reason) for (name,) in names])
