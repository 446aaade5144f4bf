"""How items and attempts end, and counting them as they do, so that a summary never scans them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from bulkim.journal.records import Closing, to_json
from bulkim.journal.sqlite.database import Database
from bulkim.model import Final, Item, Status


def count_ended(
    tx: sqlite3.Connection, run_id: int, ended: Sequence[tuple[str, str | None, str, str | None, int]]
) -> None:
    """Keep `tally` in step: (outcome, code, username, reason, how many) of items that just ended."""
    if not ended:
        return
    groups: dict[tuple[str, str], list[Any]] = {}
    for outcome, code, username, reason, items in ended:
        groups.setdefault((outcome, code or ""), [0, username, reason])[0] += items
    tx.executemany(
        "INSERT INTO tally (run_id, outcome, code, items, example, reason) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET items = items + excluded.items",
        [(run_id, outcome, code, *group) for (outcome, code), group in groups.items()],
    )


def finish_items(
    tx: sqlite3.Connection, run_id: int, finals: Sequence[Final], *, http_status: int | None, now: float
) -> None:
    """These items end; each must have been pending.

    Most items of a call end alike and follow one another: one statement ends all of them.
    """
    changed, ended = 0, list[tuple[str, str | None, str, str | None, int]]()
    for of, last, (status, code, reason, data, attempts, doubt_since) in _stretches(finals):
        outcome, first = status.value, of.ordinal
        ended.append((outcome, code, of.username, reason, last - first + 1))
        changed += tx.execute(
            "UPDATE item SET outcome = ?, code = ?, reason = ?, attempts = ?, http_status = ?, finished_at = ?,"
            " data = ?, doubt_since = ? WHERE run_id = ? AND ordinal BETWEEN ? AND ? AND outcome IS NULL",
            (outcome, code, reason, attempts, http_status, now, data, doubt_since, run_id, first, last),
        ).rowcount
    if changed != len(finals):
        raise AssertionError(f"{len(finals)} items were to end, {changed} were pending")
    count_ended(tx, run_id, ended)


def _stretches(finals: Sequence[Final]) -> Iterator[tuple[Item, int, tuple[Any, ...]]]:
    """(first item, last ordinal, what they end as) of items that follow one another and end alike."""
    first: Item | None = None
    last, alike = -1, tuple[Any, ...]()
    for each in finals:
        item = each.item
        data = None if each.data is None else to_json(each.data)
        ended = (each.status, each.code, each.reason, data, item.attempts, item.doubt_since)
        if item.ordinal == last + 1 and ended == alike:
            last += 1
            continue
        if first is not None:
            yield first, last, alike
        first, last, alike = item, item.ordinal, ended
    if first is not None:
        yield first, last, alike


def close_attempt(tx: sqlite3.Connection, attempt_id: int, closing: Closing) -> None:
    """The attempt has its end."""
    tx.execute(
        "UPDATE attempt SET ended_at = ?, http_status = ?, kind = ?, code = ?, reason = ? WHERE id = ?",
        (closing.ended_at, closing.http_status, closing.kind, closing.code, closing.reason, attempt_id),
    )
    if closing.kind == "throttled":
        tx.execute(
            "UPDATE run SET throttled = throttled + 1 WHERE id = (SELECT run_id FROM attempt WHERE id = ?)",
            (attempt_id,),
        )


def counts(database: Database, run_id: int) -> dict[Status, int]:
    """Items by status; they add up to the run's items."""
    found = dict.fromkeys(Status, 0)
    for outcome, items in database.rows(
        "SELECT outcome, sum(items) FROM tally WHERE run_id = ? GROUP BY outcome", (run_id,)
    ):
        found[Status(outcome)] = items
    total = database.row("SELECT items FROM run WHERE id = ?", (run_id,))[0]
    found[Status.PENDING] = total - sum(found.values())
    return found
