"""A run's journal in PostgreSQL: what `bulkim.journal.port.Executing` asks for, with one round trip for all runs of a worker.

What was written while the last flight was on its way goes with the next one, whoever wrote it: one statement, one
transaction, one wait for the disk. A flight is sent again until it is answered; the number of a run's turn tells
the database whether it has been written already, and its epoch whether it may be.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from bulkim.errors import GuardError
from bulkim.fleet.claims import Taken
from bulkim.fleet.database import AwayError, Line, in_words, library, settings
from bulkim.fleet.turns import FENCED_OFF, TURNS, Hand, Patience, Turn, answered, frame, refused
from bulkim.journal.port import PAGE
from bulkim.model import Item, Status

LINGER_S = 0.006  # before a flight leaves: others come along
ANSWER_S = 5.0  # for a flight, before it is sent again on another connection
READ_NOW_S = 2  # to wait for a connection while everybody waits
AGAIN_S = 0.2


class RunJournal(Hand):
    """One session's hand in its run's journal: `bulkim.journal.port.Executing`. Pages of items are read ahead."""

    def __init__(self, store: Store, taken: Taken) -> None:
        super().__init__(store, taken)
        self._store = store
        self._pages: deque[list[Item]] = deque()
        self._doubtful: list[Item] = []
        self._read_to = 0  # ordinal
        self._all_read = False
        self._fetching: asyncio.Task[None] | None = None

    async def read(self) -> None:
        """What a session begins with. Raises AwayError."""
        self._counts = by_status(await self._store.read(COUNTS, {"run": self.run_id}))
        self._doubtful = [item_of(row) for row in await self._store.read(DOUBTFUL, (self.run_id,))]
        await self._fetch()
        await self._fetch()

    async def _fetch(self) -> None:
        if not self._all_read:
            self._took(await self._store.read(_PAGE, (self.run_id, self._read_to, PAGE)))

    def _took(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._all_read = len(rows) < PAGE
        if rows:
            self._read_to = rows[-1][0]
            self._pages.append([item_of(row) for row in rows])

    def pending(self, *, after: int = 0, limit: int = PAGE) -> Sequence[Item]:  # noqa: ARG002 - pages are read ahead, in order
        if (
            not self._pages and not self._all_read
        ):  # faster than was read ahead: rare, and worth a moment of everybody's
            self._took(self._store.read_now(_PAGE, (self.run_id, self._read_to, PAGE)))
        page = self._pages.popleft() if self._pages else []
        if not self._all_read and (self._fetching is None or self._fetching.done()):
            self._fetching = asyncio.ensure_future(self._ahead())
        return page

    async def _ahead(self) -> None:
        try:
            await self._fetch()
        except AwayError:
            return  # it is read when it is needed

    def doubtful(self) -> Sequence[Item]:
        return self._doubtful


ITEMS = (
    "SELECT ordinal, key, username, fields, line, attempts, doubt_since, position, doubt_clock FROM bulkim.item"
    " WHERE run_id = %s AND outcome IS NULL"
)
DOUBTFUL = f"{ITEMS} AND doubt_since IS NOT NULL ORDER BY ordinal"
_PAGE = f"{ITEMS} AND ordinal > %s AND doubt_since IS NULL ORDER BY ordinal LIMIT %s"
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

    async def read(self, statement: str, values: Any, *, within_s: float = 30.0) -> list[tuple[Any, ...]]:
        """Look something up, beside the flights. Raises AwayError."""
        return await self._reading.rows(statement, values, within_s=within_s)

    def read_now(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        """The same, while the loop stands still. Raises GuardError."""
        psycopg = library()
        try:
            with psycopg.connect(self._dsn, **settings(connect_s=READ_NOW_S)) as connection:
                return list(connection.execute(statement, values).fetchall())
        except psycopg.Error as error:
            raise GuardError(f"the fleet's database cannot be read: {in_words(error)}") from error

    async def flush(self) -> None:
        """For ever: write what there is to write."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(LINGER_S)
            self._wake.clear()
            journals = sorted(
                self._dirty.values(), key=lambda each: each.run_id
            )  # one order of locks for everybody
            self._dirty.clear()
            flight = [(journal, turn) for journal in journals if (turn := journal.depart()) is not None]
            if flight:
                await self._deliver(flight)

    async def _deliver(self, flight: Sequence[tuple[Hand, Turn]]) -> None:
        """Until it is answered. A turn that the database refuses ends its own run; the others go again without it."""
        psycopg = library()
        patience = Patience()
        while True:
            try:
                found = await self._line.rows(TURNS, (frame(flight),), within_s=ANSWER_S)
            except AwayError as error:
                if patience.over(error):
                    for journal, turn in flight:
                        refused(journal, turn, error)
                    return
                flight = [pair for pair in flight if not _forsaken(*pair)]
                if not flight:
                    return
                await asyncio.sleep(AGAIN_S)
                continue
            except psycopg.Error as error:
                if len(flight) > 1:
                    for pair in flight:
                        await self._deliver([pair])
                    return
                refused(*flight[0], error)
                return
            for (journal, turn), answer in zip(flight, found[0][0], strict=True):
                answered(journal, turn, answer)
            return

    async def close(self) -> None:
        """Say goodbye."""
        await self._line.close()
        await self._reading.close()


def _forsaken(journal: Hand, turn: Turn) -> bool:
    """Whether its run is lost: then nobody waits for it to be written."""
    if journal.lease.lost:
        answered(journal, turn, FENCED_OFF)
    return journal.lease.lost
