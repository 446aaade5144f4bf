"""A run that another process works on, read from the journal as the live block wants it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bulkim import vendors
from bulkim.journal import Reader
from bulkim.journal.records import PoolRate, RunRecord
from bulkim.model import Status
from bulkim.sending.telemetry import IN_FLIGHT_MIN
from bulkim.text import vendor_app
from bulkim.view.live import Meter, View
from bulkim.view.report.limits import Allowed, allowed, tightest

RECENT_S = 2.0  # what counts as now
NEAR = 0.8  # of the limit: then the limit is what holds the speed
HEADROOM = 2.0
LAST_CALLS = 30  # their mean is the latency


class Readings:
    """One look at the journal; `bulkim.view.live.Readings`."""

    def __init__(
        self, journal: Reader, record: RunRecord, limits: Allowed, *, now: float, paced: int = 0
    ) -> None:
        self.counts: Mapping[Status, int] = journal.counts(record.id)
        paces = journal.rates(record.id)
        self.limit_per_s, self.allowed_per_s = _allowed(paces, limits)
        self.paused, self.resting = journal.paused(record.id), resting_now(paces, now)
        self.paced, self.retries, self.throttled = paced, record.retries, record.throttled
        self.in_flight = journal.in_flight(record.id)
        self.latency_s: float | None = journal.latency_s(record.id, calls=LAST_CALLS)
        needed = math.ceil(self.limit_per_s * (self.latency_s or 0.0) * HEADROOM) + IN_FLIGHT_MIN
        self.in_flight_max = limits.capped or needed
        self.codes = Counter[str]()
        for each in journal.code_counts(record.id):
            if each.outcome != Status.SUCCEEDED:
                self.codes[each.code] += each.items
        recent = journal.calls_since(record.id, now - RECENT_S, but=limits.beside)
        self.waiting_for = self._waiting(record, recent / RECENT_S)
        self.stopping: str | None = None
        self.apart = (0, 0)  # that is known to the process that does it

    def _waiting(self, record: RunRecord, calls_per_s: float) -> str:
        if record.planned_at is None:
            return "reading the input"
        if self.allowed_per_s is not None and self.allowed_per_s < self.limit_per_s:
            return "vendor"
        if self.limit_per_s and calls_per_s >= NEAR * self.limit_per_s:
            return "quota"
        return "answers" if self.in_flight else "back-off"


def resting_now(paces: Sequence[PoolRate], now: float) -> tuple[float, float] | None:
    """Until when a vendor asked to rest (Unix seconds), and for how many seconds."""
    rests = [(each.rest_until, each.asked_s) for each in paces if each.rest_until and each.asked_s]
    return max((each for each in rests if each[0] > now), default=None)


def _allowed(paces: Sequence[PoolRate], limits: Allowed) -> tuple[float, float | None]:
    """(limit, what refusals left of it), after the journal; after the job's text where that says nothing."""
    return tightest(paces, limits.pools) if paces else (limits.own or 0.0, None)


class Following:
    """Follows one run."""

    def __init__(self, journal: Reader, record: RunRecord) -> None:
        self._journal, self._id = journal, record.id
        self._limits = allowed(record, vendors.known(record.provider, record.vendor_text))
        app = record.target.rpartition(" ")[2].rpartition("#")[2]
        name = "" if record.name == record.operation else f"{record.name} · "
        title = f"{name}{record.operation} at {vendor_app(record.provider, app)} · run {record.run}"
        self._meter = Meter(
            title,
            capped=self._limits.capped is not None,
            own_limit=self._limits.slower,
            throttled=record.throttled,
        )
        self._began, self._before = self._session()
        self._newest, self._paced = 0, 0

    def look(self, now: float) -> tuple[RunRecord, View]:
        """The run as it is now (Unix seconds). A run whose process has died is no longer running."""
        record = self._journal.get(self._id)
        self._newest, more = self._journal.calls_after(self._id, self._newest, but=self._limits.beside)
        self._paced += more
        view = self._meter.read(
            now, Readings(self._journal, record, self._limits, now=now, paced=self._paced)
        )
        return record, replace(view, elapsed_s=max(0.0, now - self._began), before=self._before)

    def _session(self) -> tuple[float, dict[Status, int]]:
        """When the last session began, and what earlier ones had ended."""
        sessions, none = self._journal.sessions(self._id), dict.fromkeys(Status, 0)
        if not sessions:
            return 0.0, none
        began = sessions[-1].started_at
        return began, self._journal.ended_before(self._id, began) if len(sessions) > 1 else none
