"""Watching over a session's worker: signs of life for the journal, signals, and the time that it may take."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import anyio
import structlog

from bulkim.errors import BulkimError
from bulkim.model import Stop
from bulkim.telemetry import Ending, Observed

log = structlog.get_logger("bulkim")

SIGN_S = 1.0  # between two signs of life
TIME_UP = 0  # no signal has this number
STOP_IN_TIME = Stop(
    75, "max_duration", "the time given by --max-duration is over", "run the same command again: it continues"
)


class Worker(Observed, Protocol):
    """What does a session's work: `executor.Executor`, `caller.Sequential`."""

    async def run(self) -> Ending:
        """Work to the end."""

    def interrupt(self, signal: int) -> None:
        """First: drain. Second: leave."""


async def supervised(worker: Worker, heartbeat: Callable[[], None], deadline: float) -> Ending:
    """Run; the first SIGINT or SIGTERM drains, as does the `deadline` (monotonic); the second signal leaves at once.

    Only a main thread hears of signals.
    """

    async def listen() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                log.info("run.interrupted", signal=signal.Signals(number).name)
                worker.interrupt(number)

    async def show_life() -> None:
        while True:
            with suppress(BulkimError):  # whoever writes next will say it
                heartbeat()
            await anyio.sleep(SIGN_S)

    async def watch_the_clock() -> None:
        await anyio.sleep(deadline - time.monotonic())
        log.info("run.time_up")
        worker.interrupt(TIME_UP)

    failure: BulkimError | None = None
    ending = Ending("stopped")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(show_life)
        if deadline < math.inf:
            tasks.start_soon(watch_the_clock)
        if threading.current_thread() is threading.main_thread():
            tasks.start_soon(listen)
        try:
            ending = await worker.run()
        except BulkimError as error:  # raised here it would come out wrapped in a group
            failure = error
        tasks.cancel_scope.cancel()
    if failure:
        raise failure
    return Ending("stopped", STOP_IN_TIME) if ending.signal == TIME_UP else ending
