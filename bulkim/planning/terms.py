"""The terms of a run: what was decided when it began, and what a change since then means.

Everything here is pure. `terms_of` says what a job and its options decide, `compare` holds what was written down against what
is said now. What each difference means is the data of `bulkim.planning.rules`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Any

from bulkim.model import Job
from bulkim.planning.rules import RULES, Means, Scope, rule_of_term
from bulkim.redact import MASK, is_hidden

VERSION = 1
PRODUCTION = "production"  # an environment in which only --confirm lets anything be destroyed
STDIN = "-"
_AGES = ("created_before", "created_after")
_SHOWN_MAX = 120  # characters of a value in a message
_NOTHING: tuple[Any, ...] = (None, [], {})


class Way(StrEnum):
    """How one comes back to a run, or to a plan."""

    CONTINUE = "continue"
    PLAN = "plan"  # a run by what was written down
    RETRY = "retry"  # a new run of its items
    VERIFY = "verify"


_SCOPES = {
    Way.CONTINUE: frozenset(Scope),
    Way.PLAN: frozenset(Scope),
    Way.RETRY: frozenset({Scope.TARGET, Scope.DEED}),
    Way.VERIFY: frozenset({Scope.TARGET}),
}


@dataclass(frozen=True, slots=True)
class Pledge:
    """``APP:COUNT``: what somebody agreed to."""

    app: str
    count: int  # how many items may be sent, at most
    beyond: int = 0  # what had been sent already when it was agreed to, and is not counted

    def covers(self, total: int) -> bool:
        """Whether a run that sends `total` items in all stays within it."""
        return total - self.beyond <= self.count


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `run` and `retry` that are a part of the run."""

    limit: int | None = None
    missing: bool = False
    selection: Mapping[str, Any] | None = None  # a retry's: outcome, code, changed
    plan: str | None = None  # a saved plan's digest
    plan_place: str | None = None  # its file's place as it was typed, absolute


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run was begun with. Nothing in it is secret. `values`: term -> a JSON value."""

    values: Mapping[str, Any]
    moments: Mapping[str, float] = field(
        default_factory=dict
    )  # what ages meant: created_before, created_after
    feeds: str | None = None  # the id of the run that `source: {run: ...}` meant
    confirmed: Pledge | None = None
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Difference:
    """One term that is not what it was."""

    term: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return f"{_named(self.term)} was {_shown(self.was)}, is now {_shown(self.now)}"

    @property
    def brief(self) -> str:
        """For a line with several."""
        was, now = _shown(self.was), _shown(self.now)
        if self.was in _NOTHING:
            return f"{self.term} {now}"
        return f"{self.term} {was} is gone" if self.now in _NOTHING else f"{self.term} {was} -> {now}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What follows from the differences between a run's terms and a job as it is now."""

    refused: tuple[Difference, ...] = ()  # nothing may be sent
    stricter: tuple[Difference, ...] = ()  # guards that hold for everything that is pending
    taken_over: tuple[Difference, ...] = ()
    confirm: bool = False  # production now, and not before: what is pending must be confirmed by --confirm
    said: tuple[str, ...] = ()  # a line each, for people

    @property
    def allowed(self) -> bool:
        """Whether the run may go on."""
        return not self.refused


# ------------------------------------------------------------------------------------ what they are


def _source_place(job: Job) -> str | list[str] | None:
    """As the job file says it, pattern or list: a fresh checkout of the same job has the same source."""
    source = job.source
    if not source.is_file:
        return None
    if source.path is None:
        return STDIN
    places = [os.path.normpath(each) for each in source.written.split("\n")] if source.written else []
    return (places if len(places) > 1 else places[0]) if places else absolute(source.path)


def _columns(job: Job) -> dict[str, Any]:
    return {**job.source.columns, **{name: each.written for name, each in job.source.computed.items()}}


