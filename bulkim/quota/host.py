"""The quota that all bulkim processes of a user on this host share: who may send when, in one small SQLite file.

A pool's row holds the time of its next free place on the kernel's monotonic clock, which all processes of a host share. Taking
a place moves it on by one interval, so calls of all processes together keep the pool's spacing, whoever asks gets the
next place, and a process that dies leaves nothing behind but places that nobody uses. There is no daemon, no election,
and nothing to configure. A refusal by the vendor is written down too: all processes rest and slow down together.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import anyio

from bulkim import uptime
from bulkim.log.events import log
from bulkim.model import Connection
from bulkim.places import state_folder, there
from bulkim.quota.pool import SLACK_S, Limiter
from bulkim.quota.source import QuotaUnavailable

SILENT_S = 10.0  # a holder that has taken no place for this long is not counted as one
AHEAD_S_MAX = 3600.0  # no place is further ahead
REST_S_MAX = 600.0  # of what a vendor asks for, this much is kept for later runs
LATE_TURN_S = 0.03  # what the smaller rate of several processes forgives: 0.95 L * 1.03 s + 1 < L
TURNS_MAX = 20  # let pass, before a process on a busy machine goes anyway
SHARED = 0.96  # of a rate, when other processes draw on the pool: nobody sees the others' stalls
BLOCK_S = 0.01  # places are taken for this long at once, so that high rates do not cost a transaction a call

SCHEMA = """
CREATE TABLE IF NOT EXISTS pool (
  name TEXT PRIMARY KEY,        -- provider app pool
  limit_per_s REAL NOT NULL,    -- as the last who asked knows it
  next_at REAL NOT NULL,        -- the next free place, on the monotonic clock
  rest_until REAL NOT NULL      -- after a refusal, on the monotonic clock
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holder (
  pool TEXT NOT NULL,
  pid INTEGER NOT NULL,
  limit_per_s REAL NOT NULL,    -- what this process allows itself
  calls INTEGER NOT NULL,       -- places taken since it came
  since REAL NOT NULL,          -- Unix seconds
  seen_at REAL NOT NULL,        -- Unix seconds
  PRIMARY KEY (pool, pid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS boot (
  id TEXT PRIMARY KEY           -- which boot the monotonic clock counts from
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that draws on a pool."""

    pool: str
    pid: int
    limit_per_s: float
    calls: int
    since: float  # Unix seconds
    seen_at: float


class Block(NamedTuple):
    """Places that a process has taken."""

    start: float  # when the first is, monotonic
    gap_s: float
    shared: bool  # others draw on the pool, too


class HostQuota:
    """One process's view of the ledger, for one app. Every method is one short transaction, and raises QuotaUnavailable."""

    def __init__(self, path: Path, owner: str) -> None:
        """`owner` is whose quota it is (see `owner_of`)."""
        self._owner, self._path = owner, path
        with _unavailable(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
            self._db.execute("PRAGMA journal_mode = WAL")
            # Losing it in a power cut costs nothing: places are in the future.
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(SCHEMA)
        self._begin_anew_after_a_boot()

    def _begin_anew_after_a_boot(self) -> None:
        """Places and rests of another boot are by a clock that is no more."""
        with self._transaction():
            if (boot := uptime.boot()) != self._db.execute("SELECT max(id) FROM boot").fetchone()[0]:
                for table in ("boot", "pool", "holder"):
                    self._db.execute(f"DELETE FROM {table}")  # noqa: S608
                self._db.execute("INSERT INTO boot (id) VALUES (?)", (boot,))

    def close(self) -> None:
        """Give up all places and close."""
        with self._transaction():
            self._db.execute("DELETE FROM holder WHERE pid = ?", (os.getpid(),))
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
        may make up for the last `slack_s`: their own bucket and window keep the limit. `now` is monotonic.
        """
        with self._transaction():
            others = any(self._others(pool) for pool in rates)
            start, gap = now if others else now - slack_s, 0.0
            for pool, (limit, rate) in rates.items():
                next_at, rest_until = self._row(pool, limit, now)
                keeping = rate * shared if others else rate
                start, gap = max(start, next_at, rest_until), max(gap, 1 / keeping)
            for pool, (limit, _) in rates.items():
                self._db.execute(
                    "UPDATE pool SET next_at = ?, limit_per_s = ? WHERE name = ?",
                    (start + count * gap, limit, self._name(pool)),
                )
                self._note(pool, limit, count)
        return Block(start, gap, others)

    def refused(self, pools: Sequence[str], until: float) -> None:
        """The vendor refused a call: nobody sends before `until` (monotonic)."""
        with self._transaction():
            for pool in pools:
                self._db.execute(
                    "UPDATE pool SET rest_until = max(rest_until, ?) WHERE name = ?",
                    (until, self._name(pool)),
                )

    def _row(self, pool: str, limit: float, now: float) -> tuple[float, float]:
        row = self._db.execute(
            "SELECT next_at, rest_until FROM pool WHERE name = ?", (self._name(pool),)
        ).fetchone()
        if row is None or not all(isinstance(each, float) for each in row) or row[0] > now + AHEAD_S_MAX:
            self._db.execute(
                "INSERT OR REPLACE INTO pool (name, limit_per_s, next_at, rest_until) VALUES (?, ?, ?, 0)",
                (self._name(pool), limit, now),
            )
            return now, 0.0
        return row[0], row[1] if row[1] <= now + REST_S_MAX else 0.0

    def _others(self, pool: str) -> bool:
        return (
            self._db.execute(
                "SELECT 1 FROM holder WHERE pool = ? AND pid <> ? AND seen_at > ? LIMIT 1",
                (self._name(pool), os.getpid(), time.time() - SILENT_S),
            ).fetchone()
            is not None
        )

    def _note(self, pool: str, limit: float, count: int) -> None:
        wall = time.time()
        self._db.execute(
            "INSERT INTO holder (pool, pid, limit_per_s, calls, since, seen_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, seen_at = excluded.seen_at,"
            " limit_per_s = excluded.limit_per_s",
            (self._name(pool), os.getpid(), limit, count, wall, wall),
        )

    def _name(self, pool: str) -> str:
        return f"{self._owner} {pool}"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _unavailable(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


@contextmanager
def _unavailable(path: Path) -> Iterator[None]:
    """No error of SQLite's leaves this module."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        words = f"the quota ledger cannot be used: {error}."
        raise QuotaUnavailable(
            words, hint=f"check {path}; nothing in it is needed once no run goes on"
        ) from error


class HostPlaces:
    """A `Source`: places in time, taken from the host's ledger in blocks."""

    def __init__(self, quota: HostQuota) -> None:
        self._quota = quota
        self._places: dict[tuple[str, ...], deque[float]] = {}
        self._shared = False  # whether other processes take places, too

    @property
    def waiting_for(self) -> str:
        """What a call waits for that has no place yet."""
        return "quota"

    async def place(self, limiters: Sequence[Limiter]) -> None:
        """Wait for this process's turn. Among several, whoever wakes too late lets it pass: turns must not bunch up."""
        places = self._places.setdefault(tuple(each.name for each in limiters), deque())
        for _ in range(TURNS_MAX):
            if self._shared:
                late = _now() - LATE_TURN_S
                while places and places[0] < late:
                    places.popleft()
            if not places:
                self._take_block(limiters, places)
            turn = places.popleft()
            if (wait_s := turn - _now()) > 0:
                await anyio.sleep(wait_s)
            if not self._shared or _now() - turn <= LATE_TURN_S:
                return

    def refused(self, limiter: Limiter) -> None:
        """All processes rest, but not for as long as somebody may mistype."""
        self._quota.refused([limiter.name], min(limiter.rest_until, _now() + REST_S_MAX))

    def _take_block(self, limiters: Sequence[Limiter], places: deque[float]) -> None:
        rates = {each.name: (each.limit_per_s, each.rate_per_s) for each in limiters}
        count = max(1, int(min(rate for _, rate in rates.values()) * BLOCK_S))
        block = self._quota.take(rates, count, shared=SHARED, slack_s=SLACK_S, now=_now())
        places.extend(block.start + place * block.gap_s for place in range(count))
        self._shared = block.shared


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


@asynccontextmanager
async def on_this_host(
    connection: Connection, _limiters: Mapping[str, Limiter]
) -> AsyncIterator[HostPlaces | None]:
    """What this host's processes share (a `Sharing`); None where it cannot be used: then this process keeps the limit alone."""
    try:
        quota = HostQuota(ledger_path(), owner_of(connection))
    except (QuotaUnavailable, OSError) as error:
        log.warning("quota.not_shared", reason=str(error.__cause__ or error))
        yield None
        return
    try:
        yield HostPlaces(quota)
    finally:
        with suppress(QuotaUnavailable):
            quota.close()


def holders(path: Path, *, now: float) -> list[Holder]:
    """Who draws on which pool on this host, dead and silent processes left out. Empty when there is no ledger.

    Raises QuotaUnavailable when it cannot be read.
    """
    if not there(path):
        return []
    with _unavailable(path), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        rows = db.execute(
            "SELECT pool, pid, limit_per_s, calls, since, seen_at FROM holder WHERE seen_at > ? ORDER BY pool, since",
            (now - SILENT_S,),
        ).fetchall()
    return [holder for row in rows if _lives((holder := Holder(*row)).pid)]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
