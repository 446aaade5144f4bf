"""Everything that a report shows of a run, read from the journal in few passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from bulkim import vendors
from bulkim.catalogue.shapes import Provider
from bulkim.codes import Meaning
from bulkim.journal import Reader
from bulkim.journal.records import CodeCount, KindCount, RunRecord
from bulkim.text import vendor_app
from bulkim.view.meanings import meaning
from bulkim.view.report.anonymise import Redactor
from bulkim.view.report.events import Event, events
from bulkim.view.report.latency import Latencies
from bulkim.view.report.limits import Allowed, Level, allowed, kept, levels
from bulkim.view.report.timeline import Bin, Session, Timeline

BAD = ("failed", "unknown")
LISTED = (*BAD, "skipped")  # in this order, as far as there is room
EARLY = ("stopped", "interrupted")  # how a session ends for a reason
LISTED_MAX = 2000  # items in the page's table
LISTED_CHARS_MAX = 300_000  # of their names and reasons
REASON_CHARS_MAX = 200
CELLS_MAX = 720  # of the map


@dataclass(frozen=True, slots=True)
class Code:
    """A code with what it means."""

    found: CodeCount
    meaning: Meaning | None


@dataclass(frozen=True, slots=True)
class Cell:
    """Some items that follow one another in the input."""

    first: int
    last: int
    counts: Mapping[str, int]

    def share(self, *outcomes: str) -> float:
        """The part of them that ended so."""
        total = sum(self.counts.values())
        return sum(self.counts.get(each, 0) for each in outcomes) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Bad:
    """An item that failed, is unknown or was skipped."""

    ordinal: int
    line: int | None
    username: str
    outcome: str
    code: str
    reason: str
    attempts: int
    http_status: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """A run, counted."""

    record: RunRecord
    summary: Mapping[str, Any]
    provider: Provider | None
    allowed: Allowed
    levels: Sequence[Level]  # what was allowed, over time
    events: Sequence[Event]  # what it was asked to do, and to wait for
    codes: Sequence[Code]
    timeline: Timeline
    latencies: Latencies
    kinds: Sequence[KindCount]
    tries: Sequence[tuple[int, int]]  # (sendings, items)
    batch: int  # items in the largest call
    cells: Sequence[Cell]
    bad: Sequence[Bad]
    redacted: bool

    @property
    def counts(self) -> Mapping[str, int]:
        found: Mapping[str, int] = self.summary["counts"]
        return found

    @property
    def beside(self) -> int:
        """Calls that only asked, on limits of their own: no part of the speed."""
        return sum(each.calls for each in self.kinds if each.mode in self.allowed.beside)

    @property
    def bad_total(self) -> int:
        """Failed and unknown items, listed or not."""
        return sum(self.counts[each] for each in BAD)

    @property
    def listed_total(self) -> int:
        """Failed, unknown and skipped items, listed or not."""
        return sum(self.counts[each] for each in LISTED)

    @property
    def lowest(self) -> float | None:
        """The least that refusals left of the limit; None: they left all of it, or nobody knows."""
        return min((each.allowed_per_s for each in self.levels if each.lowered), default=None)

    def allowed_at(self, moment: Bin) -> float | None:
        """Calls a second that refusals had left of the limit then."""
        middle_s = moment.start_s + moment.width_s / 2
        return next(
            (each.allowed_per_s for each in self.levels if each.start_s <= middle_s < each.end_s), None
        )

    @property
    def where(self) -> str:
        """The vendor and the app, without the host and the organisation."""
        return vendor_app(self.record.provider, self.record.target.rpartition(" ")[2].rpartition("#")[2])


def figures(journal: Reader, record: RunRecord, *, redact: bool = False) -> Figures:
    """Read a run."""
    provider = vendors.known(record.provider, record.vendor_text)
    operation = provider.operation(record.operation) if provider else None
    hide = Redactor(journal, record.id, vendors.folding(provider)) if redact else None
    timeline = Timeline.of(_sessions(journal, record))
    batch = journal.largest_call(record.id)
    limits = allowed(record, provider)
    allowances = journal.allowances(record.id)
    latencies = timeline.count(journal.calls(record.id), kept(timeline, allowances, limits), limits.beside)
    known = levels(timeline, allowances, limits.pools)
    if known:  # better than what the job's text lets one guess; it may have been changed meanwhile
        limits = replace(limits, own=max(each.limit_per_s for each in known))
    return Figures(
        record, journal.summary(record), provider, limits, known, events(journal.orders(record.id), allowances),
        [
            Code(
                hide.code_count(each) if hide else each,
                meaning(provider, operation, each.code, each.reason, each.outcome),
            )
            for each in journal.code_counts(record.id)
        ],
        timeline, latencies, journal.kinds(record.id), journal.tries(record.id), batch,
        _cells(journal, record, batch), _bad(journal, record.id, hide), redact,
    )  # fmt: skip


def _sessions(journal: Reader, record: RunRecord) -> list[Session]:
    """A run keeps why it stopped until it goes on: of earlier sessions only what they were asked to do tells."""
    unended = "running" if record.state == "running" else "lost"
    found = [
        Session(each.id, each.pid, each.host, each.started_at, each.until, each.ended or unended)
        for each in journal.sessions(record.id)
    ]
    stops = {each.session_id for each in journal.orders(record.id) if each.verb == "stop" and each.obeyed_at}
    early = [each for each in found if each.ended in EARLY]
    for each in early:
        each.code = "ctl" if each.id in stops else None
    if early and early[-1] is found[-1]:
        early[-1].code = record.stop_code
    return found


def _cells(journal: Reader, record: RunRecord, batch: int) -> list[Cell]:
    """Whole calls' worth of items, as many as it takes to have few enough cells."""
    if not record.items:
        return []
    last = journal.last_ordinal(record.id)
    size = batch * -(-last // (batch * CELLS_MAX))
    counted: dict[int, dict[str, int]] = {}
    for cell, outcome, items in journal.cells(record.id, size):
        counted.setdefault(cell, {})[outcome] = items
    return [
        Cell(cell * size + 1, min((cell + 1) * size, last), counts)
        for cell, counts in sorted(counted.items())
    ]


def _bad(journal: Reader, run_id: int, hide: Redactor | None) -> list[Bad]:
    found: list[Bad] = []
    room = LISTED_CHARS_MAX
    every = chain(journal.results(run_id, outcome=BAD), journal.results(run_id, outcome=["skipped"]))
    for each in every:
        name, reason = each.username, each.reason or ""
        if hide:
            name, reason = hide.name(name), hide.text(reason, each.username)
        if len(reason) > REASON_CHARS_MAX:
            reason = reason[: REASON_CHARS_MAX - 1] + "…"
        room -= len(name) + len(reason)
        if room < 0 or len(found) == LISTED_MAX:
            break
        found.append(Bad(each.ordinal, each.line, name, each.outcome, each.code or "", reason, each.attempts,
                         each.http_status))  # fmt: skip
    return found
