"""How fast a run was allowed to be: what its job said, what the vendor documents, and what refusals left of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from statistics import fmean
from typing import Any

from bulkim.catalogue.shapes import Probe, Provider
from bulkim.jobfile.kept import kept_settings
from bulkim.journal.records import Allowance, KindCount, PoolRate, RunRecord
from bulkim.model import Mode
from bulkim.view.report.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Allowed:
    """Calls a second. None: nothing is known."""

    own: float | None = None  # this run's own limit
    documented: float | None = None  # the vendor's
    pool: str = ""
    capped: int | None = None  # the job's own number of calls in flight
    pools: tuple[str, ...] = ()  # all that a call draws on
    beside: frozenset[str] = (
        frozenset()
    )  # modes of calls that draw on none of them: what asks, with a limit of its own

    @property
    def slower(self) -> bool:
        """Whether the run was to be slower than the vendor allows."""
        return self.own is not None and self.documented is not None and self.own < self.documented


@dataclass(frozen=True, slots=True)
class Level:
    """Calls a second that were allowed for a while, in seconds of a timeline's axis."""

    start_s: float
    end_s: float
    limit_per_s: float
    allowed_per_s: float  # what refusals left of it

    @property
    def lowered(self) -> bool:
        return self.allowed_per_s < self.limit_per_s

    def like(self, other: Level) -> bool:
        return (self.limit_per_s, self.allowed_per_s) == (other.limit_per_s, other.allowed_per_s)


def allowed(record: RunRecord, provider: Provider | None) -> Allowed:
    """The limits of a run, as they were recorded with it. `provider`: its own; None where it is not known any more."""
    settings = record.settings
    if settings is None:
        settings = _of_its_text(record, provider)
    pools, limits = tuple(settings["pools"]), settings["limits"]
    pool = min(pools, key=limits.__getitem__, default=None)
    if pool is None:
        return Allowed(capped=settings["concurrency"])
    documented = provider.pool(pool).limit_per_s if provider else None
    beside = _beside(record, provider, pools)
    return Allowed(limits[pool], documented, pool, settings["concurrency"], pools, beside)


def beside(record: RunRecord, provider: Provider | None, kinds: Iterable[KindCount]) -> int:
    """How many of a run's calls only asked, on limits of their own."""
    modes = allowed(record, provider).beside
    return sum(each.calls for each in kinds if each.mode in modes)


def _beside(record: RunRecord, provider: Provider | None, pools: Collection[str]) -> frozenset[str]:
    operation = provider.operation(record.operation) if provider else None
    if provider is None or operation is None:
        return frozenset()
    probe = operation.doubt.operation if isinstance(operation.doubt, Probe) else None
    look = operation.verify.operation if operation.verify else None
    asked = {Mode.PROBE: probe, Mode.LOOK: look}
    found = {mode: provider.operation(name) for mode, name in asked.items() if name}
    return frozenset(str(mode) for mode, each in found.items() if each and set(each.pools).isdisjoint(pools))


def _of_its_text(record: RunRecord, provider: Provider | None) -> dict[str, Any]:
    """The same for a run that was made before limits were recorded."""
    said = kept_settings(record.job_text)
    operation = provider.operation(record.operation) if provider else None
    found: dict[str, Any] = {"pools": (), "limits": {}, "concurrency": said.concurrency}
    if provider is None or operation is None:
        return found
    alone = said.batch == 1 or said.open_registration
    found["pools"] = (operation.single if alone and operation.single else operation).pools
    for place, name in enumerate(found["pools"]):
        wished = said.limit if place == 0 and said.limit else said.pools.get(name)
        found["limits"][name] = (wished or provider.pool(name).limit_per_s) * said.share
    return found


def tightest(paces: Collection[PoolRate], pools: Collection[str]) -> tuple[float, float]:
    """(limit, what is left of it) in calls a second for calls that draw on all of these pools."""
    drawn = [each for each in paces if each.pool in pools] or paces
    return min(each.limit_per_s for each in drawn), min(each.allowed_per_s for each in drawn)


def kept(timeline: Timeline, found: Iterable[Allowance], limits: Allowed) -> dict[int, float]:
    """The most that each session allowed itself, in calls a second; a session of which nobody knows is left out."""
    most = dict.fromkeys((each.id for each in timeline.sessions), limits.own or 0.0)
    for each in found:
        if each.rate.pool == limits.pool:
            most[each.session_id] = max(most.get(each.session_id, 0.0), each.rate.limit_per_s)
    return {session: limit for session, limit in most.items() if limit}


def levels(timeline: Timeline, found: Iterable[Allowance], pools: Collection[str]) -> list[Level]:
    """What was allowed along a timeline, averaged over its bins; nothing where the journal says nothing."""
    steps = deque(_steps(timeline, found, pools))
    averaged: list[Level] = []
    for each in timeline.bins:
        start_s, end_s = each.start_s, each.start_s + each.width_s
        while steps and steps[0].end_s <= start_s:
            steps.popleft()
        here = list(takewhile(lambda step, end_s=end_s: step.start_s < end_s, steps))  # type: ignore[misc]
        if not here:
            continue
        level = _average(here, start_s, end_s)
        last = averaged[-1] if averaged else None
        if last and last.end_s == start_s and last.like(level):
            level = replace(level, start_s=averaged.pop().start_s)
        averaged.append(level)
    return averaged


def _steps(timeline: Timeline, found: Iterable[Allowance], pools: Collection[str]) -> Iterator[Level]:
    """Each session's changes, on the axis."""
    by_session: dict[int, list[Allowance]] = {}
    for each in found:
        by_session.setdefault(each.session_id, []).append(each)
    for session in timeline.sessions:
        paces: dict[str, PoolRate] = {}
        changes: dict[float, tuple[float, float]] = {}
        for each in by_session.get(session.id, ()):
            paces[each.rate.pool] = each.rate
            changes[each.at] = tightest(paces.values(), pools)
        moments = [min(max(0.0, at - session.started_at), session.lasted_s) for at in changes]
        for start_s, end_s, pace in zip(
            [0.0, *moments[1:]], [*moments[1:], session.lasted_s], changes.values(), strict=False
        ):
            yield Level(session.offset_s + start_s, session.offset_s + end_s, *pace)


def _average(steps: Sequence[Level], start_s: float, end_s: float) -> Level:
    weights = [max(min(each.end_s, end_s) - max(each.start_s, start_s), 1e-9) for each in steps]
    limit = fmean([each.limit_per_s for each in steps], weights)
    left = fmean([each.allowed_per_s for each in steps], weights)
    return Level(start_s, end_s, round(limit, 3), round(left, 3))
