"""Taking runs and giving them back: the questions that a worker asks about claims."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from bulkim import uptime
from bulkim.fleet.database import Line, in_words, library
from bulkim.fleet.lease import Keeper, Lease
from bulkim.journal import lease as processes
from bulkim.log.events import log
from bulkim.model import Stop

ANSWER_S = 10.0
LOOKED_AT = 20  # runs that might be had


@dataclass(slots=True)
class Taken:
    """A run that this worker holds, and how far its epoch has come."""

    lease: Lease
    session_id: int
    last_attempt: int
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """How a session leaves its run."""

    state: str  # of the claim: queued, waiting, confirming, paused, stopped, cancelled or done
    why: str | None = None  # it waits or stopped, in words
    stop: Stop | None = None
    not_before: float | None = None  # Unix seconds
    lacks: bool = False  # this worker cannot; others may

    @property
    def run_state(self) -> str:
        """Of the run: finished, interrupted or stopped."""
        return _RUN_STATES.get(self.state, "interrupted")


_RUN_STATES = {"done": "finished", "cancelled": "finished", "stopped": "stopped"}


async def take(line: Line, keeper: Keeper, worker: str, run_id: int) -> Taken | None:
    """Take a run; None when it is not to be had. Raises AwayError."""
    asked_at, me = keeper.clock(), processes.this_process()
    found = await line.rows(
        "SELECT epoch, session, attempt FROM bulkim.take(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (run_id, worker, keeper.lease_s, me.pid, me.host, me.process, time.time(), uptime.boot() or None, uptime.zero()),
        within_s=ANSWER_S,
    )  # fmt: skip
    if not found:
        return None
    epoch, session_id, attempt = found[0]
    return Taken(keeper.hold(run_id, epoch, asked_at), session_id, attempt)


async def take_next(line: Line, keeper: Keeper, worker: str) -> Taken | None:
    """Take the run whose turn it is. Raises AwayError."""
    for run_id in await waiting(line, worker):
        try:
            if taken := await take(line, keeper, worker, run_id):
                return taken
        except library().Error as error:  # one run's trouble is not the others'
            log.warning("fleet.failed", run_id=run_id, error=in_words(error))
    return None


async def waiting(line: Line, worker: str) -> list[int]:
    """Runs that this worker might take, the best first. Raises AwayError."""
    found = await line.rows("SELECT bulkim.next(%s, %s)", (worker, LOOKED_AT), within_s=ANSWER_S)
    return [run_id for (run_id,) in found]


async def give_back(line: Line, keeper: Keeper, taken: Taken, left: Left) -> bool:
    """Leave a run; False when it was another's already. Raises AwayError: then its lease runs out by itself."""
    lease, stop = taken.lease, left.stop
    stopped = (stop.code, stop.reason, stop.exit_code) if stop else (None, None, None)
    values: tuple[Any, ...] = (
        lease.run_id, lease.epoch, taken.session_id, left.state, left.run_state, time.time(), left.why, *stopped, left.not_before, left.lacks,
    )  # fmt: skip
    found = await line.rows(
        f"SELECT bulkim.give_back({', '.join(['%s'] * len(values))})", values, within_s=ANSWER_S
    )
    keeper.drop(lease)
    return bool(found[0][0])
