"""The holder's side of a shared limit, on a virtual clock and a database that is made up."""

from __future__ import annotations

import asyncio
import json

from support import virtual

from bulkim.fleet.database import AwayError
from bulkim.fleet.shares import Shares
from bulkim.quota.pacer import Pacer

LEASE_S, MARGIN_S = 10.0, 3.0


class Database:
    """Grants what the test says; keeps what it was told."""

    def __init__(self) -> None:
        self.share, self.rest_s, self.slowed, self.away = 10.0, 0.0, 1.0, False
        self.answers_s = 0.005
        self.told: list[dict] = []

    async def rows(self, statement, values, *, within_s):
        if "leave" in statement:
            return []
        if self.away:
            await asyncio.sleep(within_s)
            raise AwayError("gone")
        await asyncio.sleep(self.answers_s)
        rows = json.loads(values[0])
        self.told += rows
        return [(row["pool"], row["holder"], self.share, self.rest_s, self.slowed) for row in rows]


def scene(story):
    """Runs a story with one pool of 10 calls a second."""

    async def main():
        loop, database = asyncio.get_running_loop(), Database()
        shares = Shares(database, "h", lease_s=LEASE_S, margin_s=MARGIN_S, clock=loop.time)
        pacer = Pacer({"users": 10.0})
        beating = asyncio.ensure_future(shares.run())
        async with shares.drawing("app", pacer.limiters) as drawing:
            pacer.draw_on(drawing)
            await story(loop, database, pacer, drawing)
        beating.cancel()

    virtual.run(main)


async def calls(pacer, loop, seconds: float) -> list[float]:
    """Send as fast as it goes; when each was sent."""
    sent, until = [], loop.time() + seconds
    while loop.time() < until:
        try:
            await asyncio.wait_for(pacer.acquire(["users"]), until - loop.time())
        except TimeoutError:
            break
        marks = pacer.sent(["users"])
        sent.append(loop.time())
        loop.call_later(0.01, pacer.answered, marks)
    return sent


def test_nothing_is_sent_before_a_share_is_there_and_then_what_it_says():
    async def story(loop, database, pacer, _drawing):
        database.share = 0.0
        assert await calls(pacer, loop, 3.0) == []
        database.share = 5.0
        sent = await calls(pacer, loop, 10.0)
        assert 44 <= len(sent) <= 50
        assert max(sum(moment <= other < moment + 1 for other in sent) for moment in sent) <= 5

    scene(story)


def test_a_share_is_good_until_the_margin_and_no_longer():
    """The database is gone: the last call leaves before t0 + T - M, by our own clock."""

    async def story(loop, database, pacer, drawing):
        await calls(pacer, loop, 3.0)
        database.away, gone_at = True, loop.time()
        sent = await calls(pacer, loop, 30.0)
        assert sent[-1] < gone_at + LEASE_S - MARGIN_S
        assert sent[-1] > gone_at + LEASE_S - MARGIN_S - 1.5
        assert "the fleet's database is away since" in drawing.waiting_for
        database.away = False
        sent = await calls(pacer, loop, 3.0)
        assert sent
        assert drawing.waiting_for == "quota"

    scene(story)


def test_an_answer_that_takes_long_makes_a_share_no_longer():
    """It counts from when the beat left: the database may have counted from then, too."""

    async def story(loop, database, pacer, _drawing):
        await calls(pacer, loop, 3.0)
        database.answers_s, before = 2.4, len(database.told)
        while len(database.told) == before:
            await asyncio.sleep(0.01)
        heard_at, database.away = loop.time(), True
        limiter = pacer.limiters["users"]
        while limiter._granted_until > loop.time():
            await asyncio.sleep(0.01)
        assert loop.time() <= heard_at - 2.4 + LEASE_S - MARGIN_S + 0.05

    scene(story)


def test_whoever_is_told_less_says_at_once_that_they_keep_to_it():
    async def story(loop, database, pacer, _drawing):
        await calls(pacer, loop, 2.5)
        database.share, before = 4.0, len(database.told)
        await calls(pacer, loop, 1.1)
        first, second = database.told[before : before + 2]
        assert (first["have"], second["have"]) == (10.0, 4.0)
        assert second["hungry"] == first["hungry"], "a moment tells nothing"

    scene(story)


def test_who_uses_little_is_content_and_who_uses_all_is_hungry():
    async def story(loop, database, pacer, _drawing):
        await calls(pacer, loop, 4.0)
        assert database.told[-1]["hungry"]
        await asyncio.sleep(4.0)
        assert not database.told[-1]["hungry"]
        assert database.told[-1]["used"] == 0
        database.share = 2.0
        await asyncio.sleep(1.5)
        await calls(pacer, loop, 4.0)
        assert database.told[-1]["hungry"]

    scene(story)


def test_after_an_outage_nobody_looks_content():
    async def story(loop, database, pacer, _drawing):
        await calls(pacer, loop, 3.0)
        database.away = True
        await calls(pacer, loop, 20.0)
        database.away, before = False, len(database.told)
        await calls(pacer, loop, 4.0)
        assert database.told[before]["hungry"]

    scene(story)


def test_a_refusal_is_told_and_others_rest_when_they_hear_of_one():
    async def story(loop, database, pacer, _drawing):
        await calls(pacer, loop, 2.0)
        pacer.refused(["users"], 5.0)
        before = len(database.told)
        await asyncio.sleep(0.1)
        assert 4 < database.told[before]["rest"] <= 5
        await asyncio.sleep(6.0)
        database.rest_s, database.slowed = 8.0, 0.5
        await asyncio.sleep(1.2)
        limiter = pacer.limiters["users"]
        assert limiter.rest_until > loop.time() + 5
        assert limiter.slowed

    scene(story)
