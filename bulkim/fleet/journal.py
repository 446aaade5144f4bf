"""A run's journal in PostgreSQL: what `bulkim.journal.port.Executing` asks for, with one round trip for all runs of a worker.

What was written while the last flight was on its way goes with the next one, whoever wrote it: one statement, one
transaction, one wait for the disk. A flight is sent again until it is answered; the number of a run's turn tells
the database whether it has been written already, and its epoch whether it may be.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bulkim.errors import GuardError
from bulkim.fleet.database import AwayError, Line, UnwritableError, in_words, library, settings
from bulkim.fleet.lease import Lease
from bulkim.fleet.turns import FENCED_OFF, Hand, Turn
from bulkim.journal.port import PAGE
from bulkim.journal.records import Closing, to_json
from bulkim.model import Final, Item, Status

LINGER_S = 0.006  # before a flight leaves: others come along
ANSWER_S = 5.0  # for a flight, before it is sent again on another connection
READ_S = 30.0
READ_NOW_S = 2  # to wait for a connection while everybody waits
AGAIN_S = 0.2
UNWRITABLE_S = 60.0  # a database that is full or read-only: the run ends


class RunJournal(Hand):
    """One session's hand in its run's journal: `bulkim.journal.port.Executing`, `Remembering`. Pages of items are read ahead.

    What was there before the run wrote it travels with the turn that closes the asking, so that it is never later on disk
    than the sending after it. Of whom something is kept, it knows those who are still to be sent.
    """

    def __init__(self, store: Store, lease: Lease) -> None:
        super().__init__(store.dirty, lease)
        self._store = store
        self._pages: deque[list[Item]] = deque()
        self._doubtful: list[Item] = []
        self._kept: set[int] = set()  # ordinals; as many as are looked at ahead
        self._read_to = 0  # ordinal
        self._all_read = False
        self._fetching: asyncio.Task[None] | None = None

    async def read(self) -> None:
        """What a session begins with. Raises GuardError."""
        self._counts = by_status(await self._read(COUNTS, {"run": self.run_id}))
        self._doubtful = [item_of(row) for row in await self._read(DOUBTFUL, (self.run_id,))]
        self._kept = {ordinal for (ordinal,) in await self._read(_KEPT, (self.run_id,))}
        await self._fetch()
        await self._fetch()

    async def _read(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        return await self._store.read(self.lease, statement, values)

    async def _fetch(self) -> None:
        since = self._read_to
        if not self._all_read:
            rows = await self._read(_PAGE, (self.run_id, since, PAGE))
            if since == self._read_to:  # else somebody could not wait for it
                self._took(rows)

    def _took(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._all_read = len(rows) < PAGE
        if rows:
            self._read_to = rows[-1][0]
            self._pages.append([item_of(row) for row in rows])

    def pending(self, *, after: int = 0, limit: int = PAGE) -> Sequence[Item]:  # noqa: ARG002 - pages are read ahead, in order
        if not self._pages and not self._all_read:
            # Faster than was read ahead: rare, and worth a moment of everybody's.
            self._took(self._store.read_now(_PAGE, (self.run_id, self._read_to, PAGE)))
        page = self._pages.popleft() if self._pages else []
        if not self._all_read and (self._fetching is None or self._fetching.done()):
            self._fetching = asyncio.ensure_future(self._ahead())
        return page

    async def _ahead(self) -> None:
        with suppress(GuardError):  # it is read when it is needed
            await self._fetch()

    def doubtful(self) -> Sequence[Item]:
        return self._doubtful

    def unseen(self, items: Sequence[Item]) -> Sequence[Item]:
        return [item for item in items if item.ordinal not in self._kept]

    def remember(
        self, attempt: int | None, closing: Closing, images: Mapping[int, Mapping[str, Any]]
    ) -> None:
        if attempt is not None:
            self.settle(attempt, closing, finals=(), touched=())
        kept = [[ordinal, closing.ended_at, to_json(image)] for ordinal, image in images.items()]
        self._join().more.setdefault("d", []).extend(kept)
        self._kept.update(images)

    def settle(
        self, attempt: int, closing: Closing, *, finals: Sequence[Final], touched: Sequence[Item]
    ) -> None:
        super().settle(attempt, closing, finals=finals, touched=touched)
        self._kept.difference_update(final.item.ordinal for final in finals)


TURNS = "SELECT bulkim.turns(%s::json)"
ITEMS = (
    "SELECT ordinal, key, username, fields, line, attempts, doubt_since, position, doubt_clock FROM bulkim.item"
    " WHERE run_id = %s AND outcome IS NULL"
)
DOUBTFUL = f"{ITEMS} AND doubt_since IS NOT NULL ORDER BY ordinal"
_PAGE = f"{ITEMS} AND ordinal > %s AND doubt_since IS NULL ORDER BY ordinal LIMIT %s"
_KEPT = (
    "SELECT b.ordinal FROM bulkim.before AS b JOIN bulkim.item AS i USING (run_id, ordinal)"
    " WHERE b.run_id = %s AND i.outcome IS NULL"
)
COUNTS = (
    "SELECT outcome, sum(items)::bigint FROM ("
    "SELECT outcome, items FROM bulkim.tally WHERE run_id = %(run)s"
    " UNION ALL SELECT 'pending', -items FROM bulkim.tally WHERE run_id = %(run)s"
    " UNION ALL SELECT 'pending', items FROM bulkim.run WHERE id = %(run)s) AS _ GROUP BY 1"
)


def by_status(rows: Iterable[Sequence[Any]]) -> dict[Status, int]:
    """What `COUNTS` found: items by status, every one of them."""
    return dict.fromkeys(Status, 0) | {Status(outcome): items for outcome, items in rows}


def item_of(row: Sequence[Any]) -> Item:
    ordinal, key, username, fields, *rest = row
    return Item(ordinal, key, username, json.loads(fields) if fields else {}, *rest)


class Store:
    """What all runs of a worker write, flight by flight. One task runs `flush`."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._line, self._reading = Line(dsn), Line(dsn)
        self._dirty: dict[int, Hand] = {}
        self._wake = asyncio.Event()

    def dirty(self, journal: Hand) -> None:
        """It has something to write."""
        self._dirty[journal.run_id] = journal
        self._wake.set()

    async def read(self, lease: Lease, statement: str, values: Any) -> list[tuple[Any, ...]]:
        """Look something up for a run, beside the flights, however long the database is away. Raises GuardError."""
        try:
            return await lease.answer(self._reading, statement, values, within_s=READ_S)
        except library().Error as error:
            raise unreadable(error) from error

    def read_now(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        """The same, while the loop stands still. Raises GuardError."""
        psycopg = library()
        try:
            with psycopg.connect(self._dsn, **settings(connect_s=READ_NOW_S)) as connection:
                return list(connection.execute(statement, values).fetchall())
        except psycopg.Error as error:
            raise unreadable(error) from error

    async def flush(self) -> None:
        """For ever: write what there is to write."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(LINGER_S)
            self._wake.clear()
            # One order of locks for everybody.
            hands = sorted(self._dirty.values(), key=lambda each: each.run_id)
            self._dirty.clear()
            await self.deliver([(hand, turn) for hand in hands if (turn := hand.depart())])

    async def deliver(self, flight: Sequence[tuple[Hand, Turn]]) -> None:
        """Until it is answered. A turn that the database refuses ends its own run; the others go again without it."""
        unwritable_since = math.inf
        while flight:
            try:
                document = to_json([turn.frame(hand) for hand, turn in flight])
                ((answers,),) = await self._line.rows(TURNS, (document,), within_s=ANSWER_S)
            except AwayError as error:
                now = time.monotonic()
                unwritable_since = (
                    min(unwritable_since, now) if isinstance(error, UnwritableError) else math.inf
                )
                if now - unwritable_since < UNWRITABLE_S:
                    flight = [pair for pair in flight if not _forsaken(*pair)]
                    await asyncio.sleep(AGAIN_S)
                    continue
                for hand, turn in flight:
                    hand.fail(turn, unwritten(error))
            except library().Error as error:
                if len(flight) == 1:
                    ((hand, turn),) = flight
                    hand.fail(turn, unwritten(error))
                for pair in flight if len(flight) > 1 else ():
                    await self.deliver([pair])
            else:
                for (hand, turn), answer in zip(flight, answers, strict=True):
                    hand.answered(turn, answer)
            return

    async def close(self) -> None:
        """Say goodbye."""
        await self._line.close()
        await self._reading.close()


def _forsaken(hand: Hand, turn: Turn) -> bool:
    """Whether its run is lost: then nobody waits for it to be written."""
    if hand.lease.lost:
        hand.answered(turn, FENCED_OFF)
    return hand.lease.lost


def unreadable(error: Exception) -> GuardError:
    """What the database will not tell."""
    return GuardError(f"the fleet's database cannot be read: {in_words(error)}")


def unwritten(error: Exception) -> GuardError:
    """What the database refuses."""
    words = str(error).strip().partition("\n")[0]
    return GuardError(
        f"the journal cannot be written: {words}",
        hint="make room (or the database writable), then `bulkim fleet resume RUN`",
    )
