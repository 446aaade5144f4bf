"""A run as Markdown, for a ticket or a CI summary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from bulkim.language import counted
from bulkim.language import gettext as _
from bulkim.text import duration, milliseconds, per_second, span
from bulkim.view.account import measured, only_read, reconciliation
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
    __, glyph, words = verdict(figures)
    rehearsal = _("rehearsal of ") if record.rehearsal else ""
    what = _("{operation} at {where}", operation=record.operation, where=plain(figures.where))
    yield f"## {glyph} {rehearsal}{plain(record.name)}: {what}"
    yield ""
    yield f"**{reconciliation(summary)}**"
    yield ""
    elapsed_s = summary["elapsed_s"]
    pace = _(", {rate} calls/s", rate=measured(figures.timeline.calls / elapsed_s)) if elapsed_s >= 1 else ""
    limit = (
        _(" of {limit} allowed", limit=per_second(figures.allowed.own))
        if pace and figures.allowed.own
        else ""
    )
    yield _(
        "Run {run} {ended}. {calls} in {time}{pace}; {retries}, {refused}.",
        run=code(record.run),
        ended=plain(words),
        calls=counted(summary["requests"] - figures.beside, "{n} call", "{n} calls"),
        time=duration(elapsed_s),
        pace=pace + limit + (_("; ") + only_read(figures.beside) if figures.beside else ""),
        retries=counted(summary["retries"], "{n} retry", "{n} retries"),
        refused=counted(summary["throttled"], "{n} refused (429)", "{n} refused (429)"),
    )
    yield ""
    yield from _speed(figures)
    yield from _codes(figures)
    yield from _sessions(figures)
    yield from _events(figures)
    yield from _bad(figures)
    digest = _(" ({note})", note=f"SHA-256 {code(record.input_digest)}") if record.input_digest else ""
    if record.input_name:
        origin = _("Input {name}{digest}. ", name=code(record.input_name), digest=digest)
    else:
        origin = ""
    began, ended = moment(record.created_at), moment(record.finished_at)
    yield origin + _("Began {began}, ended {ended}.", began=began, ended=ended)


def _speed(figures: Figures) -> Iterator[str]:
    bins, latencies = figures.timeline.bins, figures.latencies
    if not latencies.count:
        return
    step = -(-len(bins) // COLUMNS)
    groups = [bins[at : at + step] for at in range(0, len(bins), step)]
    rates = [sum(each.calls for each in group) / sum(each.width_s for each in group) for group in groups]
    left = [fmean(figures.allowed_at(each) or 0.0 for each in group) for group in groups]
    top = max(*rates, *left)
    most, column = f"{max(rates):.1f}", span(figures.timeline.width_s * step)
    words = _("calls/s, at most {most}, {column} a column", most=most, column=column)
    yield f"`{charts.sparkline(rates, top)}` {words}"
    yield ""
    if figures.lowest is not None:
        words = _(
            "calls/s that refusals left of the limit, {lowest} at the lowest", lowest=f"{figures.lowest:.3g}"
        )
        yield f"`{charts.sparkline(left, top)}` {words}"
        yield ""
    shown = _(", ").join(
        f"{name} {milliseconds(latencies.percentile(share) or 0)}"
        for share, name in reversed(charts.QUANTILES)
    )
    yield _("Latency: {shown}.", shown=shown)
    yield ""


def _codes(figures: Figures) -> Iterator[str]:
    if not figures.codes:
        return
    rows = []
    for each in figures.codes:
        known = each.meaning
        said = f"“{plain(each.found.reason[:200])}”" if each.found.reason and not known else ""
        words = [ours(_(known.meaning)) if known else said]
        if known and each.found.outcome in BAD:
            words.append(f"→ {ours(_(known.remedy))}")
        share = percent(each.found.items, figures.summary["items"])
        rows.append(
            (_(each.found.outcome), f"{each.found.items:,}", share, code(each.found.code), " ".join(words))
        )
    yield from table((_("outcome"), _("items"), _("share"), _("code"), _("meaning")), rows, right=(1, 2))


def _sessions(figures: Figures) -> Iterator[str]:
    found = figures.timeline.sessions
    if len(found) < 2:
        return
    rows = [
        (
            moment(each.started_at),
            duration(each.lasted_s),
            f"{each.calls:,}",
            _(charts.WORDS.get(each.ended, each.ended)) + (_(": ") + code(each.code) if each.code else ""),
        )
        for each in found[-20:]
    ]
    yield from table((_("session began"), _("lasted"), _("calls"), _("ended")), rows, right=(1, 2))


def _events(figures: Figures) -> Iterator[str]:
    if figures.events:
        rows = [(moment(each.at), ours(each.words)) for each in figures.events[:LISTED_MAX]]
        yield from table((_("time"), _("what happened")), rows)


def _bad(figures: Figures) -> Iterator[str]:
    if not figures.bad:
        return
    listed = figures.bad[:BAD_MAX]
    cut = len(listed) < figures.listed_total
    more = _(", the first {listed} of them listed here", listed=len(listed)) if cut else ""
    words = counted(
        figures.listed_total, "{n} failed, unknown or skipped item", "{n} failed, unknown or skipped items"
    )
    yield f"<details><summary>{words}{more}</summary>"
    yield ""
    yield from table(
        (_("item"), _("username"), _("outcome"), _("code"), _("reason")),
        [(str(each.ordinal), code(each.username), _(each.outcome), code(each.code), plain(each.reason)) for each in listed],
        right=(0,),
    )  # fmt: skip
    yield "</details>"
    yield ""
