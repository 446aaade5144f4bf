"""A run's time as a drawing shows it: sessions one after another, long pauses in between cut short."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bulkim.view.report.latency import Latencies

BINS_MAX = 150
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
PAUSE_SHARE, PAUSES_SHARE = 0.04, 0.25  # of the working time: the longest drawn pause, and all of them


@dataclass(slots=True)
class Session:
    """One process's work on the run."""

    id: int
    pid: int
    host: str
    started_at: float
    until: float
    ended: str  # finished, interrupted, stopped, lost or running
    offset_s: float = 0.0  # where it starts on the axis
    calls: int = 0
    code: str | None = None  # why it ended early, where that is known

    @property
    def lasted_s(self) -> float:
        return max(0.0, self.until - self.started_at)


@dataclass(frozen=True, slots=True)
class Break:
    """Between two sessions nothing was sent."""

    start_s: float  # on the axis
    end_s: float
    real_s: float


@dataclass(slots=True)
class Bin:
    """What happened in a short while."""

    start_s: float  # on the axis
    width_s: float
    calls: int = 0
    refused: int = 0
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def calls_per_s(self) -> float:
        """A limit is about whole seconds: what was sent in half of one is no more in a second."""
        return self.calls / max(self.width_s, 1.0)


@dataclass(slots=True)
class Timeline:
    """The axis, and what was counted along it."""

    sessions: list[Session]
    breaks: list[Break]
    length_s: float
    width_s: float  # of a bin
    bins: list[Bin] = field(default_factory=list)
    busiest: int = 0  # calls in the second that held most

    @property
    def calls(self) -> int:
        """All that were counted: those that draw on the run's own limits."""
        return sum(each.calls for each in self.bins)

    @classmethod
    def of(cls, sessions: Sequence[Session]) -> Timeline:
        """Lay the sessions out."""
        working = sum(each.lasted_s for each in sessions) or 0.001
        longest = min(PAUSE_SHARE, PAUSES_SHARE / max(1, len(sessions))) * working
        breaks, at = [], 0.0
        for number, each in enumerate(sessions):
            if number:
                real = max(0.0, each.started_at - sessions[number - 1].until)
                shown = min(real, longest)
                breaks.append(Break(at, at + shown, real))
                at += shown
            each.offset_s = at
            at += each.lasted_s
        return cls(list(sessions), breaks, max(at, 0.001), _bin_width(working))

    def count(
        self,
        calls: Iterable[tuple[int, float, float | None, str | None, str]],
        limits: Mapping[int, float] = {},
        beside: Collection[str] = (),
    ) -> Latencies:
        """Count calls (session, began, ended, kind, mode) into bins; returns all latencies. `limits`: a session's calls a second.

        Calls of the modes `beside` draw on other limits: they are no part of the speed.

        A call is journaled as begun some milliseconds before its bytes leave. What a second holds above the limit, which was
        kept when they left, belongs to the second after it.
        """
        everything = Latencies()
        by_id = {each.id: each for each in self.sessions}
        seconds: dict[int, Counter[int]] = {each.id: Counter() for each in self.sessions}
        bins = {  # what is empty is drawn too
            (session.id, place): self._bin(session, place)
            for session in self.sessions
            for place in range(int(session.lasted_s / self.width_s) + 1)
        }
        for session_id, began, ended, kind, mode in calls:
            session = by_id.get(session_id)
            if session is None:
                continue
            session.calls += 1
            at_s = max(0.0, min(began - session.started_at, session.lasted_s))
            seconds[session_id][int(at_s)] += mode not in beside
            here = bins[session_id, int(at_s / self.width_s)]
            here.refused += kind == "throttled"
            if ended is not None and kind != "lost":
                here.latencies.add((ended - began) * 1000)
                everything.add((ended - began) * 1000)
        for session in self.sessions:
            for second, number in _spread(
                seconds[session.id], int(session.lasted_s), limits.get(session.id)
            ).items():
                self.busiest = max(self.busiest, number)
                bins[session.id, int(second / self.width_s)].calls += number
        self.bins = sorted(bins.values(), key=lambda each: each.start_s)
        if self.bins:  # the axis ends where the last one does, which is wider than a session of a moment
            self.length_s = max(self.length_s, self.bins[-1].start_s + self.bins[-1].width_s)
        return everything

    def merged(self, most: int) -> list[Bin]:
        """The bins in groups, about `most` of them; a group never reaches over the end of a session."""
        step = -(-len(self.bins) // most)
        groups: list[Bin] = []
        left = 0
        for each in self.bins:
            last = groups[-1] if groups else None
            if last is None or not left or each.start_s - last.start_s - last.width_s > 0.001:
                groups.append(
                    Bin(each.start_s, each.width_s, each.calls, each.refused, each.latencies.copy())
                )
                left = step - 1
            else:
                last.width_s = each.start_s + each.width_s - last.start_s
                last.calls += each.calls
                last.refused += each.refused
                last.latencies.merge(each.latencies)
                left -= 1
        return groups

    def _bin(self, session: Session, place: int) -> Bin:
        start = place * self.width_s
        width = min(self.width_s, max(session.lasted_s - start, self.width_s / 4))
        return Bin(session.offset_s + start, width)


def _spread(begun: Counter[int], last: int, limit_per_s: float | None) -> Counter[int]:
    """Calls by second, none of them above the limit but the last, which has no second after it."""
    if limit_per_s is None:
        return begun
    room, found, late = max(1, math.ceil(limit_per_s)), Counter[int](), 0
    for second in range(min(begun, default=0), last + 1):
        late += begun[second]
        found[second] = late if second == last else min(late, room)
        late -= found[second]
    return found


def _bin_width(working_s: float) -> float:
    return next((width for width in WIDTHS_S if working_s / width <= BINS_MAX), WIDTHS_S[-1])
