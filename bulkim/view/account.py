"""The end of a run in words: lines of (text, style) spans, so that who prints them decides about colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bulkim.codes import OWN, REHEARSED, Meaning, continues
from bulkim.language import counted
from bulkim.language import gettext as _
from bulkim.model import Status
from bulkim.text import duration, per_second, resting
from bulkim.view.live import GLYPHS, PAUSED, STYLES, Spans
from bulkim.view.width import columns, fitted, wrapped

CODES_MAX = 12
FOLD_MIN = 16  # columns that a last cell has at least beside the others
FOLD_LINES = 4  # that it may take
Meant = Callable[[str, str | None, str], Meaning | None]
"""A code, the vendor's reason, and the outcome -> what it means."""
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
    counts, invalid = summary["counts"], summary.get("codes", {}).get("invalid")
    if state == "finished" and (counts["failed"] or counts["unknown"] or invalid):  # as `check` has it
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


def codes(found: Sequence[Any], meaning: Meant, *, width: int = 80) -> list[Spans]:
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
            lines += _explained(each, meaning(each.code, each.reason, each.outcome), width)
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
    meaning: Meant,
    *,
    hint: str | None = None,
    reached: bool = False,
    width: int = 80,
) -> list[Spans]:
    """Why the run ended early, and what to do about it: `hint`, or what the vendor's table advises. `reached`: nothing is pending."""
    stop = summary.get("stop")
    if not stop:
        return []
    known = meaning(stop["code"], stop["reason"], "")
    if known is not None and _(known.remedy) != known.remedy:
        hint = None  # it is English, whatever the reader's language
    elif known is not None and known is OWN.get(stop["code"]):
        known = None  # the reason and the hint say it all
    if summary.get("rehearsal") and continues(stop["code"]):
        known, hint = None, _(REHEARSED)
    if reached:
        known = None
        hint = _(
            "Every item has been reached: nothing is left to continue. `bulkim retry RUN` sends again what failed or is unknown."
        )
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
    rate = _(", {rate} calls/s", rate=measured(paced / found.elapsed_s)) if telling else ""
    limit = (
        _(" of {limit} allowed", limit=per_second(found.limit_per_s)) if rate and found.limit_per_s else ""
    )
    calls = counted(paced or found.requests, "{n} call", "{n} calls")
    run = _("run {run}: {calls} in {time}", run=summary["run"], calls=calls, time=duration(found.elapsed_s))
    parts = [f"{run}{rate}{limit}"]
    if found.beside and paced:
        parts.append(only_read(found.beside))
    if found.requests != summary["requests"]:
        parts.append(
            counted(summary["requests"], "{n} call with earlier sessions", "{n} calls with earlier sessions")
        )
    if summary["retries"]:
        parts.append(counted(summary["retries"], "{n} retry", "{n} retries"))
    if summary["throttled"]:
        parts.append(_("{n} refused for the quota (429)", n=f"{summary['throttled']:,}"))
    return [(_("; ").join(parts), "")]


def only_read(calls: int) -> str:
    """Calls that no speed counts."""
    return counted(
        calls,
        "{n} more call that only reads, on a limit of its own",
        "{n} more calls that only read, on limits of their own",
    )


def measured(calls_per_s: float) -> str:
    """A rate that was reached: with as many digits as the limit beside it."""
    return f"{calls_per_s:,.1f}" if calls_per_s >= 1 else per_second(calls_per_s)


# -------------------------------------------------------------------------------------------- tables


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None = None,
    right: Sequence[int] = (),
) -> list[str]:
    """Aligned columns; where `width` does not suffice, the last column is folded, or stands below. `right`: columns of numbers."""
    everything = [tuple(header), *(tuple(row) for row in rows)]
    sizes = [max(columns(row[index]) for row in everything) for index in range(len(header))]
    room = None if width is None else width - sum(sizes[:-1]) - 2 * (len(sizes) - 1)
    if width is None or room is None or room >= min(sizes[-1], FOLD_MIN):
        sizes[-1] = min(sizes[-1], room or sizes[-1])
        return [line for row in everything for line in _beside(row, sizes, right)]
    return [line for row in everything for line in _below(row, sizes, right, width)]


def _cells(row: Sequence[str], sizes: Sequence[int], right: Sequence[int]) -> str:
    cells = [
        " " * (size - columns(cell)) + cell if index in right else fitted(cell, size)
        for index, (cell, size) in enumerate(zip(row, sizes, strict=False))
    ]
    return "  ".join(cells)


def _beside(row: Sequence[str], sizes: Sequence[int], right: Sequence[int]) -> list[str]:
    """The last cell in its column, on more lines where it needs them."""
    parts = [row[-1]] if columns(row[-1]) <= sizes[-1] else wrapped(row[-1], sizes[-1], lines_max=FOLD_LINES)
    indent = " " * (sum(sizes[:-1]) + 2 * (len(sizes) - 1))
    first = _cells([*row[:-1], parts[0]], sizes, right).rstrip()
    return [first, *(indent + part for part in parts[1:])]


def _below(row: Sequence[str], sizes: Sequence[int], right: Sequence[int], width: int) -> list[str]:
    """The last cell under the others, where there is no room beside them."""
    more = wrapped(row[-1], max(width - 2, FOLD_MIN), lines_max=FOLD_LINES)
    return [_cells(row[:-1], sizes, right).rstrip(), *("  " + part for part in more)]
