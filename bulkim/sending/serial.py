"""One call at a time: for listings, whose pages follow from each other, and for asking about single users."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio

from bulkim.catalogue.shapes import Operation, Provider
from bulkim.codec import decode, encode, pages
from bulkim.journal.port import Listing
from bulkim.journal.records import Closing, ListedPage
from bulkim.log.events import log
from bulkim.model import (
    Batch,
    Call,
    Credentials,
    Fault,
    Final,
    Item,
    Job,
    Kind,
    Mode,
    Outcome,
    Page,
    PageRequest,
    Reply,
    Stop,
)
from bulkim.sending.channel import Wire
from bulkim.sending.retry import Policy, step
from bulkim.sending.supervise import safe
from bulkim.sending.telemetry import Ending, Telemetry


class Stopped(Exception):  # noqa: N818 - it is a conclusion, not an error
    """The vendor's answer ends the run."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.reason)
        self.stop = stop


@dataclass(slots=True)
class Caller:
    """Sends one call at a time for a run, each try an attempt in the journal."""

    job: Job
    provider: Provider
    journal: Listing
    wire: Wire
    telemetry: Telemetry
    sending: anyio.CancelScope = field(default_factory=anyio.CancelScope, init=False)

    async def page(self, operation: Operation, request: PageRequest) -> tuple[int, Closing, Page]:
        """One page of a harmless listing; its attempt is left open for `take_in`. Raises Stopped."""
        call = encode(self.provider, operation, self.job.connection, (), page=request)
        tries, refreshed = 0, False
        while True:
            tries += 1
            attempt_id, reply, credentials = await self.send(operation, call)
            page = pages(self.provider, operation, request, reply)
            closing = self.closing(page.outcome, page.http_status)
            self.wire.told(closing.kind, credentials)
            if page.outcome.kind is Kind.SUCCEEDED:
                return attempt_id, closing, page
            self.close(attempt_id, closing)
            refreshed = await self.follow(operation, page.outcome, tries, credentials, refreshed=refreshed)
            tries -= page.outcome.kind in {Kind.THROTTLED, Kind.UNAUTHORIZED}

    async def ask(self, operation: Operation, item: Item) -> Outcome:
        """What a probe says of one user: there or not. Raises Stopped."""
        call = encode(self.provider, operation, self.job.connection, (item,))
        tries, refreshed = 0, False
        while True:
            tries += 1
            attempt_id, reply, credentials = await self.send(operation, call, Batch((item,), Mode.PROBE))
            answer = decode(self.provider, operation, (item,), reply)
            outcome = answer.outcomes[0]
            self.close(attempt_id, self.closing(outcome, answer.http_status))
            if outcome.kind in {Kind.SUCCEEDED, Kind.ABSENT}:
                return outcome
            refreshed = await self.follow(operation, outcome, tries, credentials, refreshed=refreshed)
            tries -= outcome.kind in {Kind.THROTTLED, Kind.UNAUTHORIZED}

    async def send(
        self, operation: Operation, call: Call, batch: Batch | None = None
    ) -> tuple[int, Reply | Fault, Credentials]:
        """Write ahead and send, once. Returns the open attempt, what came back, and what it was sent with."""
        self.telemetry.waiting_for = "credentials"
        credentials = await self.wire.credentials()
        self.telemetry.waiting_for = "quota"
        await self.wire.pacer.acquire(operation.pools)
        now = self.wire.clock()
        attempt_id = self.journal.begin(batch, now=now) if batch else self.journal.begin_page(now=now)
        self.telemetry.requests += 1
        self.telemetry.in_flight += 1
        self.telemetry.waiting_for = "answers"
        marks = self.wire.pacer.sent(operation.pools)
        with anyio.CancelScope(shield=True) as self.sending:  # a first signal waits for the answer
            await self.journal.durable()
            reply = await self.wire.send(call, credentials, marks)
        if self.sending.cancelled_caught:
            await anyio.sleep_forever()  # a second one does not; the outer scope ends this here
        self.telemetry.in_flight -= 1
        self.telemetry.answered_in(reply.latency_s)
        return attempt_id, reply, credentials

    async def follow(
        self, operation: Operation, outcome: Outcome, tries: int, credentials: Credentials, *, refreshed: bool
    ) -> bool:
        """Wait, renew or stop after an answer that was no success. Returns whether credentials have been renewed.

        Raises Stopped.
        """
        then = step(
            outcome, tries=tries, refreshed=refreshed, policy=Policy(self.job.retries), jitter=random.random()
        )
        stop = (self.wire.renew(credentials) if then.renew else None) or then.stop
        if stop:
            log.warning("run.stopping", code=stop.code, reason=stop.reason)
            raise Stopped(stop)
        if then.cool_down_s is not None:
            self.wire.pacer.refused(operation.pools, then.cool_down_s or None)
            log.info("pool.refused", pool=operation.pools[0], rest_s=then.cool_down_s or 1.0)
        self.telemetry.waiting_for = "back-off"
        await anyio.sleep(then.delay_s)
        return refreshed or then.renew

    def close(
        self, attempt_id: int, closing: Closing, *, finals: Sequence[Final] = (), touched: Sequence[Item] = ()
    ) -> None:
        """The attempt ends, and with it these items."""
        self.journal.settle(attempt_id, closing, finals=finals, touched=touched)
        self._note(attempt_id, closing)

    def take_in(self, attempt_id: int, closing: Closing, page: ListedPage) -> None:
        """The attempt ends, and its rows become items."""
        self.journal.take_in(attempt_id, closing, page)
        self._note(attempt_id, closing)

    def closing(self, outcome: Outcome, http_status: int | None) -> Closing:
        """An attempt's end, now."""
        return Closing(self.wire.clock(), str(outcome.kind), http_status, outcome.code, outcome.reason)

    def _note(self, attempt_id: int, closing: Closing) -> None:
        self.telemetry.throttled += closing.kind == Kind.THROTTLED
        self.telemetry.counts.update(self.journal.counts())
        log.debug(
            "attempt.settled", attempt=attempt_id, kind=closing.kind, http_status=closing.http_status,
            code=closing.code,
        )  # fmt: skip


class Sequential:
    """A session whose calls follow from each other, with the same face as `executor.Executor`."""

    def __init__(self, caller: Caller, work: Callable[[Caller], Awaitable[None]]) -> None:
        self.telemetry = caller.telemetry
        self._caller = caller
        self._work = work
        self._scope = anyio.CancelScope()
        self._signal: int | None = None

    async def run(self) -> Ending:
        """Work until it is done, or something stops it. Raises BulkimError when the journal or the credentials fail."""
        try:
            with self._scope:
                await self._caller.wire.pacer.start()
                await self._work(self._caller)
        except Stopped as stopped:
            return Ending("stopped", stopped.stop)
        finally:
            await safe(self._caller.journal)
        if self._signal is not None:
            return Ending("interrupted", signal=self._signal)
        return Ending("finished")

    def interrupt(self, signal: int) -> None:
        """First call: send nothing more, wait for the answer. Second: leave at once."""
        if self._signal is not None:
            self._caller.sending.cancel()
        self._signal = signal
        self.telemetry.stopping = "waiting for what is in flight"
        self._scope.cancel()
