"""The end of a run in words: lines of (text, style) spans, so that who prints them decides about colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bulkim.codes import OWN, Meaning
from bulkim.language import counted
from bulkim.language import gettext as _
from bulkim.model import Status
from bulkim.text import duration, resting
from bulkim.view.live import GLYPHS, PAUSED, STYLES, Spans
from bulkim.view.width import columns, cut, fitted, wrapped

CODES_MAX = 12
FOLD_MIN, FOLD_LINES = (
    16,
    4,
)  # columns below which a table's cell is cut and not folded; lines that it may take
RATE_CALLS_MIN = 20  # below, a rate says more about starting than about the vendor


def reconciliation(summary: Mapping[str, Any]) -> str:
    """``6000 in = 5990 succeeded + 10 unchanged``: outcomes without items left out; it always adds up."""
    counts = summary["counts"]
    terms = [f"{counts[status]} {_(status)}" for status in map(str, Status) if counts.get(status)]
    return _("{items} in = ", items=summary["items"]) + (" + ".join(terms) or "0")


def headline(summary: Mapping[str, Any], where: str) -> Spans:
    """What ran, where, and how it ended."""
    state = summary["state"]
    style = {"finished": "green", "interrupted": "yellow", "stopped": "red"}.get(state, "blue")
    if state == "finished" and (summary["counts"]["failed"] or summary["counts"]["unknown"]):
        style = "yellow"
    glyph = {"finished": "✓" if style == "green" else "!", "running": "▶"}.get(state, "■")
    how = {
        "running": _("is running,"),
        "finished": _("finished in"),
        "interrupted": _("interrupted after"),
        "stopped": _("stopped after"),
    }
    named = _("rehearsal of ") if summary.get("rehearsal") else ""
    named += f"{summary['name']}: " if summary["name"] != summary["operation"] else ""
    return [
        (f"{glyph} {named}{summary['operation']}", f"bold {style}"),
        (_(" at {where}, ", where=where), ""),
        (how.get(state, state), style),
        (f" {duration(summary['elapsed_s'])}", ""),
    ]


def balance(summary: Mapping[str, Any]) -> Spans:
    """The reconciliation line, each outcome in its colour."""
    counts = summary["counts"]
    spans: Spans = [(_("{items} in = ", items=summary["items"]), "bold")]
    terms = [status for status in Status if counts.get(str(status))]
    for number, status in enumerate(terms):
        spans += [(" + ", "bold")] if number else []
        spans.append((f"{counts[str(status)]} {_(str(status))}", f"bold {STYLES[status]}"))
    return spans if terms else [*spans, ("0", "bold")]


def halted(summary: Mapping[str, Any]) -> list[Spans]:
    """Why a run that goes on sends nothing now, if so."""
    if summary.get("paused"):
        return [[(f"  {PAUSED}", "yellow")]]
    rest = summary.get("resting")
    return (
        [[(f"  {resting(datetime.fromisoformat(rest['until']).timestamp(), rest['asked_s'])}", "yellow")]]
        if rest
        else []
    )


def codes(
    found: Sequence[Any], meaning: Callable[[str, str | None], Meaning | None], *, width: int = 80
) -> list[Spans]:
    """Each code with its number of items, one example, and what it means. `found`: `journal.records.CodeCount`s."""
    if not found:
        return []
    shown = found[:CODES_MAX]
    digits = max(len(f"{each.items:,}") for each in shown)
    size = max(columns(_(each.outcome)) for each in shown)
    lines: list[Spans] = []
    for each in shown:
        status = Status(each.outcome)
        head = f"{GLYPHS[status]} {fitted(_(each.outcome), size)}"
        lines.append([
            (f"  {head} {each.items:>{digits},}  ", STYLES[status]),
            (each.code, "bold"),
            (_("  e.g. {example}", example=each.example) if each.example else "", ""),
        ])  # fmt: skip
        if each.outcome != "succeeded" or not each.code.isdigit():  # a vendor's number for success
            lines += _explained(each, meaning(each.code, each.reason), width)
    if len(found) > len(shown):
        more = len(found) - len(shown)
        lines.append([(_("  … and {more} more codes: bulkim show lists them with --json", more=more), "dim")])
    return lines


def _explained(each: Any, known: Meaning | None, width: int) -> list[Spans]:
    texts = []
    if each.reason and (known is None or each.outcome in {"failed", "unknown"} or each.code == "invalid"):
        texts.append(f"“{each.reason}”")
    if known is not None:
        texts.append(_(known.meaning))
        if each.outcome in {"failed", "unknown"}:
            texts.append(_(known.remedy))
    return [[("      " + part, "dim")] for text in texts for part in wrapped(text, width - 6, lines_max=3)]


def stopped(
    summary: Mapping[str, Any],
    meaning: Callable[[str, str | None], Meaning | None],
    *,
    hint: str | None = None,
    width: int = 80,
) -> list[Spans]:
    """Why the run ended early, and what to do about it: `hint`, or what the vendor's table advises."""
    stop = summary.get("stop")
    if not stop:
        return []
    known = meaning(stop["code"], stop["reason"])
    if known is OWN.get(stop["code"]):  # then the reason says it all
        known = None
    texts = [
        f"“{stop['reason']}”",
        _(known.meaning) if known else "",
        hint or (_(known.remedy) if known else ""),
    ]
    return [
        [(_("  stopped: "), "red"), (f"{stop['code']}", "bold")],
        *([(f"      {part}", "dim")] for text in texts for part in wrapped(text, width - 6)),
    ]


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast one session went."""

    requests: int
    elapsed_s: float
    limit_per_s: float | None = None
    beside: int = 0  # calls that the limit is not about


def pace(summary: Mapping[str, Any], session: Throughput | None) -> Spans:
    """Calls and time of the session (of the run, where there is no session), against the limit where it is known."""
    found = session or Throughput(summary["requests"], summary["elapsed_s"])
    paced = found.requests - found.beside
    telling = paced >= RATE_CALLS_MIN and found.elapsed_s > 0
    rate = _(", {rate} calls/s", rate=f"{paced / found.elapsed_s:.1f}") if telling else ""
    limit = _(" of {limit} allowed", limit=f"{found.limit_per_s:g}") if rate and found.limit_per_s else ""
    calls = counted(paced or found.requests, "{n} call", "{n} calls")
    run = _("run {run}: {calls} in {time}", run=summary["run"], calls=calls, time=duration(found.elapsed_s))
    parts = [f"{run}{rate}{limit}"]
    if found.beside and paced:
        asked = counted(
            found.beside,
            "{n} more call that only reads, on a limit of its own",
            "{n} more calls that only read, on limits of their own",
        )
        parts.append(asked)
    if found.requests != summary["requests"]:
        parts.append(
            counted(summary["requests"], "{n} call with earlier sessions", "{n} calls with earlier sessions")
        )
    if summary["retries"]:
        parts.append(counted(summary["retries"], "{n} retry", "{n} retries"))
    if summary["throttled"]:
        parts.append(_("{n} refused for the quota (429)", n=f"{summary['throttled']:,}"))
    return [(_("; ").join(parts), "")]


# -------------------------------------------------------------------------------------------- tables


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None = None,
    right: Sequence[int] = (),
) -> list[str]:
    """Aligned columns; where `width` does not suffice, the last column is folded. `right`: columns of numbers."""
    everything = [tuple(header), *(tuple(row) for row in rows)]
    sizes = [max(columns(row[index]) for row in everything) for index in range(len(header))]
    if width is not None:
        sizes[-1] = max(min(sizes[-1], width - sum(sizes[:-1]) - 2 * (len(sizes) - 1)), 8)
    return [line for row in everything for line in _lines(row, sizes, right)]


def _lines(row: Sequence[str], sizes: Sequence[int], right: Sequence[int]) -> list[str]:
    cells = [
        " " * (size - columns(cell)) + cell if index in right else fitted(cell, size)
        for index, (cell, size) in enumerate(zip(row[:-1], sizes, strict=False))
    ]
    if columns(row[-1]) > sizes[-1] >= FOLD_MIN:
        first, *more = wrapped(row[-1], sizes[-1], lines_max=FOLD_LINES)
    else:
        first, more = cut(row[-1], sizes[-1]), []
    if len(row) - 1 in right:
        first = " " * (sizes[-1] - columns(first)) + first
    indent = " " * (sum(sizes[:-1]) + 2 * len(cells))
    return ["  ".join([*cells, first]).rstrip(), *(indent + part for part in more)]
