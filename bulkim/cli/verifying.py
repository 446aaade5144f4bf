"""`bulkim verify` at work: what it will cost, the live block, a row a user, and what was found."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click

from bulkim import vendors
from bulkim.catalogue.shapes import Provider
from bulkim.cli import show
from bulkim.cli.jobs import job_file, load
from bulkim.cli.options import Settings
from bulkim.cli.output import of_run, refuse
from bulkim.cli.output import output as into
from bulkim.errors import BulkimError, ImpossibleError, UsageError
from bulkim.fleet import sharing
from bulkim.journal import Reader
from bulkim.journal.records import RunRecord
from bulkim.model import Job
from bulkim.sending.telemetry import Observed
from bulkim.text import counted, duration, vendor_app
from bulkim.view import account as text
from bulkim.view import live
from bulkim.work import undo as undoing
from bulkim.work import verify as verifying
from bulkim.work.judging import Verdict
from bulkim.work.verify import Finding, Verified

COLUMNS = ("ordinal", "username", "outcome", "verdict", "found")


def asked(
    settings: Settings,
    job: Job,
    record: RunRecord,
    journal: Reader,
    vendor: Provider,
    *,
    share: float,
    output: Path | None,
) -> int:
    """Ask, and print what came of it; returns the exit code."""
    with _rows(settings, record, output) as each:
        result = verifying.verify(
            job, record, journal, vendor, share=share,
            watching=_watching(settings, job, record, vendor), each=each, sharing=sharing(),
        )  # fmt: skip
    settings.happened(result.exit_code)
    document = _document(record, result, share)
    if settings.json:
        click.echo(json.dumps(document, ensure_ascii=False))
    elif output is None or str(output) != "-":
        _print(document)
    _account(settings, record, result, vendor)
    return result.exit_code


def _watching(
    settings: Settings, job: Job, record: RunRecord, vendor: Provider
) -> Callable[[Observed], AbstractAsyncContextManager[None]]:
    """Says what it will take, then draws while it goes on."""
    style = live.chosen(settings.progress, quiet=settings.quiet)
    name = "" if record.name == record.operation else f"{record.name} · "
    title = f"{name}verify {record.operation} at {vendor_app(record.provider, job.connection.app_name)} · run {record.run}"
    meter = live.Meter(
        title, capped=job.concurrency is not None, own_limit=job.rate.own, names=verifying.SHOWN_AS
    )

    def watching(worker: Observed) -> AbstractAsyncContextManager[None]:
        operation = vendor.operation(record.operation)
        assert operation is not None, f"{record.provider} has no {record.operation}"
        requests, least_s = verifying.least(job, vendor, operation, worker.telemetry.items)
        items = counted(worker.telemetry.items, "user")
        settings.say(f"asking about {items} in {counted(requests, 'request')}: {duration(least_s)} at least")
        return live.drawing(style, meter, worker)

    return watching


@contextmanager
def _rows(
    settings: Settings, record: RunRecord, output: Path | None
) -> Iterator[Callable[[Finding], object]]:
    """Takes a row a user into the file, if one is wanted; it appears when all were asked about, or when it is interrupted."""
    if output is None:
        yield lambda _: None
        return
    if str(output) == "-":
        yield _writer(sys.stdout, jsonl=settings.json)
        return
    with into(output, never=of_run(settings.journal, record)) as stream:
        yield _writer(stream, jsonl=output.suffix.lower() in {".jsonl", ".ndjson"})
    settings.say(f"{output} written: a row for each user who was asked about")


def _writer(stream: Any, *, jsonl: bool) -> Callable[[Finding], object]:
    def line(found: Finding) -> None:
        stream.write(json.dumps(_row(found), ensure_ascii=False) + "\n")

    def row(found: Finding) -> None:
        table.writerow(_row(found).values())

    if jsonl:
        return line
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    return row


def _row(found: Finding) -> dict[str, Any]:
    return {
        "ordinal": found.ordinal, "username": found.username, "outcome": found.outcome,
        "verdict": str(found.verdict), "found": found.found,
    }  # fmt: skip


def _document(record: RunRecord, result: Verified, sample: float) -> dict[str, Any]:
    return {
        "run": record.run, "name": record.name, "provider": record.provider, "operation": record.operation,
        "state": record.state, "items": result.items, "sample": sample, "asked": result.asked,
        "answered": result.answered, "verify": result.state,
        "counts": {str(verdict): result.counts[verdict] for verdict in Verdict}, "requests": result.requests,
        "users": [_row(each) for each in result.exceptions],
    }  # fmt: skip


def _print(document: dict[str, Any]) -> None:
    if not document["users"]:
        return
    rows = [(each["username"], each["outcome"], each["verdict"], each["found"]) for each in document["users"]]
    for line in text.table(("username", "journal", "now", "found"), rows, width=show.terminal_width()):
        click.echo(line)


def _account(settings: Settings, record: RunRecord, result: Verified, vendor: Provider) -> None:
    operation = vendor.operation(record.operation)
    assert operation is not None, f"{record.provider} has no {record.operation}"
    declared, asking = verifying.read_back(vendor, operation)
    counts = ", ".join(_counted(each, result.counts[each]) for each in Verdict if result.counts[each])
    whole = result.answered == result.items
    of = counted(result.items, "item") if whole else f"{result.answered:,} of {counted(result.items, 'item')}"
    settings.say(f"asked about {of} that run {record.run} left succeeded or unchanged: {counts or 'none'}")
    settings.say(f"asked with {asking.name}: {verifying.asks_whether(declared, operation)}")
    if result.state != "finished":
        settings.say(f"{result.state}: {counted(result.asked - result.answered, 'user')} not asked about")
    if record.state != "finished":
        settings.say(f"the run is {record.state}: only what has ended was asked about")


def _counted(verdict: Verdict, number: int) -> str:
    """``1 holds``, ``2 hold``, ``2 drift``."""
    return f"{number:,} {'hold' if verdict is Verdict.HOLDS and number != 1 else verdict}"


# ---------------------------------------------------------------------------------------------- undo


def undone(
    settings: Settings, run_name: str, *, output: Path | None, accept: bool, offline: bool, job: Path | None
) -> int:
    """`bulkim undo`: writes or prints; returns the exit code."""
    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
        vendor = vendors.provider(record.provider, record.vendor_text)
        changed = None
        try:
            if not offline and undoing.restorable(journal, record, vendor):
                loaded = load(job or job_file(record), [], vendor_text=record.vendor_text)
                changed = partial(
                    verifying.changed_since, loaded, record, journal, vendor,
                    watching=_watching(settings, loaded, record, vendor), sharing=sharing(),
                )  # fmt: skip
            found = undoing.undo(journal, record, vendor, accept=accept, changed=changed)
        except BulkimError as error:
            if not isinstance(error, ImpossibleError) and "--offline" not in (error.hint or ""):
                settings.say("undo asks who was changed by others since; with --offline it asks nobody")
            raise
    document: dict[str, Any] = {
        "run": record.run, "left_alone": [_row(each) for each in found.left_alone], "notes": list(found.notes),
    }  # fmt: skip
    if output is None or str(output) == "-":
        _printed(settings, found, document)
    else:
        _written(settings, found, output, of_run(settings.journal, record), document)
    return 0


def _written(
    settings: Settings, found: undoing.Undo, output: Path, never: Iterable[Path], document: dict[str, Any]
) -> None:
    for place in chain.from_iterable(found.places(output)):
        if place is not None:
            refuse(place, never, option="-o")
    try:
        places = found.write(output)
    except OSError as error:
        raise UsageError(
            f"cannot write {output}: {error.strerror or error}", hint="name another file with -o"
        ) from error
    if settings.json:
        told = {**document, "file": str(output), "files": list(map(str, places))}
        click.echo(json.dumps(told, ensure_ascii=False))
    for note in (*found.notes, *(each for each in found.needs(output) if each not in found.notes)):
        settings.say(note)
    for place in places:
        settings.say(f"{place} written; nothing was sent")
        settings.say(f"next: {settings.command('check', str(place))}")


def _printed(settings: Settings, found: undoing.Undo, document: dict[str, Any]) -> None:
    if any(each.rows for each in found.jobs):
        raise UsageError(
            "this job comes with a list of users in a file of its own.", hint="write it with -o FILE"
        )
    if settings.json:
        jobs = [each.text for each in found.jobs]
        click.echo(json.dumps({**document, "job": jobs[0], "jobs": jobs}, ensure_ascii=False))
        return
    if len(found.jobs) > 1:
        raise UsageError("that is more than one job file.", hint="write them with -o FILE")
    click.echo(found.jobs[0].text, nl=False)
    for note in found.notes:
        settings.say(note)
