"""The SQLite back end of a session: `bulkim.journal.port.RunJournal` for one run.

`begin` is durable before a call's bytes leave and `settle` follows its answer, so an attempt without an end is one whose
effect is in doubt.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any

from bulkim.journal.port import PAGE
from bulkim.journal.records import Closing, ListedPage, Order, PoolRate, to_json
from bulkim.journal.sqlite.database import Database
from bulkim.journal.sqlite.listed import add_page
from bulkim.journal.sqlite.tally import close_attempt, counts, finish_items
from bulkim.journal.sqlite.turns import Turns
from bulkim.model import Batch, Final, Item, Mode, Status

ORDERS = "SELECT id, session_id, verb, calls_per_s, asked_at, obeyed_at FROM control"


class Session:
    """One session's hand in its run's journal."""

    def __init__(self, database: Database, turns: Turns, run_id: int, session_id: int) -> None:
        self._database, self._turns = database, turns
        self._run_id, self._session_id = run_id, session_id

    # ------------------------------------------------------------------------------------- writing

    def begin(self, batch: Batch, *, now: float) -> int:
        again = batch.mode is Mode.SEND and any(item.attempts for item in batch.items)
        return self._begin(batch.mode, [item.ordinal for item in batch.items], again=again, now=now)

    def begin_page(self, *, now: float) -> int:
        return self._begin("page", [], again=False, now=now)

    def _begin(self, mode: str, ordinals: Sequence[int], *, again: bool, now: float) -> int:
        self._turns.join()
        with self._database.transaction() as tx:
            cursor = tx.execute(
                "INSERT INTO attempt (run_id, session_id, mode, size, items, began_at) VALUES (?, ?, ?, ?, ?, ?)",
                (self._run_id, self._session_id, mode, len(ordinals), to_json(ordinals), now),
            )
            tx.execute(
                "UPDATE run SET requests = requests + 1, retries = retries + ? WHERE id = ?",
                (int(again), self._run_id),
            )
            return int(cursor.lastrowid or 0)

    def settle(
        self, attempt: int, closing: Closing, *, finals: Sequence[Final], touched: Sequence[Item]
    ) -> None:
        self._turns.join()
        with self._database.transaction() as tx:
            close_attempt(tx, attempt, closing)
            finish_items(tx, self._run_id, finals, http_status=closing.http_status, now=closing.ended_at)
            if touched:
                tx.executemany(
                    "UPDATE item SET attempts = ?, doubt_since = ? WHERE run_id = ? AND ordinal = ?",
                    [(item.attempts, item.doubt_since, self._run_id, item.ordinal) for item in touched],
                )

    def take_in(self, attempt: int, closing: Closing, page: ListedPage) -> None:
        self._turns.join()
        with self._database.transaction() as tx:
            add_page(tx, self._run_id, attempt, closing, page)

    def finish(self, finals: Sequence[Final], *, now: float) -> None:
        self._turns.join()
        with self._database.transaction() as tx:
            finish_items(tx, self._run_id, finals, http_status=None, now=now)

    def beat(self, rates: Sequence[PoolRate], *, now: float, vendor_ahead_s: float | None = None) -> None:
        self._turns.join()
        with self._database.transaction() as tx:
            tx.execute(
                "UPDATE session SET seen_at = ?, vendor_ahead_s = coalesce(?, vendor_ahead_s) WHERE id = ?",
                (now, vendor_ahead_s, self._session_id),
            )
            tx.executemany(
                "INSERT OR REPLACE INTO pace (session_id, pool, at, limit_per_s, allowed_per_s, rest_until, asked_s)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._session_id,
                        each.pool,
                        now,
                        each.limit_per_s,
                        each.allowed_per_s,
                        each.rest_until,
                        each.asked_s,
                    )
                    for each in rates
                ],
            )

    def unseen(self, items: Sequence[Item]) -> list[Item]:
        found = self._database.rows(
            f"SELECT ordinal FROM before WHERE run_id = ? AND ordinal IN ({','.join('?' * len(items))})",
            (self._run_id, *(item.ordinal for item in items)),
        )
        seen = {ordinal for (ordinal,) in found}
        return [item for item in items if item.ordinal not in seen]

    def remember(
        self, attempt: int | None, closing: Closing, images: Mapping[int, Mapping[str, Any]]
    ) -> None:
        self._turns.join()
        with self._database.transaction() as tx:
            if attempt is not None:
                close_attempt(tx, attempt, closing)
            tx.executemany(
                "INSERT OR IGNORE INTO before (run_id, ordinal, read_at, image) VALUES (?, ?, ?, ?)",
                [
                    (self._run_id, ordinal, closing.ended_at, to_json(image))
                    for ordinal, image in images.items()
                ],
            )

    def orders(self, *, after: int = 0) -> list[Order]:
        rows = self._database.rows(
            f"{ORDERS} WHERE session_id = ? AND id > ? ORDER BY id", (self._session_id, after)
        )
        return [Order(*row) for row in rows]

    def obeyed(self, order: int, *, now: float) -> None:
        self._turns.join()
        with self._database.transaction() as tx:
            tx.execute("UPDATE control SET obeyed_at = coalesce(obeyed_at, ?) WHERE id = ?", (now, order))

    def present(self) -> None:
        self._database.present()

    def drop_unsent(self) -> None:
        self._turns.join()
        with self._database.transaction() as tx:
            tx.execute(
                "DELETE FROM item WHERE run_id = ? AND outcome IS NULL AND doubt_since IS NULL",
                (self._run_id,),
            )
            tx.execute(
                "UPDATE run SET items = (SELECT count(*) FROM item WHERE run_id = run.id) WHERE id = ?",
                (self._run_id,),
            )

    def forget_doubt(self, ordinals: Sequence[int]) -> None:
        self._turns.join()
        with self._database.transaction() as tx:
            tx.executemany(
                "UPDATE item SET doubt_since = NULL, doubt_clock = NULL WHERE run_id = ? AND ordinal = ? AND outcome IS NULL",
                [(self._run_id, ordinal) for ordinal in ordinals],
            )

    def durable(self) -> Awaitable[None]:
        return self._turns.durable()

    # --------------------------------------------------------------------------------- what is left

    def pending(self, *, after: int = 0, limit: int = PAGE) -> list[Item]:
        return pending(self._database, self._run_id, after=after, limit=limit)

    def doubtful(self) -> list[Item]:
        return list(_items(self._database, "doubt_since IS NOT NULL ORDER BY ordinal", (self._run_id,)))

    def expected(self) -> list[Item]:
        return list(_items(self._database, "doubt_since IS NULL ORDER BY ordinal", (self._run_id,)))

    def counts(self) -> dict[Status, int]:
        return counts(self._database, self._run_id)

    def cursor(self) -> str | None:
        found: str | None = self._database.row("SELECT cursor FROM run WHERE id = ?", (self._run_id,))[0]
        return found


def pending(database: Database, run_id: int, *, after: int, limit: int) -> list[Item]:
    """As `port.Work.pending`."""
    condition = "position > ? AND doubt_since IS NULL ORDER BY position LIMIT ?"
    return list(_items(database, condition, (run_id, after, limit)))


def _items(database: Database, condition: str, values: tuple[Any, ...]) -> Iterator[Item]:
    rows = database.rows(
        "SELECT ordinal, key, username, fields, line, attempts, doubt_since, position, doubt_clock FROM item"
        f" WHERE run_id = ? AND outcome IS NULL AND {condition}",
        values,
    )
    for ordinal, key, username, fields, line, attempts, doubt_since, position, clock in rows:
        yield Item(
            ordinal,
            key,
            username,
            json.loads(fields) if fields else {},
            line,
            attempts,
            doubt_since,
            position,
            clock,
        )
