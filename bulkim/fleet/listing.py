"""The journal of operations whose calls follow from each other: one write at a time, and it waits.

Such a session has a thread and a loop of its own, so nobody else waits with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Sequence
from typing import Any

from bulkim.errors import GuardError
from bulkim.fleet.claims import Taken
from bulkim.fleet.database import away, library, settings
from bulkim.fleet.journal import (
    AGAIN_S,
    COUNTS,
    DOUBTFUL,
    ITEMS,
    TURNS,
    Hand,
    Patience,
    Turn,
    answered,
    by_status,
    frame,
    item_of,
    unwritten,
)
from bulkim.fleet.lease import LostError
from bulkim.journal.port import PAGE
from bulkim.journal.records import Closing, ListedPage, to_json
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
        known = {
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
        fresh, merged, seen = [], [], set(known)
        for entry, data in ((row.entry, row.data) for row in page.rows):
            if entry.key is not None and entry.key in seen:
                if page.ended and entry.key in known:
                    ordinal, before = known[entry.key]
                    both = (
                        {**(json.loads(before) if before else {}), **data} if isinstance(data, dict) else data
                    )
                    merged.append((ordinal, to_json(both)))
                continue
            seen.add(entry.key or "")
            last += 1
            ended = (
                ("skipped", entry.skip_code, entry.skip_reason)
                if entry.skip_code
                else ("succeeded" if page.ended else None, None, None)
            )
            sent = page.ended and not entry.skip_code
            fresh.append((
                last, entry.key, entry.username, entry.line, to_json(entry.fields), to_json(entry.extra), *ended, int(sent),
                closing.http_status if sent else None, closing.ended_at if ended[0] else None, to_json(data) if sent else None,
            ))  # fmt: skip
            self._counts[Status(ended[0] or "pending")] += 1
            if ended[0]:
                turn.tally.setdefault((ended[0], ended[1] or ""), [0, entry.username, ended[2]])[0] += 1
        turn.more = {"i": fresh, "m": merged, "k": (page.cursor, closing.ended_at if page.done else None)}
        self._write()

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
