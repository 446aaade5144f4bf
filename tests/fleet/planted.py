"""The fleet's back end, on a PostgreSQL of its own."""

from __future__ import annotations

import asyncio
import atexit
import json
import threading
from collections.abc import Coroutine, Iterable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from bulkim.errors import BusyError
from bulkim.fleet.journal import Store
from bulkim.fleet.lease import Keeper, Lease
from bulkim.fleet.listing import ListingJournal
from bulkim.journal.records import Entry

from .database import Database

NAMES = count(1)


@cache
def fleet() -> Database:
    database = Database()
    atexit.register(database.close)
    return database


def plant(database: Database, run: str, entries: Iterable[Entry] = (), *, app: str = "") -> int:
    """A queued run with these items; returns its row id."""
    app = app or f"app of {run}"
    database.query("INSERT INTO bulkim.app VALUES (%s) ON CONFLICT DO NOTHING", app)
    run_id = database.one(
        "INSERT INTO bulkim.run (run, name, app, provider, operation, target, state, job, planned, created_at)"
        " VALUES (%s, %s, %s, 'easemob', 'register', 'https://h o#a', 'running', '{}', '{}', 1) RETURNING id",
        run, run, app,
    )  # fmt: skip
    database.query("INSERT INTO bulkim.claim (run_id, app, state) VALUES (%s, %s, 'queued')", run_id, app)
    fill(database, run_id, entries)
    return run_id


def fill(database: Database, run_id: int, entries: Iterable[Entry]) -> None:
    rows = list(entries)
    for ordinal, each in enumerate(rows, 1):
        fields = json.dumps(each.fields) if each.fields else None
        database.query(
            "INSERT INTO bulkim.item (run_id, ordinal, key, username, position, line, fields) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            run_id, ordinal, each.key, each.username, each.position, each.line, fields,
        )  # fmt: skip
    database.query("UPDATE bulkim.run SET items = items + %s WHERE id = %s", len(rows), run_id)


@cache
def loop() -> asyncio.AbstractEventLoop:
    """A worker's, in a thread of its own."""
    one = asyncio.new_event_loop()
    threading.Thread(target=one.run_forever, daemon=True).start()
    return one


def there(asking: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(asking, loop()).result(60)


def held(database: Database, run_id: int, worker: str) -> Lease | None:
    """Take it, as a worker would."""

    async def main() -> Lease | None:
        keeper = Keeper(database.dsn, worker, lease_s=60, margin_s=3)
        try:
            return await keeper.take(run_id)
        finally:
            await keeper.close()

    return asyncio.run(main())


class OneByOne:
    """`ListingJournal`."""

    durable_alone = False

    def __init__(self, _folder: Path) -> None:
        self.database = fleet()
        self.run = f"r{next(NAMES)}"
        self.run_id = plant(self.database, self.run)
        self.store = Store(self.database.dsn)
        self._take()

    def _take(self) -> None:
        lease = held(self.database, self.run_id, f"w{next(NAMES)}")
        assert lease is not None
        self.session: Any = self._opened(lease)

    def _opened(self, lease: Lease) -> Any:
        return ListingJournal(self.store, loop(), lease)

    def read_input(self, entries: Iterable[Entry]) -> None:
        fill(self.database, self.run_id, entries)
        self._again()

    def _again(self) -> None:
        """What a session reads when it begins."""
        self.session = self._opened(self.session.lease)

    def _rows(self, what: str) -> list[dict[str, Any]]:
        columns, _ = what.split(" FROM ")
        found = self.database.query(f"SELECT {what.replace('RUN', str(self.run_id))}")
        return [
            dict(zip([each.split()[-1] for each in columns.split(", ")], row, strict=True)) for row in found
        ]

    def items(self) -> list[dict[str, Any]]:
        return self._rows(
            "key, username, outcome, code, doubt_since, attempts, data FROM bulkim.item WHERE run_id = RUN ORDER BY ordinal"
        )

    def attempts(self) -> list[dict[str, Any]]:
        return self._rows("id AS number, mode, size, kind FROM bulkim.attempt WHERE run_id = RUN ORDER BY id")

    def summary(self) -> dict[str, Any]:
        return self._rows("items, requests, retries, throttled FROM bulkim.run WHERE id = RUN")[0]

    def die(self) -> int:
        open_ = self.database.one(
            "SELECT count(*) FROM bulkim.attempt WHERE run_id = %s AND ended_at IS NULL", self.run_id
        )
        self.database.query("UPDATE bulkim.claim SET until = '-infinity' WHERE run_id = %s", self.run_id)
        self._take()
        return int(open_)

    def rival(self) -> None:
        if held(self.database, self.run_id, "rival") is None:
            raise BusyError("somebody is running this run.")

    def break_down(self) -> None:
        self.database.query("ALTER TABLE bulkim.claim ADD CONSTRAINT broken CHECK (turn < 0) NOT VALID")

    def close(self) -> None:
        there(self.store.close())
        self.database.query("ALTER TABLE bulkim.claim DROP CONSTRAINT IF EXISTS broken")
