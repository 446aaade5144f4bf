"""One app's way to its vendor: credentials, quota, transport. What is sent goes through here, whoever sends it.

A call needs a `Permit`: credentials, and a place in each pool that it draws on. Whoever has one writes down what it is
about to do, and sends. What follows from an answer for the channel itself (a pool rests, credentials are renewed, the
run stops) is obeyed here and nowhere else.

Until the vendor has done something with the credentials, or said that it will not do it, one call is under way at a
time: it has not answered yet, or refused them. Vendors lock out an app that signs wrongly again and again.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import anyio

from bulkim import uptime
from bulkim.auth.credentials import Credential, credential
from bulkim.catalogue.shapes import Learn, Operation, Provider
from bulkim.codec.allowance import allowance
from bulkim.errors import RefusedError
from bulkim.log.events import log
from bulkim.model import Call, Credentials, Fault, Job, Kind, Outcome, Reply, Rest, Speaker, Stop
from bulkim.quota.host import on_this_host
from bulkim.quota.pacer import Marks, Pacer
from bulkim.quota.source import Sharing
from bulkim.sending import guard
from bulkim.sending.retry import Policy, step
from bulkim.transport import Transport

_DEALT_WITH = frozenset(map(str, (Kind.SUCCEEDED, Kind.ALREADY, Kind.ABSENT, Kind.REJECTED, Kind.POISONED)))
STALE_S = 0.05  # a place this old is none any more, where a gate may have held its call back

T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 - it is a conclusion, not an error
    """The vendor's answer ends the run."""

    def __init__(self, stop: Stop, outcome: Outcome) -> None:
        super().__init__(stop.reason)
        self.stop = stop
        self.outcome = outcome  # the answer


@dataclass(slots=True)
class Permit:
    """Leave to send one call of an operation, now."""

    operation: Operation
    credentials: Credentials
    marks: Marks  # its place in each of the operation's pools


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """What one try of a call brought."""

    outcome: Outcome
    permit: Permit  # that it was sent with
    said: T | None = None  # the answer; None: the outcome is none, so it is tried again


class Gate(Protocol):
    """Whether bytes may leave, beside credentials and quota. A run that is held by a lease has one.

    It is asked when a call has been written down, before it is handed to the transport.
    """

    def is_open(self) -> bool:
        """Now."""

    async def until_open(self) -> None:
        """Wait for it. Raises BulkimError when it will not open again."""

    def check(self) -> None:
        """Asked once more right before the first byte. Raises OSError while it is shut: then nothing was sent."""


class Orders(Protocol):
    """What an answer demands of the channel: a `Decision`, or a `Step`."""

    @property
    def cool_down(self) -> Rest | None:
        """The pool rests."""

    @property
    def renew(self) -> bool:
        """The credentials were refused."""

    @property
    def stop(self) -> Stop | None:
        """Nothing more is sent."""


