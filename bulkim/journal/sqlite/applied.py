"""Which migrations a journal has. What applies them costs a tenth of a run's start, and is imported where one is missing."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x62_6C_6B_6D  # "blkm": what `file` and we recognise a journal by
SET = "bulkim.journal"
KNOWN = frozenset(
    ["m001_first", "m002_pace", "m003_settings", "m004_digest", "m004_clocks", "m006_control", "m007_before"]
)
"""Names of the migrations that this program has; `schema` has what they do."""


def applied(connection: sqlite3.Connection) -> frozenset[str]:
    """Names of the migrations that the file has had; of an empty one none."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone()
    if there is None:
        return frozenset()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (SET,))
    return frozenset(name for (name,) in rows)
