"""Whether what a run did still holds: each user is read back from the vendor, paced like everything else.

Only reading operations are called, and nothing is written into the run. What to ask, and what must come back, is the
operation's declaration (`catalogue.ReadBack`).
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

import anyio

from bulkim.catalogue.shapes import Effect, Operation, Provider, ReadBack
from bulkim.codec import decode, encode, parting
from bulkim.codec.encoding import field_value, wire_fields
from bulkim.codec.refusals import dig
from bulkim.errors import BulkimError, GuardError, ImpossibleError, RefusedError, TermsError, UsageError
from bulkim.journal import Reader
from bulkim.journal.records import Done, RunRecord
from bulkim.log.events import log
from bulkim.model import Answer, Item, Job, Kind, Outcome, Stop
from bulkim.planning import limits
from bulkim.planning.gather import Gathered
from bulkim.planning.terms import Way, compare, refusal, terms_of
from bulkim.quota.host import on_this_host
from bulkim.quota.source import Sharing
from bulkim.sending.channel import Channel, Heard, Permit, Stopped, opened
from bulkim.sending.doubt import COUNTDOWN_ERROR_S, equals
from bulkim.work.ways import terms_in

IN_FLIGHT = 32
TELLING = {Kind.SUCCEEDED, Kind.ALREADY, Kind.ABSENT, Kind.REJECTED}  # answers about the user

Taking = Callable[[int], Sequence[Done]]


class Verdict(StrEnum):
    """What reading back says of one item."""

    HOLDS = "holds"
    DRIFT = "drift"
    EXPIRED = "expired"  # a mute whose time is over: there is nothing to see any more
    UNKNOWN = "unknown"  # the vendor gave no answer about this user


@dataclass(frozen=True, slots=True)
class Finding:
    """One item, and what was found."""

    ordinal: int
    username: str
    outcome: str  # what the journal says
    verdict: Verdict
    found: str  # in words


@dataclass(slots=True)
class Verified:
    """What came of asking."""

    items: int  # succeeded and unchanged ones of the run
    asked: int
    requests: int = 0
    counts: Counter[Verdict] = field(default_factory=Counter)
    exceptions: list[Finding] = field(default_factory=list)  # all but those that hold, in the run's order

    @property
    def exit_code(self) -> int:
        """5 where something drifted or could not be told."""
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


def sampled(journal: Reader, record: RunRecord, share: float) -> tuple[int, frozenset[int] | None]:
    """How many items can be asked about, and which (None: all). The same run and share give the same sample."""
    if share >= 1.0:
        return sum(1 for _ in journal.done(record.id)), None
    ordinals = [each.ordinal for each in journal.done(record.id)]
    size = min(len(ordinals), max(1, round(len(ordinals) * share)))
    return len(ordinals), frozenset(random.Random(record.run).sample(ordinals, size))


def verify(
    job: Job, record: RunRecord, journal: Reader, provider: Provider, *, share: float = 1.0,
    sharing: Sharing = on_this_host,
) -> Verified:  # fmt: skip
    """Ask the vendor about `share` of the run's items. Raises BulkimError when it cannot be asked.

    `job` gives the connection, the rate and the patience; what was done is the journal's.
    """
    operation = provider.operation(record.operation)
    if operation is None or job.provider != record.provider:
        raise UsageError(
            f"run {record.run} did {record.operation} at {record.provider}, not at {job.provider}."
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
    declared, asking = read_back(provider, operation)
    items, chosen = sampled(journal, record, share)
    asked = items if chosen is None else len(chosen)
    reader = _Reader(job, record, provider, operation, declared, asking, Verified(items, asked), sharing)
    source = (each for each in journal.done(record.id) if chosen is None or each.ordinal in chosen)
    anyio.run(reader.run, source, backend="asyncio")
    if reader.failure:
        raise reader.failure
    reader.result.exceptions.sort(key=lambda each: each.ordinal)
    return reader.result


@dataclass(slots=True)
class _Reader:
    """A few workers that ask, batch after batch."""

    job: Job
    record: RunRecord
    provider: Provider
    operation: Operation
    declared: ReadBack
    asking: Operation
    result: Verified
    sharing: Sharing
    failure: BulkimError | None = None

    async def run(self, source: Iterator[Done]) -> None:
        job = self.job
        allowed = limits(job, self.provider, self.asking)
        if self.asking.pools[0] not in self.operation.pools:  # `rate.limit` is about the run's own pool
            for name in self.asking.pools:
                allowed[name] = (
                    job.rate.pools.get(name, self.provider.pool(name).limit_per_s) * job.rate.share
                )
        async with opened(job, self.provider, allowed, sharing=self.sharing) as channel:
            await self._share_out(channel, source)

    async def _share_out(self, channel: Channel, done: Iterator[Done]) -> None:
        source: Taking = lambda count: tuple(islice(done, count))  # noqa: E731 - it may be replaced
        if part := parting(self.asking):
            source = Gathered(source, lambda each: part(self._question(each))).take
        try:
            await channel.pacer.start()
            async with anyio.create_task_group() as tasks:
                for _ in range(min(IN_FLIGHT, self.job.concurrency or IN_FLIGHT)):
                    tasks.start_soon(self._work, channel, source, tasks.cancel_scope)
        except BulkimError as error:
            self.failure = error

    async def _work(self, channel: Channel, source: Taking, scope: anyio.CancelScope) -> None:
        try:
            while batch := source(self.asking.batch_max):
                await self._ask(channel, batch)
        except BulkimError as error:  # raised here it would come out wrapped in a group
            self.failure = self.failure or error
            scope.cancel()

    async def _ask(self, channel: Channel, batch: Sequence[Done]) -> None:
        """Ask until every user of the batch has an answer. Raises what ends it all."""
        left, said = list(batch), list[Outcome]()

        async def attempt() -> Heard[bool]:
            nonlocal left, said
            answer, permit = await self._send(channel, left)
            waiting = list(self._unanswered(left, answer, channel.clock()))
            left, said = [each for each, _ in waiting], [outcome for _, outcome in waiting]
            first = said[0] if said else answer.outcomes[0]
            over = not left or first.kind is Kind.POISONED
            return Heard(first, permit, True if over else None)

        try:
            await channel.until_answered(attempt)
        except Stopped as stopped:
            if (stopped.outcome.kind, stopped.outcome.code) != (Kind.UNKNOWN, "bad_response"):
                raise _unaskable(stopped.stop) from None
            alone = True
        else:
            alone = len(batch) == 1
        for each, outcome in zip(left, said, strict=True):
            if alone:
                self._finding(each, Verdict.UNKNOWN, outcome.reason or "no answer")
            else:
                await self._ask(channel, [each])

    def _unanswered(
        self, batch: Sequence[Done], answer: Answer, now: float
    ) -> Iterator[tuple[Done, Outcome]]:
        """Note what the answer says of users; yields those of whom it says nothing."""
        for each, outcome in zip(batch, answer.outcomes, strict=True):
            if outcome.kind in TELLING:
                self._note(each, outcome, now)
            else:
                yield each, outcome

    async def _send(self, channel: Channel, batch: Sequence[Done]) -> tuple[Answer, Permit]:
        items = tuple(self._question(each) for each in batch)
        permit = await channel.permit(self.asking)
        call = encode(self.provider, self.asking, self.job.connection, items)
        self.result.requests += 1
        reply = await channel.send(call, permit)
        answer = decode(self.provider, self.asking, items, reply)
        channel.heard(reply, answer.speaker)
        log.debug(
            "verify.asked", items=len(items), kind=answer.outcomes[0].kind, http_status=answer.http_status
        )
        return answer, permit

    def _question(self, done: Done) -> Item:
        """The user as the asking operation wants them; a map's names are what is asked about."""
        sent = self._sent(done)
        given = ((each.name, field_value(sent, each.name)) for each in self.asking.fields)
        fields = {name: value for name, value in given if value is not None}
        about = self.declared.holds or self.declared.lacks
        if about and (own := field_value(sent, about)):
            fields[about] = _names(own)
        return Item(done.ordinal, done.key, done.username, fields)

    def _sent(self, done: Done) -> Item:
        """The item as the run sent it, secrets left out."""
        return Item(done.ordinal, done.key, done.username, {**self.record.params, **done.fields})

    def _note(self, done: Done, outcome: Outcome, now: float) -> None:
        verdict, found = judge(
            self.operation, self.declared, self._sent(done), outcome, elapsed_s=now - done.finished_at
        )
        self._finding(done, verdict, found)

    def _finding(self, done: Done, verdict: Verdict, found: str) -> None:
        self.result.counts[verdict] += 1
        if verdict is not Verdict.HOLDS:
            self.result.exceptions.append(Finding(done.ordinal, done.username, done.outcome, verdict, found))


