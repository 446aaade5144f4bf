"""What people ask a session to do while it works: it is done soon, without a burst, and once. On a virtual clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import anyio
import pytest
from support.virtual import run

from bulkim.journal.records import Order
from bulkim.quota.pacer import Pacer
from bulkim.quota.sliding_log import whole
from bulkim.sending.control import LOOK_S, STOPPED, Control
from bulkim.sending.telemetry import Telemetry

LATENCY_S = 0.03


class Journal:
    """Orders by the time at which they are written."""

    def __init__(self, *orders: tuple[float, str, float | None], obeyed_at: float | None = None) -> None:
        self._orders = [
            Order(number, 1, verb, rate, at, obeyed_at) for number, (at, verb, rate) in enumerate(orders, 1)
        ]
        self.done: list[tuple[int, float]] = []

    def orders(self, *, after: int = 0) -> list[Order]:
        now = asyncio.get_running_loop().time() - 1000.0
        return [each for each in self._orders if each.id > after and each.asked_at <= now]

    def obeyed(self, order: int, *, now: float) -> None:
        self.done.append((order, asyncio.get_running_loop().time() - 1000.0))
        self._orders = [replace(each, obeyed_at=now) if each.id == order else each for each in self._orders]


def sent(journal: Journal, *, seconds: float, limit: float = 100.0, telemetry: Telemetry | None = None):
    """When calls left, by a sender that always has something to send; and what was drained."""
    moments: list[float] = []
    stops: list[object] = []
    telemetry = telemetry or Telemetry({}, 0, limit)

    async def main() -> None:
        pacer = Pacer({"users": limit, "other": 500.0})

        async def answered(marks) -> None:
            await anyio.sleep(LATENCY_S)
            pacer.answered(marks)

        async def send(tasks) -> None:
            await pacer.start()
            while True:
                await pacer.acquire(["users", "other"])
                moments.append(asyncio.get_running_loop().time() - 1000.0)
                tasks.start_soon(answered, pacer.sent(["users", "other"]))

        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send, tasks)
                await Control(journal, pacer, "users", telemetry).listen(stops.append)

    run(main, oversleep=lambda: 0.002)
    return moments, stops


def most(moments: list[float], *, since: float, until: float = 1e9, within_s: float = 1.0) -> int:
    """The most calls in any window that begins at a call after `since`."""
    later = [each for each in moments if since <= each < until]
    return max((sum(first <= each < first + within_s for each in later) for first in later), default=0)


@pytest.mark.parametrize(
    ("before", "after"), [(100.0, 40.0), (40.0, 100.0), (100.0, 1.5), (0.5, 60.0), (100.0, 99.0)]
)
def test_a_new_rate_holds_soon_and_no_second_has_more(before, after):
    telemetry = Telemetry({}, 0, before)
    journal = Journal((6.1, "rate", after))
    moments, _ = sent(journal, seconds=20.0, limit=before, telemetry=telemetry)
    ((_, changed_at),) = journal.done
    assert changed_at - 6.1 <= LOOK_S + 0.01
    assert most(moments, since=0.0, until=changed_at) <= max(1, before)
    calls, seconds = whole(after)
    assert most(moments, since=changed_at, within_s=seconds) <= calls
    assert most(moments, since=0.0) <= max(before, after), "nor does a second across the change"
    last = sum(15.0 <= each < 20.0 for each in moments) / 5
    assert last > 0.9 * after if after >= 10 else last > 0
    assert telemetry.limit_per_s == after


def test_a_pause_holds_everything_and_what_follows_is_no_burst():
    journal = Journal((3.0, "pause", None), (8.0, "resume", None))
    telemetry = Telemetry({}, 0, 100.0)
    moments, _ = sent(journal, seconds=12.0, telemetry=telemetry)
    (_, paused_at), (_, resumed_at) = journal.done
    assert not [each for each in moments if paused_at < each < resumed_at]
    after = [each for each in moments if each >= resumed_at]
    assert most(after, since=0.0) <= 100
    assert most(after, since=0.0, until=resumed_at + 1.0, within_s=0.1) <= 16, (
        "ten, and what a timer may oversleep"
    )
    assert not telemetry.paused


def test_stop_drains():
    journal = Journal((2.0, "stop", None))
    _, stops = sent(journal, seconds=4.0)
    assert stops == [STOPPED]
    assert STOPPED.exit_code == 75


def test_what_an_earlier_part_of_the_session_obeyed_holds_for_the_next():
    journal = Journal((0.0, "rate", 10.0), (0.0, "pause", None), (0.0, "resume", None), obeyed_at=5.0)
    moments, _ = sent(journal, seconds=5.0)
    assert journal.done == []
    assert 30 < len(moments) <= 50


def test_what_a_newer_bulkim_may_ask_for_harms_nothing():
    journal = Journal((0.0, "dance", None), (0.0, "rate", None))
    moments, stops = sent(journal, seconds=2.0)
    assert len(moments) > 150
    assert not stops


@pytest.mark.parametrize("rate", [5.0, 60.0])
def test_where_a_pool_is_leased_a_new_rate_gives_no_more_than_the_lease(rate):
    async def main() -> float:
        pacer = Pacer({"users": 100.0})
        limiter = pacer.limiters["users"]
        limiter.grant(20.0, asyncio.get_running_loop().time() + 5.0)
        pacer.limit_to("users", rate)
        return limiter.granted_per_s

    assert run(main) == min(rate, 20.0)
