"""Leases: who does not hold one does not send. A worker takes runs, renews their leases, and gives them back.

It renews them once a second, on a connection of its own. With T the lease and M the margin, of a beat
that left at t0: no byte leaves at or after t0 + T - M by the worker's clock, and nobody else takes the run before t0 + T by
the database's. Only durations are compared, never two clocks. CLOCK_BOOTTIME goes on while a machine sleeps.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bulkim import uptime
from bulkim.errors import GuardError
from bulkim.fleet.database import AwayError, Line, in_words, library
from bulkim.fleet.schema import KNOWN
from bulkim.journal.lease import this_process
from bulkim.log.events import log
from bulkim.model import Stop
from bulkim.version import __version__

BEAT_S = 1.0
ANSWER_S = 2.5  # for a beat
TAKE_S = 10.0  # for whatever else is asked of claims
AGAIN_S = 0.5
LOOK_S = 0.05
LOOKED_AT = 20  # runs that might be had


def boottime() -> float:
    """Seconds that go on in suspend, where the system has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LostError(GuardError):
    """Another worker has taken the run, or its lease is over."""

    def __init__(self) -> None:
        super().__init__("another worker has taken this run.")


class HistoryError(GuardError):
    """The database has lost what it had acknowledged."""


@dataclass(slots=True, eq=False)
class Lease:
    """A run that this worker holds: for how long, and how far its epoch has come."""

    run_id: int
    epoch: int
    until: float  # by `clock`: nothing is sent from then on
    clock: Callable[[], float] = boottime
    session_id: int = 0
    last_attempt: int = 0
    turns: int = 0
    taken_over: bool = False  # from a worker that was lost
    asked: str | None = None  # pause or cancel
    lost: bool = False

    def is_open(self) -> bool:
        """Whether a byte may leave now."""
        return not self.lost and self.clock() < self.until

    async def until_open(self) -> None:
        """Wait for that. Raises LostError when it will never be."""
        while not self.is_open():
            if self.lost:
                raise LostError
            await asyncio.sleep(LOOK_S)  # a session may have a loop of its own: no event reaches it

    def check(self) -> None:
        """Right before the first byte. Raises OSError: nothing was sent."""
        if not self.is_open():
            raise ConnectionAbortedError("the lease was over before anything was sent")

    def renewed(self, until: float, asked: str | None) -> None:
        """A beat was answered."""
        self.until, self.asked = max(self.until, until), asked

    def lose(self) -> None:
        """It is another's."""
        self.lost, self.until = True, -math.inf

    async def answer(
        self, line: Line, statement: str, values: Any, *, within_s: float
    ) -> list[tuple[Any, ...]]:
        """What the database says to its holder, however long it is away. Raises LostError, and what `Line.rows` does."""
        while not self.lost:
            with suppress(AwayError):
                return await line.rows(statement, values, within_s=within_s)
            await asyncio.sleep(AGAIN_S)
        raise LostError


@dataclass(frozen=True, slots=True)
class Left:
    """How a session leaves its run."""

    state: str  # of the claim: queued, waiting, confirming, paused, stopped, cancelled or done
    why: str | None = None  # it waits or stopped, in words
    stop: Stop | None = None
    not_before: float | None = None  # Unix seconds
    lacks: bool = False  # this worker cannot; others may


