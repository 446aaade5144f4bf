"""Leases: who does not hold one does not send.

A worker renews its runs' leases once a second, on a connection of its own. With T the lease and M the margin, of a beat
that left at t0: no byte leaves at or after t0 + T - M by the worker's clock, and nobody else takes the run before t0 + T by
the database's. Only durations are compared, never two clocks. CLOCK_BOOTTIME goes on while a machine sleeps.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from bulkim.errors import GuardError
from bulkim.fleet.database import AwayError, Line
from bulkim.fleet.schema import KNOWN
from bulkim.journal.lease import this_process
from bulkim.log.events import log
from bulkim.version import __version__

BEAT_S = 1.0
ANSWER_S = 2.5  # for a beat
LOOK_S = 0.05


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
    """A run's, as its holder knows it."""

    run_id: int
    epoch: int
    until: float  # by `clock`: nothing is sent from then on
    clock: Callable[[], float] = boottime
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


class Keeper:
    """Renews a worker's leases."""

    def __init__(
        self, line: Line, worker: str, *, lease_s: float, margin_s: float, places: int = 0, clock: Callable[[], float] = boottime
    ) -> None:  # fmt: skip
        self.places = places
        self.lease_s, self.margin_s, self.clock = lease_s, margin_s, clock
        self.away_since: float | None = None  # Unix seconds: since then the database does not answer
        self.outdated: Callable[[], None] | None = None  # called with each beat while this program is too old
        self._line, self._worker = line, worker
        self._leases: dict[int, Lease] = {}

    def hold(self, run_id: int, epoch: int, asked_at: float) -> Lease:
        """A run that was just taken, by a question that left at `asked_at`."""
        lease = Lease(run_id, epoch, asked_at + self.lease_s - self.margin_s, self.clock)
        self._leases[run_id] = lease
        return lease

    def drop(self, lease: Lease) -> None:
        """It was given back, or is lost."""
        if self._leases.get(lease.run_id) is lease:
            del self._leases[lease.run_id]

    def lose_all(self) -> None:
        """Whatever still works on them sends no more."""
        for lease in self._leases.values():
            lease.lose()

    @property
    def held(self) -> int:
        """How many runs."""
        return len(self._leases)

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            began = self.clock()
            try:
                await self.beat()
                self._answered()
            except AwayError as error:
                self._silent(error)
            await asyncio.sleep(max(0.1, BEAT_S - (self.clock() - began)))

    def _answered(self) -> None:
        if self.away_since is not None:
            log.info("fleet.back", away_s=round(time.time() - self.away_since, 1))
        self.away_since = None

    def _silent(self, error: AwayError) -> None:
        if self.away_since is None:
            self.away_since = time.time()
            log.warning("fleet.away", error=str(error))

    async def beat(self) -> None:
        """Say that the worker lives, and renew all of them, once. Raises AwayError."""
        mine, me = dict(self._leases), this_process()
        ((oldest,),) = await self._line.rows(
            "SELECT bulkim.beat(%s, %s, %s, %s, %s, %s, %s, %s)",
            (self._worker, me.host, me.pid, me.process, __version__, self.places, len(mine), time.time()), within_s=ANSWER_S,
        )  # fmt: skip
        if oldest > KNOWN and self.outdated:
            self.outdated()
        if not mine:
            return
        t0 = self.clock()
        epochs = [lease.epoch for lease in mine.values()]
        found = await self._line.rows(
            "SELECT run_id, epoch, asked FROM bulkim.renew(%s, %s, %s::bigint[], %s::bigint[])",
            (self._worker, self.lease_s, list(mine), epochs), within_s=ANSWER_S,
        )  # fmt: skip
        renewed = {run_id: asked for run_id, _, asked in found}
        for run_id, lease in mine.items():
            if run_id in renewed:
                lease.renewed(t0 + self.lease_s - self.margin_s, renewed[run_id])
            elif self._leases.get(run_id) is lease:
                lease.lose()
