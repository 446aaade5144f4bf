"""Reading before writing, on a virtual clock: two quotas are used beside each other, and nothing is sent that was not read."""

from __future__ import annotations

import asyncio
import json

import anyio
from support.jobs import job
from support.virtual import run

from bulkim.model import Credentials, Item, Mode, Reply, Status
from bulkim.quota.pacer import Pacer
from bulkim.sending.channel import Channel
from bulkim.sending.executor import Executor
from bulkim.sending.retry import Policy
from bulkim.vendors import PROVIDERS

EASEMOB = PROVIDERS["easemob"]
MUTE = EASEMOB.operation("mute")
USERS, LIMIT, LATENCY_S = 300, 50.0, 0.05


class Answers:
    """A vendor who knows everybody."""

    silent = 0  # connections that say nothing

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, call, _credentials=None):
        self.sent.append(call.method)
        await anyio.sleep(LATENCY_S)
        if call.method == "GET":
            name = call.path.rpartition("/")[2]
            body = {"data": {"userid": f"sandbox#demo_{name}", "chat": 0, "groupchat": 0, "chatroom": 0}}
        else:
            body = {"data": {"result": "ok"}}
        return Reply(200, json.dumps(body).encode(), {})


class Keys:
    def needs(self, _now):
        return None

    def current(self, _now):
        return Credentials(())

    def accepted(self, _credentials): ...


class Kept:
    """A journal in memory."""

    def __init__(self, items: list[Item]) -> None:
        self.items, self.images, self.ended, self.attempts = items, {}, {}, 0

    def begin(self, batch, *, now):
        if batch.mode is Mode.SEND:
            assert all(item.ordinal in self.images for item in batch.items), "sent before it was read"
        self.attempts += 1
        return self.attempts

    def settle(self, _attempt, _closing, *, finals, touched):
        assert not touched
        self.ended |= {final.item.ordinal: final.status for final in finals}

    def remember(self, _attempt, _closing, images):
        assert not images.keys() & self.images.keys()
        self.images |= images

    def unseen(self, items):
        return [item for item in items if item.ordinal not in self.images]

    async def durable(self): ...

    def present(self): ...

    def finish(self, finals, *, now): ...

    def beat(self, rates, *, now): ...

    def counts(self):
        return dict.fromkeys(Status, 0) | {Status.PENDING: len(self.items)}

    def pending(self, *, after=0, limit=1000):
        return [item for item in self.items if item.ordinal > after][:limit]

    def doubtful(self):
        return []

    def complete(self, pending):
        return pending

    def take(self, count):
        taken, self.items = self.items[:count], self.items[count:]
        return taken


def test_reading_costs_no_time_where_it_has_a_quota_of_its_own():
    asked = job("mute", "http://127.0.0.1:1", ["x"], snapshot=True, params={"chat": 60})
    people = [Item(n, f"u{n}", f"u{n}", {"chat": 60}) for n in range(1, USERS + 1)]
    kept, answers = Kept(people), Answers()

    async def main():
        loop = asyncio.get_running_loop()
        channel = Channel(
            answers, Pacer({"mutes-set": LIMIT, "mutes-get": LIMIT}), Keys(), Policy(1), loop.time
        )
        executor = Executor(asked, EASEMOB, MUTE, journal=kept, items=kept, channel=channel)
        began = loop.time()
        await executor.run()
        return loop.time() - began

    elapsed_s = run(main)
    assert set(kept.ended.values()) == {Status.SUCCEEDED}
    assert len(kept.ended) == len(kept.images) == USERS
    assert elapsed_s < 1.1 * USERS / LIMIT
