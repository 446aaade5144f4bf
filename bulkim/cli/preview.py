"""What would be sent, without sending: `check` and `plan`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from bulkim import window
from bulkim.cli import show
from bulkim.cli.options import Settings
from bulkim.errors import InputError, Problem
from bulkim.model import Job
from bulkim.planning.existing import parts_for_existing
from bulkim.planning.preview import PROBLEMS_MAX, Surveyed, first_call, plan_document, surveyed
from bulkim.text import counted, duration, milliseconds, per_second, resting
from bulkim.view.live import Spans
from bulkim.view.width import chopped
from bulkim.window import Window
from bulkim.work.confirm import PRODUCTION

if TYPE_CHECKING:
    from bulkim.planning import Estimate
    from bulkim.work.outlook import Outlook

BODY_CHARS_MAX = 400

# --------------------------------------------------------------------------------------------- check


def checked(settings: Settings, load: Callable[[], Job]) -> tuple[int, dict[str, Any]]:
    """`bulkim check` of a job: prints problems; returns the exit code, and the object for ``--json``."""
    try:
        shown = sys.maxsize if settings.verbose else PROBLEMS_MAX
        found = surveyed(load(), journal=settings.journal, problems_max=shown)
    except InputError as error:
        if not settings.json:
            raise
        return error.exit_code, {"ok": False, "problems": [_problem(each) for each in error.problems]}
    counts, invalid = dict(found.counts or {}), found.invalid
    problems = found.survey.problems if found.survey else ()
    protected = found.survey.protected if found.survey else ()
    code = 1 if invalid else 0
    document = {
        "ok": not invalid, "name": found.job.name, "provider": found.job.provider,
        "operation": found.job.operation, "items": sum(counts.values()), "counts": counts,
        "problems": [_problem(each) for each in problems],
        "protected": [_problem(each) for each in protected], "notes": list(found.notes), "unset": list(found.job.unset),
    }  # fmt: skip
    if settings.json:
        return code, document
    named = (*problems, *protected) if settings.verbose else _by_kind(found)
    for problem in named:
        click.echo(str(problem))
    if invalid > len(named) and not settings.verbose:
        click.echo(f"{counted(invalid, 'invalid item')}: `bulkim check -v` names all")
    show.put([_verdict(found, counts, invalid)])
    _noted(settings, found)
    plan = settings.command("plan", *_again(found.job))
    if invalid:
        rows = counted(invalid, "row")
        settings.say(
            f"next: correct the {rows} and check again; or, as a run leaves {'it' if invalid == 1 else 'them'} out: {plan}"
        )
    else:
        settings.say(f"next: {plan}")
    return code, document


def _by_kind(found: Surveyed) -> list[Problem]:
    """What is wrong with the items: once where many have it, so that nothing hides behind it."""
    named: list[Problem] = []
    for each in found.survey.alike[:PROBLEMS_MAX] if found.survey else ():
        if each.rows <= len(each.first):
            named += each.first
        else:
            rows = f"{each.first[0].message}; {counted(each.rows, 'row')} like this, the first of them here"
            named.append(replace(each.first[0], message=rows))
    return named


def _noted(settings: Settings, found: Surveyed) -> None:
    """What was odd about the input, and what only a run needs."""
    for note in (*_protected(found, named=bool(settings.verbose)), *found.notes):
        settings.say(f"note: {note}")
    if found.job.unset:
        settings.say(f"note: not set in the environment, and needed to run: {', '.join(found.job.unset)}")


def _protected(found: Surveyed, *, named: bool) -> list[str]:
    """Whom `guard.protect` holds back, unless they were named one by one: a template's pattern may meet users of one's own."""
    if found.survey is None or not found.survey.protected or named:
        return []
    number = found.survey.counts["protected"]
    more = f", and {number - 1:,} more: `bulkim check -v` names them" if number > 1 else ""
    return [f"guard.protect leaves out {counted(number, 'user')}: {found.survey.protected[0]}{more}"]


def _verdict(found: Surveyed, counts: Mapping[str, int], invalid: int) -> Spans:
    glyph, style = ("!", "yellow") if invalid else ("✓", "green")
    if found.survey is None:
        return [("✓ ", "green"), (f"{found.job.name}: the job is sound; its items: {found.input}", "")]
    skipped = [
        f"{counts[code]:,} {code}" for code in ("duplicate", "protected", "invalid") if counts.get(code)
    ]
    more = f"; skipped: {', '.join(skipped)}" if skipped else ""
    items = f"{counted(sum(counts.values()), 'item')}, {counts.get('send', 0):,} to send{more}"
    return [(f"{glyph} ", style), (f"{found.job.name}: {items}", "")]


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message,
        "hint": problem.hint,
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------- plan


def planned(settings: Settings, job: Job, *, missing: bool = False) -> int:
    """`bulkim plan`: prints the card. `missing`: of the rows that no earlier run of the job has done."""
    from bulkim.work.earlier import done_by
    from bulkim.work.outlook import outlook

    found = surveyed(job, journal=settings.journal, without=done_by(settings.journal, job) if missing else ())
    estimate = found.estimate
    first = first_call(found)
    ahead = outlook(found, settings.journal)
    if missing:
        ahead = replace(ahead, earlier=None)
    if settings.json:
        click.echo(json.dumps(plan_document(found, estimate, first, ahead.document()), ensure_ascii=False))
        return 0
    show.put(card(found, estimate, first, ahead))
    _noted(settings, found)
    only = ["--missing"] if missing else []
    run = settings.command("run", *_again(job), *only)
    if found.invalid:
        rows = "the invalid row" if found.invalid == 1 else f"the {found.invalid:,} invalid rows"
        them = "it" if found.invalid == 1 else "them"
        check = settings.command("check", *_again(job))
        settings.say(f"next: {run}   (leaves {them} out; {check} names {rows})")
    else:
        settings.say(f"next: {run}")
    return 0


def _again(job: Job) -> list[str]:
    """The job as one types it; a rehearsal goes on as one."""
    rehearsal = ["--sandbox"] if job.rehearsal else []
    return [show.nearby(job.path), *show.changed(job.changes), *rehearsal]


def card(found: Surveyed, estimate: Estimate, first: Mapping[str, Any] | None, ahead: Outlook) -> list[Spans]:
    """What a run would do, for people."""
    job, operation = found.job, found.operation
    production = job.connection.environment == PRODUCTION
    title = f"{job.name}: {job.operation} at {found.provider.label}, app {job.connection.app_name}"
    lines: list[Spans] = [[(title, "bold red" if production else "bold")]]
    if production:
        lines.append([("PRODUCTION", "bold red"), (f"  {job.connection.base_url}", "red")])
    rows = [("host", job.connection.base_url)] if not production else []
    if job.connection.environment and not production:
        rows.append(("environment", job.connection.environment))
    rows += _amounts(found, estimate, ahead)
    width = show.width()
    for name, value in rows:
        lines += show.row(name, value)
    if operation.destroys:
        lines += show.row("destroys", operation.destroys, style="bold red")
    if first:
        lines += [[("", "")], [("first request", "dim")], *_request(first, width)]
    return lines


def _amounts(found: Surveyed, estimate: Estimate, ahead: Outlook) -> list[tuple[str, str]]:
    rows = [("input", found.input)]
    if found.counts is None:
        listed = found.job.source.is_listing
        unknown = "`bulkim plan JOB -o FILE` asks the vendor" if listed else "only the run can tell"
        rows.append(("requests", f"{counted(estimate.batch, 'item')} a request; how many: {unknown}"))
    else:
        skipped = ", ".join(f"{n:,} {code}" for code, n in estimate.skipped.items() if n)
        rows.append(
            (
                "items",
                f"{estimate.items:,}: {estimate.send:,} to send"
                + (f"; skipped: {skipped}" if skipped else ""),
            )
        )
        each = f"{counted(estimate.batch, 'item')} each at most"
        if estimate.batch > 1 and parts_for_existing(found.provider, found.operation):
            each += "; about one more for each user who exists already"
        rows.append(("requests", f"{estimate.requests:,}, {each}"))
        if estimate.reads:
            reading = f"{counted(estimate.reads, 'request')} more to read what is there before (snapshot: false leaves it)"
            rows.append(("snapshot", reading))
    if estimate.pool is not None and estimate.limit_per_s:
        rows.append(
            (
                "quota",
                f"{_rate(found.job, estimate.limit_per_s)} from the pool “{estimate.pool}”{_quota_help(found, estimate)}",
            )
        )
        if found.counts is not None:
            rows.append(
                ("takes", f"{duration(estimate.least_s)} at least{_about(ahead)}{_nights(found, estimate)}")
            )
        if ahead.resting:
            rows.append(("rests", f"{resting(*ahead.resting)}; `bulkim quota --forget POOL` forgets it"))
    most = found.job.guard.max_items
    if most is not None and found.counts is not None and estimate.send > most:
        rows.append(("guard", f"max_items is {most:,}: a run of {estimate.send:,} would be refused"))
    if ahead.earlier is not None:
        from bulkim.work.earlier import again

        rows.append(("earlier", again(ahead.earlier)))
    if found.job.window:
        rows.append(("window", _hours(found.job.window, window.now())))
    return rows


def _rate(job: Job, limit_per_s: float) -> str:
    """Calls a second; where the job says how many, in the unit too in which it may have said so."""
    words = f"{per_second(limit_per_s)} calls/s"
    own, share = job.rate.limit is not None or bool(job.rate.pools), job.rate.share
    part = f"rate.share {share:g} of {_in_minutes(limit_per_s / share) if own else per_second(limit_per_s / share)}"
    parts = ([_in_minutes(limit_per_s)] if own else []) + ([part] if share < 1 else [])
    return f"{words} ({': '.join(parts)})" if parts else words


def _in_minutes(limit_per_s: float) -> str:
    a_minute = limit_per_s * 60
    whole = math.isclose(a_minute, round(a_minute), rel_tol=1e-9)
    return f"{a_minute:,.0f}/min" if whole else f"{a_minute * 60:,.5g}/h"


def _about(ahead: Outlook) -> str:
    """What earlier runs let one expect."""
    if ahead.expected_s is None or ahead.p50_s is None or ahead.p95_s is None:
        return ""
    p50, p95 = (milliseconds(each * 1000) for each in (ahead.p50_s, ahead.p95_s))
    return f", about {duration(ahead.expected_s)} by the latency of earlier runs (p50 {p50}, p95 {p95})"


def _nights(found: Surveyed, estimate: Estimate) -> str:
    nights = found.job.window.nights(estimate.least_s, window.now()) if found.job.window else 1
    return f", in {nights:,} nights" if nights > 1 else ""


def _hours(hours: Window, at: datetime) -> str:
    opens = hours.opens(at)
    closes = hours.closes(opens)
    if closes is None:
        return f"{hours}: always open"
    if hours.is_open(at):
        return f"{hours}: open, closes {hours.told(closes)}"
    return f"{hours}: closed, opens {hours.told(opens)}"


def _quota_help(found: Surveyed, estimate: Estimate) -> str:
    try:
        words = found.provider.pool(estimate.pool or "").help
    except KeyError:
        return ""
    return f": {words}" if words else ""


def _request(first: Mapping[str, Any], width: int) -> list[Spans]:
    lines: list[Spans] = [[("  ", ""), (f"{first['method']} ", "bold"), (first["url"], "")]]
    lines += [[(f"  {name}: {value}", "dim")] for name, value in first["headers"].items()]
    if first["body"]:
        body = first["body"]
        cut = body if len(body) <= BODY_CHARS_MAX else f"{body[:BODY_CHARS_MAX]}… ({len(body):,} characters)"
        lines.append([("", "")])
        lines += [[(f"  {part}", "")] for part in chopped(cut, width - 2)]
    return lines
