"""The journal of operations whose calls follow from each other: one write at a time, and it waits.

Such a session has a thread and a loop of its own, so nobody else waits with it: what it asks of the database, the
worker's loop asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, TypeVar

from bulkim.fleet.journal import COUNTS, DOUBTFUL, ITEMS, Store, by_status, item_of
from bulkim.fleet.lease import Lease
from bulkim.fleet.turns import Hand, Turn
from bulkim.journal.port import PAGE
from bulkim.journal.records import Closing, Listed, ListedPage, to_json
from bulkim.model import Final, Item, Status

T = TypeVar("T")


class ListingJournal(Hand):
    """`bulkim.journal.port.RunJournal`, whole; its turns travel alone. Not for the thread of `loop`, which is the store's."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop, lease: Lease) -> None:
        super().__init__(lambda _: None, lease)  # turns are written when they are wanted
        self._store, self._loop = store, loop
        self._count()

    # ------------------------------------------------------------------------------------- writing

    def begin_page(self, *, now: float) -> int:
        return self._begin("page", [], again=False, now=now)

    def durable(self) -> Awaitable[None]:
        self._write()
        return super().durable()

    def take_in(self, attempt: int, closing: Closing, page: ListedPage) -> None:
        self._write()
        keys = [row.entry.key for row in page.rows if row.entry.key is not None]
        known: dict[str | None, tuple[int, str | None]] = {
            key: (ordinal, data)
            for key, ordinal, data in self._ask(
                "SELECT key, ordinal, data FROM bulkim.item WHERE run_id = %s AND key = ANY(%s)",
                (self.run_id, keys),
            )
        }
        ((last,),) = self._ask(
            "SELECT coalesce(max(ordinal), 0) FROM bulkim.item WHERE run_id = %s", (self.run_id,)
        )
        super().settle(attempt, closing, finals=page.finals, touched=())
        turn = self._join()
        merged: dict[int, str | None] = {}
        for row in page.rows if page.ended else ():
            if row.entry.key in known:
                ordinal, before = known[row.entry.key]
                merged[ordinal] = row.added_to(merged.get(ordinal, before))
        turn.more = {
            "i": [self._listed(turn, ordinal, row, closing, ended=page.ended) for ordinal, row in enumerate(page.fresh(known), last + 1)],
            "m": list(merged.items()),
            "k": (page.cursor, closing.ended_at if page.done else None),
        }  # fmt: skip
        self._write()

    def _listed(
        self, turn: Turn, ordinal: int, row: Listed, closing: Closing, *, ended: bool
    ) -> tuple[Any, ...]:
        """A new item as `bulkim.turns` reads it, and counted."""
        entry, done = row.entry, ended and not row.entry.skip_code
        outcome = Status.SKIPPED if entry.skip_code else Status.SUCCEEDED if done else None
        self._counts[outcome or Status.PENDING] += 1
        if outcome:
            counted = turn.tally.setdefault(
                (outcome, entry.skip_code or ""), [0, entry.username, entry.skip_reason]
            )
            counted[0] += 1
        return (
            ordinal, entry.key, entry.username, entry.line, to_json(entry.fields), to_json(entry.extra),
            outcome, entry.skip_code, entry.skip_reason, int(done), closing.http_status if done else None,
            closing.ended_at if outcome else None, to_json(row.data) if done else None,
        )  # fmt: skip

    def settle(
        self, attempt: int, closing: Closing, *, finals: Sequence[Final], touched: Sequence[Item]
    ) -> None:
        super().settle(attempt, closing, finals=finals, touched=touched)
        self._write()  # nobody else comes along

    def finish(self, finals: Sequence[Final], *, now: float) -> None:
        super().finish(finals, now=now)
        self._write()

    def drop_unsent(self) -> None:
        self._write()
        self._join().more = {"u": True}
        self._write()
        self._count()

    def forget_doubt(self, ordinals: Sequence[int]) -> None:
        self._write()
        self._join().more = {"o": list(ordinals)}
        self._write()

    # --------------------------------------------------------------------------------- what is left

    def pending(self, *, after: int = 0, limit: int = PAGE) -> Sequence[Item]:
        return self._items(
            f"{ITEMS} AND position > %s AND doubt_since IS NULL ORDER BY ordinal LIMIT %s", after, limit
        )

    def doubtful(self) -> Sequence[Item]:
        return self._items(DOUBTFUL)

    def expected(self) -> Sequence[Item]:
        return self._items(f"{ITEMS} AND doubt_since IS NULL ORDER BY ordinal")

    def cursor(self) -> str | None:
        self._write()
        found: str | None = self._ask("SELECT cursor FROM bulkim.run WHERE id = %s", (self.run_id,))[0][0]
        return found

    def _items(self, statement: str, *values: Any) -> Sequence[Item]:
        self._write()
        return [item_of(row) for row in self._ask(statement, (self.run_id, *values))]

    # ---------------------------------------------------------------------------------- the database

    def _count(self) -> None:
        self._counts = by_status(self._ask(COUNTS, {"run": self.run_id}))

    def _write(self) -> None:
        """What is not written yet, until that is answered. What goes wrong is told to whoever awaits it."""
        if turn := self.depart():
            self._there(self._store.deliver([(self, turn)]))

    def _ask(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        """Until it is answered. Raises GuardError."""
        return self._there(self._store.read(self.lease, statement, values))

    def _there(self, asking: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()
