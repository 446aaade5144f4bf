"""Watching over a session's worker: signs of life for the journal, signals, and the time that it may take."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

from bulkim import window
from bulkim.errors import BulkimError, JournalLostError
from bulkim.journal.port import Writer
from bulkim.log.events import log
from bulkim.model import Stop
from bulkim.sending import guard
from bulkim.sending.control import STOPPED
from bulkim.sending.telemetry import Ending, Observed
from bulkim.window import Window

BEAT_S = 1.0  # between two signs of life
LOOK_S = 1.0  # between two looks at the clock
ASKED_S = 0.1  # between two looks at the program's event
LEAVE_S = 10.0  # for the journal, before a session leaves
TIME_UP = 0  # no signal has this number
JOURNAL_LOST = "journal_lost"
STOP_IN_TIME = Stop(
    75, "max_duration", "the time given by --max-duration is over", "run the same command again: it continues"
)
STOP_ASKED = Stop(75, "asked", "the program asked it to stop", "call it again: it continues")


class StopEvent(Protocol):
    """Says when to stop: a `threading.Event`, for one."""

    def is_set(self) -> bool:
        """Whether to stop now."""


class Worker(Observed, Protocol):
    """What does a session's work: `executor.Executor`, `caller.Sequential`."""

    async def run(self) -> Ending:
        """Work to the end."""

    def interrupt(self, signal: int) -> None:
        """First: drain. Second: leave."""


Beat = Callable[[], Stop | None]
"""Called once a second. Returns why nothing more is to be sent."""

Listen = Callable[[Callable[[Stop], None]], Coroutine[Any, Any, None]]
"""Hears for ever of what people ask for; what it is given ends the session gently."""


async def safe(journal: Writer) -> None:
    """Before a session leaves: what it wrote is durable, if that is to be had soon. Raises GuardError: it never will be."""
    with anyio.move_on_after(LEAVE_S, shield=True):
        await journal.durable()


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long a session may send: to an end, within hours, and until somebody asks it to stop."""

    until: float = math.inf  # on the monotonic clock
    window: Window | None = None  # on the wall clock, which somebody may set while we wait
    asked: StopEvent | None = None

    def stop(self) -> Stop | None:
        """Why it may not send any longer."""
        if self.asked is not None and self.asked.is_set():
            return STOP_ASKED
        over = STOP_IN_TIME if time.monotonic() >= self.until else None
        return over or guard.window_end(self.window, window.now())

    async def end(self) -> Stop:
        """Wait until it may not send any longer; returns why."""
        while (stop := self.stop()) is None:
            minute_s = 60 - window.now().timestamp() % 60  # a window ends with a minute
            look_s = LOOK_S if self.asked is None else ASKED_S
            await anyio.sleep(min(look_s, minute_s, max(0.0, self.until - time.monotonic())))
        return stop


def heard() -> tuple[signal.Signals, ...]:
    """The signals that end a run gently: those that whoever started this process did not have ignored (`nohup`, a script's `&`)."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # not every system has all of them
    known = [signal.Signals[name] for name in names if name in signal.Signals.__members__]
    return tuple(each for each in known if signal.getsignal(each) is not signal.SIG_IGN)


def leaves_now(earlier: int | None) -> bool:
    """Whether another signal after `earlier` is a second one. A hang-up that comes first is not: a service manager sends it
    together with SIGTERM, and of two that wait the kernel hands out the lower number first."""
    return earlier is not None and earlier != getattr(signal, "SIGHUP", None)


async def listen(worker: Worker) -> None:
    """Tell the worker of signals. A terminal that goes away may say so several times: that is never a second signal."""
    heeded = heard()
    if not heeded:
        return
    with anyio.open_signal_receiver(*heeded) as signals:
        async for number in signals:
            name = signal.Signals(number).name
            log.info("run.interrupted", signal=name)
            if name != "SIGHUP" or not worker.telemetry.stopping:
                worker.interrupt(number)


async def show_life(heartbeat: Beat, drain: Callable[[Stop], None]) -> None:
    """Beat. Whatever a beat returns ends the session gently, and so does a journal that is gone: what is in flight is still
    taken down, and can be saved.
    """
    while True:
        try:
            if stop := heartbeat():
                drain(stop)
        except JournalLostError as error:
            log.warning("run.stopping", code=JOURNAL_LOST, reason=error.message)
            return drain(Stop(error.exit_code, JOURNAL_LOST, error.message, error.hint or ""))
        except BulkimError:  # whoever writes next will say it
            pass
        await anyio.sleep(BEAT_S)


async def supervised(
    worker: Worker,
    heartbeat: Beat,
    deadline: Deadline,
    control: Listen | None = None,
    *,
    signals: bool = True,
) -> Ending:
    """Run; the first signal drains, as does the end of what is allowed, and whoever asks for it; the second one leaves at once.

    Only a main thread hears of signals, where it is to hear of any.
    """
    stop: Stop | None = None

    def drain(why: Stop) -> None:
        nonlocal stop
        stop = stop or why
        if not worker.telemetry.stopping:  # a second interruption would leave at once
            worker.interrupt(TIME_UP)

    async def watch_the_clock() -> None:
        over = await deadline.end()
        log.info("run.time_up", code=over.code)
        drain(over)

    failure: BulkimError | None = None
    ending = Ending("stopped")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(show_life, heartbeat, drain)
        tasks.start_soon(watch_the_clock)
        if control:
            tasks.start_soon(control, drain)
        if signals and threading.current_thread() is threading.main_thread():
            tasks.start_soon(listen, worker)
        try:
            ending = await worker.run()
        except BulkimError as error:  # raised here it would come out wrapped in a group
            failure = error
        tasks.cancel_scope.cancel()
    if failure:
        raise failure
    return stopped_by(stop) if stop and ending.signal == TIME_UP else ending


def stopped_by(stop: Stop) -> Ending:
    """How a session ends that may not send any longer: whoever asked for it has interrupted it."""
    return Ending("interrupted" if stop in {STOP_ASKED, STOPPED} else "stopped", stop)