def _where(job: Job) -> dict[str, Any]:
    """As the job writes it: an age is the same age tomorrow, though another moment."""
    if not job.source.is_listing:
        return dict(job.source.narrowed)
    where = job.source.where
    told = {name: where.written.get(name, getattr(where, name)) for name in _AGES}
    every = {"match": where.match, **told, "activated": where.activated}
    return {name: value for name, value in every.items() if value is not None}


def _auth(job: Job) -> str:
    auth = job.connection.auth
    return f"{auth.kind} {auth.identity}".strip()


def _provider_text(job: Job) -> str | None:
    """The digest of a vendor's declaration, where it is a file of one's own."""
    return hashlib.sha256(job.vendor_text.encode()).hexdigest() if job.vendor_text else None


_JOB: Mapping[str, Callable[[Job], Any]] = {
    **{
        path: attrgetter(path)
        for path in (
            "provider", "operation", "concurrency", "retries", "batch", "snapshot", "rate.limit", "rate.share", "guard.max_items",
            "guard.max_failures", "guard.canary", "source.kind", "source.encoding", "source.delimiter", "source.trim", "source.listing",
        )
    },
    "provider.text": _provider_text,
    "params": lambda job: dict(job.params),
    "base_url": attrgetter("connection.base_url"),
    "app": attrgetter("connection.target"),
    "auth": _auth,
    "environment": attrgetter("connection.environment"),
    "allow_http": attrgetter("connection.allow_http"),
    "source.place": _source_place,
    "source.columns": _columns,
    "source.where": _where,
    "source.run": attrgetter("source.run"),
    "source.outcome": lambda job: sorted(job.source.outcome),
    "source.code": lambda job: sorted(job.source.code),
    "rate.pools": lambda job: dict(job.rate.pools),
    "rate.max_rest": attrgetter("rate.max_rest_s"),
    "timeout": attrgetter("timeout_s"),
    "window": lambda job: str(job.window) if job.window else None,
    "notify": lambda job: bool(job.notify),
    "guard.protect": lambda job: list(job.guard.protect),
}  # fmt: skip


def terms_of(job: Job, options: Options = Options(), *, feeds: str | None = None) -> Terms:
    """What a job and its options decide. `feeds`: the id of the run that is its source."""
    values = {name: read(job) for name, read in _JOB.items()}
    values |= {
        "limit": options.limit,
        "missing": options.missing,
        "selection": dict(options.selection) if options.selection is not None else None,
        "plan": options.plan,
        "plan.place": options.plan_place,
        "changes": [[key, MASK if is_hidden(key, value) else value] for key, value in job.changes],
    }
    where = job.source.where
    moments = {name: moment for name in _AGES if (moment := getattr(where, name)) is not None}
    return Terms(json.loads(json.dumps(values)), moments, feeds)


