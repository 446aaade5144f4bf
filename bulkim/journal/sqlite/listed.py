"""Items that no input names: a listing's pages become items as they arrive."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from bulkim.journal.records import Closing, Entry, Listed, ListedPage, to_json
from bulkim.journal.sqlite.database import of_keys
from bulkim.journal.sqlite.intake import insert_entries
from bulkim.journal.sqlite.tally import close_attempt, count_ended, finish_items


def add_page(
    tx: sqlite3.Connection, run_id: int, attempt_id: int, closing: Closing, page: ListedPage
) -> None:
    """Close a page's attempt, take in its rows, and remember where the listing goes on."""
    close_attempt(tx, attempt_id, closing)
    finish_items(tx, run_id, page.finals, http_status=closing.http_status, now=closing.ended_at)
    known = _known(tx, run_id, [row.entry.key for row in page.rows if row.entry.key is not None])
    fresh = page.fresh(known)
    last = tx.execute("SELECT coalesce(max(ordinal), 0) FROM item WHERE run_id = ?", (run_id,)).fetchone()[0]
    entries = [row.entry._replace(position=last + place) for place, row in enumerate(fresh, 1)]
    insert_entries(tx, run_id, entries, now=closing.ended_at)
    if page.ended:
        _end(tx, run_id, [(row.entry, row.data) for row in fresh], closing)
        _merge(tx, run_id, [(known[row.entry.key], row) for row in page.rows if row.entry.key in known])
    tx.execute(
        "UPDATE run SET cursor = ?, planned_at = CASE WHEN ? THEN ? ELSE planned_at END WHERE id = ?",
        (page.cursor, page.done, closing.ended_at, run_id),
    )


def _known(tx: sqlite3.Connection, run_id: int, keys: Sequence[str]) -> dict[str | None, int]:
    return dict(tx.execute(f"SELECT key, ordinal {of_keys(len(keys))}", (run_id, *keys)).fetchall())


def _end(tx: sqlite3.Connection, run_id: int, rows: Sequence[tuple[Entry, Any]], closing: Closing) -> None:
    tx.executemany(
        "UPDATE item SET outcome = 'succeeded', attempts = 1, http_status = ?, finished_at = ?, data = ?"
        " WHERE run_id = ? AND key = ? AND outcome IS NULL",
        [(closing.http_status, closing.ended_at, to_json(data), run_id, entry.key) for entry, data in rows],
    )
    count_ended(tx, run_id, [("succeeded", None, entry.username, None, 1) for entry, _ in rows])


def _merge(tx: sqlite3.Connection, run_id: int, rows: Sequence[tuple[int, Listed]]) -> None:
    for ordinal, row in rows:
        (before,) = tx.execute(
            "SELECT data FROM item WHERE run_id = ? AND ordinal = ?", (run_id, ordinal)
        ).fetchone()
        tx.execute(
            "UPDATE item SET data = ? WHERE run_id = ? AND ordinal = ?",
            (row.added_to(before), run_id, ordinal),
        )
