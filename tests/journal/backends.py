"""Back ends of the journal, as the suite sees them: one run that a session works on, and what can happen to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any, Protocol

from bulkim.journal import Journal
from bulkim.journal.port import RunJournal
from bulkim.journal.records import Entry, NewRun
from bulkim.journal.sqlite.database import Database
from bulkim.journal.sqlite.session import Session

NEW = NewRun("n", "easemob", "register", "https://h o#a", {})


class Backend(Protocol):
    """One run in one journal. A further back end plugs in by having these, and a name in `BACKENDS`."""

    session: RunJournal  # the hand of the session that holds the run
    durable_alone: bool  # a write outside a loop is durable when it returns

    def read_input(self, entries: Iterable[Entry]) -> None:
        """Bring the run's items in step with these."""

    def items(self) -> list[dict[str, Any]]:
        """key, username, outcome, code, doubt_since, attempts, data of the run's items, in order of their ordinals."""

    def attempts(self) -> list[dict[str, Any]]:
        """number, mode, size, kind of the run's attempts, in order."""

    def summary(self) -> dict[str, Any]:
        """items, requests, retries, throttled of the run."""

    def die(self) -> int:
        """The session's process dies; another takes the run and recovers. Returns what `recover` counted."""

    def rival(self) -> None:
        """Somebody else tries to take the run while it is held. Raises BusyError."""

    def break_down(self) -> None:
        """From now on no commit succeeds."""

    def close(self) -> None:
        """Clean up."""


class OnDisk:
    """SQLite in a file."""

    durable_alone = True

    def __init__(self, folder: Path) -> None:
        self.path = folder / "j.db"
        self.journal = Journal.open(self.path)
        self._begin()

    def _begin(self) -> None:
        self.run = self.journal.create_run(NEW, now=1.0)
        self.session: RunJournal = self._take()

    def _take(self) -> Session:
        return self.journal.session(self.run, self.journal.begin_session(self.run, now=1.0))

    def read_input(self, entries: Iterable[Entry]) -> None:
        self.journal.read_input(self.run, iter(entries), name="f", digest="d", now=2.0)

    def _look(self) -> Any:
        """Another process's eyes."""
        return sqlite3.connect(self.path)

    def _rows(self, query: str) -> list[dict[str, Any]]:
        db = self._look()
        found = db.execute(query)
        names = [each[0] for each in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found]
        if db is not self.journal._database.connection:
            db.close()
        return rows

    def items(self) -> list[dict[str, Any]]:
        return self._rows(
            "SELECT key, username, outcome, code, doubt_since, attempts, data FROM item ORDER BY ordinal"
        )

    def attempts(self) -> list[dict[str, Any]]:
        return self._rows("SELECT id AS number, mode, size, kind FROM attempt ORDER BY id")

    def summary(self) -> dict[str, Any]:
        return self._rows("SELECT items, requests, retries, throttled FROM run")[0]

    def die(self) -> int:
        self.journal._database.connection.rollback()
        self.journal.close()
        self.journal = Journal.open(self.path)
        return self._succeed()

    def _succeed(self) -> int:
        with self.journal._database.transaction() as tx:  # its process is no more
            tx.execute("UPDATE session SET process = 'another', seen_at = -1000 WHERE ended_at IS NULL")
        self.session = self._take()
        return self.journal.recover(self.run, now=3.0)

    def rival(self) -> None:
        with Journal.open(self.path) as other:
            other.begin_session(self.run, now=2.0)

    def break_down(self) -> None:
        class Full:
            """The connection of a disk that is full."""

            def __init__(self, connection: sqlite3.Connection) -> None:
                self._connection = connection

            def execute(self, query: str, *values: Any) -> Any:
                if query == "COMMIT":
                    raise sqlite3.OperationalError("database or disk is full")
                return self._connection.execute(query, *values)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._connection, name)

        database: Database = self.journal._database
        database.connection = Full(database.connection)  # type: ignore[assignment]

    def close(self) -> None:
        self.journal.close()


class InMemory(OnDisk):
    """SQLite without a file: nobody else can look, and a process that dies takes it along."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal.in_memory()
        self._begin()

    def _look(self) -> Any:
        return self.journal._database.connection

    def die(self) -> int:
        self.journal._database.connection.rollback()
        return self._succeed()

    def rival(self) -> None:
        self.journal.begin_session(self.run, now=2.0)


BACKENDS = {"sqlite": OnDisk, "sqlite-in-memory": InMemory}


async def safe(session: RunJournal) -> None:
    """Wait until what was written is durable."""
    awaited: Awaitable[None] = session.durable()
    await awaited
