"""The gate, on a clock that the test sets: not a byte from t0 + T - M on."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.fleet import lease
from bulkim.fleet.database import AwayError
from bulkim.fleet.lease import Keeper, Lease, LostError, boottime

LEASE_S, MARGIN_S = 10.0, 3.0


class Beats:
    """A database that answers some beats, some time after they left."""

    def __init__(self, clock, answers) -> None:
        self.clock, self.answers, self.until = clock, list(answers), 0.0

    async def rows(self, _statement, _values, *, within_s):
        heard, took = self.answers.pop(0)
        self.clock[0] += min(took, within_s)
        if heard != "lost before":
            self.until = self.clock[0] + LEASE_S  # by the database: at some moment after the beat left
        if heard != "yes" or took > within_s:
            raise AwayError("gone")
        return [(1, None, [[7, None]])]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["yes", "yes", "lost before", "lost after"]), st.floats(0, 4), st.floats(0, 12)
        ),
        min_size=1,
        max_size=30,
    )
)
def test_whoever_may_send_has_the_margin_left(story):
    """Whatever is answered, late or never: while the gate is open, nobody else can take the run for M seconds."""
    clock = [100.0]
    beats = Beats(clock, [(heard, took) for heard, took, _ in story])
    keeper = Keeper("", "w", lease_s=LEASE_S, margin_s=MARGIN_S, clock=lambda: clock[0])
    keeper._beats = beats
    held = keeper._leases[7] = Lease(7, 1, clock[0] + LEASE_S - MARGIN_S, keeper.clock)
    beats.until = clock[0] + LEASE_S

    async def main() -> None:
        for _, _, pause in story:
            with suppress(AwayError):
                await keeper.beat()
            for _ in range(4):
                if held.is_open():
                    assert clock[0] <= beats.until - MARGIN_S + 1e-9
                clock[0] += pause / 4

    asyncio.run(main())


def test_a_gate_that_is_shut_raises_before_a_byte_leaves():
    now = [100.0]
    one = Lease(1, 1, 107.0, lambda: now[0])
    one.check()
    now[0] = 107.0
    with pytest.raises(OSError, match="before anything was sent"):
        one.check()
    one.renewed(110.0, None)
    one.check()
    one.lose()
    with pytest.raises(LostError):
        asyncio.run(one.until_open())


def test_whoever_holds_a_run_asks_until_there_is_an_answer_or_it_is_lost(monkeypatch):
    """A database that is away when a run is cancelled is no error of that run's."""
    one, said = Lease(1, 1, 107.0), [AwayError("gone"), AwayError("gone"), [(3,)], AwayError("gone")]

    class Away:
        async def rows(self, _statement, _values, *, within_s):
            match said.pop(0):
                case AwayError() as error:
                    one.lost = not said
                    raise error
                case found:
                    return found

    monkeypatch.setattr(lease, "AGAIN_S", 0.0)
    assert asyncio.run(one.answer(Away(), "SELECT", (), within_s=1)) == [(3,)]
    with pytest.raises(LostError):
        asyncio.run(one.answer(Away(), "SELECT", (), within_s=1))


def test_its_clock_goes_on_while_the_machine_sleeps():
    import time

    assert abs(boottime() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1


def test_an_outage_is_said_once_and_so_is_its_end(monkeypatch):
    said, over = [], asyncio.CancelledError
    answers = iter([AwayError("gone"), AwayError("gone"), None, None, over()])
    for name in ("warning", "info"):
        monkeypatch.setattr(lease.log, name, lambda event, **_fields: said.append(event))

    async def beat():
        if error := next(answers):
            raise error

    async def at_once(_seconds):
        pass

    keeper = Keeper("", "w", lease_s=LEASE_S, margin_s=MARGIN_S)
    monkeypatch.setattr(keeper, "beat", beat)
    monkeypatch.setattr(lease.asyncio, "sleep", at_once)
    with pytest.raises(over):
        asyncio.run(keeper.run())
    assert said == ["fleet.away", "fleet.back"]
