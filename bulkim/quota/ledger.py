"""The quota that all bulkim processes of a user on this host share: who may send when, in one small SQLite file.

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bulkim.log.events import log
from bulkim.model import Connection

SILENT_S = 10.0  # a holder that has taken no place for this long is not counted as one
AHEAD_S_MAX = 3600.0  # a place further ahead is left over from before a reboot
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


class Places(NamedTuple):
    """Places that a process has taken."""

    start: float  # when the first is, monotonic
    gap_s: float
    shared: bool  # others draw on the pool, too


class Ledger:
    """One process's view of the ledger, for one app. Every method is one short transaction."""

    def __init__(self, path: Path, owner: str) -> None:
        """`owner` is whose quota it is (see `owner_of`). Raises OSError, sqlite3.Error when the file cannot be used."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "PRAGMA synchronous = OFF"
        )  # losing it in a power cut costs nothing: places are in the future
        self._db.executescript(SCHEMA)
        self._owner = owner

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
    ) -> Places:
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
        return Places(start, gap, others)

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
        if row is None or row[0] > now + AHEAD_S_MAX:
            self._db.execute(
                "INSERT OR REPLACE INTO pool (name, limit_per_s, next_at, rest_until) VALUES (?, ?, ?, 0)",
                (self._name(pool), limit, now),
            )
            return now, 0.0
        return row[0], min(row[1], now + AHEAD_S_MAX)

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
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def ledger_path() -> Path:
    """Where this user's processes keep what they share of quotas."""
    from platformdirs import user_state_path

    return user_state_path("bulkim") / "quota.db"


def owner_of(connection: Connection) -> str:
    """Whose quota a connection draws on: the vendor counts by app, whatever the host; each sandbox counts for itself."""
    host = connection.base_url.partition("://")[2]
    local = host.startswith(("127.", "localhost", "[::1]"))
    return f"{connection.provider} {connection.target}" + (f" at {host}" if local else "")


@contextmanager
def shared_quota(connection: Connection) -> Iterator[Ledger | None]:
    """The host's ledger; None where it cannot be used: then this process keeps the limit alone."""
    try:
        ledger = Ledger(ledger_path(), owner_of(connection))
    except (OSError, sqlite3.Error) as error:
        log.warning("quota.not_shared", reason=str(error))
        yield None
        return
    try:
        yield ledger
    finally:
        with suppress(sqlite3.Error):
            ledger.close()


def holders(path: Path, *, now: float) -> list[Holder]:
    """Who draws on which pool on this host, dead and silent processes left out. Empty when there is no ledger."""
    if not path.exists():
        return []
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        rows = db.execute(
            "SELECT pool, pid, limit_per_s, calls, since, seen_at FROM holder WHERE seen_at > ? ORDER BY pool, since",
            (now - SILENT_S,),
        ).fetchall()
    finally:
        db.close()
    return [holder for row in rows if _lives((holder := Holder(*row)).pid)]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