def _unaskable(stop: Stop) -> BulkimError:
    kind = RefusedError if stop.exit_code == RefusedError.exit_code else GuardError
    return kind(f"the vendor cannot be asked: {stop.code}: {stop.reason}", hint=stop.hint)


# ----------------------------------------------------------------------------------------- judging


def judge(
    operation: Operation, declared: ReadBack, item: Item, outcome: Outcome, *, elapsed_s: float
) -> tuple[Verdict, str]:
    """What an answer about the user says of the item; `elapsed_s` is how long ago it ended. Pure."""
    refused = outcome.kind is Kind.REJECTED
    if refused or (outcome.reason is not None and outcome.kind is Kind.SUCCEEDED):  # it may be said of nobody
        return Verdict.UNKNOWN, f"{outcome.code}: {outcome.reason}" if refused else str(outcome.reason)
    if outcome.kind is Kind.ABSENT:
        return (Verdict.DRIFT, "there is no such user") if declared.exists else (Verdict.HOLDS, "gone")
    if not declared.exists:
        return Verdict.DRIFT, "the user is there"
    if declared.remaining:
        return _muted(operation, declared, item, outcome.data, elapsed_s=elapsed_s)
    wrong = [path for path, wanted in declared.equals.items() if not equals(outcome.data, path, wanted)]
    if wrong:
        return Verdict.DRIFT, ", ".join(
            f"{path or 'it'} is {_json(dig(outcome.data, path))}" for path in wrong
        )
    return _attributes(declared, item, outcome.data)