@dataclass(slots=True)
class Channel:
    """The parts that every call of a session shares. For any number of tasks: permits are given to one at a time."""

    transport: Transport
    pacer: Pacer
    credential: Credential
    policy: Policy
    clock: Callable[[], float] = uptime.now  # the session's, for how long ago something was
    gate: Gate | None = None
    wall: Callable[[], float] = time.time  # what credentials are signed with and expire by
    learns: Mapping[str, Learn] = field(default_factory=dict)  # pool -> headers that say what is left of it
    # Answers in a row that were something else's than the vendor's, and whether the vendor itself has answered.
    gateways: int = field(default=0, init=False)
    met: bool = field(default=False, init=False)
    vendor_ahead_s: float | None = field(default=None, init=False)  # its clock less the session's
    _trusted: bool = field(default=False, init=False)  # the credentials, since they were last refused
    _out: int = field(default=0, init=False)  # permits whose calls have not come back
    _back: anyio.Event = field(default_factory=anyio.Event, init=False)
    _fetch_after: float = field(default=0.0, init=False)
    _turn: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True), init=False)

    async def permit(self, operation: Operation, *, waiting: Callable[[str], None] | None = None) -> Permit:
        """Wait for credentials, then for a place in the operation's pools. `waiting` is told what for.

        Raises RefusedError when the vendor gives no credentials, GuardError when it cannot be reached.
        """
        while True:
            while self._must_wait:  # not in the turn: a call that is held back by the gate needs it
                if waiting:
                    waiting("answers")
                await self._back.wait()
            async with self._turn:
                if not self._must_wait:
                    return await self._permit(operation, waiting or _nobody)

    @property
    def _must_wait(self) -> bool:
        return self._out > 0 and not self._trusted

    async def _permit(self, operation: Operation, waiting: Callable[[str], None]) -> Permit:
        while self.pacer.held:  # credentials that are taken now may be old when it goes on
            waiting("paused")
            await self.pacer.limiters[operation.pools[0]].ready()
        waiting("credentials")
        credentials = await self._credentials()
        waiting("vendor" if self.pacer.limiters[operation.pools[0]].slowed else self.pacer.waiting_for)
        await self.pacer.acquire(operation.pools)
        self._out += 1
        return Permit(operation, credentials, self.pacer.sent(operation.pools))

    async def send(self, call: Call, permit: Permit) -> Reply | Fault:
        """Send a call, once. Raises BulkimError, and sends nothing, when the gate will not open again."""
        try:
            if self.gate is not None:
                await self._pass(self.gate, permit)
            self.pacer.leaving(permit.marks)
            reply = await self.transport.send(call, permit.credentials)
        finally:  # whoever waits for it goes on when the answer has been heard: there is no `await` in between
            self._out -= 1
            self._back.set()
            self._back = anyio.Event()
        self.pacer.answered(permit.marks)
        if self.learns and isinstance(reply, Reply):
            self._learn(permit, reply)
        return reply

    def _learn(self, permit: Permit, reply: Reply) -> None:
        for name in permit.operation.pools:
            if name in self.learns and (found := allowance(self.learns[name], reply.headers, self.wall())):
                self.pacer.limiters[name].heed(*found)

    async def _pass(self, gate: Gate, permit: Permit) -> None:
        """Places that grew old while it was shut are given back and taken anew: no burst leaves when it opens."""
        while not gate.is_open() or self.pacer.age_s(permit.marks) > STALE_S:
            self.pacer.give_back(permit.marks)
            await gate.until_open()
            async with self._turn:
                await self.pacer.acquire(permit.operation.pools)
                permit.marks = self.pacer.sent(permit.operation.pools)

    def heard(self, reply: Reply | Fault, speaker: Speaker, vendor_time: float | None = None) -> int:
        """Who has answered, and the time by their clock. Returns how many answers in a row were something else's than the vendor's.

        The connection that brought another call's answer is closed.
        """
        if speaker is Speaker.GATEWAY:
            self.gateways += 1
        elif speaker is not Speaker.NOBODY:
            self.gateways, self.met = 0, True
            if vendor_time is not None:
                self.vendor_ahead_s = vendor_time - self.clock()
        if speaker is Speaker.ASTRAY and isinstance(reply, Reply):
            log.warning("answer.astray")
            self.transport.distrust(reply)
        return self.gateways

    def vendor_now(self, told: float | None) -> float | None:
        """The vendor's clock: as an answer `told` it, else by earlier answers; None: it has not told yet."""
        ahead_s = self.vendor_ahead_s
        return told if told is not None or ahead_s is None else self.clock() + ahead_s

    async def until_answered(self, attempt: Callable[[], Awaitable[Heard[T]]]) -> T:
        """Try a harmless call until it has an answer. `attempt` sends it once (and writes down what must be). Raises Stopped."""
        tries = Tries(self)
        while True:
            heard = await attempt()
            self.told(str(heard.outcome.kind), heard.permit)
            if heard.said is not None:
                return heard.said
            await tries.unanswered(heard.outcome, heard.permit)

    def told(self, kind: str, permit: Permit) -> None:
        """What a call with this permit ended as: credentials with which the vendor did something are good."""
        if kind in _DEALT_WITH:
            self._trusted = True
            self.credential.accepted(permit.credentials)

    def obey(self, orders: Orders, permit: Permit) -> Stop | None:
        """Let the pool rest, renew the credentials; returns why nothing more is to be sent, if so."""
        if orders.cool_down is not None:
            pools = permit.operation.pools
            asked_s = orders.cool_down.seconds
            if orders.cool_down.quota or asked_s is None:
                rest_s = self.pacer.refused(pools, asked_s, permit.marks)
            else:
                rest_s = self.pacer.rest(pools, asked_s)
            log.info("pool.refused", pool=pools[0], rest_s=round(rest_s, 3))
            if stop := guard.rest(asked_s, self.policy.max_rest_s):
                return orders.stop or stop
        if not orders.renew:
            return orders.stop
        self._trusted = False
        return self._renew(permit.credentials) or orders.stop

    async def _credentials(self) -> Credentials:
        """Valid credentials, fetched if need be."""
        while True:
            now = self.wall()
            call, current = self.credential.needs(now), self.credential.current(now)
            wait_s = max(0.0, self._fetch_after - self.clock())
            if current is not None and (call is None or wait_s):
                return current
            assert call is not None, "what has nothing to fetch always has credentials"
            await anyio.sleep(wait_s)
            wait_s = self.credential.accept(await self.transport.send(call), self.wall()) or 0.0
            self._fetch_after = self.clock() + wait_s

    def _renew(self, credentials: Credentials) -> Stop | None:
        """The vendor refused `credentials`; a Stop when there are no better ones."""
        try:
            self.credential.refused(credentials, self.wall())
        except RefusedError as error:
            return Stop(error.exit_code, error.code, error.message, error.hint or "")
        return None


