"""How long a plan says that a run will take, against how long it takes. On a virtual clock."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from support.jobs import job as described
from support.virtual import run

from bulkim.auth.credentials import credential
from bulkim.journal import Journal
from bulkim.journal.records import Closing, Entry, NewRun
from bulkim.model import Batch, Call, Credentials, Guard, Item, Rate, Reply
from bulkim.planning.pending import PendingItems
from bulkim.planning.preview import surveyed
from bulkim.quota.pacer import Pacer
from bulkim.sending.channel import Channel
from bulkim.sending.executor import Executor
from bulkim.sending.retry import Policy
from bulkim.vendors import PROVIDERS
from bulkim.work.outlook import Outlook, expected, outlook

EASEMOB = PROVIDERS["easemob"]


class Server:
    """Answers after so long."""

    silent = 0

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s

    async def send(self, call: Call, credentials: Credentials = Credentials()) -> Reply:  # noqa: B008
        await anyio.sleep(self._latency_s)
        return Reply(
            404,
            b'{"error": "service_resource_not_found", "error_description": "x"}',
            latency_s=self._latency_s,
        )


def took(job, latency_s: float) -> float:
    """Seconds on the virtual clock from the first call to the last answer."""
    operation = EASEMOB.operation(job.operation)
    users = len(job.source.items)

    async def main() -> float:
        with Journal.in_memory() as journal:
            number = journal.create_run(NewRun("n", "easemob", job.operation, "t", {}), now=1.0)
            session = journal.session(number, journal.begin_session(number, now=1.0))
            entries = [Entry(n, n, f"u{n}", f"u{n}") for n in range(1, users + 1)]
            journal.read_input(number, iter(entries), name="f", digest="d", now=1.0)
            items = PendingItems(
                lambda after: session.pending(after=after), params={}, secrets=None, name="f"
            )
            loop = asyncio.get_running_loop()
            pacer = Pacer({operation.pools[0]: job.rate.limit})
            channel = Channel(
                Server(latency_s),
                pacer,
                credential(job.connection, EASEMOB),
                Policy(5),
                loop.time,
                wall=loop.time,
            )
            began = loop.time()
            ending = await Executor(
                job, EASEMOB, operation, journal=session, items=items, channel=channel
            ).run()
            assert ending.state == "finished"
            return loop.time() - began

    return run(main, oversleep=lambda: 0.001)


@pytest.mark.parametrize("latency_s", [0.0, 0.05, 0.5])
@pytest.mark.parametrize(
    ("users", "limit", "concurrency"), [(300, 100.0, None), (60, 20.0, None), (200, 100.0, 10)]
)
def test_it_is_within_five_percent(tmp_path, users, limit, concurrency, latency_s):
    names = [f"u{n}" for n in range(users)]
    job = described(
        "get-user",
        "https://h",
        names,
        guard=Guard(max_failures="100%"),
        rate=Rate(limit),
        concurrency=concurrency,
    )
    said = expected(surveyed(job, journal=tmp_path / "none.db"), latency_s, latency_s, latency_s)
    assert said == pytest.approx(took(job, latency_s), rel=0.05)


def test_latencies_are_of_this_app_and_of_this_operation_where_it_has_any(tmp_path):
    path = tmp_path / "j.db"
    with Journal.open(path) as journal:
        for operation, app, seconds in (("mute", "demo", 0.3), ("get-user", "other", 0.9)):
            run_id = journal.create_run(
                NewRun("n", "easemob", operation, f"https://h sandbox#{app}", {}), now=1.0
            )
            session = journal.session(run_id, journal.begin_session(run_id, now=1.0))
            attempt = session.begin(Batch((Item(1, "u", "u"),)), now=5.0)
            session.settle(attempt, Closing(5.0 + seconds, "succeeded"), finals=(), touched=())
        reader = journal.reader
        assert reader.latencies("https://h sandbox#demo", "get-user", calls=9) == pytest.approx([0.3])
        assert reader.latencies("https://h sandbox#other", "get-user", calls=9) == pytest.approx([0.9])
        assert reader.latencies("https://h sandbox#none", "get-user", calls=9) == []


def test_without_an_earlier_run_nothing_is_expected(tmp_path):
    job = described("get-user", "https://h", ["u1"])
    found = surveyed(job, journal=tmp_path / "none.db")
    assert outlook(found, tmp_path / "none.db") == Outlook()
