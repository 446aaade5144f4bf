"""What a vendor lists, page by page: a source of items, or the result itself.

Pages are sequential by nature. A page's rows and where the listing goes on are one transaction in the journal, so a
listing of millions continues where it was interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bulkim.catalogue.shapes import Operation
from bulkim.journal.records import Entry, Listed, ListedPage
from bulkim.model import PageRequest, Row, Where
from bulkim.sending.serial import Serial

NAMES_KEPT = 2_000  # of those who were listed, for a near miss

Plan = Callable[[Sequence[Row]], Sequence[Entry]]
"""A page's rows -> entries by the rules of what will be done to them, each with its row's position. A row may be left out."""


async def list_items(
    serial: Serial, operation: Operation, plan: Plan, *, where: Where, ended: bool, seen: list[str], limit: int | None = None,
) -> None:  # fmt: skip
    """Read a listing from where it stands to its end, or until the run has `limit` items. Raises Stopped.

    `ended`: being listed is an item's result. Otherwise those whom `where` admits become pending items. `seen` gets the
    first names that were listed, admitted or not.
    """
    request = PageRequest(operation.batch_max, serial.journal.cursor())
    while True:
        attempt_id, closing, page = await serial.page(operation, request)
        seen += [name for name, _ in page.rows[: NAMES_KEPT - len(seen)]]
        admitted = [(name, data) for name, data in page.rows if admits(where, name, data)]
        entries = plan([Row(place, None, {"username": name}) for place, (name, _) in enumerate(admitted, 1)])
        room = None if limit is None else max(0, limit - sum(serial.journal.counts().values()))
        rows = [Listed(entry, admitted[entry.position - 1][1]) for entry in entries[:room]]
        done = page.next is None or not page.rows or (room is not None and len(entries) >= room)
        serial.take_in(attempt_id, closing, ListedPage(rows, ended, page.next, done))
        if done:
            return
        request = replace(request, at=page.next)


async def count_users(serial: Serial, operation: Operation) -> int:
    """How many users a listing has; nothing of it is kept. Raises Stopped."""
    request, total = PageRequest(operation.batch_max), 0
    while True:
        attempt_id, closing, page = await serial.page(operation, request)
        serial.close(attempt_id, closing)
        total += len(page.rows)
        if page.next is None or not page.rows:
            return total
        request = replace(request, at=page.next)


def admits(where: Where, username: str, data: Any) -> bool:
    """Whether a listed user passes the job's `where`. A row that lacks what is asked about does not."""
    row: Mapping[str, Any] = data if isinstance(data, dict) else {}
    if where.match is not None and re.fullmatch(where.match, username) is None:
        return False
    if where.activated is not None and row.get("activated") is not where.activated:
        return False
    before, after = where.created_before, where.created_after
    if before is None and after is None:
        return True
    created_ms = row.get("created")
    if isinstance(created_ms, bool) or not isinstance(created_ms, int | float):
        return False
    return (before is None or created_ms / 1000 < before) and (after is None or created_ms / 1000 >= after)
