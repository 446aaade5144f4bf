"""The journal of operations whose calls follow from each other: one write at a time, and it waits.

Such a session has a thread and a loop of its own, so nobody else waits with it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from typing import Any

from bulkim.errors import GuardError
from bulkim.fleet.claims import Taken
from bulkim.fleet.database import away, library, settings
from bulkim.fleet.journal import AGAIN_S, COUNTS, DOUBTFUL, ITEMS, by_status, item_of
from bulkim.fleet.lease import LostError
from bulkim.fleet.turns import TURNS, Hand, Patience, Turn, answered, frame, unwritten
from bulkim.journal.port import PAGE
from bulkim.journal.records import Closing, Listed, ListedPage, to_json
from bulkim.model import Final, Item, Status


class _Nobody:
    """Who would take turns along: here they are written when they are wanted."""

    def dirty(self, _journal: Hand) -> None: ...


class ListingJournal(Hand):
    """`bulkim.journal.port.RunJournal`, whole; its turns travel alone."""

    def __init__(self, dsn: str, taken: Taken) -> None:
        super().__init__(_Nobody(), taken)
        self._dsn = dsn
        self._connection: Any = None
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
        turn = self._settled(attempt, closing, finals=page.finals, touched=())
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
        turn: Turn | None = self.depart()
        if turn is None:
            return
        try:
            ((answers,),) = self._ask(TURNS, (frame([(self, turn)]),))
        except GuardError as error:
            self.fail(error)
            turn.close(error)
            return
        answered(self, turn, answers[0])

    def _ask(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        """Until it is answered. Raises LostError, GuardError for what the database refuses."""
        psycopg, patience = library(), Patience()
        while not self.lease.lost:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg.connect(self._dsn, **settings(statement_s=10))
                return list(self._connection.execute(statement, values).fetchall())
            except psycopg.Error as error:
                gone = away(error)
                if gone is None or patience.over(gone):
                    raise unwritten(error) from error
                self.close()
                time.sleep(AGAIN_S)
        raise LostError

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
