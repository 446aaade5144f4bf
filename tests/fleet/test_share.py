"""The SQL that divides a limit, held against a model of those who use it: whatever they do, the limit holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LEASE_S, MARGIN_S, TAIL_S = 10.0, 3.0, 1.3
START = datetime(2026, 11, 27, tzinfo=UTC)


@dataclass
class Holder:
    """What one holder knows. `uses` is all that it ever allowed itself: (from, until, calls a second)."""

    name: str
    hungry: bool = True
    used: float = 0.0
    have: float = 0.0
    valid_until: float = 0.0
    gone: bool = False
    beats: Any = field(default_factory=lambda: count(1))
    uses: list[tuple[float, float, float]] = field(default_factory=list)

    def keep(self, share: float, now: float, valid_until: float) -> None:
        if self.uses:
            began, ends, before = self.uses[-1]
            self.uses[-1] = (began, min(ends, now), before)
        self.have, self.valid_until = share, valid_until
        self.uses.append((now, valid_until, share))

    def most(self, since: float, now: float) -> float:
        """The most that it allowed itself at any moment of this span."""
        return max((share for began, ends, share in self.uses if began <= now and ends > since), default=0.0)


class World:
    def __init__(self, db: psycopg.Connection[Any], limit: float) -> None:
        self.db, self.limit, self.now = db, limit, 0.0
        self.holders: list[Holder] = []

    def beat(self, holder: Holder, *, heard: bool = True) -> None:
        if holder.gone:
            return
        if self.now >= holder.valid_until:
            holder.have = 0.0
        (share,) = self.db.execute(
            "SELECT bulkim.share('p', %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (holder.name, self.limit, TAIL_S, LEASE_S, next(holder.beats), holder.have, holder.used, holder.hungry,
             START + timedelta(seconds=self.now)),
        ).fetchone()  # fmt: skip
        if heard:
            holder.keep(share, self.now, self.now + LEASE_S - MARGIN_S)

    def end(self, holder: Holder, *, politely: bool) -> None:
        if holder.gone:
            return
        holder.keep(0.0, self.now, self.now)
        holder.gone = True
        if politely:
            self.db.execute(
                "UPDATE bulkim.holder SET until = %s, hungry = false WHERE holder = %s",
                (START + timedelta(seconds=self.now), holder.name),
            )

    def check(self) -> None:
        """Whoever counts over a second and a bit finds no more than the limit."""
        total = sum(each.most(self.now - TAIL_S + 0.01, self.now) for each in self.holders)
        assert total <= self.limit + 1e-6, [(each.name, each.uses[-3:]) for each in self.holders]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["join", "beat", "beat", "beat", "round", "round", "unheard", "leave", "die", "eat", "fast"]
        ),
        st.integers(0, 5),
        st.floats(0.0, 2.6),
    ),
    max_size=40,
)


@pytest.fixture
def db(database):
    with psycopg.connect(database.dsn) as connection:
        yield connection


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.sampled_from([1.0, 1.5, 2.0, 7.0, 98.6, 100.0]), steps=STEPS)
def test_the_limit_holds_whatever_they_do(db, limit, steps):
    world = World(db, limit)
    for what, who, wait in steps:
        world.now += wait
        world.check()
        if what == "join" or not world.holders:
            world.holders.append(Holder(f"h{len(world.holders)}"))
        holder = world.holders[who % len(world.holders)]
        match what:
            case "leave" | "die":
                world.end(holder, politely=what == "leave")
            case "eat":
                holder.hungry, holder.used = True, limit
            case "fast":
                holder.hungry, holder.used = False, wait
            case "round":
                for each in world.holders:
                    world.beat(each)
            case _:
                world.beat(holder, heard=what != "unheard")
        world.check()
    db.rollback()


def _settled(world: World, rounds: int = 8) -> list[float]:
    for _ in range(rounds):
        world.now += 1.0
        for each in world.holders:
            before = each.have
            world.beat(each)
            if each.have < before and not each.gone:
                world.beat(each)  # whoever lowers says so at once
        world.check()
    return [each.have for each in world.holders if not each.gone]


def test_the_hungry_divide_what_the_content_leave(db):
    world = World(db, 100.0)
    world.holders = [Holder("a"), Holder("b"), Holder("c", hungry=False, used=7.0)]
    assert sorted(_settled(world)) == [10.0, 45.0, 45.0]


def test_a_newcomer_has_its_part_within_four_beats(db):
    world = World(db, 100.0)
    world.holders = [Holder("a")]
    assert _settled(world) == [100.0]
    world.holders.append(Holder("b"))
    assert _settled(world, rounds=4) == [50.0, 50.0]


def test_what_a_dead_one_held_is_free_when_its_lease_is_over(db):
    world = World(db, 100.0)
    world.holders = [Holder("a"), Holder("b")]
    assert _settled(world) == [50.0, 50.0]
    world.end(world.holders[0], politely=False)
    assert _settled(world, rounds=9) == [50.0]
    assert _settled(world, rounds=5) == [100.0]


def test_what_one_gave_up_is_free_at_once(db):
    world = World(db, 100.0)
    world.holders = [Holder("a"), Holder("b")]
    _settled(world)
    world.end(world.holders[0], politely=True)
    assert _settled(world, rounds=3) == [100.0]


@pytest.mark.parametrize("limit", [1.5, *(pytest.param(each, marks=pytest.mark.slow) for each in (1.0, 2.0))])
def test_a_small_limit_goes_round_whole(db, limit):
    world = World(db, limit)
    world.holders = [Holder("a"), Holder("b"), Holder("c")]
    had = {each.name: 0.0 for each in world.holders}
    for _ in range(300):
        _settled(world, rounds=1)
        for each in world.holders:
            had[each.name] += each.have
            assert each.have in {0.0, limit, 1.0}
    assert all(had.values()), had
    assert sum(had.values()) > 0.6 * limit * 300, had


def test_the_lowest_limit_counts(db):
    world = World(db, 100.0)
    world.holders = [Holder("a")]
    _settled(world)
    world.holders.append(Holder("b"))
    world.limit = 100.0
    for _ in range(8):
        world.now += 1.0
        for each, limit in zip(world.holders, (100.0, 60.0), strict=True):
            world.limit = limit
            world.beat(each)
            world.beat(each)
    assert [each.have for each in world.holders] == [30.0, 30.0]


def test_a_beat_that_comes_late_is_not_listened_to(db):
    world = World(db, 10.0)
    holder = Holder("a")
    world.holders = [holder]
    world.beat(holder)
    holder.beats = count(1)
    (share,) = db.execute(
        "SELECT bulkim.share('p', 'a', 10, 1.3, 10, 1, 0, 0, true, %s)", (START + timedelta(seconds=1),)
    ).fetchone()
    assert share is None
