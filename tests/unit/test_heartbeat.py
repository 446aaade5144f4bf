"""What a session tells the journal of its pools, on clocks of our own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bulkim.journal.records import PoolRate
from bulkim.sending.heartbeat import Heartbeat
from bulkim.sending.telemetry import Telemetry


@dataclass
class Pool:
    name: str = "users"
    limit_per_s: float = 100.0
    rate_per_s: float = 98.5
    slowed: bool = False
    rest_until: float = 0.0
    asked_s: float | None = None


class Journal:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, list[PoolRate]]] = []

    def present(self) -> None:
        pass

    def beat(self, rates: list[PoolRate], *, now: float, vendor_ahead_s: float | None = None) -> None:
        self.told.append((now, rates))


@pytest.fixture
def pool():
    return Pool()


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def telemetry():
    return Telemetry({}, restored=0, limit_per_s=100.0)


@pytest.fixture
def sign(journal, pool, telemetry):
    heartbeat = Heartbeat(journal, [pool], telemetry)
    return lambda now, loop_now=10.0: heartbeat.beat(now=now, loop_now=loop_now)


def test_the_limit_is_told_at_once_and_life_every_few_seconds(journal, sign):
    for second in range(11):
        sign(1000.0 + second)
    assert journal.told == [(1000.0, [PoolRate("users", 100.0, 100.0)]), (1005.0, []), (1010.0, [])]


def test_what_refusals_leave_is_told_when_it_changes_noticeably(journal, pool, sign, telemetry):
    sign(1000.0)
    pool.slowed = True
    for second, rate in enumerate([60.0, 61.0, 63.0, 63.5], 1):
        pool.rate_per_s = rate
        sign(1000.0 + second)
    assert telemetry.allowed_per_s == 63.5
    pool.slowed = False
    sign(1005.0)
    assert telemetry.allowed_per_s == 100.0
    told = [(now, paces[0].allowed_per_s) for now, paces in journal.told]
    assert told == [(1000.0, 100.0), (1001.0, 60.0), (1003.0, 63.0), (1005.0, 100.0)]


def test_resting_is_zero(journal, pool, sign, telemetry):
    sign(1000.0)
    pool.slowed, pool.rate_per_s, pool.rest_until = True, 90.0, 15.0
    sign(1001.0, 10.0)
    assert telemetry.allowed_per_s == 0.0
    sign(1006.0, 15.0)
    assert [paces[0].allowed_per_s for _, paces in journal.told] == [100.0, 0.0, 90.0]


def test_a_rest_that_the_vendor_asked_for_is_told_with_its_end(journal, pool, sign, telemetry):
    sign(1000.0)
    pool.slowed, pool.rest_until, pool.asked_s = True, 310.0, 300.0
    for second in range(1, 4):
        sign(1000.0 + second, 9.0 + second)
    assert telemetry.resting == (1301.0, 300.0)
    assert journal.told[1:] == [(1001.0, [PoolRate("users", 100.0, 0.0, 1301.0, 300.0)])], (
        "once, while it lasts"
    )
    pool.rest_until = 400.0  # asked again
    sign(1004.0, 13.0)
    assert journal.told[-1] == (1004.0, [PoolRate("users", 100.0, 0.0, 1391.0, 300.0)])
    sign(1400.0, 409.0)
    assert telemetry.resting is None


def test_another_limit_is_told_at_once(journal, pool, sign):
    sign(1000.0)
    pool.limit_per_s = 40.0
    sign(1001.0)
    assert journal.told[-1] == (1001.0, [PoolRate("users", 40.0, 40.0)])


@pytest.mark.parametrize(("left_s", "stops"), [(59.0, False), (61.0, True)])
def test_a_rest_that_another_process_was_asked_for_ends_a_run_that_does_not_wait_so_long(
    journal, pool, telemetry, left_s, stops
):
    heartbeat = Heartbeat(journal, [pool], telemetry, max_rest_s=60.0)
    pool.rest_until, pool.asked_s = 10.0 + left_s, 3600.0
    stop = heartbeat.beat(now=1000.0, loop_now=10.0)
    assert (stop is not None) == stops
    if stop:
        assert (stop.exit_code, stop.code) == (75, "rest")
        assert "3,600 s" in stop.reason


def test_a_limit_with_many_digits_is_not_lowered_by_rounding(journal, pool, sign, telemetry):
    """50 a minute: no refusal has happened, and none is told of."""
    pool.limit_per_s = telemetry.limit_per_s = 50 / 60
    sign(1000.0)
    assert telemetry.allowed_per_s == 50 / 60
    assert journal.told[0][1] == [PoolRate("users", 50 / 60, 50 / 60)]
