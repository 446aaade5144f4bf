"""Flights of turns: written once whatever breaks, fenced off once another has the run, never guessed about."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress

import pytest

from bulkim.errors import GuardError
from bulkim.fleet.database import AwayError
from bulkim.fleet.journal import RunJournal, Store
from bulkim.fleet.lease import HistoryError, Keeper, Left, LostError
from bulkim.journal.records import Closing, Entry, PoolRate
from bulkim.model import Batch, Final, Status

from .planted import plant

ANSWERED = Closing(5.0, "succeeded", 200)


def people(count: int) -> list[Entry]:
    return [Entry(n, n + 1, f"u{n}", f"U{n}", {"nickname": f"n{n}"}) for n in range(1, count + 1)]


class Worker:
    """One worker's parts, in this loop."""

    def __init__(self, database, name: str, *, lease_s: float = 60.0) -> None:
        self.name, self.database = name, database
        self.store = Store(database.dsn)
        self.keeper = Keeper(database.dsn, name, lease_s=lease_s, margin_s=0.3 * lease_s)

    async def take(self, run_id: int) -> RunJournal | None:
        self.lease = await self.keeper.take(run_id)
        if self.lease is None:
            return None
        journal = RunJournal(self.store, self.lease)
        await journal.read()
        return journal


@asynccontextmanager
async def worker(database, name: str, **more):
    one = Worker(database, name, **more)
    flying = asyncio.ensure_future(one.store.flush())
    try:
        yield one
    finally:
        flying.cancel()
        with suppress(asyncio.CancelledError):
            await flying
        await one.store.close()
        await one.keeper.close()


def expire(database, run_id: int) -> None:
    database.query("UPDATE bulkim.claim SET until = '-infinity' WHERE run_id = %s", run_id)


def test_what_is_written_is_there_and_adds_up(database):
    run_id = plant(database, "r1", people(5))

    async def main():
        async with worker(database, "w") as one:
            journal = await one.take(run_id)
            items = journal.pending()
            assert next((each.key, each.position, each.fields) for each in items) == (
                "u1",
                1,
                {"nickname": "n1"},
            )
            first = journal.begin(Batch(tuple(items[:3])), now=4.0)
            second = journal.begin(Batch(tuple(items[3:])), now=4.0)
            await journal.durable()
            assert database.query("SELECT id, size, items FROM bulkim.attempt ORDER BY id") == [
                (1, 3, "[1,2,3]"),
                (2, 2, "[4,5]"),
            ]
            sent = [each._replace(attempts=1) for each in items]
            finals = [
                Final(sent[0], Status.SUCCEEDED),
                Final(sent[1], Status.SUCCEEDED),
                Final(sent[2], Status.FAILED, "c", "why", {"a": "ü"}),
            ]
            journal.settle(first, ANSWERED, finals=finals, touched=())
            journal.settle(
                second,
                Closing(6.0, "throttled", 429),
                finals=(),
                touched=[sent[3]._replace(doubt_since=4.0), sent[4]],
            )
            journal.beat([PoolRate("users", 100, 50)], now=7.0)
            await journal.durable()
            assert {str(k): v for k, v in journal.counts().items() if v} == {
                "succeeded": 2,
                "failed": 1,
                "pending": 2,
            }

    asyncio.run(main())
    assert database.query("SELECT outcome, code, attempts, data, doubt_since FROM bulkim.item ORDER BY ordinal") == [
        ("succeeded", None, 1, None, None), ("succeeded", None, 1, None, None), ("failed", "c", 1, '{"a":"ü"}', None),
        (None, None, 1, None, 4.0), (None, None, 1, None, None),
    ]  # fmt: skip
    assert database.query("SELECT outcome, code, items, example FROM bulkim.tally ORDER BY 1") == [
        ("failed", "c", 1, "U3"),
        ("succeeded", "", 2, "U1"),
    ]
    assert database.query("SELECT requests, throttled FROM bulkim.run") == [(2, 1)]
    assert database.query("SELECT pool, allowed_per_s FROM bulkim.pace") == [("users", 50)]
    assert database.query("SELECT ended, items, pending FROM bulkim.runs_summary") == [(3, 5, 2)]


