"""The calls that may still count at the vendor: a sliding log, and how long they stay in it. Pure; time is passed in.

A call stays for `WINDOW_S` from when it was sent, and longer by as much as its answer is later than usual: then
something stood still between us and the vendor, and the vendor may have counted it that much later.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

WINDOW_S = 1.014  # any such window holds at most the limit
LEAK = 0.986  # of the limit: so fast a bucket is drained
LATENCIES, USUAL = 200, 0.9  # of so many answers, this part is no later than usual
STALLED_MAX = 10  # of the first answers may be late together
JUDGED_EVERY, JUDGED_S = 10, 0.5  # answers or seconds
LOOK_S = 0.01  # between two looks for an answer, while all that counts waits for one
LATE_S_MAX = 0.5  # an answer that is later than usual holds its place at most this much longer


def whole(limit_per_s: float) -> tuple[int, float]:
    """A limit as whole calls in a few seconds: 100/s is (100, 1), 90 a minute (3, 2), 5 a minute (1, 12)."""
    for seconds in range(1, 61):
        calls = round(limit_per_s * seconds)
        if calls and math.isclose(calls, limit_per_s * seconds, rel_tol=1e-9):
            return calls, seconds
    return (int(limit_per_s * 60), 60) if limit_per_s >= 1 else (1, 1 / limit_per_s)


def counted(limit_per_s: float, burst_s: float) -> tuple[int, float]:
    """Calls, and the seconds over which they are counted: those of a burst, if that is longer."""
    calls, seconds = whole(limit_per_s)
    together = math.floor(limit_per_s * burst_s + 1e-9)
    return (together, burst_s) if burst_s > seconds and together else (calls, seconds)


def usual(latencies: Collection[float], stalled: int) -> float:
    """How long answers take that are not late, by those so far (at least one).

    A stall makes several late together, up to `stalled` of them. While these may be most, the least tells; while they
    are more than a tenth, the median; then nearly all must be late to be usual.
    """
    known = len(latencies)
    part = 0.0 if known <= 2 * stalled else 0.5 if known * (1 - USUAL) <= stalled else USUAL
    return sorted(latencies)[int(known * part)]


@dataclass(slots=True, eq=False)
class Mark:
    """One sending, in the loop's time."""

    sent_at: float
    gone: bool = False  # answered, or given up


class SlidingLog:
    """The calls that may still count at the vendor: a sliding log, which no call enters that would overfill it."""

    def __init__(self, limit_per_s: float, burst_s: float = 0.0) -> None:
        """`burst_s`: the seconds whose calls may come at once; they are counted over as many."""
        self._burst_s = burst_s
        self._limit, self._period_s = counted(limit_per_s, burst_s)
        self._stalled = max(1, min(STALLED_MAX, int(limit_per_s)))  # calls of one second
        self._unlearned = (
            self._stalled
        )  # of the first answers: handshakes, and a process that starts, make them late
        # In order of sending; answered ones leave when they come first.
        self._unanswered: deque[Mark] = deque()
        self.waiting = 0  # of those, not answered
        self._leaving: list[float] = []  # heap: when each answered call leaves
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._taken: deque[float] = deque(
            maxlen=2 * self._limit
        )  # when the last answered calls were sent, refused ones left out
        self._usual_s = 0.0  # answers that take no longer are on time; 0: not known yet
        self._fresh, self._judged_at = 0, math.inf

    def sent(self, now: float) -> Mark:
        """Note a sending."""
        self._judged_at = min(self._judged_at, now)
        mark = Mark(now)
        self._unanswered.append(mark)
        self.waiting += 1
        return mark

    def limit_to(self, limit_per_s: float) -> None:
        """From now on at most so much; calls that are in the log stay in it."""
        self._limit, self._period_s = counted(limit_per_s, self._burst_s)

    def forget(self, mark: Mark) -> None:
        """A sending that was noted did not take place."""
        self.waiting -= not mark.gone
        mark.gone = True

    def answered(self, mark: Mark, now: float, *, strict: bool) -> None:
        """Note its answer."""
        self.forget(mark)
        self._taken.append(mark.sent_at)
        latency_s = now - mark.sent_at
        late_s = latency_s if strict else min(LATE_S_MAX, max(0.0, latency_s - self._usual_s))
        heapq.heappush(self._leaving, mark.sent_at + self._length_s + late_s)
        if self._unlearned:
            self._unlearned -= 1
            return
        self._latencies.append(latency_s)
        self._fresh += 1
        if self._fresh >= JUDGED_EVERY or now - self._judged_at >= JUDGED_S:
            self._fresh, self._judged_at = 0, now
            self._usual_s = usual(self._latencies, self._stalled)

    def refused(self, mark: Mark | None, now: float) -> float:
        """Note that a call which was answered had been refused. Returns the part of the limit that the vendor took in the
        period before that was sent: as much as it takes, if its own counting is why. What has no answer yet is counted as taken.
        """
        at = mark.sent_at if mark else now
        if mark and mark.sent_at in self._taken:
            self._taken.remove(mark.sent_at)
        since = at - self._period_s
        taken = sum(since < moment <= at for moment in self._taken)
        taken += sum(since < each.sent_at <= at and not each.gone for each in self._unanswered)
        return taken / self._limit

    def taken_since(self, moment: float) -> bool:
        """Whether the vendor took a call that was sent since then."""
        return any(each > moment for each in self._taken)

    def wait_s(self, now: float) -> float:
        """How long until one more call is admitted; 0 or less: now."""
        while self._leaving and self._leaving[0] <= now:
            heapq.heappop(self._leaving)
        latest = now - self._length_s - LATE_S_MAX
        while self._unanswered and (self._unanswered[0].gone or self._unanswered[0].sent_at <= latest):
            self.forget(self._unanswered.popleft())
        if len(self._leaving) + self.waiting < self._limit:
            return 0.0
        leaves = [self._leaving[0]] if self._leaving else []
        if self._unanswered:
            leaves.append(self._unanswered[0].sent_at + self._length_s + LATE_S_MAX)
        if not self._leaving:  # nothing is answered: whatever is answered next may leave at once
            leaves.append(now + LOOK_S)
        return max(0.001, min(leaves) - now)

    @property
    def _length_s(self) -> float:
        return WINDOW_S * self._period_s
