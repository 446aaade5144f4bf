"""What a session is doing now and how it ended, for whoever draws it or accounts for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol, Self

from bulkim.model import Status, Stop

IN_FLIGHT_MIN, IN_FLIGHT_MAX = 4, 256


@dataclass(slots=True)
class Telemetry:
    """What is happening now, for whoever draws it: `bulkim.run(observe=...)` is given it about once a second.

    `items` and `done` are the run's items and those that have ended; `counts` has them by outcome, `codes` those of this session
    by code. `restored` had ended before this session. `requests` are its calls, of which `beside` only ask (what is there before a
    mute, say: meanwhile nothing is done yet), `retries` were sent again and `throttled` were refused for the limit. `limit_per_s` and
    `allowed_per_s` are calls a second: the job's limit, and what refusals left of it. `in_flight` calls wait for an answer, `latency_s`
    seconds each. `waiting_for` is quota, answers, back-off, vendor or credentials; `stopping` says why a run is about to end.
    """

    counts: dict[Status, int]
    restored: int  # items that had ended before this session
    limit_per_s: float
    allowed_per_s: float | None = None  # what refusals left of it; 0: resting after one
    in_flight: int = 0
    in_flight_max: int = IN_FLIGHT_MIN
    requests: int = 0
    beside: int = 0  # of these: calls that draw on none of the run's own pools, but only ask
    retries: int = 0
    throttled: int = 0
    latency_s: float | None = None  # smoothed
    waiting_for: str = "start"  # quota, answers, back-off, vendor, credentials
    paused: bool = False  # somebody asked for it
    resting: tuple[float, float] | None = None  # until when (Unix seconds), and how long the vendor asked for
    apart: tuple[int, int] = (0, 0)  # refused calls that are being taken apart, and their items that wait
    codes: Counter[str] = field(default_factory=Counter)
    stopping: str | None = None

    @classmethod
    def of(cls, counts: dict[Status, int], *, limit_per_s: float) -> Self:
        """Of a session that begins; `counts` are the run's items by status."""
        return cls(counts, sum(counts.values()) - counts[Status.PENDING], limit_per_s)

    @property
    def items(self) -> int:
        """All items of the run."""
        return sum(self.counts.values())

    def answered_in(self, latency_s: float) -> None:
        """Smooth the latency."""
        before = self.latency_s
        self.latency_s = latency_s if before is None else before + 0.1 * (latency_s - before)

    def called(self, *, beside: bool = False) -> None:
        """Count a call."""
        self.requests += 1
        self.beside += beside

    @property
    def paced(self) -> int:
        """Calls that `limit_per_s` is about."""
        return self.requests - self.beside

    @property
    def done(self) -> int:
        """Items that have ended."""
        return self.items - self.counts[Status.PENDING]


class Observed(Protocol):
    """Something whose telemetry can be drawn."""

    @property
    def telemetry(self) -> Telemetry:
        """What it is doing now."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended."""

    state: str  # finished, interrupted or stopped
    stop: Stop | None = None
    signal: int | None = None
