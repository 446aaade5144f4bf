"""What is known beforehand of how long a job will take: from this app's earlier runs, and from what its vendor asked for lately."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkim import planning
from bulkim.errors import BulkimError
from bulkim.places import there
from bulkim.planning.preview import Surveyed
from bulkim.quota.ledger import ledger_path, owner_of, rests
from bulkim.quota.sliding_log import JUDGED_EVERY, LATE_S_MAX, LEAK, STALLED_MAX
from bulkim.sending.telemetry import IN_FLIGHT_MAX
from bulkim.text import utc
from bulkim.work.earlier import Earlier, earlier_run, target_of

CALLS = 1000  # of the latest, whose latencies count
UNSURE = STALLED_MAX + JUDGED_EVERY  # answers, before it is known how late is usual


@dataclass(frozen=True, slots=True)
class Outlook:
    """None: nobody knows."""

    p50_s: float | None = None  # latency of calls like these
    p95_s: float | None = None
    expected_s: float | None = None  # the whole run
    resting: tuple[float, float] | None = None  # until when (Unix seconds), how many the vendor asked for
    earlier: Earlier | None = None  # the run that the job would continue, or that has done it already

    def document(self) -> dict[str, Any]:
        """As `plan --json` has it, beside the least time."""
        known = self.p50_s is not None and self.p95_s is not None
        return {
            "expected_s": None if self.expected_s is None else round(self.expected_s, 3),
            "latency_ms": {"p50": _ms(self.p50_s), "p95": _ms(self.p95_s)} if known else None,
            "resting": {"until": utc(self.resting[0]), "asked_s": self.resting[1]} if self.resting else None,
            "earlier": _document(self.earlier),
        }


def outlook(found: Surveyed, journal: Path) -> Outlook:
    """Of a job whose input was surveyed. A journal or a ledger that cannot be read tells nothing."""
    past, earlier = _history(found, journal)
    took, resting = sorted(past), _resting(found)
    if not took:
        return Outlook(resting=resting, earlier=earlier)
    p50_s, p95_s = took[len(took) // 2], took[min(len(took) - 1, int(len(took) * 0.95))]
    mean_s = sum(took) / len(took)
    return Outlook(p50_s, p95_s, expected(found, p50_s, p95_s, mean_s), resting, earlier)


def expected(found: Surveyed, p50_s: float, p95_s: float, mean_s: float) -> float | None:
    """Seconds from the first call to the last answer, when nothing is refused or has to be sent again.

    The first call goes alone, until it is known that the vendor takes the credentials; the last answers come a latency
    after the last call. In between it is the limit, or as many calls as may be in flight. Pages come one after another.
    """
    job, cost = found.job, found.estimate
    if found.counts is None or not cost.requests or not cost.limit_per_s:
        return None
    rate = LEAK * cost.limit_per_s
    if found.operation.paging is not None:
        return cost.requests * max(mean_s, 1 / rate)
    rate = min(rate, (job.concurrency or IN_FLIGHT_MAX) / max(mean_s, 1e-6))
    if cost.requests == 1:
        return p50_s
    # Until it is known how late is usual, a call holds its place for longer, which matters once all places are taken.
    unsure = max(0.0, min(cost.requests, UNSURE + rate * p50_s) - cost.limit_per_s)
    return p50_s + (cost.requests - 1) / rate + unsure / cost.limit_per_s * min(LATE_S_MAX, p50_s) + p95_s


def _history(found: Surveyed, journal: Path) -> tuple[Iterable[float], Earlier | None]:
    """Latencies of calls like these, and the run that the job would continue, or that has done it."""
    if not there(journal):
        return (), None
    from bulkim.journal import Reader

    job = found.job
    try:
        with Reader.open(journal) as reader:
            return reader.latencies(target_of(job), job.operation, calls=CALLS), earlier_run(reader, job)
    except BulkimError:
        return (), None


def _document(earlier: Earlier | None) -> dict[str, Any] | None:
    if earlier is None:
        return None
    finished = None if earlier.finished_at is None else utc(earlier.finished_at)
    return {
        "run": earlier.run, "finished": finished, "done": earlier.done, "pending": earlier.pending,
        "others": earlier.others, "others_done": earlier.others_done,
    }  # fmt: skip


def _resting(found: Surveyed) -> tuple[float, float] | None:
    """The longest rest of the pools that the job would draw on."""
    job, now = found.job, time.monotonic()
    owner = owner_of(job.connection)
    names = {f"{owner} {pool}" for pool in planning.limits(job, found.provider, found.operation)}
    try:
        kept = rests(ledger_path(), now=now)
    except (BulkimError, OSError):
        return None
    ends = [
        (time.time() + rest.until - now, rest.asked_s)
        for name, rest in kept.items()
        if name in names and rest.asked_s
    ]
    return max(ends, default=None)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
