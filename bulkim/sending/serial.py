"""One call at a time: for listings, whose pages follow from each other, and for asking about single users."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio

from bulkim.catalogue.shapes import Operation, Provider
from bulkim.codec import decode, encode, pages
from bulkim.journal.port import Listing
from bulkim.journal.records import Closing, ListedPage
from bulkim.log.events import log
from bulkim.model import Batch, Call, Fault, Final, Item, Job, Kind, Mode, Outcome, Page, PageRequest, Reply
from bulkim.sending.channel import Channel, Heard, Permit, Stopped
from bulkim.sending.supervise import leaves_now, safe
from bulkim.sending.telemetry import Ending, Telemetry


@dataclass(slots=True)
class Serial:
    """A session whose calls follow from each other, each try an attempt in the journal. The executor's opposite."""

    job: Job
    provider: Provider
    journal: Listing
    channel: Channel
    telemetry: Telemetry
    work: Callable[[Serial], Awaitable[None]]  # what it does, with the methods below
    _everything: anyio.CancelScope = field(default_factory=anyio.CancelScope, init=False)
    _sending: anyio.CancelScope = field(default_factory=anyio.CancelScope, init=False)
    _signal: int | None = field(default=None, init=False)

    # ------------------------------------------------------------------------------------- from outside

    async def run(self) -> Ending:
        """Work until it is done, or something stops it. Raises BulkimError when the journal or the credentials fail."""
        try:
            with self._everything:
                await self.channel.pacer.start()
                await self.work(self)
        except Stopped as stopped:
            log.warning("run.stopping", code=stopped.stop.code, reason=stopped.stop.reason)
            return Ending("stopped", stopped.stop)
        finally:
            await safe(self.journal)
        if self._signal is not None:
            return Ending("interrupted", signal=self._signal)
        return Ending("finished")

    def interrupt(self, signal: int) -> None:
        """First call: send nothing more, wait for the answer. Second: leave at once."""
        if leaves_now(self._signal):
            self._sending.cancel()
        self._signal = signal
        self.telemetry.stopping = "waiting for what is in flight"
        self._everything.cancel()

    # -------------------------------------------------------------------------------------- for the work

    async def page(self, operation: Operation, request: PageRequest) -> tuple[int, Closing, Page]:
        """One page of a harmless listing; its attempt is left open for `take_in`. Raises Stopped."""
        call = encode(self.provider, operation, self.job.connection, (), page=request)

        async def attempt() -> Heard[tuple[int, Closing, Page]]:
            attempt_id, reply, permit = await self.send(operation, call)
            page = pages(self.provider, operation, request, reply)
            self.channel.heard(reply, page.speaker, page.server_time)
            closing = self.closing(page.outcome, page.http_status)
            if page.outcome.kind is Kind.SUCCEEDED:
                return Heard(page.outcome, permit, (attempt_id, closing, page))
            self.close(attempt_id, closing)
            return Heard(page.outcome, permit)

        return await self.channel.until_answered(attempt)

    async def ask(self, operation: Operation, item: Item) -> Outcome:
        """What a probe says of one user: there or not. Raises Stopped."""
        call = encode(self.provider, operation, self.job.connection, (item,))

        async def attempt() -> Heard[Outcome]:
            attempt_id, reply, permit = await self.send(operation, call, Batch((item,), Mode.PROBE))
            answer = decode(self.provider, operation, (item,), reply)
            self.channel.heard(reply, answer.speaker, answer.server_time)
            outcome = answer.outcomes[0]
            self.close(attempt_id, self.closing(outcome, answer.http_status))
            told = outcome.kind in {Kind.SUCCEEDED, Kind.ABSENT}
            return Heard(outcome, permit, outcome if told else None)

        return await self.channel.until_answered(attempt)

    async def send(
        self, operation: Operation, call: Call, batch: Batch | None = None
    ) -> tuple[int, Reply | Fault, Permit]:
        """Write ahead and send, once. Returns the open attempt, what came back, and what it was sent with."""
        permit = await self.channel.permit(operation, waiting=self._waiting)
        now = self.channel.clock()
        attempt_id = self.journal.begin(batch, now=now) if batch else self.journal.begin_page(now=now)
        self.telemetry.called()
        self.telemetry.in_flight += 1
        self._waiting("answers")
        with anyio.CancelScope(shield=True) as self._sending:  # a first signal waits for the answer
            await self.journal.durable()
            reply = await self.channel.send(call, permit)
        if self._sending.cancelled_caught:
            await anyio.sleep_forever()  # a second one does not; the outer scope ends this here
        self.telemetry.in_flight -= 1
        self.telemetry.answered_in(reply.latency_s)
        self._waiting("back-off")  # unless it is an answer
        return attempt_id, reply, permit

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
        return Closing(self.channel.clock(), str(outcome.kind), http_status, outcome.code, outcome.reason)

    def _note(self, attempt_id: int, closing: Closing) -> None:
        self.telemetry.throttled += closing.kind == Kind.THROTTLED
        self.telemetry.counts.update(self.journal.counts())
        log.debug(
            "attempt.settled", attempt=attempt_id, kind=closing.kind, http_status=closing.http_status,
            code=closing.code,
        )  # fmt: skip

    def _waiting(self, what_for: str) -> None:
        self.telemetry.waiting_for = what_for