class Keeper:
    """What a worker asks of claims, and the leases that it holds."""

    def __init__(
        self, dsn: str, worker: str, *, lease_s: float, margin_s: float, places: int = 0, clock: Callable[[], float] = boottime
    ) -> None:  # fmt: skip
        self.worker, self.places = worker, places
        self.lease_s, self.margin_s, self.clock = lease_s, margin_s, clock
        self.away_since: float | None = None  # Unix seconds: since then the database does not answer
        self.outdated: Callable[[], None] | None = None  # called with each beat while this program is too old
        self.share = math.inf  # of the runs that there are, by places
        self._beats, self._line = Line(dsn), Line(dsn)
        self._leases: dict[int, Lease] = {}

    def drop(self, lease: Lease) -> None:
        """It was given back, or is lost."""
        if self._leases.get(lease.run_id) is lease:
            del self._leases[lease.run_id]

    @property
    def held(self) -> int:
        """How many runs."""
        return len(self._leases)

    # -------------------------------------------------------------------------------------- claims

    async def take(self, run_id: int) -> Lease | None:
        """Take a run; None when it is not to be had. Raises AwayError."""
        asked_at, me = self.clock(), this_process()
        found = await self._line.rows(
            "SELECT epoch, session, attempt, was_lost FROM bulkim.take(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (run_id, self.worker, self.lease_s, me.pid, me.host, me.process, time.time(), uptime.boot() or None, uptime.zero()),
            within_s=TAKE_S,
        )  # fmt: skip
        if not found:
            return None
        epoch, session_id, attempt, taken_over = found[0]
        until = asked_at + self.lease_s - self.margin_s
        lease = Lease(run_id, epoch, until, self.clock, session_id, attempt, taken_over=taken_over)
        self._leases[run_id] = lease
        return lease

    async def take_next(self) -> Lease | None:
        """Take the run whose turn it is. Raises AwayError."""
        question = "SELECT bulkim.next(%s, %s)"  # the best first
        for (run_id,) in await self._line.rows(question, (self.worker, LOOKED_AT), within_s=TAKE_S):
            try:
                if lease := await self.take(run_id):
                    return lease
            except library().Error as error:  # one run's trouble is not the others'
                log.warning("fleet.failed", run_id=run_id, error=in_words(error))
        return None

    async def give_back(self, lease: Lease, left: Left) -> bool:
        """Leave a run; False when it was another's already. Raises LostError."""
        stop = left.stop
        stopped = (stop.code, stop.reason, stop.exit_code) if stop else (None, None, None)
        values: tuple[Any, ...] = (
            lease.run_id, lease.epoch, lease.session_id, left.state, time.time(), left.why, *stopped, left.not_before, left.lacks,
        )  # fmt: skip
        statement = f"SELECT bulkim.give_back({', '.join(['%s'] * len(values))})"
        found = await lease.answer(self._line, statement, values, within_s=TAKE_S)
        self.drop(lease)
        return bool(found[0][0])

    async def leave(self) -> None:
        """The worker ends. Whatever is still at work sends no more: from now on others may take it."""
        for lease in self._leases.values():
            lease.lose()
        with suppress(AwayError, library().Error):
            await self._line.rows("SELECT bulkim.bury(%s)", (self.worker,), within_s=2.0)

    async def close(self) -> None:
        """Hang up."""
        for line in (self._line, self._beats):
            await line.close()

    # --------------------------------------------------------------------------------------- beats

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            began = self.clock()
            try:
                await self.beat()
                if self.away_since is not None:
                    log.info("fleet.back", away_s=round(time.time() - self.away_since, 1))
                self.away_since = None
            except AwayError as error:
                if self.away_since is None:
                    self.away_since = time.time()
                    log.warning("fleet.away", error=str(error))
            await asyncio.sleep(max(0.1, BEAT_S - (self.clock() - began)))

    async def beat(self) -> None:
        """Say that the worker lives, and renew all of them, once. Raises AwayError."""
        mine, me, t0 = dict(self._leases), this_process(), self.clock()
        epochs = [lease.epoch for lease in mine.values()]
        ((oldest, share, renewed),) = await self._beats.rows(
            "SELECT oldest, share, renewed FROM bulkim.beat(%s, %s, %s, %s, %s, %s, %s, %s, %s::bigint[], %s::bigint[])",
            (self.worker, me.host, me.pid, me.process, __version__, self.places, time.time(), self.lease_s, list(mine), epochs),
            within_s=ANSWER_S,
        )  # fmt: skip
        self.share = share or math.inf
        if oldest > KNOWN and self.outdated:
            self.outdated()
        asked = dict(renewed or ())
        for run_id, lease in mine.items():
            if run_id in asked:
                lease.renewed(t0 + self.lease_s - self.margin_s, asked[run_id])
            elif self._leases.get(run_id) is lease:
                lease.lose()
