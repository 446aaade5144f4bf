"""Printing for people: colour where there is a terminal that wants it, and a run's account."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from bulkim.cli.options import Settings
from bulkim.journal import Journal, read
from bulkim.journal.read import RunRecord
from bulkim.progress import ASCII, Spans
from bulkim.report import meanings, text

WIDTH_MAX = 100
_ATTRIBUTES = {"bold": {"bold": True}, "dim": {"dim": True}}


def width() -> int:
    """The terminal's width, within reason."""
    return max(60, min(shutil.get_terminal_size((80, 24)).columns, WIDTH_MAX))


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


def put(lines: Iterable[Spans], *, err: bool = False) -> None:
    """Print lines of spans."""
    color = colored(err=err)
    stream = sys.stderr if err else sys.stdout
    plain = not (stream.encoding or "").lower().startswith("utf")
    for line in lines:
        shown = painted(line, color=color)
        click.echo(shown.translate(ASCII) if plain else shown, err=err, color=color)


def account(
    journal: Journal, record: RunRecord, summary: Mapping[str, Any], *, session: text.Pace | None = None
) -> list[Spans]:
    """The end of a run: what ran, the reconciliation line, the codes, how fast it was."""
    from bulkim.vendors import PROVIDERS

    provider = PROVIDERS.get(record.provider)
    operation = provider.operation(record.operation) if provider else None
    found = read.code_counts(journal, record.id)

    def meaning(code: str, reason: str | None) -> meanings.Meaning | None:
        return meanings.meaning(provider, operation, code, reason)

    return [
        text.headline(summary, where(record)),
        text.balance(summary),
        *text.codes(found, meaning, width=width()),
        *text.stopped(summary, meaning, width=width()),
        text.pace(summary, session),
    ]


def where(record: RunRecord) -> str:
    """The vendor and the app that a run was sent to, without the host and the organisation."""
    return f"{record.provider} {record.target.rpartition(' ')[2].rpartition('#')[2]}"


def next_steps(settings: Settings, record: RunRecord, summary: Mapping[str, Any]) -> list[str]:
    """What to type now."""
    counts = summary["counts"]
    steps = []
    if summary["state"] in {"interrupted", "stopped"}:
        steps.append(_to_continue(settings, record))
    elif counts["failed"] or counts["unknown"]:
        steps.append(settings.command("retry", "last"))
    bad = [outcome for outcome in ("failed", "unknown") if counts[outcome]]
    steps += [settings.command("results", "last", "--outcome", outcome) for outcome in bad]
    if not steps:
        steps.append(settings.command("results", "last"))
    return steps


def _to_continue(settings: Settings, record: RunRecord) -> str:
    if record.parent:
        return settings.command("retry", record.parent)
    return settings.command("run", nearby(record.job_path))


def nearby(path: Path | str | None) -> str:
    """A path as one would type it here."""
    if path is None:
        return "JOB"
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
