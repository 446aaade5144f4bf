"""Printing for people: colour where there is a terminal that wants it, and a run's account."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkim import redact
from bulkim.cli.options import Settings
from bulkim.codes import Meaning
from bulkim.text import LABEL, labelled, vendor_app
from bulkim.view import account as text
from bulkim.view import meanings
from bulkim.view.live import ASCII, Spans
from bulkim.view.width import fitted, wrapped, wrapped_spans

if TYPE_CHECKING:
    from bulkim.journal import Reader
    from bulkim.journal.records import RunRecord

WIDTH_MIN, WIDTH_MAX = 40, 100
RETRIED = ("failed", "unknown")  # what a retry chooses by itself
_ATTRIBUTES = {"bold": {"bold": True}, "dim": {"dim": True}}


def width() -> int:
    """The terminal's width, within reason."""
    return max(WIDTH_MIN, min(shutil.get_terminal_size((80, 24)).columns, WIDTH_MAX))


def terminal_width() -> int | None:
    """Where a table's last column is cut; None where stdout is no terminal: nothing is cut there."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None


def colored(*, err: bool = False) -> bool:
    """Whether to colour what goes to stdout (or stderr)."""
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(spans: Spans, *, color: bool) -> str:
    """Spans as text, with colours or without."""
    return "".join(click.style(part, **_styled(style)) if color and style else part for part, style in spans)


def _styled(style: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for word in style.split():
        attributes |= _ATTRIBUTES.get(word, {"fg": word})
    return attributes


def row(name: str, value: str, *, style: str = "", indent: int = 0) -> list[Spans]:
    """A name and its value, wrapped to the terminal's width."""
    if (name + value).isascii():
        return [[(label, "dim"), (part, style)] for label, part in labelled(name, value, width(), indent)]
    size = indent + LABEL + 2
    parts = wrapped(value, width() - size) or [""]
    first = " " * indent + fitted(name, LABEL) + "  "
    return [
        [(first if not number else " " * size, "dim"), (part, style)] for number, part in enumerate(parts)
    ]


def put(lines: Iterable[Spans], *, err: bool = False) -> None:
    """Print lines of spans."""
    color = colored(err=err)
    stream = sys.stderr if err else sys.stdout
    plain = not (stream.encoding or "").lower().startswith("utf")
    for line in lines:
        shown = painted(line, color=color)
        click.echo(shown.translate(ASCII) if plain else shown, err=err, color=color)


def account(
    journal: Reader,
    record: RunRecord,
    summary: Mapping[str, Any],
    *,
    session: text.Throughput | None = None,
    hint: str | None = None,
) -> list[Spans]:
    """The end of a run: what ran, the reconciliation line, the codes, how fast it was."""
    from bulkim import vendors
    from bulkim.view.report.limits import beside

    provider = vendors.known(record.provider, record.vendor_text)
    operation = provider.operation(record.operation) if provider else None
    if session is None:
        asked = beside(record, provider, journal.kinds(record.id))
        session = text.Throughput(summary["requests"], summary["elapsed_s"], beside=asked)
    found = journal.code_counts(record.id)

    def meaning(code: str, reason: str | None, outcome: str) -> Meaning | None:
        return meanings.meaning(provider, operation, code, reason, outcome)

    lines = [
        text.headline(summary, where(record)),
        text.balance(summary),
        *text.halted(summary),
        *text.codes(found, meaning, width=width()),
        *text.stopped(summary, meaning, hint=hint, reached=_all_reached(record, summary), width=width()),
        text.pace(summary, session),
    ]
    room = terminal_width()
    return lines if room is None else [part for line in lines for part in wrapped_spans(line, room)]


def where(record: RunRecord) -> str:
    """The vendor and the app that a run was sent to, without the host and the organisation."""
    return vendor_app(record.provider, record.target.rpartition(" ")[2].rpartition("#")[2])


