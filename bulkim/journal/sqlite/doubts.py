"""What an earlier session left in doubt, and since when by a clock that the present one can read."""

from __future__ import annotations

import json
import sqlite3

from bulkim.journal.sqlite.database import Database


def recover(database: Database, run_id: int, *, now: float) -> int:
    """Attempts that a dead session left without an end put their items in doubt. Returns how many attempts."""
    with database.transaction() as tx:
        left = tx.execute(
            "SELECT id, mode, items, began_at FROM attempt WHERE run_id = ? AND ended_at IS NULL", (run_id,)
        ).fetchall()
        for attempt_id, mode, items, began_at in left:
            if mode == "send":
                tx.executemany(
                    "UPDATE item SET doubt_since = coalesce(doubt_since, ?), attempts = attempts + 1"
                    " WHERE run_id = ? AND ordinal = ? AND outcome IS NULL",
                    [(began_at, run_id, ordinal) for ordinal in json.loads(items)],
                )
            tx.execute(
                "UPDATE attempt SET ended_at = ?, kind = 'lost', reason = 'the process ended before the answer'"
                " WHERE id = ?",
                (now, attempt_id),
            )
        _translate(tx, run_id)
    return len(left)


def _translate(tx: sqlite3.Connection, run_id: int) -> None:
    """Moments of doubt by the last session's clock: by this one's in the same boot, else by the vendor's, else by none."""
    sessions = tx.execute(
        "SELECT boot, clock_zero, vendor_ahead_s FROM session WHERE run_id = ? ORDER BY id DESC LIMIT 2",
        (run_id,),
    ).fetchall()
    if len(sessions) < 2:
        return
    (boot, zero, _), (last_boot, last_zero, ahead_s) = sessions
    if boot and boot == last_boot:
        shift_s, clock = zero - last_zero, None
    elif ahead_s is not None:
        shift_s, clock = ahead_s, "vendor"
    else:
        shift_s, clock = 0.0, "none"
    tx.execute(
        "UPDATE item SET doubt_since = doubt_since + ?, doubt_clock = ?"
        " WHERE run_id = ? AND outcome IS NULL AND doubt_since IS NOT NULL AND doubt_clock IS NULL",
        (shift_s, clock, run_id),
    )
