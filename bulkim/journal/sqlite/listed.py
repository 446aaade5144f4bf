"""Items that no input names: a listing's pages become items as they arrive."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bulkim.journal.records import Closing, Entry
from bulkim.journal.sqlite.intake import insert_entries
from bulkim.journal.sqlite.tally import close_attempt, count_ended, finish_items, to_json
from bulkim.journal.sqlite.writer import Journal
from bulkim.model import Final


@dataclass(frozen=True, slots=True)
class Listed:
    """One listed user."""

    entry: Entry
    data: Any = None  # what the listing says of it


def add_page(
    journal: Journal, run_id: int, attempt_id: int, closing: Closing, rows: Sequence[Listed],
    *, ended: bool, cursor: str | None = None, done: bool = False, finals: Sequence[Final] = (),
) -> None:  # fmt: skip
    """Close a page's attempt and take in its rows, in one transaction with where the listing goes on.

    `ended`: being listed is the result (list-users), and a user listed again adds to its data. Otherwise new users
    become pending items, and one listed again is left as it is.
    """
    with journal.transaction() as tx:
        close_attempt(tx, attempt_id, closing)
        finish_items(tx, run_id, finals, http_status=closing.http_status, now=closing.ended_at)
        known = _known(tx, run_id, [row.entry.key for row in rows if row.entry.key is not None])
        fresh = [row for row in _once(rows) if row.entry.key not in known]
        last = tx.execute(
            "SELECT coalesce(max(position), 0) FROM item WHERE run_id = ?", (run_id,)
        ).fetchone()[0]
        entries = [row.entry._replace(position=last + place) for place, row in enumerate(fresh, 1)]
        insert_entries(tx, run_id, entries, now=closing.ended_at)
        if ended:
            _end(tx, run_id, [(row.entry, row.data) for row in fresh], closing)
            _merge(tx, run_id, [(known[row.entry.key], row.data) for row in rows if row.entry.key in known])
        tx.execute(
            "UPDATE run SET cursor = ?, planned_at = CASE WHEN ? THEN ? ELSE planned_at END WHERE id = ?",
            (cursor, done, closing.ended_at, run_id),
        )


def drop_unsent(journal: Journal, run_id: int) -> None:
    """Forget pending items that were only expected: they were never touched."""
    with journal.transaction() as tx:
        tx.execute("DELETE FROM item WHERE run_id = ? AND outcome IS NULL AND doubt_since IS NULL", (run_id,))
        tx.execute(
            "UPDATE run SET items = (SELECT count(*) FROM item WHERE run_id = run.id) WHERE id = ?", (run_id,)
        )


def forget_doubt(journal: Journal, run_id: int, ordinals: Sequence[int]) -> None:
    """These items were asked about, and nothing had been done to them."""
    with journal.transaction() as tx:
        tx.executemany(
            "UPDATE item SET doubt_since = NULL WHERE run_id = ? AND ordinal = ? AND outcome IS NULL",
            [(run_id, ordinal) for ordinal in ordinals],
        )


def cursor(journal: Journal, run_id: int) -> str | None:
    """Where the run's listing continues."""
    found: str | None = journal.connection.execute(
        "SELECT cursor FROM run WHERE id = ?", (run_id,)
    ).fetchone()[0]
    return found


def _once(rows: Sequence[Listed]) -> list[Listed]:
    """Each identity once; rows without one (invalid ones) all."""
    seen: set[str] = set()
    kept = []
    for row in rows:
        if row.entry.key is None or row.entry.key not in seen:
            kept.append(row)
            seen.add(row.entry.key or "")
    return kept


def _known(tx: sqlite3.Connection, run_id: int, keys: Sequence[str]) -> dict[str | None, int]:
    marks = ",".join("?" * len(keys))
    return dict(
        tx.execute(
            f"SELECT key, ordinal FROM item WHERE run_id = ? AND key IN ({marks})", (run_id, *keys)
        ).fetchall()
    )


def _end(tx: sqlite3.Connection, run_id: int, rows: Sequence[tuple[Entry, Any]], closing: Closing) -> None:
    tx.executemany(
        "UPDATE item SET outcome = 'succeeded', attempts = 1, http_status = ?, finished_at = ?, data = ?"
        " WHERE run_id = ? AND key = ? AND outcome IS NULL",
        [(closing.http_status, closing.ended_at, to_json(data), run_id, entry.key) for entry, data in rows],
    )
    count_ended(tx, run_id, [("succeeded", None, entry.username, None) for entry, _ in rows])


def _merge(tx: sqlite3.Connection, run_id: int, rows: Sequence[tuple[int, Any]]) -> None:
    for ordinal, data in rows:
        (before,) = tx.execute(
            "SELECT data FROM item WHERE run_id = ? AND ordinal = ?", (run_id, ordinal)
        ).fetchone()
        merged = {**(json.loads(before) if before else {}), **data} if isinstance(data, dict) else data
        tx.execute(
            "UPDATE item SET data = ? WHERE run_id = ? AND ordinal = ?", (to_json(merged), run_id, ordinal)
        )
