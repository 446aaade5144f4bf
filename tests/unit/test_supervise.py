"""A session's time: what ends it, and what does not."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat

import anyio
import anyio.lowlevel
import pytest

from bulkim import window
from bulkim.sending import supervise
from bulkim.sending.supervise import Deadline, supervised
from bulkim.sending.telemetry import Ending, Telemetry
from bulkim.window import parse


class Worker:
    """Works until it is interrupted, or for so long."""

    def __init__(self, work_s: float, stopping: str | None = None) -> None:
        self.work_s = work_s
        self.telemetry = Telemetry({}, restored=0, limit_per_s=1.0, stopping=stopping)
        self.signals: list[int] = []
        self.interrupted = anyio.Event()

    async def run(self) -> Ending:
        with anyio.move_on_after(self.work_s):
            await self.interrupted.wait()
        return Ending("interrupted", signal=self.signals[0]) if self.signals else Ending("finished")

    def interrupt(self, signal: int) -> None:
        self.signals.append(signal)
        self.interrupted.set()


def ended(worker: Worker, deadline: Deadline) -> Ending:
    return anyio.run(supervised, worker, lambda: None, deadline)


LONG_S, SHORT_S = 60.0, 0.02


def over() -> float:
    return time.monotonic() - 1


def test_time_that_is_up_stops_it():
    ending = ended(Worker(LONG_S), Deadline(over()))
    assert (ending.state, ending.stop) == ("stopped", supervise.STOP_IN_TIME)


def test_time_enough():
    assert ended(Worker(SHORT_S), Deadline()).state == "finished"
    assert ended(Worker(SHORT_S), Deadline(time.monotonic() + 3600, parse("00:00-24:00"))).state == "finished"


def test_time_that_is_up_while_it_stops_does_not_cut_it_short():
    """A second interruption would leave at once what is in flight, and hide why it stopped."""
    worker = Worker(SHORT_S, stopping="waiting for what is in flight")
    assert ended(worker, Deadline(over())).state == "finished"
    assert worker.signals == []


HUP, INT, TERM = signal.SIGHUP, signal.SIGINT, signal.SIGTERM


@pytest.mark.parametrize(
    ("earlier", "leaves"),
    [
        (None, False),
        (supervise.TIME_UP, True),  # it drains already, and somebody wants it to end now
        (INT, True),
        (TERM, True),
        (
            HUP,
            False,
        ),  # what follows is the same event's: a service manager's SIGTERM, or one that came together with it
    ],
)
def test_which_signal_is_a_second_one(earlier, leaves):
    assert supervise.leaves_now(earlier) is leaves


@pytest.mark.parametrize(
    ("numbers", "heard"),
    [
        ([INT], [INT]),
        ([HUP], [HUP]),
        ([INT, INT], [INT, INT]),
        ([INT, TERM], [INT, TERM]),
        ([TERM, HUP], [TERM]),  # a terminal that goes away while it drains hurries nobody
        ([HUP, HUP, HUP], [HUP]),
        ([HUP, TERM], [HUP, TERM]),
    ],
)
def test_what_a_worker_hears_of_signals(numbers, heard):
    worker = Worker(LONG_S)

    def interrupt(number: int) -> None:
        worker.telemetry.stopping = "waiting for what is in flight"
        worker.signals.append(number)

    worker.interrupt = interrupt

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervise.listen, worker)
            await anyio.lowlevel.checkpoint()
            for number in numbers:
                signal.raise_signal(number)
                await anyio.sleep(0.02)
            tasks.cancel_scope.cancel()

    anyio.run(main)
    assert worker.signals == heard


@pytest.mark.parametrize("hours", [-6, 6], ids=["back", "ahead"])
def test_a_clock_that_is_set_is_noticed(monkeypatch, hours):
    then = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    looks = chain([then, then], repeat(then + timedelta(hours=hours)))
    monkeypatch.setattr(window, "now", lambda: next(looks))
    monkeypatch.setattr(supervise, "LOOK_S", 0.01)
    ending = ended(Worker(LONG_S), Deadline(window=parse("12:00-13:00 UTC")))
    assert ending.stop is not None
    assert (ending.stop.exit_code, ending.stop.code) == (75, "window")