def test_a_turn_that_was_written_and_not_heard_of_is_written_once(database):
    """The connection breaks after the commit: the same flight goes again, and is told that it is there."""
    run_id = plant(database, "r1", people(2))

    async def main():
        async with worker(database, "w") as one:
            journal = await one.take(run_id)
            ask, lost = one.store._line.rows, []

            async def deaf(statement, values, *, within_s):
                found = await ask(statement, values, within_s=within_s)
                if not lost:
                    lost.append(found)
                    raise AwayError("the answer got lost")
                return found

            one.store._line.rows = deaf
            number = journal.begin(Batch(tuple(journal.pending())), now=4.0)
            await journal.durable()
            assert lost
            assert number == 1
            assert database.one("SELECT requests FROM bulkim.run") == 1
            assert database.one("SELECT turn FROM bulkim.claim") == 1

    asyncio.run(main())


def test_a_turn_after_a_take_is_none(database):
    """Who was asleep while another took the run writes nothing more, and hears why."""
    run_id = plant(database, "r1", people(3))

    async def main():
        async with worker(database, "sleeper") as old, worker(database, "next") as new:
            journal = await old.take(run_id)
            ann = journal.pending()[0]
            attempt = journal.begin(Batch((ann,)), now=4.0)
            await journal.durable()
            expire(database, run_id)
            successor = await new.take(run_id)
            assert [(each.key, each.doubt_since, each.attempts) for each in successor.doubtful()] == [
                ("u1", 4.0, 1)
            ]
            assert [each.key for each in successor.pending()] == ["u2", "u3"]
            journal.settle(attempt, ANSWERED, finals=[Final(ann, Status.SUCCEEDED)], touched=())
            with pytest.raises(LostError, match="another worker"):
                await journal.durable()
            assert old.lease.lost
            with pytest.raises(LostError):
                journal.begin(Batch((ann,)), now=5.0)
            with pytest.raises(LostError):
                await old.keeper.give_back(old.lease, Left("done"))
            old.lease.lost = False  # were it not known yet
            assert not await old.keeper.give_back(old.lease, Left("done"))

    asyncio.run(main())
    assert database.query("SELECT kind FROM bulkim.attempt") == [("lost",)]
    assert database.query("SELECT outcome FROM bulkim.item WHERE ordinal = 1") == [(None,)]
    assert database.query("SELECT worker, takeovers FROM bulkim.claim") == [("next", 1)]
    assert database.query("SELECT ended FROM bulkim.session ORDER BY id") == [("lost",), (None,)]


def test_the_number_that_nothing_open_lies_below_goes_with_its_own_turn(database):
    """A flight that is sent again must not tell of what was settled since: the successor would overlook its attempts."""
    run_id = plant(database, "r1", people(2))

    async def main():
        async with worker(database, "w") as one:
            journal = await one.take(run_id)
            first = journal.begin(Batch((journal.pending()[0],)), now=4.0)
            turn = journal.depart()
            journal.settle(first, ANSWERED, finals=(), touched=())
            assert turn.frame(journal)["l"] == first
            assert journal.depart().frame(journal)["l"] == first + 1

    asyncio.run(main())


def test_a_count_that_differs_ends_this_run_and_no_other(database):
    mine, other = plant(database, "r1", people(2)), plant(database, "r2", people(2))

    async def main():
        async with worker(database, "w") as one:
            a, b = await one.take(mine), await one.take(other)
            database.query(
                "UPDATE bulkim.item SET outcome = 'failed' WHERE run_id = %s AND ordinal = 1", mine
            )
            for journal in (a, b):
                journal.finish([Final(journal.pending()[0], Status.SUCCEEDED)], now=4.0)
            await b.durable()
            with pytest.raises(GuardError, match="1 items were to end, 0 were pending"):
                await a.durable()

    asyncio.run(main())
    assert database.query("SELECT outcome FROM bulkim.item WHERE ordinal = 1 ORDER BY run_id") == [
        ("failed",),
        ("succeeded",),
    ]


def test_a_database_that_has_gone_back_in_time_is_not_gone_on_from(database):
    run_id = plant(database, "r1", people(3))

    async def main():
        async with worker(database, "w") as one:
            journal = await one.take(run_id)
            items = journal.pending()
            for item in items[:2]:
                journal.begin(Batch((item,)), now=4.0)
                await journal.durable()
            database.query("UPDATE bulkim.claim SET turn = turn - 1")
            journal.begin(Batch((items[2],)), now=5.0)
            with pytest.raises(HistoryError, match="back in time"):
                await journal.durable()

    asyncio.run(main())


