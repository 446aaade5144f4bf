"""Reading the journal: runs, one run, its items."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import click

from bulkim.cli import candidates
from bulkim.cli.options import RUN, Command, Settings, beside, common
from bulkim.errors import UsageError
from bulkim.model import Status
from bulkim.text import TO_THE_MINUTE, local, moments, utc


@click.command(cls=Command, examples=["bulkim runs", "bulkim runs --json | jq '.[].state'"])
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@common
def runs(settings: Settings, *, limit: int | None) -> int:
    """List all runs of the journal, the newest first."""
    from bulkim.cli import show
    from bulkim.journal import Reader
    from bulkim.view import account as text

    with Reader.open(settings.journal) as journal:
        records = journal.runs(limit=limit)
        if settings.json:
            click.echo(json.dumps([_summary(journal, each) for each in records], ensure_ascii=False))
            return 0
        rows = []
        zone, started = moments([each.created_at for each in records], TO_THE_MINUTE)
        for record, at in zip(records, started, strict=True):
            summary = journal.summary(record)
            rows.append((
                record.run, at, record.name, record.operation,
                f"{record.state}, rehearsal" if record.rehearsal else record.state,
                f"{record.items:,}", _outcomes(summary),
            ))  # fmt: skip
    header = ("run", f"started{zone}", "name", "operation", "state", "items", "outcomes")
    lines = text.table(header, rows, right=(5,), width=show.terminal_width())
    show.put([[(line, "bold" if not number else "")] for number, line in enumerate(lines)])
    return 0


def _summary(journal: Any, record: Any) -> dict[str, Any]:
    return {
        **journal.summary(record), "created_at": utc(record.created_at),
        "finished_at": _at(record.finished_at),
    }  # fmt: skip


def _at(moment: float | None) -> str | None:
    return None if moment is None else utc(moment)


def _outcomes(summary: dict[str, Any]) -> str:
    counts = summary["counts"]
    return ", ".join(f"{counts[status]:,} {status}" for status in map(str, Status) if counts[status])


# ---------------------------------------------------------------------------------------------- show


@click.command(cls=Command, examples=["bulkim show last", "bulkim show purge-test-accounts alice"])
@RUN
@click.argument("username", required=False, shell_complete=candidates.usernames, help="One of its users.")
@common
def show(settings: Settings, *, run_name: str, username: str | None) -> int:
    """Show one run, or everything that happened to one of its users."""
    from bulkim.cli import show as printer
    from bulkim.journal import Reader

    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
        if username is not None:
            return show_user(settings, journal, record, username, others=_of_its_job(journal, record))
        show_run(settings, journal, record, summary := journal.summary(record))
        if not settings.json and not settings.quiet:
            for step in printer.next_steps(settings, record, summary):
                settings.say(f"next: {step}")
    return 0


def show_run(settings: Settings, journal: Any, record: Any, summary: dict[str, Any]) -> None:
    """A run and where it came from, in any reader's journal."""
    from bulkim.cli import show as printer

    if settings.json:
        click.echo(json.dumps(_details(journal, record, summary), ensure_ascii=False))
    else:
        printer.put([*printer.account(journal, record, summary), *_origin(record)])


def _details(journal: Any, record: Any, summary: dict[str, Any]) -> dict[str, Any]:
    return {
        **summary, "target": record.target, "params": dict(record.params), "input": record.input_name,
        "input_digest": record.input_digest, "job": record.job_path, "created_at": utc(record.created_at),
        "finished_at": _at(record.finished_at),
        "examples": [
            {"outcome": each.outcome, "code": each.code, "items": each.items, "example": each.example,
             "reason": each.reason}
            for each in journal.code_counts(record.id)
        ],
    }  # fmt: skip


def _origin(record: Any) -> Iterator[list[tuple[str, str]]]:
    rows = [
        ("target", record.target), ("job", record.job_path), ("input", record.input_name),
        ("sha-256", record.input_digest), ("retries", f"run {record.parent}" if record.parent else None),
        ("started", local(record.created_at, f"{TO_THE_MINUTE} %Z")), ("ended", local(record.finished_at, f"{TO_THE_MINUTE} %Z") if record.finished_at else None),
    ]  # fmt: skip
    for name, value in rows:
        if value:
            yield [(f"{name:<8}  ", "dim"), (str(value), "")]


def _of_its_job(journal: Any, record: Any) -> list[Any]:
    """The other runs of that name, the newest first."""
    return [each for each in journal.runs() if each.name == record.name and each.id != record.id]


def show_user(
    settings: Settings, journal: Any, record: Any, username: str, *, others: Iterable[Any] = ()
) -> int:
    """What happened to one of a run's users, in any reader's journal. `others`: runs that may have them. Raises UsageError."""
    from bulkim import vendors
    from bulkim.cli import show as printer
    from bulkim.view import account as text
    from bulkim.view import results as rows

    folded = vendors.folding(vendors.known(record.provider, record.vendor_text))
    found = journal.user(record.id, username, folded)
    if not found:
        has = next((each for each in others if journal.user(each.id, username, folded)), None)
        raise UsageError(
            f"run {record.run} has no user {username!r}.",
            hint=f"run {has.run} of {record.name} has: `{settings.command('show', has.run, username)}`"
            if has is not None
            else f"`{beside('results')} {record.run}` lists them",
        )
    items = [(each, journal.attempts(record.id, each.ordinal)) for each in found]
    if settings.json:
        documents: list[dict[str, Any]] = [
            {"item": {**rows.as_object(each, each.extra), "line": each.line}, "attempts": attempts}
            for each, attempts in items
        ]
        head: dict[str, Any] = {"run": record.run, "name": record.name, **documents[0]}
        click.echo(json.dumps({**head, "items": documents}, ensure_ascii=False))
        return 0
    for each, attempts in items:
        line = f", line {each.line}" if each.line else ""
        code = f" {each.code}" if each.code else ""
        printer.put(
            [
                [
                    (each.username, "bold"),
                    (f" · {each.outcome}{code}", ""),
                    (f" · item {each.ordinal}{line}", "dim"),
                ]
            ]
        )
        if each.reason:
            click.echo(f"  {each.reason}")
        if each.data is not None:
            click.echo(f"  {json.dumps(each.data, ensure_ascii=False)}")
        table = [_attempt(one) for one in attempts]
        if table:
            header = ("  began", "mode", "size", "took", "http", "meant", "said")
            for part in text.table(header, table, right=(2, 3, 4), width=printer.terminal_width()):
                click.echo(part)
        else:
            click.echo("  never sent")
    return 0


def _attempt(one: dict[str, Any]) -> tuple[str, ...]:
    took = "-" if one["latency_ms"] is None else f"{one['latency_ms']:.0f} ms"
    said = " ".join(str(part) for part in (one["code"], one["reason"]) if part)
    return (
        f"  {one['began_at']}",
        one["mode"],
        str(one["size"]),
        took,
        str(one["http_status"] or "-"),
        one["kind"],
        said,
    )
