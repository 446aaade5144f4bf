"""How an operation is done: which worker does it, with which other operations, and the session that it works in.

This part of a run knows no files, no other runs and no people: a job, and the journal behind its port.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import anyio

from bulkim.catalogue.shapes import Effect, Operation, Provider
from bulkim.errors import RefusedError
from bulkim.journal.port import RunJournal, SteeredJournal
from bulkim.journal.records import Entry
from bulkim.model import Job, Row, Stop
from bulkim.planning import limits, pools
from bulkim.planning.pending import PendingItems, Secrets
from bulkim.quota.host import on_this_host
from bulkim.quota.source import Sharing
from bulkim.sending.channel import Channel, Gate, opened
from bulkim.sending.control import Control
from bulkim.sending.executor import Executor
from bulkim.sending.heartbeat import Heartbeat
from bulkim.sending.listing import Plan, count_users, list_items
from bulkim.sending.oldest import Purge, delete_oldest
from bulkim.sending.serial import Serial
from bulkim.sending.supervise import Deadline, Listen, Worker, stopped_by, supervised
from bulkim.sending.telemetry import Ending, Observed, Telemetry

Begin = Callable[[Channel, RunJournal], Worker]
"""Makes a session's worker: (channel, the session's hand in the journal) -> worker."""

Steered = Callable[[Channel, Worker], Listen]
"""Makes what hears of people's wishes for a worker."""

Watching = Callable[[Observed], AbstractAsyncContextManager[None]]
"""Entered around a worker's work, with what can be seen of it."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Chooses among the ways in which a job's operation can be done."""

    job: Job
    provider: Provider
    operation: Operation
    plan: Plan  # rows of a listing -> entries, by the operation's rules
    seen: list[str] = field(default_factory=list)  # the first who were listed, whether they were meant or not
    limit: int | None = None  # items that a listing brings at most
    runs: int = 1  # that this process may work on at a time

    @property
    def purges(self) -> bool:
        """Whether the operation deletes whom it finds: nobody is named beforehand."""
        return self.operation.paging is not None and self.operation.effect is Effect.DELETE

    def ahead(self, *, planned: bool) -> Begin | Census | None:
        """What must be asked before it is known what would be sent: a listing, how many users there are, or nothing.

        `planned`: the run's items are known already.
        """
        if self.job.source.listing and not self.operation.paging and not planned:
            return self._serial(self._taking_in(f"list-{self.job.source.listing}", self.plan, ended=False))
        if self.purges and self.job.params.get("all"):
            return Census(self)
        return None

    def sending(self, *, count: int, secrets: Secrets | None, name: str, run: str) -> Begin:
        """What does the run. `count`: users to delete in all, where nobody names them.

        `secrets` reads the input's secret fields again, where there are any; `name` is the input's, for errors; `run` is
        the run's id.
        """
        if self.operation.paging is None:
            return lambda channel, session: self._executor(
                channel, session, secrets=secrets, name=name, run=run
            )
        if self.purges:
            purge = Purge(self.operation, self.named("list-users"), self.named("get-user"))
            return self._serial(lambda serial: delete_oldest(serial, purge, count=count))
        return self._serial(self._taking_in(self.operation.name, self._listed, ended=True))

    def limits(self) -> dict[str, float]:
        """Calls a second of every pool that it may draw on."""
        limits_per_s = limits(self.job, self.provider, self.operation)
        for helper in self._helpers():
            for pool in helper.pools:
                limits_per_s.setdefault(pool, self.provider.pool(pool).limit_per_s * self.job.rate.share)
        return limits_per_s

    def named(self, name: str) -> Operation:
        """Another operation of the vendor's."""
        operation = self.provider.operation(name)
        assert operation is not None, f"{self.provider.name} has no {name}"
        return operation

    def _helpers(self) -> list[Operation]:
        """Other operations that this run may call."""
        names = {f"list-{self.job.source.listing}"} if self.job.source.listing else set()
        if self.purges:
            names |= {"list-users", "get-user"}
        return [self.named(name) for name in sorted(names)]

    def _executor(
        self, channel: Channel, session: RunJournal, *, secrets: Secrets | None, name: str, run: str
    ) -> Executor:
        items = PendingItems(
            lambda after: session.pending(after=after), params=self.job.params, secrets=secrets, name=name
        )
        return Executor(
            self.job, self.provider, self.operation, journal=session, items=items, channel=channel, run=run,
            runs=self.runs,
        )  # fmt: skip

    def _serial(self, work: Callable[[Serial], Awaitable[None]]) -> Begin:
        def begin(channel: Channel, session: RunJournal) -> Serial:
            limit_per_s = min(limiter.limit_per_s for limiter in channel.pacer.limiters.values())
            telemetry = Telemetry.of(session.counts(), limit_per_s=limit_per_s)
            return Serial(self.job, self.provider, session, channel, telemetry, work)

        return begin

    def _taking_in(self, name: str, plan: Plan, *, ended: bool) -> Callable[[Serial], Awaitable[None]]:
        operation, where = self.named(name), self.job.source.where
        return lambda serial: list_items(
            serial, operation, plan, where=where, ended=ended, seen=self.seen, limit=self.limit
        )

    def _listed(self, rows: Sequence[Row]) -> list[Entry]:
        named = [(row.position, str(row.values["username"])) for row in rows]
        return [Entry(position, None, self.provider.folded(name), name) for position, name in named]


