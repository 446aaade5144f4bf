"""From what the executor says of itself to what is shown: rates, time left, and what holds the speed where it is."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bulkim.model import Status
from bulkim.text import counted, resting

RATE_WINDOW_S = 5.0
ETA_WINDOW_S = 20.0
DRAINING = "waiting for what is in flight"  # the executor's words after the first Ctrl-C
PAUSED = "paused: `bulkim ctl RUN resume` lets it go on"
LIMITS = {  # what the executor waits for, in words
    "start": "starting",
    "quota": "held by the vendor's limit",
    "vendor": "slower for a while: the vendor refused calls",
    "credentials": "waiting for a token",
    "back-off": "waiting for retries whose turn has not come",
    "answers": "waiting for the last answers",
}


class Readings(Protocol):
    """What is read of `bulkim.sending.executor.Telemetry`, or of the journal from another process."""

    @property
    def counts(self) -> Mapping[Status, int]: ...
    @property
    def limit_per_s(self) -> float: ...
    @property
    def allowed_per_s(self) -> float | None: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def in_flight_max(self) -> int: ...
    @property
    def paced(self) -> int: ...
    @property
    def retries(self) -> int: ...
    @property
    def throttled(self) -> int: ...
    @property
    def latency_s(self) -> float | None: ...
    @property
    def waiting_for(self) -> str: ...
    @property
    def codes(self) -> Counter[str]: ...
    @property
    def stopping(self) -> str | None: ...
    @property
    def paused(self) -> bool: ...
    @property
    def apart(self) -> tuple[int, int]: ...
    @property
    def resting(self) -> tuple[float, float] | None: ...


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is shown at one moment."""

    title: str
    counts: Mapping[Status, int]
    before: Mapping[Status, int]  # what earlier sessions had ended
    elapsed_s: float
    eta_s: float | None
    calls_per_s: float | None
    users_per_s: float | None
    limit_per_s: float
    allowed_per_s: float  # what refusals left of it
    in_flight: int
    in_flight_max: int
    retries: int
    throttled: int
    latency_s: float | None
    codes: tuple[tuple[str, int], ...]
    pace: str  # what holds the speed where it is
    state: str  # running, slowed, resting, paused or stopping
    open_ended: bool = False  # nobody knows how many items there will be
    names: Mapping[Status, str] = field(default_factory=dict)  # what else an outcome is called here

    @property
    def items(self) -> int:
        """All items of the run."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Items that have ended."""
        return self.items - self.counts[Status.PENDING]

    @property
    def restored(self) -> int:
        """Items that an earlier session had ended."""
        return sum(self.before.values())


class Meter:
    """Keeps the last samples, for rates that follow what happens now."""

    def __init__(
        self,
        title: str,
        *,
        resumed: bool = False,
        capped: bool = False,
        own_limit: bool = False,
        open_ended: bool = False,
        expected: int | None = None,
        throttled: int = 0,
        names: Mapping[Status, str] | None = None,
    ) -> None:
        """`capped`: the job sets the number of calls in flight itself, `own_limit`: how many a second. `throttled`: so many refusals are no news.

        `open_ended`: nobody knows how many items there will be; `expected`: this many will end in this session.
        """
        self._title, self._resumed, self._capped = title, resumed, capped
        self._own_limit, self._names = own_limit, names or {}
        self._open_ended, self._expected = open_ended and expected is None, expected
        self._samples: deque[tuple[float, int, int]] = deque()  # (time, calls that the limit is about, done)
        self._waits: deque[str] = deque(maxlen=9)
        self._before: dict[Status, int] | None = None
        self._done_before: int | None = None
        self._began = 0.0
        self._throttled = throttled
        self._throttled_at = -RATE_WINDOW_S

    def read(self, now: float, readings: Readings) -> View:
        """Take a sample; returns what to show."""
        counts = dict(readings.counts)
        done = sum(counts.values()) - counts[Status.PENDING]
        if self._expected is not None:
            self._done_before = done if self._done_before is None else self._done_before
            counts[Status.PENDING] = max(0, self._expected - (done - self._done_before))
        pending = counts[Status.PENDING]
        if self._before is None:
            ended = {status: n if self._resumed else 0 for status, n in counts.items()}
            self._before = {**ended, Status.PENDING: 0}
            self._began = now
        self._samples.append((now, readings.paced, done))
        while now - self._samples[0][0] > ETA_WINDOW_S:
            self._samples.popleft()
        self._waits.append(self._limit(readings, pending))
        if readings.throttled > self._throttled:
            self._throttled, self._throttled_at = readings.throttled, now
        return View(
            self._title, counts, self._before,
            elapsed_s=now - self._began,
            eta_s=self._eta(now, done, pending),
            calls_per_s=self._rate(now, 1), users_per_s=self._rate(now, 2),
            limit_per_s=readings.limit_per_s,
            allowed_per_s=readings.limit_per_s if readings.allowed_per_s is None else readings.allowed_per_s,
            in_flight=readings.in_flight, in_flight_max=readings.in_flight_max,
            retries=readings.retries, throttled=readings.throttled, latency_s=readings.latency_s,
            codes=tuple(readings.codes.most_common(3)),
            pace=self._pace(now, readings),
            state=self._state(now, readings), open_ended=self._open_ended, names=self._names,
        )  # fmt: skip

    def _limit(self, readings: Readings, pending: int) -> str:
        if readings.waiting_for == "answers" and self._open_ended:
            return "held by the vendor's latency: one page after another"
        if readings.waiting_for == "answers" and pending and readings.in_flight >= readings.in_flight_max:
            return "held by the job's own concurrency" if self._capped else "held by the vendor's latency"
        if readings.waiting_for == "quota" and self._own_limit:
            return "held by the job's own limit"
        return LIMITS.get(readings.waiting_for, readings.waiting_for)

    def _pace(self, now: float, readings: Readings) -> str:
        if readings.stopping == DRAINING:
            return f"{DRAINING}; Ctrl-C again leaves at once"
        if readings.stopping:
            return readings.stopping
        if readings.paused:
            return PAUSED
        if readings.resting:
            return resting(*readings.resting)
        if readings.waiting_for == "quota" and self._state(now, readings) == "slowed":
            return LIMITS["vendor"]
        return _apart(*readings.apart) or Counter(self._waits).most_common(1)[0][0]

    def _state(self, now: float, readings: Readings) -> str:
        if readings.stopping:
            return "stopping"
        if readings.paused:
            return "paused"
        if readings.resting:
            return "resting"
        if readings.waiting_for == "vendor" or now - self._throttled_at < RATE_WINDOW_S:
            return "slowed"
        return "running"

    def _rate(self, now: float, column: int) -> float | None:
        """How fast a column of the samples grows, over the last seconds."""
        first = next(sample for sample in self._samples if now - sample[0] <= RATE_WINDOW_S)
        last = self._samples[-1]
        span = last[0] - first[0]
        return (last[column] - first[column]) / span if span > 0.1 else None

    def _eta(self, now: float, done: int, pending: int) -> float | None:
        """What this session still needs at its own speed; what was restored came for free."""
        first = self._samples[0]
        grown, span = done - first[2], now - first[0]
        if self._open_ended:
            return None
        if not pending:
            return 0.0
        return pending * span / grown if grown > 0 and span >= 0.5 else None


def _apart(calls: int, items: int) -> str:
    """While the item at fault is looked for, nothing else seems to move."""
    if not items:
        return ""
    return f"taking {counted(calls, 'refused request')} apart: {counted(items, 'user')} to be sent again"
