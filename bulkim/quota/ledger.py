"""The ledger of a host's quota: who may send when, in one small SQLite file that all bulkim processes of a user share.

A pool's row holds the time of its next free place on the kernel's monotonic clock, which all processes of a host share. Taking
a place moves it on by one interval, so calls of all processes together keep the pool's spacing, whoever asks gets the
next place, and a process that dies leaves nothing behind but places that nobody uses. There is no daemon, no election,
and nothing to configure. A refusal by the vendor is written down too: all processes rest and slow down together.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bulkim import process, uptime
from bulkim.errors import BulkimError
from bulkim.model import Connection
from bulkim.places import state_folder, there

SILENT_S = 10.0  # a holder that has taken no place for this long is not counted as one
AHEAD_S_MAX = 3600.0  # no place is further ahead
REST_S_MAX = 600.0  # of what a vendor asks for, this much is kept for later runs
FORGOTTEN = -1.0  # as a rest's end: somebody said that there is none
VERSION = 2  # of the tables; those of another version are made anew, for nothing in them must be kept

SCHEMA = """
CREATE TABLE IF NOT EXISTS pool (
  name TEXT PRIMARY KEY,        -- provider app pool
  limit_per_s REAL NOT NULL,    -- as the last who asked knows it
  next_at REAL NOT NULL,        -- the next free place, on the monotonic clock
  rest_until REAL NOT NULL,     -- after a refusal, on the monotonic clock; -1: forgotten
  asked_s REAL                  -- how long the vendor asked for; NULL: it did not say
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holder (
  pool TEXT NOT NULL,
  pid INTEGER NOT NULL,
  process TEXT NOT NULL,        -- boot, start and pid namespace: containers count from 1 again
  limit_per_s REAL NOT NULL,    -- what this process allows itself
  calls INTEGER NOT NULL,       -- places taken since it came
  since REAL NOT NULL,          -- Unix seconds
  seen_at REAL NOT NULL,        -- Unix seconds
  PRIMARY KEY (pool, pid, process)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS boot (
  id TEXT PRIMARY KEY           -- which boot the monotonic clock counts from
) WITHOUT ROWID;
"""
TABLES = ("boot", "pool", "holder")


class QuotaUnavailable(BulkimError):  # noqa: N818 - a state, which whoever paces goes on without
    """What is shared cannot be used: each keeps the limit alone."""

    exit_code = 3


def ledger_path() -> Path:
    """Where this user's processes keep what they share of quotas. Raises OSError: the user has no home."""
    return state_folder() / "quota.db"


def owner_of(connection: Connection) -> str:
    """Whose quota a connection draws on: the vendor counts by app, whatever the host; each sandbox counts for itself."""
    host = connection.base_url.partition("://")[2]
    local = host.startswith(("127.", "localhost", "[::1]"))
    return f"{connection.account or connection.provider} {connection.target}" + (
        f" at {host}" if local else ""
    )


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that draws on a pool."""

    pool: str
    pid: int
    process: str
    limit_per_s: float
    calls: int
    since: float  # Unix seconds
    seen_at: float


class Rest(NamedTuple):
    """A pool that rests."""

    until: float  # monotonic
    asked_s: float | None  # how long the vendor asked for; None: it did not say


@dataclass(frozen=True, slots=True)
class Block:
    """Places that a process has taken; none, where a pool rests."""

    start: float  # when the first is, monotonic
    gap_s: float
    shared: bool  # others draw on the pool, too
    rests: Mapping[str, Rest] = field(default_factory=dict)  # pool -> until when it rests


class Ledger:
    """One process's view of the ledger, for one app. Every method is one short transaction, and raises QuotaUnavailable."""

    def __init__(self, path: Path, owner: str) -> None:
        """`owner` is whose quota it is (see `owner_of`)."""
        self._owner, self._path = owner, path
        self._me = (os.getpid(), process.identity(os.getpid()))
        self.aside: Path | None = None  # where a broken one was put
        with unavailable(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                self._db = _opened(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # locked, or not to be written: not broken
                    raise
                self.aside = _put_aside(path)
                self._db = _opened(path)
        self._begin_anew_after_a_boot()

    def _begin_anew_after_a_boot(self) -> None:
        """Places and rests of another boot are by a clock that is no more."""
        with self._transaction():
            if (boot := uptime.boot()) != self._db.execute("SELECT max(id) FROM boot").fetchone()[0]:
                for table in TABLES:
                    self._db.execute(f"DELETE FROM {table}")  # noqa: S608
                self._db.execute("INSERT INTO boot (id) VALUES (?)", (boot,))

    def close(self) -> None:
        """Give up all places and close."""
        with self._transaction():
            self._db.execute("DELETE FROM holder WHERE pid = ? AND process = ?", self._me)
        self._db.close()

    def take(
        self,
        rates: Mapping[str, tuple[float, float]],
        count: int,
        *,
        shared: float,
        slack_s: float,
        now: float,
    ) -> Block:
        """Take `count` places in each pool; `rates` is pool -> (limit, calls a second that keep it).

        While others draw on a pool too, its rate is `shared` times that, and no place lies in the past. Who is alone
        may make up for the last `slack_s`: their own bucket and window keep the limit. `now` is monotonic. Where a pool
        rests, nothing is taken, and the block begins with the end of the rest.
        """
        rests: dict[str, Rest] = {}
        with self._transaction():
            others = any(self._others(pool) for pool in rates)
            start, gap = now if others else now - slack_s, 0.0
            for pool, (limit, rate) in rates.items():
                next_at, rest = self._row(pool, limit, now)
                if rest.until > now:
                    rests[pool] = rest
                keeping = rate * shared if others else rate
                start, gap = max(start, next_at, rest.until), max(gap, 1 / keeping)
            for pool, (limit, _) in rates.items():
                if not rests:
                    self._db.execute(
                        "UPDATE pool SET next_at = ?, limit_per_s = ? WHERE name = ?",
                        (start + count * gap, limit, self._name(pool)),
                    )
                self._note(pool, limit, 0 if rests else count)
        return Block(start, gap, others, rests)

    def refused(self, pools: Sequence[str], until: float, asked_s: float | None = None) -> None:
        """The vendor refused a call: nobody sends before `until` (monotonic). `asked_s` is how long it asked for, if it did."""
        with self._transaction():
            for pool in pools:
                self._db.execute(
                    "UPDATE pool SET rest_until = :until, asked_s = :asked WHERE name = :name"
                    " AND (typeof(rest_until) <> 'real' OR rest_until < :until)",
                    {"until": until, "asked": asked_s, "name": self._name(pool)},
                )

    def forgotten(self, limits: Mapping[str, float]) -> list[str]:
        """Of these pools (with their limits), those whose rest somebody has forgotten. This process goes on to be a holder of them."""
        with self._transaction():
            for pool, limit in limits.items():
                self._note(pool, limit, 0)
            return [
                pool
                for pool in limits
                if self._db.execute(
                    "SELECT 1 FROM pool WHERE name = ? AND rest_until = ?", (self._name(pool), FORGOTTEN)
                ).fetchone()
            ]

    def _row(self, pool: str, limit: float, now: float) -> tuple[float, Rest]:
        row = self._db.execute(
            "SELECT next_at, rest_until, asked_s FROM pool WHERE name = ?", (self._name(pool),)
        ).fetchone()
        if row is None or not all(isinstance(each, float) for each in row[:2]) or row[0] > now + AHEAD_S_MAX:
            self._db.execute(
                "INSERT OR REPLACE INTO pool (name, limit_per_s, next_at, rest_until) VALUES (?, ?, ?, 0)",
                (self._name(pool), limit, now),
            )
            return now, Rest(0.0, None)
        asked_s = row[2] if isinstance(row[2], float) else None
        return row[0], Rest(row[1], asked_s) if row[1] <= now + REST_S_MAX else Rest(0.0, None)

    def _others(self, pool: str) -> bool:
        return (
            self._db.execute(
                "SELECT 1 FROM holder WHERE pool = ? AND NOT (pid = ? AND process = ?) AND seen_at > ? LIMIT 1",
                (self._name(pool), *self._me, time.time() - SILENT_S),
            ).fetchone()
            is not None
        )

    def _note(self, pool: str, limit: float, count: int) -> None:
        wall = time.time()
        self._db.execute(
            "INSERT INTO holder (pool, pid, process, limit_per_s, calls, since, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, seen_at = excluded.seen_at,"
            " limit_per_s = excluded.limit_per_s",
            (self._name(pool), *self._me, limit, count, wall, wall),
        )

    def _name(self, pool: str) -> str:
        return f"{self._owner} {pool}"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with unavailable(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _opened(path: Path) -> sqlite3.Connection:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # Losing it in a power cut costs nothing: places are in the future.
        db.execute("PRAGMA synchronous = OFF")
        _demand_whole(db)
        db.execute("BEGIN IMMEDIATE")  # before the look: somebody else may be making them
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            for table in TABLES:
                db.execute(f"DROP TABLE IF EXISTS {table}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        for statement in SCHEMA.split(";\n"):
            db.execute(statement)
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _demand_whole(db: sqlite3.Connection) -> None:
    if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise sqlite3.DatabaseError(found)


def _put_aside(path: Path) -> Path:
    """Where a broken ledger is now. Nobody needs it, but it may tell what broke it."""
    aside = path.with_name(f"{path.name}.broken")
    path.replace(aside)
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).unlink()
    return aside


@contextmanager
def unavailable(path: Path) -> Iterator[None]:
    """No error of SQLite's leaves this module."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        words = f"the quota ledger cannot be used: {error}."
        raise QuotaUnavailable(
            words, hint=f"check {path}; nothing in it is needed once no run goes on"
        ) from error


# ------------------------------------------------------------------------------ for whoever looks at it


def holders(path: Path, *, now: float) -> list[Holder]:
    """Who draws on which pool on this host (`now` in Unix seconds); those that are dead or silent are left out.

    Empty when there is no ledger. Raises QuotaUnavailable when it cannot be read.
    """
    rows = _read(
        path,
        "SELECT pool, pid, process, limit_per_s, calls, since, seen_at FROM holder WHERE seen_at > ? ORDER BY pool, since",
        now - SILENT_S,
    )
    return [each for row in rows if _lives(each := Holder(*row))]


def rests(path: Path, *, now: float) -> dict[str, Rest]:
    """Pools that rest because a vendor asked for it, by their whole names. `now` is monotonic. Raises QuotaUnavailable."""
    if not there(path) or _read(path, "SELECT max(id) FROM boot WHERE ? NOTNULL", now) != [(uptime.boot(),)]:
        return {}
    found = _read(
        path,
        "SELECT name, rest_until, asked_s FROM pool WHERE rest_until > ? AND asked_s NOTNULL ORDER BY name",
        now,
    )
    return {
        name: Rest(until, asked_s)
        for name, until, asked_s in found
        if isinstance(until, float) and isinstance(asked_s, float) and until <= now + REST_S_MAX
    }


def forget(path: Path, pool: str) -> None:
    """Forget the rest of a pool (its whole name): whoever waits for it goes on within a second or two. Raises QuotaUnavailable."""
    with unavailable(path), closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=5)) as db, db:
        db.execute("UPDATE pool SET rest_until = ?, asked_s = NULL WHERE name = ?", (FORGOTTEN, pool))


def _read(path: Path, query: str, value: float) -> list[tuple[Any, ...]]:
    if not there(path):
        return []
    with unavailable(path), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            return []
        return db.execute(query, (value,)).fetchall()


def _lives(holder: Holder) -> bool:
    """A process that cannot be seen from here has given a sign of life lately."""
    return not process.here(holder.process) or process.lives(holder.pid, holder.process)