def _nobody(_what_for: str) -> None:
    """Told what a permit waits for, where nobody asks."""


@asynccontextmanager
async def opened(
    job: Job,
    provider: Provider,
    limits_per_s: Mapping[str, float],
    *,
    sharing: Sharing = on_this_host,
    gate: Gate | None = None,
    user_timeout_s: float | None = None,
) -> AsyncIterator[Channel]:
    """The way to a job's app. `limits_per_s` are the pools that it may draw on, `sharing` is with whom."""
    bursts_s = {each.name: each.burst_s for each in provider.pools if each.burst}
    connection, pacer = job.connection, Pacer(limits_per_s, bursts_s=bursts_s)
    policy = Policy(job.retries, max_rest_s=job.rate.max_rest_s)
    async with sharing(connection, pacer.limiters) as source:
        pacer.draw_on(source)
        asked = gate.check if gate else None
        learns = {each.name: each.learn for each in provider.pools if each.learn is not None}
        heard = [name for each in learns.values() for name in (each.remaining, each.reset)]
        async with Transport(
            connection.base_url,
            timeout_s=job.timeout_s,
            gate=asked,
            user_timeout_s=user_timeout_s,
            heard=heard,
        ) as transport:
            proof = credential(connection, provider)
            yield Channel(transport, pacer, proof, policy, gate=gate, learns=learns)


@dataclass(slots=True)
class Tries:
    """The tries of one call that carries no items, or whose items are settled by somebody else."""

    channel: Channel
    count: int = 0  # that cost an attempt
    refreshed: bool = False  # credentials were renewed for it

    async def unanswered(self, outcome: Outcome, permit: Permit) -> None:
        """Obey an outcome that is no answer, and wait until it may be tried again. Raises Stopped when it may not."""
        channel = self.channel
        then = step(
            outcome,
            tries=self.count + 1,
            refreshed=self.refreshed,
            policy=channel.policy,
            jitter=random.random(),
        )
        if stop := channel.obey(then, permit):
            raise Stopped(stop, outcome)
        self.count += not then.free
        self.refreshed = self.refreshed or then.renew
        await anyio.sleep(then.delay_s)
