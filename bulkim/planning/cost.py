"""What a plan amounts to: numbers of items, requests, and the least time that the vendor's limits allow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from bulkim.catalogue.shapes import Effect, Operation, Probe, Provider
from bulkim.errors import Problem
from bulkim.model import Job
from bulkim.planning.planned import Planned, Stretch


@dataclass(slots=True)
class Alike:
    """Invalid items of which one thing is wrong, whatever their values are."""

    first: list[Problem] = field(default_factory=list)  # a few
    rows: int = 0


FEW, KINDS_MAX = 3, 1_000
_VALUE = re.compile(
    r"'[^']*'|\"[^\"]*\"|\b[0-9]+\b"
)  # the row's own comes first; what else is quoted is what is wrong
_WAYS_OUT = {
    "is not true or false": "the column takes true and false, in any case; no job makes them of other words"
}


@dataclass(frozen=True, slots=True)
class Survey:
    """A plan, counted."""

    counts: Mapping[str, int]  # send, duplicate, protected, invalid
    problems: tuple[Problem, ...]  # the first of the invalid items, with their lines
    head: tuple[Planned, ...]  # the first items that would be sent, in one call
    groups: Mapping[Hashable, int] = field(default_factory=dict)  # items by what a call has room for once
    protected: tuple[Problem, ...] = ()  # the first of those, with their lines and patterns
    alike: tuple[Alike, ...] = ()  # the invalid items by what is wrong, in the order of the input

    @property
    def items(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job would take."""

    items: int
    send: int
    skipped: Mapping[str, int]  # by code
    batch: int  # items a request
    requests: int
    pool: str | None  # the one that limits the speed; None: none is known
    limit_per_s: float | None  # requests a second, after the job's `rate`
    least_s: float  # the time that so many requests need at that rate
    reads: int = 0  # requests beside, that read what is there before it is written over


REASONS = ("duplicate", "protected", "invalid")  # not to send an item


@dataclass(slots=True)
class Tally:
    """A plan on its way, counted; of the items themselves only the first request's are kept."""

    head_max: int = 1  # items of a request
    part: Callable[[Planned], Hashable] | None = None  # tells apart what cannot go in one request
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("send", *REASONS), 0))
    groups: Counter[Hashable] = field(default_factory=Counter)
    head: list[Planned] = field(default_factory=list)

    def of(self, parts: Iterable[Planned | Stretch]) -> Iterator[Planned | Stretch]:
        """The same, counted on their way."""
        for each in parts:
            if type(each) is Stretch:
                self._take_stretch(each)
            else:
                self._take(each)  # type: ignore[arg-type]  # the other kind
            yield each

    def _take_stretch(self, stretch: Stretch) -> None:
        if self.part is None:
            self.counts["send"] += stretch.size
            self.head += islice(stretch.items(), self.head_max - len(self.head))
        else:
            for each in stretch.items():
                self._take(each)

    def _take(self, item: Planned) -> None:
        if item.skip is not None:
            self.counts[item.skip.code] += 1
            return
        self.counts["send"] += 1
        part, head = self.part, self.head
        if part is not None:
            self.groups[part(item)] += 1
        if len(head) < self.head_max and (part is None or not head or part(item) == part(head[0])):
            head.append(item)


def survey(
    parts: Iterable[Planned | Stretch], *, name: str | Callable[[int], str], problems_max: int = 20, head_max: int = 1,
    part: Callable[[Planned], Hashable] | None = None,
) -> Survey:  # fmt: skip
    """Counts a plan, keeping only its beginning. `name` is the input's, or gives that of a position, for the problems; `part` tells apart what cannot
    go in one call.
    """
    tally = Tally(head_max, part)
    named = _Named(name, problems_max)
    for each in tally.of(parts):
        if type(each) is Planned and each.skip is not None and each.skip.code in named.told:
            named.take(each, each.skip.code, each.skip.reason or "")
    problems, protected = map(tuple, named.told.values())
    alike = tuple(named.alike.values())
    return Survey(tally.counts, problems, tuple(tally.head), tally.groups, protected, alike)


