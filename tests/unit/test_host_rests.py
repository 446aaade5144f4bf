"""Rests that the processes of a host share, as each of them feels them. On a virtual clock, with a real ledger."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from support.virtual import run

from bulkim.quota.host import HostPlaces
from bulkim.quota.ledger import REST_S_MAX, Ledger, forget
from bulkim.quota.pacer import Pacer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "quota.db"


def paced(path):
    """A process's pacer, and what closes its ledger."""
    ledger = Ledger(path, "x")
    return Pacer({"users": 100.0}, HostPlaces(ledger)), ledger


async def call(pacer) -> float:
    await pacer.acquire(["users"])
    pacer.answered(pacer.sent(["users"]))
    return asyncio.get_running_loop().time()


def test_a_rest_of_one_process_is_the_others_and_they_know_why(path):
    async def main():
        (one, first), (other, second) = paced(path), paced(path)
        began = await call(one)
        one.refused(["users"], 300.0)
        waiting = asyncio.ensure_future(call(other))
        await anyio.sleep(1.0)
        limiter = other.limiters["users"]
        assert (limiter.asked_s, round(limiter.rest_until - began)) == (300.0, 300)
        assert await waiting - began >= 300.0
        first.close(), second.close()

    run(main)


def test_a_rest_that_is_forgotten_ends_for_everybody(path):
    async def main():
        (one, first), (other, second) = paced(path), paced(path)
        began = await call(one)
        one.rest(["users"], 300.0)
        waiting = [asyncio.ensure_future(call(each)) for each in (one, other)]
        await anyio.sleep(2.0)
        forget(path, "x users")
        for each in (one, other):
            each.look()
        ends = [await each - began for each in waiting]
        assert max(ends) < 3.0
        first.close(), second.close()

    run(main)


def test_more_than_is_kept_for_others_is_not_forgotten_by_that(path):
    async def main():
        one, ledger = paced(path)
        began = await call(one)
        one.refused(["users"], 2 * REST_S_MAX)
        waiting = asyncio.ensure_future(call(one))
        await anyio.sleep(REST_S_MAX + 10.0)
        one.look()
        assert await waiting - began >= 2 * REST_S_MAX
        ledger.close()

    run(main)


def test_without_a_ledger_any_more_each_goes_on_alone_and_says_so(path, caplog):
    async def main():
        one, ledger = paced(path)
        await call(one)
        ledger._db.execute("DROP TABLE pool")
        await anyio.sleep(1.0)
        await call(one)
        ledger._db.close()

    run(main)
    assert "quota.not_shared" in caplog.text
