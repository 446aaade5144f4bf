"""A run as Markdown, for a ticket or a CI summary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from bulkim.text import counted, duration, milliseconds, span
from bulkim.view.account import reconciliation
from bulkim.view.report import charts
from bulkim.view.report.events import LISTED_MAX
from bulkim.view.report.figures import BAD, Figures
from bulkim.view.report.page import moment, percent, verdict

BAD_MAX = 50
COLUMNS = 60  # of the line of blocks

_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#|~@!&])")


def markdown(figures: Figures) -> str:
    """The report as GitHub-flavoured Markdown."""
    return "\n".join(_lines(figures)) + "\n"


def plain(text: str) -> str:
    """Somebody's words in one line, as they are: nothing in them is markup."""
    return escaped(" ".join(text.split()))


def escaped(text: str) -> str:
    """The same, with the spaces around it."""
    return _ACTIVE.sub(r"\\\1", text)


def ours(text: str) -> str:
    """Our own words, what stands between backticks as code."""
    return "".join(code(part) if place % 2 else escaped(part) for place, part in enumerate(text.split("`")))


def code(text: str) -> str:
    """Somebody's words as code."""
    text = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> Iterator[str]:
    """A table; `right`: columns of numbers."""
    yield f"| {' | '.join(header)} |"
    yield f"| {' | '.join('---:' if place in right else '---' for place in range(len(header)))} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _lines(figures: Figures) -> Iterator[str]:
    record, summary = figures.record, figures.summary
    _, glyph, words = verdict(figures)
    rehearsal = "rehearsal of " if record.rehearsal else ""
    yield f"## {glyph} {rehearsal}{plain(record.name)}: {record.operation} at {plain(figures.where)}"
    yield ""
    yield f"**{reconciliation(summary)}**"
    yield ""
    elapsed_s = summary["elapsed_s"]
    pace = f", {figures.timeline.calls / elapsed_s:.1f} calls/s" if elapsed_s >= 1 else ""
    limit = f" of {figures.allowed.own:g} allowed" if pace and figures.allowed.own else ""
    yield (
        f"Run {code(record.run)} {plain(words)}. {summary['requests']:,} calls in {duration(summary['elapsed_s'])}"
        f"{pace}{limit}; {summary['retries']:,} retries, {summary['throttled']:,} refused (429)."
    )
    yield ""
    yield from _speed(figures)
    yield from _codes(figures)
    yield from _sessions(figures)
    yield from _events(figures)
    yield from _bad(figures)
    digest = f" (SHA-256 {code(record.input_digest)})" if record.input_digest else ""
    origin = f"Input {code(record.input_name)}{digest}. " if record.input_name else ""
    yield f"{origin}Began {moment(record.created_at)}, ended {moment(record.finished_at)}."


def _speed(figures: Figures) -> Iterator[str]:
    bins, latencies = figures.timeline.bins, figures.latencies
    if not latencies.count:
        return
    step = -(-len(bins) // COLUMNS)
    groups = [bins[at : at + step] for at in range(0, len(bins), step)]
    rates = [sum(each.calls for each in group) / sum(each.width_s for each in group) for group in groups]
    left = [fmean(figures.allowed_at(each) or 0.0 for each in group) for group in groups]
    top = max(*rates, *left)
    yield f"`{charts.sparkline(rates, top)}` calls/s, at most {max(rates):.1f}, {span(figures.timeline.width_s * step)} a column"
    yield ""
    if figures.lowest is not None:
        yield f"`{charts.sparkline(left, top)}` calls/s that refusals left of the limit, {figures.lowest:.3g} at the lowest"
        yield ""
    shown = ", ".join(
        f"{name} {milliseconds(latencies.percentile(share) or 0)}"
        for share, name in reversed(charts.QUANTILES)
    )
    yield f"Latency: {shown}."
    yield ""


def _codes(figures: Figures) -> Iterator[str]:
    if not figures.codes:
        return
    rows = []
    for each in figures.codes:
        known = each.meaning
        said = f"“{plain(each.found.reason[:200])}”" if each.found.reason and not known else ""
        words = [ours(known.meaning) if known else said]
        if known and each.found.outcome in BAD:
            words.append(f"→ {ours(known.remedy)}")
        share = percent(each.found.items, figures.summary["items"])
        rows.append(
            (each.found.outcome, f"{each.found.items:,}", share, code(each.found.code), " ".join(words))
        )
    yield from table(("outcome", "items", "share", "code", "meaning"), rows, right=(1, 2))


def _sessions(figures: Figures) -> Iterator[str]:
    found = figures.timeline.sessions
    if len(found) < 2:
        return
    rows = [
        (
            moment(each.started_at),
            duration(each.lasted_s),
            f"{each.calls:,}",
            charts.WORDS.get(each.ended, each.ended),
        )
        for each in found[-20:]
    ]
    yield from table(("session began", "lasted", "calls", "ended"), rows, right=(1, 2))


def _events(figures: Figures) -> Iterator[str]:
    if figures.events:
        rows = [(moment(each.at), ours(each.words)) for each in figures.events[:LISTED_MAX]]
        yield from table(("when", "what happened"), rows)


def _bad(figures: Figures) -> Iterator[str]:
    if not figures.bad:
        return
    listed = figures.bad[:BAD_MAX]
    more = f", the first {len(listed)}" if len(listed) < figures.listed_total else ""
    yield f"<details><summary>{counted(figures.listed_total, 'failed, unknown or skipped item')}{more}</summary>"
    yield ""
    yield from table(
        ("item", "username", "outcome", "code", "reason"),
        [(str(each.ordinal), code(each.username), each.outcome, code(each.code), plain(each.reason)) for each in listed],
        right=(0,),
    )  # fmt: skip
    yield "</details>"
    yield ""