def test_pages_are_read_ahead(database, monkeypatch):
    monkeypatch.setattr("bulkim.fleet.journal.PAGE", 10)
    run_id = plant(database, "r1", people(47))

    async def main():
        async with worker(database, "w") as one:
            journal = await one.take(run_id)
            found = []
            while page := journal.pending(after=len(found)):
                found += page
                await asyncio.sleep(0.02 if len(found) < 25 else 0)
            assert [each.ordinal for each in found] == list(range(1, 48))

    asyncio.run(main())


def test_a_page_that_could_not_be_waited_for_is_read_once(database, monkeypatch):
    """What was read ahead of it comes late, and is the same page: its users would be sent twice."""
    monkeypatch.setattr("bulkim.fleet.journal.PAGE", 10)
    run_id = plant(database, "r1", people(60))

    async def main():
        async with worker(database, "w") as one:
            journal = await one.take(run_id)
            read, asked, late = one.store.read, asyncio.Event(), asyncio.Event()

            async def slowly(*what):
                rows = await read(*what)
                asked.set()
                await late.wait()
                return rows

            one.store.read = slowly
            found = list(journal.pending())
            await asked.wait()
            found += [item for _ in range(2) for item in journal.pending(after=len(found))]
            late.set()
            await journal._fetching
            while page := journal.pending(after=len(found)):
                found += page
                await journal._fetching
            assert [each.ordinal for each in found] == list(range(1, 61))

    asyncio.run(main())


@pytest.mark.slow
def test_owners_come_first_after_an_outage(own_database):
    """Nobody could renew meanwhile: what ran out is not to be had before its owner could be heard of."""
    database = own_database
    run_id = plant(database, "r1", people(1))

    async def main():
        async with (
            worker(database, "owner", lease_s=4.0) as owner,
            worker(database, "rival", lease_s=4.0) as rival,
        ):
            journal = await owner.take(run_id)
            journal.begin(Batch((journal.pending()[0],)), now=4.0)
            await journal.durable()
            await rival.keeper.beat()
            with database.server.away(crashed=True):
                await asyncio.sleep(4.2)
            with suppress(AwayError):
                await rival.keeper.beat()  # its connection is gone
            await rival.keeper.beat()
            with suppress(AwayError):
                await rival.take(run_id)
            assert await rival.take(run_id) is None
            journal.beat([], now=5.0)
            await journal.durable()
            with suppress(AwayError):
                await owner.keeper.beat()
            await owner.keeper.beat()
            assert owner.lease.is_open()
            for _ in range(5):
                await asyncio.sleep(1)
                await rival.keeper.beat()
            assert await rival.take(run_id) is not None

    asyncio.run(main())


def test_three_workers_that_die_with_a_run_are_enough(database):
    run_id = plant(database, "r1", people(1))

    async def main():
        for n in range(3):
            async with worker(database, f"w{n}") as one:
                assert await one.take(run_id) is not None
                expire(database, run_id)
        async with worker(database, "w4") as one:
            assert await one.take(run_id) is None

    asyncio.run(main())
    assert database.query("SELECT state, why FROM bulkim.claim") == [
        ("stopped", "three workers died with this run")
    ]
    assert database.query("SELECT state, stop_code FROM bulkim.run") == [("stopped", "poison")]


def test_one_run_an_app_unless_it_may_stand_beside(database):
    first, second, third = (plant(database, f"r{n}", people(1), app="one") for n in range(3))
    database.query("UPDATE bulkim.claim SET beside = true WHERE run_id = %s", third)

    async def main():
        async with worker(database, "w") as one:
            assert (await one.keeper.take_next()).run_id == first
            assert await one.take(second) is None
            assert (await one.keeper.take_next()).run_id == third
            assert await one.keeper.take_next() is None

    asyncio.run(main())


def test_an_app_with_many_runs_does_not_starve_one_with_a_single_one(database):
    """Of apps that wait for a place, the one that has waited longest is next."""
    for n in range(20):
        plant(database, f"a{n}", people(1), app="busy")
    last = plant(database, "b0", people(1), app="small")
    urgent = plant(database, "c0", people(1), app="urgent")
    database.query("UPDATE bulkim.claim SET priority = 1 WHERE run_id = %s", urgent)

    async def main():
        order = []
        async with worker(database, "w") as one:
            while lease := await one.keeper.take_next():
                order.append(lease.run_id)
                assert await one.keeper.give_back(lease, Left("done"))
        return order

    order = asyncio.run(main())
    assert order[0] == urgent
    assert order.index(last) <= 2
    assert len(order) == 22