def _muted(
    operation: Operation, declared: ReadBack, item: Item, data: Any, *, elapsed_s: float
) -> tuple[Verdict, str]:
    sent = wire_fields(operation, item)
    scopes = {
        each.wire or each.name: each.forever for each in operation.fields if each.name in declared.remaining
    }
    asked = {name: value for name, value in sent.items() if name in scopes}
    remaining = {name: dig(data, name) for name in asked}
    words = ", ".join(f"{name}: {_json(value)} s remain" for name, value in remaining.items())
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in remaining.values()):
        return Verdict.UNKNOWN, f"the answer lacks a remaining time ({words})"
    over = {
        name
        for name, value in asked.items()
        if value > 0 and value != scopes[name] and value <= elapsed_s + COUNTDOWN_ERROR_S
    }
    if not all(_still(asked[name], remaining[name], scopes[name]) for name in asked if name not in over):
        return Verdict.DRIFT, words
    return (Verdict.EXPIRED, f"its time is over ({words})") if over else (Verdict.HOLDS, words)


def _still(asked: int, remaining: int, forever: int | None) -> bool:
    """0 is lifted, for ever is for ever; any other time may have been changed, but not lifted."""
    if asked <= 0 or asked == forever:
        return remaining == asked
    return remaining > 0


def _attributes(declared: ReadBack, item: Item, data: Any) -> tuple[Verdict, str]:
    found: Mapping[str, Any] = data if isinstance(data, dict) else {}
    if declared.holds:
        wanted = field_value(item, declared.holds) or {}
        wrong = [name for name, value in wanted.items() if _text(found.get(name)) != _text(value)]
    elif declared.lacks:
        wrong = [name for name in _names(field_value(item, declared.lacks)) if name in found]
    else:
        return Verdict.HOLDS, "there"
    if wrong:
        return Verdict.DRIFT, ", ".join(f"{name} is {_json(found.get(name))}" for name in wrong)
    return Verdict.HOLDS, "as it was left"


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(name) for name in value or ()]


def _text(value: Any) -> str:
    """Attributes come back as text, whatever they were sent as."""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
