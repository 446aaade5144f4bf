"""A server that does not answer, and then does: what is on its way meanwhile. On a virtual clock."""

from __future__ import annotations

import asyncio

import anyio
from support.jobs import job as described
from support.virtual import run

from bulkim.auth.credentials import credential
from bulkim.journal import Journal
from bulkim.journal.records import Entry, NewRun
from bulkim.model import Call, Credentials, Fault, Guard, Reply
from bulkim.planning.pending import PendingItems
from bulkim.quota.pacer import Pacer
from bulkim.sending.channel import Channel
from bulkim.sending.executor import Executor
from bulkim.sending.retry import Policy
from bulkim.vendors import PROVIDERS

EASEMOB = PROVIDERS["easemob"]
USERS = 300


class Server:
    """Answers, stands still from its second second on, and answers again from its twelfth."""

    def __init__(self) -> None:
        self.silent = 0
        self.on_its_way: list[tuple[float, int]] = []  # when each call left, and how many were under way then
        self._now = 0

    async def send(self, call: Call, credentials: Credentials = Credentials()) -> Reply | Fault:  # noqa: B008
        at = asyncio.get_running_loop().time() - 1000.0
        self._now += 1
        self.on_its_way.append((at, self._now))
        asleep = 2.0 <= at < 12.0
        await anyio.sleep(1.0 if asleep else 0.2)
        self._now -= 1
        if asleep:
            self.silent += 1
            return Fault("timeout", "no answer in time", sent=True, latency_s=1.0)
        self.silent = 0
        return Reply(404, b'{"error": "service_resource_not_found", "error_description": "x"}', latency_s=0.2)


def test_one_call_at_a_time_asks_a_server_that_is_silent():
    server = Server()
    job = described("get-user", "https://h", ["u1"], guard=Guard(max_failures="100%"), retries=50)
    operation = EASEMOB.operation("get-user")

    async def main() -> None:
        with Journal.in_memory() as journal:
            number = journal.create_run(NewRun("n", "easemob", "get-user", "t", {}), now=1.0)
            session = journal.session(number, journal.begin_session(number, now=1.0))
            entries = [Entry(n, n, f"u{n}", f"u{n}") for n in range(1, USERS + 1)]
            journal.read_input(number, iter(entries), name="f", digest="d", now=1.0)
            items = PendingItems(
                lambda after: session.pending(after=after), params={}, secrets=None, name="f"
            )
            loop = asyncio.get_running_loop()
            channel = Channel(
                server,
                Pacer({operation.pools[0]: 20.0}),
                credential(job.connection, EASEMOB),
                Policy(50),
                loop.time,
                wall=loop.time,
            )
            executor = Executor(job, EASEMOB, operation, journal=session, items=items, channel=channel)
            ending = await executor.run()
            assert ending.state == "finished"

    run(main)
    before = max(number for at, number in server.on_its_way if at < 2.0)
    asleep = [number for at, number in server.on_its_way if 3.5 <= at < 12.0]
    assert before > 3
    assert asleep
    assert set(asleep) == {1}
    assert max(number for at, number in server.on_its_way if at > 13.0) > 1, "and many again when it answers"