def test_leases_are_renewed_and_say_what_is_asked(database):
    run_id = plant(database, "r1", people(1))

    async def main():
        async with worker(database, "w") as one:
            await one.take(run_id)
            before = one.lease.until
            assert database.one("SELECT bulkim.ask(%s, 'pause', 1)", run_id) == "asked of w"
            await one.keeper.beat()
            assert one.lease.until > before
            assert one.lease.asked == "pause"
            expire(database, run_id)
            async with worker(database, "v") as other:
                await other.take(run_id)
            await one.keeper.beat()
            assert one.lease.lost
            with pytest.raises(LostError):
                await one.lease.until_open()

    asyncio.run(main())


def test_what_nobody_holds_is_paused_and_cancelled_at_once(database):
    run_id = plant(database, "r1", people(3))
    assert database.one("SELECT bulkim.ask(%s, 'pause', 1)", run_id) == "paused"
    assert database.one("SELECT bulkim.ask(%s, 'resume', 1)", run_id) == "queued"
    assert database.one("SELECT bulkim.ask(%s, 'cancel', 1)", run_id) == "cancelled"
    assert database.query("SELECT outcome, code FROM bulkim.item") == [("skipped", "cancelled")] * 3
    assert database.query("SELECT outcome, items FROM bulkim.tally") == [("skipped", 3)]
    assert database.one("SELECT bulkim.ask(%s, 'pause', 1)", run_id) == "it has ended"


def test_what_is_in_doubt_is_asked_about_before_a_run_is_cancelled(database):
    run_id = plant(database, "r1", people(2))

    async def main():
        async with worker(database, "w") as one:
            journal = await one.take(run_id)
            journal.begin(Batch((journal.pending()[0],)), now=time.time())
            await journal.durable()
            expire(database, run_id)

    asyncio.run(main())
    assert "in doubt" in database.one("SELECT bulkim.ask(%s, 'cancel', 1)", run_id)
    assert database.query("SELECT outcome FROM bulkim.item") == [(None,), (None,)]


@pytest.mark.parametrize(
    ("change", "since", "clock"),
    [
        (
            "clock_zero = clock_zero - 3600",
            3604.0,
            None,
        ),  # this boot's: the clock on the wall was set in between
        ("boot = 'another', vendor_ahead_s = -3600", -3596.0, "vendor"),
        ("boot = 'another', vendor_ahead_s = NULL", 4.0, "none"),
        ("boot = NULL", 4.0, "none"),
    ],
)
def test_since_when_an_item_is_in_doubt_is_never_told_by_another_hosts_clock(database, change, since, clock):
    run_id = plant(database, "r1", people(2))

    async def main():
        async with (
            worker(database, "old") as old,
            worker(database, "new") as new,
            worker(database, "third") as third,
        ):
            journal = await old.take(run_id)
            journal.begin(Batch((journal.pending()[0],)), now=4.0)
            await journal.durable()
            database.query(f"UPDATE bulkim.session SET {change}")
            expire(database, run_id)
            (item,) = (await new.take(run_id)).doubtful()
            assert (item.doubt_since, item.doubt_clock) == (pytest.approx(since, abs=0.01), clock)
            if clock is None:
                return
            database.query("UPDATE bulkim.session SET boot = 'elsewhere', vendor_ahead_s = 77")
            expire(database, run_id)
            (again,) = (await third.take(run_id)).doubtful()
            assert (again.doubt_since, again.doubt_clock) == (item.doubt_since, clock), "translated once"

    asyncio.run(main())


def test_what_the_vendors_clock_is_ahead_goes_with_a_sign_of_life(database):
    run_id = plant(database, "r1", people(1))

    async def main():
        async with worker(database, "w") as one:
            journal = await one.take(run_id)
            for ahead_s in (None, 12.5, None):
                journal.beat([], now=7.0, vendor_ahead_s=ahead_s)
                await journal.durable()

    asyncio.run(main())
    assert database.query("SELECT vendor_ahead_s, boot IS NULL FROM bulkim.session") == [(12.5, False)]