@dataclass(slots=True)
class Census:
    """Counts the users of an app, as a `Begin`."""

    workers: Workers
    users: int | None = None  # None: not counted to the end

    def __call__(self, channel: Channel, session: RunJournal) -> Worker:
        return self.workers._serial(self._count)(channel, session)  # noqa: SLF001 - the same room

    async def _count(self, serial: Serial) -> None:
        self.users = await count_users(serial, self.workers.named("list-users"))


def work(
    workers: Workers,
    session: SteeredJournal,
    begin: Begin,
    *,
    deadline: Deadline | None = None,
    watching: Watching | None = None,
    sharing: Sharing = on_this_host,
) -> Ending:
    """Let a worker do its work, on an event loop of its own. Raises BulkimError when the journal or the input fails."""
    deadline = deadline or Deadline(math.inf)
    if stop := deadline.stop():  # reading the input, or somebody's answer, took longer
        return stopped_by(stop)

    def steered(channel: Channel, worker: Worker) -> Listen:
        own = next(iter(pools(workers.operation, workers.job)), None)
        return Control(session, channel.pacer, own, worker.telemetry).listen

    on_a_loop = partial(working, watching=watching, sharing=sharing)
    return anyio.run(on_a_loop, workers, session, begin, deadline, steered, backend="asyncio")


async def working(
    workers: Workers, session: RunJournal, begin: Begin, deadline: Deadline, steered: Steered, *,
    watching: Watching | None = None, sharing: Sharing = on_this_host, gate: Gate | None = None,
    user_timeout_s: float | None = None,
) -> Ending:  # fmt: skip
    """The same on an event loop that runs. What has a gate is no process' only run: it hears of no signals."""
    provider, limits_per_s = workers.provider, workers.limits()
    way = opened(
        workers.job, provider, limits_per_s, sharing=sharing, gate=gate, user_timeout_s=user_timeout_s
    )
    try:
        async with way as channel:
            worker, pacer = begin(channel, session), channel.pacer
            async with watching(worker) if watching else nullcontext():
                heartbeat = Heartbeat(
                    session, pacer.limiters.values(), worker.telemetry, max_rest_s=workers.job.rate.max_rest_s
                )

                def beat() -> Stop | None:
                    pacer.look()
                    return heartbeat.beat(
                        now=time.time(), loop_now=anyio.current_time(), vendor_ahead_s=channel.vendor_ahead_s
                    )

                return await supervised(
                    worker, beat, deadline, steered(channel, worker), signals=gate is None
                )
    except RefusedError as error:
        return Ending("stopped", Stop(error.exit_code, error.code, error.message, error.hint or ""))