class _Named:
    """The first of the items that are left out, in words; all others are counted."""

    def __init__(self, name: str | Callable[[int], str], problems_max: int) -> None:
        self._name, self._most = name, problems_max
        self.told: dict[str, list[Problem]] = {"invalid": [], "protected": []}
        self.alike: dict[str, Alike] = {}

    def take(self, item: Planned, code: str, reason: str) -> None:
        """One more."""
        few = self._few(reason) if code == "invalid" else None
        named = self.told[code]
        if few is None and len(named) >= self._most:
            return
        where = self._name if isinstance(self._name, str) else self._name(item.position)
        who = f"{item.username!r} is " if code == "protected" else ""
        problem = Problem(where, item.line, None, f"{who}{reason}")
        if few is not None:
            hint = next((words for end, words in _WAYS_OUT.items() if reason.endswith(end)), None)
            few.append(replace(problem, hint=hint))
        if len(named) < self._most:
            named.append(problem)

    def _few(self, reason: str) -> list[Problem] | None:
        """Where the first rows with such a reason stand, while there are few."""
        kind = _VALUE.sub("", reason, count=1)
        if kind not in self.alike and len(self.alike) >= KINDS_MAX:
            return None
        found = self.alike.setdefault(kind, Alike())
        found.rows += 1
        return found.first if len(found.first) < FEW else None


def batch_size(operation: Operation, job: Job) -> int:
    """Items a request: as many as the vendor takes, unless the job wants fewer."""
    if job.connection.auth.kind == "none":
        return 1  # open registration takes one user at a time
    return min(job.batch or operation.batch_max, operation.batch_max)


def batches(n_items: int, operation: Operation, job: Job) -> int:
    """Requests for so many items."""
    return -(-n_items // batch_size(operation, job))


def before(job: Job, provider: Provider, operation: Operation) -> Operation | None:
    """The operation that reads what is there before it is written over; None: that is not wanted, or cannot be.

    Unless the job says so, what deletes reads nothing: most of what goes cannot be restored.
    """
    wanted = operation.effect is Effect.ENSURE if job.snapshot is None else job.snapshot
    if not (wanted and operation.can_look) or operation.verify is None:
        return None
    return provider.operation(operation.verify.operation)


def limits(job: Job, provider: Provider, operation: Operation) -> dict[str, float]:
    """Calls a second that the job may make: the operation's own pool, those around it, and those of its probe.

    `rate.limit` is about the own pool, `rate.pools` about pools by name, `rate.share` about all.
    """
    own = pools(operation, job)
    doubt = operation.doubt
    probe = provider.operation(doubt.operation) if isinstance(doubt, Probe) else None
    look = before(job, provider, operation)
    wished = dict(job.rate.pools)
    if job.rate.limit is not None and own:
        wished[own[0]] = job.rate.limit
    return {
        name: wished.get(name, provider.pool(name).limit_per_s) * job.rate.share
        for name in (*own, *(probe.pools if probe else ()), *(look.pools if look else ()))
    }


def pools(operation: Operation, job: Job) -> tuple[str, ...]:
    """The pools that each request of the job draws on; with one item a request the endpoint may be another one."""
    single = operation.single if batch_size(operation, job) == 1 else None
    return (single or operation).pools


def settings(job: Job, provider: Provider, operation: Operation) -> dict[str, Any]:
    """How a run of the job may send, and what it says for jobs that follow from it: `run.settings` of the journal.

    Keys: limits (pool -> calls a second), pools (those that each call draws on), share, batch (items a call),
    concurrency (None: automatic), open_registration, connection, rate and guard as written.
    """
    return {
        "limits": limits(job, provider, operation),
        "pools": list(pools(operation, job)),
        "share": job.rate.share,
        "batch": batch_size(operation, job),
        "concurrency": job.concurrency,
        "open_registration": job.connection.auth.kind == "none",
        **job.recorded,
    }


def estimate(
    job: Job, provider: Provider, operation: Operation, counts: Mapping[str, int], groups: Iterable[int] = ()
) -> Estimate:
    """What a job takes at least. `counts` are a survey's, or ``{"send": n}`` for n users of a listing; `groups` are the
    numbers of items that can go in calls together, where not all can.
    """
    send = counts.get("send", 0)
    requests = sum(batches(each, operation, job) for each in groups) or batches(send, operation, job)
    allowed = limits(job, provider, operation)
    pool = min(pools(operation, job), key=lambda name: allowed[name], default=None)
    limit = allowed[pool] if pool is not None else None
    look = before(job, provider, operation)
    reads = -(-send // look.batch_max) if look else 0
    least_s = requests / limit if limit else 0.0
    if look is not None:  # they draw on a quota of their own, or on the same
        shared = {name: requests if name in pools(operation, job) else 0 for name in look.pools}
        least_s = max(least_s, *((reads + beside) / allowed[name] for name, beside in shared.items()))
    return Estimate(
        items=sum(counts.values()),
        send=send,
        skipped={code: n for code, n in counts.items() if code != "send"},
        batch=batch_size(operation, job),
        requests=requests,
        pool=pool,
        limit_per_s=limit,
        least_s=least_s,
        reads=reads,
    )
