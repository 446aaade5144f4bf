"""Counting items as they end, so that a summary never scans them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any


def count_ended(
    tx: sqlite3.Connection, run_id: int, ended: Sequence[tuple[str, str | None, str, str | None]]
) -> None:
    """Keep `tally` in step: (outcome, code, username, reason) of items that just ended."""
    if not ended:
        return
    groups: dict[tuple[str, str], list[Any]] = {}
    for outcome, code, username, reason in ended:
        groups.setdefault((outcome, code or ""), [0, username, reason])[0] += 1
    tx.executemany(
        "INSERT INTO tally (run_id, outcome, code, items, example, reason) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET items = items + excluded.items",
        [(run_id, outcome, code, *group) for (outcome, code), group in groups.items()],
    )


def to_json(value: Any) -> str | None:
    """Compact JSON; None stays None (SQL NULL)."""
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
