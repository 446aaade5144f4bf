"""How a worker comes by its runs: judged by how often it has to look, not by how long that takes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from support.processes import wait_until

from bulkim.fleet import worker
from bulkim.fleet.database import AwayError, Line
from bulkim.fleet.lease import Lease, Left
from bulkim.fleet.session import session

from .planted import plant
from .scene import Hand
from .test_journal import worker as at_work

RUNS = 20


async def for_ever(*_whatever):
    await asyncio.Event().wait()


@pytest.fixture
def hand(database, monkeypatch):
    """A worker that looks once, hears no wake-up, and whose runs do not end."""
    monkeypatch.setattr(worker.engine, "work", for_ever)
    monkeypatch.setattr(worker, "session", for_ever)
    monkeypatch.setattr(worker, "SWEEP_S", 3600.0)
    hands = []

    def begun(places):
        hands.append(Hand(database.dsn, places=places))
        return hands[-1].worker.host.keeper.worker

    yield begun
    for each in hands:
        each.drain(times=3)
        each.end()


def test_one_look_takes_all_that_a_dead_worker_held(database, hand):
    for number in range(RUNS):
        plant(database, f"r{number}")
    took = "SELECT bulkim.take(run_id, 'dead', 6, 1, 'host', 'process', 0, NULL, 0) FROM bulkim.claim"
    assert len(database.query(took)) == RUNS
    database.query("SELECT bulkim.bury('dead')")
    name = hand(RUNS)
    taken = "SELECT count(*) FROM bulkim.event WHERE what = 'taken over' AND detail = 'dead' AND worker = %s"
    wait_until(lambda: database.one(taken, name) == RUNS)


def test_a_worker_takes_as_many_as_it_has_places_for_and_leaves_the_others(database, hand):
    for number in range(3):
        plant(database, f"r{number}")
    taken = "SELECT count(*) FROM bulkim.claim WHERE worker = %s"
    first = hand(2)
    wait_until(lambda: database.one(taken, first) == 2)
    second = hand(2)
    wait_until(lambda: database.one(taken, second) == 1)
    assert database.one(taken, first) == 2


def test_who_has_more_than_a_fair_share_leaves_the_next_run_to_others_for_a_sweep():
    """Not what a dead worker held; and the others who have less find it sooner."""
    keeper = SimpleNamespace(held=7, places=20, share=6.7)
    queued, orphan = Lease(1, 1, 0.0), Lease(1, 2, 0.0, taken_over=True)
    assert worker.pause_s(keeper, queued) == worker.SWEEP_S
    assert worker.pause_s(keeper, orphan) < 0.1
    keeper.held = 6
    assert worker.pause_s(keeper, queued) < 0.1
    keeper.held = 1
    assert worker.pause_s(keeper, queued) == 0, "an idle one leaves nothing"


def test_a_beat_says_what_a_workers_share_is(database):
    for number in range(6):
        plant(database, f"r{number}")
    for number in range(3):
        plant(database, f"one app's {number}", app="one")

    async def main():
        shares = []
        async with at_work(database, "a") as a, at_work(database, "b") as b:
            for one, places in ((a, 2), (b, 12), (a, 2)):
                one.keeper.places = places
                await one.keeper.beat()
                shares.append(one.keeper.share)
            database.query("UPDATE bulkim.worker SET seen_at = seen_at - interval '5 s' WHERE name = 'b'")
            await a.keeper.beat()
        return [*shares, a.keeper.share]

    assert asyncio.run(main()) == [7, 6, 1, 7], "of an app one run is worked on at a time"


def test_who_hung_up_is_not_connected_again(database):
    """A session may outlive its worker: what it says then is said to nobody, and no connection stays open."""

    async def main():
        line = Line(database.dsn)
        assert await line.rows("SELECT 1", within_s=5) == [(1,)]
        await line.close()
        with pytest.raises(AwayError):
            await line.rows("SELECT 1", within_s=5)

    asyncio.run(main())


def test_a_run_that_cannot_be_given_back_is_not_kept(database, monkeypatch):
    """Its lease runs out, and another worker takes it."""
    run_id = plant(database, "r1")

    async def main():
        async with at_work(database, "w") as one:
            await one.take(run_id)
            database.query(
                "ALTER TABLE bulkim.claim ADD CONSTRAINT broken CHECK (state = 'running') NOT VALID"
            )
            await session(SimpleNamespace(keeper=one.keeper), one.lease)
            return one.keeper.held

    async def ended(*_whatever):
        return Left("done")

    monkeypatch.setattr("bulkim.fleet.session._worked", ended)
    assert asyncio.run(main()) == 0


def test_a_run_is_told_how_many_its_worker_has_places_for(scene, monkeypatch):
    """They share the files that the process may open."""
    told = []
    monkeypatch.setattr("bulkim.sending.executor.connections_max", lambda runs: told.append(runs) or 9)
    scene.users("mute", 3)
    scene.hand(places=3)
    scene.until(scene.submit(scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60})))
    assert told == [3]
