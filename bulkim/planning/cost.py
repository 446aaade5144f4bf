"""What a plan amounts to: numbers of items, requests, and the least time that the vendor's limits allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkim.catalogue.shapes import Effect, Operation, Probe, Provider
from bulkim.errors import Problem
from bulkim.model import Job
from bulkim.planning.items import Planned


@dataclass(frozen=True, slots=True)
class Survey:
    """A plan, counted."""

    counts: Mapping[str, int]  # send, duplicate, protected, invalid
    problems: tuple[Problem, ...]  # the first of the invalid items, with their lines
    head: tuple[Planned, ...]  # the first items that would be sent, in one call
    groups: Mapping[Hashable, int] = field(default_factory=dict)  # items by what a call has room for once

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


def survey(
    planned: Iterable[Planned], *, name: str | Callable[[int], str], problems_max: int = 20, head_max: int = 1,
    part: Callable[[Planned], Hashable] | None = None,
) -> Survey:  # fmt: skip
    """Counts a plan, keeping only its beginning. `name` is the input's, or gives that of a position, for the problems; `part` tells apart what cannot
    go in one call.
    """
    counts = {"send": 0, "duplicate": 0, "protected": 0, "invalid": 0}
    groups: Counter[Hashable] = Counter()
    problems: list[Problem] = []
    head: list[Planned] = []
    sent, room = 0, head_max > 0
    for each in planned:
        skip = each.skip
        if skip is None:
            sent += 1
            if part is not None:
                groups[part(each)] += 1
            if room and (part is None or not head or part(each) == part(head[0])):
                head.append(each)
                room = len(head) < head_max
            continue
        counts[skip.code] += 1
        if skip.code == "invalid" and len(problems) < problems_max:
            problems.append(
                Problem(name if isinstance(name, str) else name(each.position), each.line, None, skip.reason)
            )
    counts["send"] = sent
    return Survey(counts, tuple(problems), tuple(head), groups)


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
