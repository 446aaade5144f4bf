"""One limit through leases, limiters and SQL together, on a virtual clock: whoever dies, joins or leaves, no sliding second holds more."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import repeat

import psycopg
import pytest
from support import virtual

from bulkim.fleet.database import AwayError
from bulkim.fleet.shares import Shares, across_hosts
from bulkim.model import Connection
from bulkim.quota.pacer import Pacer

LEASE_S, MARGIN_S, LIMIT = 4.0, 1.0, 40.0
START = datetime(2026, 11, 27, tzinfo=UTC)


class Vendor:
    """Counts calls when they arrive. While it stands still none does; then all at once."""

    def __init__(self) -> None:
        self.arrived: list[float] = []
        self.still_until = 0.0

    async def hear(self, after_s: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(after_s, self.still_until - loop.time()))
        self.arrived.append(loop.time())

    async def stumble(self, dice: random.Random, most_s: float) -> None:
        while True:
            await asyncio.sleep(dice.uniform(8, 16))
            self.still_until = asyncio.get_running_loop().time() + dice.uniform(0, most_s)


class Wire:
    """The fleet's database, an answer away; its clock is the loop's."""

    def __init__(self, db, dice: random.Random) -> None:
        self.db, self.dice, self.dead, self.deaf = db, dice, False, False

    def _now(self):
        return START + timedelta(seconds=asyncio.get_running_loop().time())

    async def rows(self, statement, values, *, within_s):
        if "leave" in statement:
            gone = "UPDATE bulkim.holder SET until = %s, hungry = false WHERE holder = %s"
            self.db.execute(gone, (self._now(), *values))
            return []
        await asyncio.sleep(self.dice.uniform(0.001, 0.2))
        if self.dead:
            await asyncio.sleep(3600)
        answers = []
        for row in json.loads(values[0]):
            (share,) = self.db.execute(
                "SELECT bulkim.share(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (*(row[key] for key in ("pool", "holder", "limit", "tail")), LEASE_S,
                 *(row[key] for key in ("beat", "have", "used", "hungry")), self._now()),
            ).fetchone()  # fmt: skip
            answers.append((row["pool"], row["holder"], share, 0.0, None))
        await asyncio.sleep(self.dice.uniform(0.001, 0.2))
        if self.dead:
            await asyncio.sleep(3600)
        if self.deaf:
            await asyncio.sleep(within_s)
            raise AwayError("the answer got lost")
        return answers


class Worker:
    """Sends as fast as it may, until it is killed or leaves."""

    def __init__(self, name: str, db, dice: random.Random, vendor: Vendor) -> None:
        self.wire, self.dice, self.vendor = Wire(db, dice), dice, vendor
        self.name, self.stack, self.tasks = name, AsyncExitStack(), []
        self.shares = Shares(
            self.wire, name, lease_s=LEASE_S, margin_s=MARGIN_S, clock=asyncio.get_running_loop().time
        )

    async def begin(self) -> None:
        self.pacer = Pacer({"mutes-set": LIMIT})
        self.tasks.append(asyncio.ensure_future(self.shares.run()))
        self.pacer.draw_on(
            await self.stack.enter_async_context(self.shares.drawing("app", self.pacer.limiters))
        )
        self.tasks.append(asyncio.ensure_future(self._send()))

    async def _send(self) -> None:
        while True:
            await self.pacer.acquire(["mutes-set"])
            marks = self.pacer.sent(["mutes-set"])
            self.tasks.append(asyncio.ensure_future(self._call(marks)))

    async def _call(self, marks) -> None:
        await asyncio.sleep(self.dice.uniform(0.002, 0.02))  # until it is durable
        if self.wire.dead:
            return
        self.pacer.leaving(marks)
        await self.vendor.hear(self.dice.uniform(0.001, 0.005))
        await asyncio.sleep(0.005)
        self.pacer.answered(marks)

    async def kill(self) -> None:
        self.wire.dead = True
        for each in self.tasks[:2]:  # calls that have left arrive
            each.cancel()

    async def leave(self) -> None:
        self.tasks[1].cancel()
        await asyncio.sleep(0.03)
        await self.stack.aclose()
        self.tasks[0].cancel()


def worst(sent: list[float]) -> int:
    sent = sorted(sent)
    most, first = 0, 0
    for last, moment in enumerate(sent):
        while sent[first] <= moment - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("still_s", [0.0, 0.45])
@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.slow) if seed > 1 else seed for seed in range(6)]
)
def test_no_second_holds_more_than_the_limit_whoever_dies_joins_or_leaves(database, seed, still_s):
    dice = random.Random(seed)

    async def main() -> list[float]:
        vendor = Vendor()
        stumbling = asyncio.ensure_future(vendor.stumble(dice, still_s))
        workers: list[Worker] = []
        for number in range(14):
            if len(workers) < 2 or (len(workers) < 4 and dice.random() < 0.4):
                workers.append(Worker(f"w{number}", db, dice, vendor))
                await workers[-1].begin()
            else:
                one = workers.pop(dice.randrange(len(workers)))
                await (one.kill() if dice.random() < 0.6 else one.leave())
            for each in workers:
                each.wire.deaf = dice.random() < 0.1
            await asyncio.sleep(dice.uniform(0.2, 8.0))
        for each in workers:
            await each.kill()
        stumbling.cancel()
        return vendor.arrived

    with psycopg.connect(database.dsn) as db:
        arrived = virtual.run(main)
    assert worst(arrived) <= LIMIT
    assert len(arrived) > 500


def test_two_hosts_that_look_like_one_are_two_holders(database, monkeypatch):
    """Containers of one image: the same host name, the same process number."""
    monkeypatch.setattr("bulkim.fleet.shares.NUMBERS", repeat(1))
    connection = Connection("easemob", "https://h", None, target="o#a")

    async def main() -> float:
        pacers = [Pacer({"mutes-set": LIMIT}), Pacer({"mutes-set": LIMIT})]
        sharing = [across_hosts({"BULKIM_FLEET": database.dsn}) for _ in pacers]
        async with AsyncExitStack() as stack:
            for each, pacer in zip(sharing, pacers, strict=True):
                await stack.enter_async_context(each(connection, pacer.limiters))
            while database.one("SELECT count(*) FROM bulkim.holder") < 2:
                await asyncio.sleep(0.02)
            return sum(pacer.limiters["mutes-set"].granted_per_s for pacer in pacers)

    assert asyncio.run(asyncio.wait_for(main(), 60)) <= LIMIT
