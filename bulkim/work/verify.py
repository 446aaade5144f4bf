"""Whether what a run did still holds: each user is read back from the vendor, paced like everything else.

Only reading operations are called, and nothing is written into the run. What to ask, and what must come back, is the
operation's declaration (`catalogue.ReadBack`).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import anyio

from bulkim.catalogue.shapes import Effect, Operation, Provider, ReadBack
from bulkim.codec import decode, encode, parting
from bulkim.errors import BulkimError, GuardError, ImpossibleError, RefusedError, TermsError, UsageError
from bulkim.journal import Reader
from bulkim.journal.records import Done, RunRecord
from bulkim.log.events import log
from bulkim.model import Answer, Item, Job, Kind, Outcome, Status, Stop
from bulkim.planning import limits
from bulkim.planning.gather import Gathered
from bulkim.planning.terms import Way, compare, refusal, terms_of
from bulkim.process import connections_max
from bulkim.quota.host import on_this_host
from bulkim.quota.source import Sharing
from bulkim.sending.asking import Asking, question
from bulkim.sending.channel import Channel, Permit, Stopped, opened
from bulkim.sending.supervise import Deadline, StopEvent, supervised
from bulkim.sending.telemetry import Ending, Telemetry
from bulkim.text import counted
from bulkim.work.judging import Verdict, judge
from bulkim.work.ways import terms_in
from bulkim.work.workers import Watching

IN_FLIGHT = 32

Taking = Callable[[int], Sequence[Done]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One item, and what was found."""

    ordinal: int
    username: str
    outcome: str  # what the journal says
    verdict: Verdict
    found: str  # in words


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of asking."""

    run: str  # the run's id
    items: int  # succeeded and unchanged ones of the run
    asked: int  # of them, those that were to be asked about
    requests: int
    counts: Mapping[Verdict, int]  # they add up to `asked`, unless it was interrupted
    exceptions: tuple[Finding, ...]  # all but those that hold, in the run's order
    ending: Ending

    @property
    def answered(self) -> int:
        """Users of whom something was found."""
        return sum(self.counts.values())

    @property
    def state(self) -> str:
        """finished, interrupted or stopped."""
        return self.ending.state

    @property
    def exit_code(self) -> int:
        """5 where something drifted or could not be told; that of an interruption goes first."""
        if self.ending.stop is not None:
            return self.ending.stop.exit_code
        if self.ending.signal is not None:
            return 128 + self.ending.signal
        return 5 if self.counts[Verdict.DRIFT] or self.counts[Verdict.UNKNOWN] else 0


def read_back(provider: Provider, operation: Operation) -> tuple[ReadBack, Operation]:
    """What to ask, and the operation that asks. Raises ImpossibleError where nothing tells."""
    declared = operation.verify
    if declared is None:
        why = (
            "it changed nothing"
            if operation.effect is Effect.READ
            else f"{provider.label} has no way to read back what it did"
        )
        raise ImpossibleError(
            f"a run of {operation.name} cannot be verified: {why}.",
            hint="`bulkim results RUN` shows what the vendor answered when it was sent",
        )
    asking = provider.operation(declared.operation)
    assert asking is not None, f"{provider.name} has no {declared.operation}"
    return declared, asking


def asks_whether(declared: ReadBack, operation: Operation) -> str:
    """What is asked about each user, in words for each kind of read-back, and which fields nobody compares."""
    if not declared.exists:
        return "whether the user is gone"
    compared = {
        *declared.remaining,
        *declared.same.values(),
        declared.holds,
        declared.lacks,
        declared.lasting,
    }
    left = [
        each.name for each in operation.fields if not each.key and each.sent and each.name not in compared
    ]
    left_out = f"; {_listed(left)} {'is' if len(left) == 1 else 'are'} not compared" if left else ""
    return f"whether {_state_in_words(declared)}{left_out}"


def _state_in_words(declared: ReadBack) -> str:
    if declared.remaining:
        return f"the seconds left for {_listed(declared.remaining)} fit what the run set"
    if declared.same:
        names = tuple(declared.same.values())
        return f"{_listed(names)} {'is' if len(names) == 1 else 'are'} as the run set {'it' if len(names) == 1 else 'them'}"
    if declared.lasting:
        return f"the {declared.lasting} left for the user fit what the run set"
    if declared.holds:
        return f"the answer has the {declared.holds} that the run sent"
    if declared.lacks:
        return f"the answer is without the {declared.lacks} that the run sent"
    return "the user is as the run left them" if declared.equals else "the user is there"


def _listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def sampled(journal: Reader, record: RunRecord, share: float) -> tuple[int, frozenset[int] | None]:
    """How many items can be asked about, and which (None: all). The same run and share give the same sample."""
    if share >= 1.0:
        return sum(1 for _ in journal.done(record.id)), None
    ordinals = [each.ordinal for each in journal.done(record.id)]
    size = min(len(ordinals), max(1, round(len(ordinals) * share)))
    return len(ordinals), frozenset(random.Random(record.run).sample(ordinals, size))


def verify(
    job: Job, record: RunRecord, journal: Reader, provider: Provider, *, share: float = 1.0,
    watching: Watching | None = None, each: Callable[[Finding], object] | None = None, stop: StopEvent | None = None,
    strict: bool = False, sharing: Sharing = on_this_host,
) -> Verified:  # fmt: skip
    """Ask the vendor about `share` of the run's items. Raises BulkimError when it cannot be asked.

    `job` gives the connection, the rate and the patience; what was done is the journal's. `watching` is entered around the asking,
    `each` gets what is found of every user as it is found, `stop` ends it gently once it is set. `strict`: only those whom the run
    changed, and a mute that somebody set anew since has drifted, too.
    """
    operation = _operation(job, record, provider)
    declared, asking = read_back(provider, operation)
    items, chosen = sampled(journal, record, share)
    if strict:
        items = journal.counts(record.id)[Status.SUCCEEDED]
    asked = items if chosen is None else len(chosen)
    reader = _Reader(job, record, provider, operation, declared, asking, each or _nobody, strict)
    reader.telemetry.counts[Status.PENDING] = asked
    source = (
        each for each in _done(journal, record, strict=strict) if chosen is None or each.ordinal in chosen
    )
    with closing(source):  # while the journal is open: it may be left in the middle
        ending = anyio.run(partial(_asked, reader, source, watching, stop, sharing), backend="asyncio")
    exceptions = tuple(sorted(reader.exceptions, key=lambda each: each.ordinal))
    return Verified(record.run, items, asked, reader.telemetry.requests, reader.counts, exceptions, ending)


def changed_since(
    job: Job, record: RunRecord, journal: Reader, provider: Provider, *, watching: Watching | None = None,
    stop: StopEvent | None = None, sharing: Sharing = on_this_host,
) -> list[Finding]:  # fmt: skip
    """Who is not as the run left them any more, or of whom nobody can tell. Raises BulkimError when that is not known of everybody."""
    found = verify(job, record, journal, provider, watching=watching, stop=stop, strict=True, sharing=sharing)
    if found.state != "finished":
        error = GuardError(
            f"{found.state}: it is not known who was changed by others since, so nothing was written"
            f" ({found.answered:,} of {counted(found.asked, 'user')} asked about).",
            hint="once again, or --offline (offline=True) to ask nobody",
        )
        error.exit_code = found.exit_code
        raise error
    return [each for each in found.exceptions if each.verdict is not Verdict.EXPIRED]


def _done(journal: Reader, record: RunRecord, *, strict: bool) -> Iterator[Done]:
    return (before.done for before in journal.images(record.id)) if strict else journal.done(record.id)


def least(job: Job, provider: Provider, operation: Operation, asked: int) -> tuple[int, float]:
    """How many requests so many items need at least, and how many seconds."""
    _, asking = read_back(provider, operation)
    requests = -(-asked // asking.batch_max)
    return requests, requests / min(limits_of(job, provider, operation, asking).values(), default=math.inf)


def limits_of(job: Job, provider: Provider, operation: Operation, asking: Operation) -> dict[str, float]:
    """Calls a second of every pool that asking draws on."""
    allowed = limits(job, provider, asking)
    if asking.pools[0] not in operation.pools:  # `rate.limit` is about the run's own pool
        for name in asking.pools:
            allowed[name] = job.rate.pools.get(name, provider.pool(name).limit_per_s) * job.rate.share
    return allowed


def _operation(job: Job, record: RunRecord, provider: Provider) -> Operation:
    """What the run did. Raises UsageError or TermsError where the job leads elsewhere."""
    operation = provider.operation(record.operation)
    if operation is None or job.provider != record.provider:
        raise UsageError(
            f"run {record.run} did {record.operation} at {record.provider}, not at {job.provider}."
        )
    if record.rehearsal:
        raise UsageError(
            f"run {record.run} was a rehearsal: it was sent to the sandbox, which is gone.",
            hint="verify a real run: `bulkim runs` lists them",
        )
    target = f"{job.connection.base_url} {job.connection.target}"
    if target != record.target:
        raise UsageError(
            f"run {record.run} was sent to {record.target}, but the job's connection leads to {target}.",
            hint="name the job file with the right connection: --job FILE",
        )
    found = compare(terms_in(record), terms_of(job), way=Way.VERIFY)
    if not found.allowed:
        raise TermsError(refusal(found, run=record.run), hint="name the job file of that run: --job FILE")
    return operation


async def _asked(
    reader: _Reader, source: Iterator[Done], watching: Watching | None, stop: StopEvent | None, sharing: Sharing
) -> Ending:  # fmt: skip
    """Ask while signals, the event and whoever watches are heeded. Raises BulkimError."""
    job = reader.job
    allowed = limits_of(job, reader.provider, reader.operation, reader.asking)
    reader.telemetry.limit_per_s = min(allowed.values())
    async with opened(job, reader.provider, allowed, sharing=sharing) as channel:
        reader.start = lambda: reader.share_out(channel, source)
        async with watching(reader) if watching else nullcontext():
            return await supervised(reader, lambda: None, Deadline(asked=stop))


def _nobody(_: Finding) -> None:
    """Hears of what is found where nobody wants it row by row."""


_STATUS = {
    Verdict.HOLDS: Status.SUCCEEDED,
    Verdict.DRIFT: Status.FAILED,
    Verdict.EXPIRED: Status.UNCHANGED,
    Verdict.UNKNOWN: Status.UNKNOWN,
}
SHOWN_AS = {status: str(verdict) for verdict, status in _STATUS.items()}
"""What a live block calls what was found, by the status that stands for it in the telemetry."""


def _telemetry() -> Telemetry:
    return Telemetry.of(dict.fromkeys(Status, 0), limit_per_s=0.0)


@dataclass(slots=True)
class _Reader:
    """A few workers that ask, batch after batch."""

    job: Job
    record: RunRecord
    provider: Provider
    operation: Operation
    declared: ReadBack
    asking: Operation
    each: Callable[[Finding], object]
    strict: bool
    telemetry: Telemetry = field(default_factory=_telemetry)
    counts: Counter[Verdict] = field(default_factory=Counter)
    exceptions: list[Finding] = field(default_factory=list)
    failure: BulkimError | None = None
    start: Callable[[], Awaitable[None]] | None = None
    _everything: anyio.CancelScope | None = None
    _signal: int | None = None

    async def run(self) -> Ending:
        """Ask about all of them, or until interrupted. Raises BulkimError."""
        assert self.start is not None
        with anyio.CancelScope() as self._everything:
            await self.start()
        if self.failure:
            raise self.failure
        return Ending("finished") if self._signal is None else Ending("interrupted", signal=self._signal)

    def interrupt(self, signal: int) -> None:
        """Ask no more: nothing is changed by it, so that nothing in flight is waited for."""
        self._signal = signal
        self.telemetry.stopping = "leaving"
        if self._everything is not None:
            self._everything.cancel()

    async def share_out(self, channel: Channel, done: Iterator[Done]) -> None:
        """Let workers ask, as many at a time as are allowed."""
        source: Taking = lambda count: tuple(islice(done, count))  # noqa: E731 - it may be replaced
        if part := parting(self.asking):
            source = Gathered(source, lambda each: part(self._question(each))).take
        try:
            await channel.pacer.start()
            async with anyio.create_task_group() as tasks:
                for _ in range(self._workers()):
                    tasks.start_soon(self._work, channel, source, tasks.cancel_scope)
        except BulkimError as error:
            self.failure = error

    def _workers(self) -> int:
        self.telemetry.in_flight_max = min(IN_FLIGHT, self.job.concurrency or IN_FLIGHT, connections_max())
        return self.telemetry.in_flight_max

    async def _work(self, channel: Channel, source: Taking, scope: anyio.CancelScope) -> None:
        asking: Asking[Done] = Asking(
            channel, lambda batch: self._send(channel, batch),
            told=lambda each, outcome: self._note(each, outcome, channel.clock()),
            untold=lambda each, outcome: self._finding(each, Verdict.UNKNOWN, outcome.reason or "no answer"),
        )  # fmt: skip
        try:
            while batch := source(self.asking.batch_max):
                await asking.about(batch)
        except Stopped as stopped:
            self.failure = self.failure or _unaskable(stopped.stop)
            scope.cancel()
        except BulkimError as error:  # raised here it would come out wrapped in a group
            self.failure = self.failure or error
            scope.cancel()

    async def _send(self, channel: Channel, batch: Sequence[Done]) -> tuple[Answer, Permit]:
        items = tuple(self._question(each) for each in batch)
        permit = await channel.permit(self.asking, waiting=self._waiting)
        call = encode(self.provider, self.asking, self.job.connection, items)
        self.telemetry.called()
        self.telemetry.in_flight += 1
        self._waiting("answers")
        try:
            reply = await channel.send(call, permit)
        finally:
            self.telemetry.in_flight -= 1
        self.telemetry.answered_in(reply.latency_s)
        answer = decode(self.provider, self.asking, items, reply)
        channel.heard(reply, answer.speaker, answer.server_time)
        self.telemetry.throttled += answer.outcomes[0].kind is Kind.THROTTLED
        log.debug(
            "verify.asked", items=len(items), kind=answer.outcomes[0].kind, http_status=answer.http_status
        )
        return answer, permit

    def _question(self, done: Done) -> Item:
        return question(self.asking, self._sent(done))

    def _sent(self, done: Done) -> Item:
        """The item as the run sent it, secrets left out."""
        return Item(done.ordinal, done.key, done.username, {**self.record.params, **done.fields})

    def _note(self, done: Done, outcome: Outcome, now: float) -> None:
        verdict, found = judge(
            self.operation, self.declared, self._sent(done), outcome,
            elapsed_s=now - done.finished_at, fold=self.provider.folded, sent_s=now - self._sent_after(done) if self.strict else None,
        )  # fmt: skip
        self._finding(done, verdict, found)

    def _sent_after(self, done: Done) -> float:
        """When it had not been sent yet: it was looked at first, and not before the run began."""
        return max(self.record.created_at, done.looked_at or 0.0)

    def _finding(self, done: Done, verdict: Verdict, found: str) -> None:
        self.counts[verdict] += 1
        self.telemetry.counts[_STATUS[verdict]] += 1
        self.telemetry.counts[Status.PENDING] -= 1
        finding = Finding(done.ordinal, done.username, done.outcome, verdict, found)
        self.each(finding)
        if verdict is not Verdict.HOLDS:
            self.exceptions.append(finding)

    def _waiting(self, what_for: str) -> None:
        self.telemetry.waiting_for = what_for


def _unaskable(stop: Stop) -> BulkimError:
    kind = RefusedError if stop.exit_code == RefusedError.exit_code else GuardError
    return kind(f"the vendor cannot be asked: {stop.code}: {stop.reason}", hint=stop.hint)
