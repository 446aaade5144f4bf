"""Sends a run's batches: one dispatcher, as many calls in flight as the rate needs. Obeys Decisions, has no opinions.

The dispatcher alone takes work and permits; a call is written to the journal after its place in the quota is there, and
durable before its bytes leave. Its answer is decided and journaled without an `await` in between, so that cancellation
never falls inside a settlement.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import anyio
import anyio.abc

from bulkim import planning
from bulkim.catalogue.shapes import Operation, Probe, Provider
from bulkim.codec import decode, encode, parting
from bulkim.errors import BulkimError
from bulkim.journal.port import Executing, Remembering
from bulkim.journal.records import Closing
from bulkim.log.events import log
from bulkim.model import (
    Again,
    Answer,
    Batch,
    Decision,
    Fault,
    Final,
    Item,
    Job,
    Kind,
    Mode,
    Reply,
    Status,
    Stop,
)
from bulkim.planning import batch_size
from bulkim.planning.gather import Gathered
from bulkim.planning.pending import PendingItems
from bulkim.process import connections_max
from bulkim.sending import guard
from bulkim.sending.backlog import Backlog
from bulkim.sending.before_images import Looker
from bulkim.sending.channel import Channel, Permit, Stopped
from bulkim.sending.retry import decide, reopened
from bulkim.sending.supervise import leaves_now, safe
from bulkim.sending.telemetry import IN_FLIGHT_MAX, IN_FLIGHT_MIN, Ending, Telemetry

SILENT_MAX = 3  # calls in a row that got no answer: then one goes at a time, so that a server that wakes is not flooded
HEADROOM = 2.0  # calls in flight per call that rate x latency needs: latencies vary


class Executor:
    """One session of one run."""

    def __init__(
        self, job: Job, provider: Provider, operation: Operation, *,
        journal: Executing, items: PendingItems, channel: Channel, run: str = "", runs: int = 1,
    ) -> None:  # fmt: skip
        """`runs`: how many this process may work on at a time."""
        self.batch_max = batch_max = batch_size(operation, job)
        self._read_before = planning.before(job, provider, operation)
        self.single, self._run = batch_max == 1, run
        self.job, self.provider = job, provider
        self.operation = operation.single if self.single and operation.single else operation
        doubt = operation.doubt
        self.probe = provider.operation(doubt.operation) if isinstance(doubt, Probe) else None
        part, probe_part = parting(self.operation), parting(self.probe) if self.probe else None
        self.backlog = Backlog(
            Gathered(items.take, part) if part else items, batch_max=batch_max, part=part,
            fresh_max=self._read_before.batch_max if self._read_before else 1,
            probe_max=self.probe.batch_max if self.probe else 1, probe_part=probe_part, canary=job.guard.canary,
        )  # fmt: skip
        self._journal, self._items = journal, items
        self._channel, self._clock = channel, channel.clock
        limit_per_s = channel.pacer.limiters[self.operation.pools[0]].limit_per_s
        self.telemetry = Telemetry.of(journal.counts(), limit_per_s=limit_per_s)
        self._streak: tuple[str | None, int] = (None, 0)  # failures in a row with one code
        self._changed = anyio.Event()
        self._dispatching, self._everything = anyio.CancelScope(), anyio.CancelScope()
        self._looker = self._looking()
        self._looks: set[anyio.CancelScope] = set()
        self._stop: Stop | None = None
        self._signal: int | None = None
        self._connections_max = connections_max(runs)
        self._error: BulkimError | None = None

    # ------------------------------------------------------------------------------------- from outside

    async def run(self) -> Ending:
        """Send until nothing is pending, or something stops it. Raises BulkimError when the journal or the input fails."""
        self._reopen()
        try:
            with self._everything:
                async with anyio.create_task_group() as tasks:
                    with self._dispatching:
                        await self._dispatch(tasks)
                    while self.telemetry.in_flight:
                        await self._change(math.inf)
        finally:
            await safe(self._journal)
        if self._error:
            raise self._error
        if self._signal is not None:
            return Ending("interrupted", signal=self._signal)
        return Ending("stopped", self._stop) if self._stop else Ending("finished")

    def interrupt(self, signal: int) -> None:
        """First call: send nothing more, wait for what is in flight. Second: leave at once."""
        if leaves_now(self._signal):
            self._everything.cancel()
        self._signal = signal
        self.telemetry.stopping = "waiting for what is in flight"
        self._drain()

    def _drain(self) -> None:
        """Take no more work; who is being looked at stays pending."""
        self._dispatching.cancel()
        for scope in self._looks:
            scope.cancel()

    # --------------------------------------------------------------------------------------- dispatching

    def _reopen(self) -> None:
        """What an earlier session left in doubt comes first."""
        items = list(self._items.complete(sorted(self._journal.doubtful(), key=_place)))
        decision = reopened(self.operation, items)
        if decision.final:
            self._journal.finish(decision.final, now=self._clock())
            self._count(decision.final)
        for again in decision.again:
            self.backlog.put(again, anyio.current_time())
        self.telemetry.apart = self.backlog.apart()

    async def _dispatch(self, tasks: anyio.abc.TaskGroup) -> None:
        """Until there is nothing left to send. An error of ours waits until what is in flight has been answered."""
        try:
            await self._channel.pacer.start()
            while await self._dispatched(tasks):
                pass
        except BulkimError as error:
            self._error = error

    async def _dispatched(self, tasks: anyio.abc.TaskGroup) -> bool:
        """Send one batch or wait for a change; False when nothing is left."""
        in_flight = self.telemetry.in_flight
        batch = self.backlog.next(anyio.current_time(), idle=not in_flight)
        if batch is None:
            due_at = self.backlog.due_at
            if not in_flight and due_at == math.inf:
                return self._judge_canary()
            self._waiting("answers" if in_flight else "back-off")
            await self._change(due_at)
            return True
        await self._slot()
        if self._looker is not None and (unseen := self._looker.unseen(batch)):
            self.telemetry.in_flight += 1
            tasks.start_soon(self._look, self._looker, batch, unseen)
            return True
        if batch.mode is Mode.SEND and len(batch) > self.batch_max:  # taken to be looked at together
            self.backlog.put(Again(batch), anyio.current_time())
            return True
        permit = await self._channel.permit(self._operation_of(batch), waiting=self._waiting)
        if self._dispatching.cancel_called:
            return False  # cancellation comes at the next wait; where places are free there was none since
        self._begin(tasks, batch, permit)
        return True

    def _judge_canary(self) -> bool:
        """The first items have ended: go on (True) or stop."""
        if not self.backlog.release():
            return False
        self._stop = guard.canary(self.job.guard, self.telemetry.counts)
        return self._stop is None

    async def _slot(self) -> None:
        """Wait until one more call may be in flight."""
        while self.telemetry.in_flight >= self._in_flight_max():
            self._waiting("answers")
            await self._change(math.inf)

    def _in_flight_max(self) -> int:
        """The job's own cap, or what the rate needs at the observed latency; one while nobody answers; what may be open at a time."""
        if self._channel.transport.silent >= SILENT_MAX:
            cap = 1
        elif self.job.concurrency is not None:
            cap = self.job.concurrency
        else:
            needed = self.telemetry.limit_per_s * (self.telemetry.latency_s or 0.0) * HEADROOM
            both = 1 if self._looker is None else 2  # one call reads while another one writes
            cap = min(IN_FLIGHT_MAX, max(IN_FLIGHT_MIN, math.ceil(needed) + IN_FLIGHT_MIN) * both)
        self.telemetry.in_flight_max = cap = min(cap, self._connections_max)
        return cap

    def _waiting(self, what_for: str) -> None:
        self.telemetry.waiting_for = what_for

    async def _change(self, until: float) -> None:
        """Wait for an answer, a retry put back, or the loop's time `until`."""
        self._changed = anyio.Event()
        with anyio.move_on_at(until):
            await self._changed.wait()

    def _operation_of(self, batch: Batch) -> Operation:
        if batch.mode is Mode.PROBE:
            assert self.probe is not None
            return self.probe
        return self.operation

    # ------------------------------------------------------------------------------- what was there before

    def _looking(self) -> Looker | None:
        """Who reads what is there before it is written over, where that is wanted and can be kept."""
        asking = self._read_before
        if asking is None or not isinstance(self._journal, Remembering):
            return None
        return Looker(
            self.provider, self.job.connection, asking, self._journal, self._journal,
            self._channel, self.telemetry, self._waiting, beside=self._only_asks(asking),
        )  # fmt: skip

    def _only_asks(self, operation: Operation) -> bool:
        """Whether its calls have limits of their own."""
        return operation is not self.operation and set(operation.pools).isdisjoint(self.operation.pools)

    async def _look(self, looker: Looker, batch: Batch, unseen: Sequence[Item]) -> None:
        """Read, then let the batch be sent."""
        scope = anyio.CancelScope()
        self._looks.add(scope)
        try:
            with scope:
                await looker.look(unseen)
                self.backlog.put(Again(batch), anyio.current_time())
        except Stopped as stopped:
            self._stop = self._stop or stopped.stop
            self.telemetry.stopping = self.telemetry.stopping or stopped.stop.reason
            self._drain()
        except BulkimError as error:
            self._fail(error)
        finally:
            self._looks.discard(scope)
            self.telemetry.in_flight -= 1
            self._changed.set()

    # ------------------------------------------------------------------------------------- one call

    def _begin(self, tasks: anyio.abc.TaskGroup, batch: Batch, permit: Permit) -> None:
        """Write ahead, then send when that is durable. No `await` here: what is journaled is sent, what is not is not."""
        now = self._clock()
        single = self.single and batch.mode is Mode.SEND
        call = encode(
            self.provider, permit.operation, self.job.connection, batch.items, single=single, run=self._run
        )
        attempt_id = self._journal.begin(batch, now=now)
        durable = self._journal.durable()
        if batch.mode is Mode.SEND:
            self.telemetry.retries += any(item.attempts for item in batch.items)
            batch = batch.of([item.sent() for item in batch.items], tries=batch.tries + 1)
        self.telemetry.called(beside=self._only_asks(permit.operation))
        self.telemetry.in_flight += 1

        async def attempt() -> None:
            await durable
            reply = await self._channel.send(call, permit)
            self._answered(attempt_id, batch, permit, reply, began_at=now)

        tasks.start_soon(self._guarded, attempt)

    async def _guarded(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """An error of ours (a full disk, say) ends the run; what else is in flight stays open in the journal."""
        try:
            await attempt()
        except BulkimError as error:
            self._fail(error)

    def _fail(self, error: BulkimError) -> None:
        self._error = self._error or error
        self._everything.cancel()

    def _answered(
        self, attempt_id: int, batch: Batch, permit: Permit, reply: Reply | Fault, *, began_at: float
    ) -> None:
        """Decode, decide, journal, obey: without an `await`."""
        answer = decode(self.provider, permit.operation, batch.items, reply)
        if Kind.POISONED in [outcome.kind for outcome in answer.outcomes]:
            batch = self.backlog.poisoned(batch)
        now = self._clock()
        gateways = self._channel.heard(reply, answer.speaker, answer.server_time)
        answer = replace(answer, server_time=self._channel.vendor_now(answer.server_time))
        decision = decide(
            self.operation, batch, answer, policy=self._channel.policy, began_at=began_at, now=now,
            poisoned=self.backlog.refusals(batch), gateways=gateways, met=self._channel.met, jitter=random.random(),
        )  # fmt: skip
        closing = closing_of(answer, now)
        self._channel.told(closing.kind, permit)
        left = left_pending(batch, decision)
        self._journal.settle(attempt_id, closing, finals=decision.final, touched=left)
        log.debug("attempt.settled", attempt=attempt_id, mode=str(batch.mode), items=len(batch), kind=closing.kind,
                  http_status=closing.http_status, code=closing.code, latency_ms=round(reply.latency_s * 1000, 1))  # fmt: skip
        self.telemetry.throttled += closing.kind == Kind.THROTTLED
        self._obey(decision, permit, reply.latency_s)

    def _obey(self, decision: Decision, permit: Permit, latency_s: float) -> None:
        self.telemetry.in_flight -= 1
        self.telemetry.answered_in(latency_s)
        self._count(decision.final)
        for again in decision.again:
            self.backlog.put(again, anyio.current_time())
        stop = self._channel.obey(decision, permit) or guard.breaker(self.job.guard, self.telemetry.counts)
        stop = stop or guard.streak(self.job.guard, *self._streak)
        if stop and not self._stop:
            self._stop = stop
            self.telemetry.stopping = stop.reason
            log.warning("run.stopping", code=stop.code, reason=stop.reason)
            self._drain()
        self._changed.set()

    def _count(self, finals: Iterable[Final]) -> None:
        for (status, code), alike in groupby(finals, key=_ending):
            number = sum(1 for _ in alike)
            self.telemetry.counts[status] += number
            self.telemetry.counts[Status.PENDING] -= number
            if code and status is not Status.SUCCEEDED:
                self.telemetry.codes[code] += number
            before, length = self._streak
            bad = status in {Status.FAILED, Status.UNKNOWN}
            self._streak = (code, length + number if code == before else number) if bad else (None, 0)


def left_pending(batch: Batch, decision: Decision) -> tuple[Item, ...]:
    """The batch's items that have not ended, as the decision leaves them."""
    if len(decision.final) == len(batch):
        return ()
    again = [item for each in decision.again for item in each.batch.items]
    ended = {final.item.ordinal for final in decision.final}
    left = {item.ordinal: item for item in (*batch.items, *again) if item.ordinal not in ended}
    return tuple(left.values())


def closing_of(answer: Answer, now: float) -> Closing:
    """The attempt's row: what its answer meant for most of its items, with the first code and reason of that kind."""
    kinds = [outcome.kind for outcome in answer.outcomes]
    kind = max(dict.fromkeys(kinds), key=kinds.count)  # the first of those most frequent
    first = answer.outcomes[kinds.index(kind)]
    return Closing(now, str(kind), answer.http_status, first.code, first.reason)


def _ending(final: Final) -> tuple[Status, str | None]:
    return final.status, final.code


def _place(item: Item) -> int:
    return item.position or 0