def absolute(path: Path) -> str:
    """The place as it was typed, made absolute; links are not resolved."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps `..`, Path.resolve follows links


def as_document(terms: Terms) -> dict[str, Any]:
    """For the journal: what JSON can say."""
    pledge = terms.confirmed
    return {
        "version": terms.version, "terms": terms.values, "moments": terms.moments, "feeds": terms.feeds,
        "confirmed": asdict(pledge) if pledge else None,
    }  # fmt: skip


def from_document(document: Mapping[str, Any]) -> Terms:
    """From the journal; what a newer or an older bulkim wrote beside it is left alone."""
    pledge = document.get("confirmed")
    return Terms(
        document.get("terms", {}),
        document.get("moments", {}),
        document.get("feeds"),
        Pledge(pledge["app"], pledge["count"], pledge.get("beyond", 0)) if pledge else None,
        document.get("version", VERSION),
    )


def fixed(job: Job, terms: Terms) -> Job:
    """The job with what was decided when the run began: the moments that ages meant, and the run that a name meant."""
    source = job.source
    moments: dict[str, Any] = {name: moment for name, moment in terms.moments.items() if name in _AGES}
    if moments:
        source = replace(source, where=replace(source.where, **moments))
    if terms.feeds is not None and source.is_earlier_run:
        source = replace(source, run=terms.feeds)
    return replace(job, source=source)


# --------------------------------------------------------------------------------------- comparing


def compare(written: Terms, now: Terms, *, way: Way = Way.CONTINUE, reads_input: bool = True) -> Comparison:
    """What the differences between a run's terms and the present ones mean on this way back to it.

    `reads_input`: not so for a retry, unless it needs its input again for the secrets in it. A term that was not written down, because an older
    bulkim did not know it, never refuses.
    """
    found = [each for each in _differences(written, now) if _counts(each.term, way, reads_input=reads_input)]
    by_meaning = {means: tuple(each for each in found if _means(each.term) is means) for means in Means}
    stricter, laxer = _guards(by_meaning[Means.GUARD])
    taken_over = by_meaning[Means.TAKEN_OVER] + laxer
    environment = by_meaning[Means.CONFIRMED]
    confirm = any(each.now == PRODUCTION for each in environment)
    taken_over += tuple(each for each in environment if each.now != PRODUCTION)
    refused = by_meaning[Means.REFUSED]
    since = "the plan was written" if way is Way.PLAN else "the run began"
    said = () if refused else _said(stricter, taken_over, confirm=confirm, since=since)
    return Comparison(refused, stricter, taken_over, confirm, said)


def _differences(written: Terms, now: Terms) -> list[Difference]:
    terms = dict.fromkeys(each.term for each in RULES if each.term)
    return [
        Difference(term, written.values[term], now.values[term])
        for term in terms
        if term in written.values and term in now.values
        and written.values[term] != now.values[term]
        and not (term == "source.run" and now.values[term] == written.feeds)
    ]  # fmt: skip


def _means(term: str) -> Means:
    return rule_of_term(term).means


def _counts(term: str, way: Way, *, reads_input: bool) -> bool:
    scope = rule_of_term(term).scope
    if scope is Scope.INPUT:
        return reads_input and way is not Way.VERIFY
    return scope in _SCOPES[way]


def _guards(found: tuple[Difference, ...]) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """What is stricter now, and what is laxer."""
    stricter, laxer = [], []
    for each in found:
        if each.term == "guard.protect":
            added = [pattern for pattern in each.now if pattern not in each.was]
            gone = [pattern for pattern in each.was if pattern not in each.now]
            stricter += [Difference(each.term, [], added)] if added else []
            laxer += [Difference(each.term, gone, [])] if gone else []
        elif each.now is not None and (each.was is None or each.now < each.was):
            stricter.append(each)
        else:
            laxer.append(each)
    return tuple(stricter), tuple(laxer)


# ------------------------------------------------------------------------------------------- words


def _said(
    stricter: tuple[Difference, ...], taken_over: tuple[Difference, ...], *, confirm: bool, since: str
) -> tuple[str, ...]:
    lines = []
    if stricter:
        lines.append(f"stricter since {since}: {_listed(stricter)}; this holds for everything still pending")
    if taken_over:
        lines.append(f"changed since {since}, and taken over: {_listed(taken_over)}")
    if confirm:
        lines.append(
            f"the connection is production now and was not when {since}: what is pending must be confirmed"
        )
    return tuple(lines)


def _listed(found: tuple[Difference, ...]) -> str:
    return "; ".join(each.brief for each in found)


def refusal(found: Comparison, *, run: str) -> str:
    """Why a run cannot be continued or retried like this, as sentences."""
    return f"run {run} was begun with other terms: {refusal_of(found)}. Nothing was sent."


def refusal_of(found: Comparison) -> str:
    """What is refused, as a part of a sentence."""
    return "; ".join(map(str, found.refused))


def _named(term: str) -> str:
    words = {
        "limit": "--limit",
        "missing": "--missing",
        "selection": "the selection",
        "provider.text": "the provider's text",
        "plan": "the saved plan",
    }
    return words.get(term, term)


def _shown(value: Any) -> str:
    if value in _NOTHING:
        return "not set"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