def next_steps(
    settings: Settings,
    record: RunRecord,
    summary: Mapping[str, Any],
    *,
    options: Sequence[str] | None = None,
    rehearsal: bool = False,
) -> list[str]:
    """What to type now, with all that the run needs. What was a rehearsal is not sent again for real.

    `options`: the `--set`s of this command, which go along with what sends again; None: those that the run has written down.
    """
    counts, job, run = summary["counts"], nearby(record.job_path), record.run
    written = record.begun_with
    planned = written.get("plan.place")
    if options is None:
        options = () if planned else changed(written.get("changes") or ())
    bad = [outcome for outcome in RETRIED if counts[outcome]]
    mend = (
        [] if counts["pending"] else _to_mend(settings, record, summary)
    )  # else what is not sent yet would be among them
    wrong = [*bad, "skipped"] if summary["codes"].get("invalid") and not mend else bad
    look = [*(settings.command("results", run, "--outcome", outcome) for outcome in wrong), *mend]
    again = ("--job", job) if record.job_path is None else ()
    if rehearsal or record.rehearsal:
        return look or [settings.command("plan", job, *options)]
    if summary["state"] in {"interrupted", "stopped"} and not _all_reached(record, summary):
        words = (
            ("retry", record.parent, *_selected(record), *again)
            if record.parent
            else ("run", nearby(planned) if planned else job, *_chosen(record))
        )
        return [settings.command(*words, *options), *look]
    if bad and written.get("source.kind") == "none":  # nobody was named: a retry would take others
        return [settings.command("verify", run, *again), *look]
    if bad:
        return [settings.command("retry", run, *again, *options), *look]
    return look or [settings.command("results", run)]


def _all_reached(record: RunRecord, summary: Mapping[str, Any]) -> bool:
    """Whether what stopped the run came with its last answers, so that only what failed is left to do."""
    counts, kind = summary["counts"], record.begun_with.get("source.kind")
    ended = not counts["pending"] and bool(counts["failed"] or counts["unknown"])
    return ended and record.planned_at is not None and kind != "none"


def _to_mend(settings: Settings, record: RunRecord, summary: Mapping[str, Any]) -> list[str]:
    """What gives back the rows that must be corrected in the run's file, if there are any."""
    wrong = summary["counts"]["failed"] or summary["codes"].get("invalid")
    if not wrong or not _is_file(record):
        return []
    only = ["--outcome", "failed", "--outcome", "skipped"] if summary["counts"]["unknown"] else []
    without = ["--without", "duplicate"] if summary["codes"].get("duplicate") else []
    return [settings.command("results", record.run, "--rejects", *only, *without, "-o", "FILE")]


def changed(changes: Iterable[Sequence[str]]) -> list[str]:
    """`--set`s as one types them, without what is secret."""
    return [word for key, value in changes for word in ("--set", f"{key}={_unsecret(key, value)}")]


def _unsecret(key: str, value: str) -> str:
    return str(redact.redacted(value, key.rpartition(".")[2]))


def _chosen(record: RunRecord) -> list[str]:
    """The options of a run that chose its items: without them it would not be continued."""
    missing = ["--missing"] if record.begun_with.get("missing") else []
    return missing + (["--limit", str(record.item_limit)] if record.item_limit else [])


def _is_file(record: RunRecord) -> bool:
    """Whether the run's input was a file, whose rows can be mended."""
    from bulkim.model import FILE_KINDS
    from bulkim.planning.terms import STDIN

    terms = record.begun_with
    return terms.get("source.kind") in FILE_KINDS and terms.get("source.place") != STDIN


def _selected(record: RunRecord) -> list[str]:
    """The options of a retry that chose its items, where they are not the usual ones."""
    chosen = record.selection or {}
    limit = ["--limit", str(record.item_limit)] if record.item_limit else []
    if chosen.get("changed"):
        return ["--changed", *limit]
    outcomes = [] if tuple(chosen.get("outcome", ())) == RETRIED else chosen.get("outcome", ())
    pairs = [("--outcome", each) for each in outcomes] + [("--code", each) for each in chosen.get("code", ())]
    return [word for pair in pairs for word in pair] + limit


def nearby(path: Path | str | None) -> str:
    """A path as one would type it here."""
    if path is None:
        return "JOB"
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
