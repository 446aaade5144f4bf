"""After a run: does it still hold, and what would undo it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from bulkim.cli.options import JOB_FILE, RUN, SET, Command, Settings, common
from bulkim.text import counted


def share(ctx: click.Context, parameter: click.Parameter, value: str) -> float:
    """`10%` as 0.1."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", value.strip())
    if found is None or not 0 < float(found[1]) <= 100:
        raise click.BadParameter(f"expected a percentage like 10%, got {value!r}", ctx=ctx, param=parameter)
    return float(found[1]) / 100


@click.command(cls=Command, examples=["bulkim verify last", "bulkim verify nightly-purge --sample 5% --json"])
@RUN
@click.option("--sample", default="100%", callback=share, metavar="N%", show_default="all",
              help="Ask about so many of the items, chosen at random; the same run gives the same ones.")  # fmt: skip
@JOB_FILE
@SET
@common
def verify(
    settings: Settings, *, run_name: str, sample: float, job: Path | None, changes: list[tuple[str, str]]
) -> int:
    """Ask the vendor whether what a run did still holds. Changes nothing, there or in the journal.

    Prints who drifted. Exit code 0: all that was asked about holds; 5: something drifted, or could not be told; 3: nothing
    can read back what this operation did.
    """
    from bulkim.cli.jobs import job_file, load
    from bulkim.fleet import sharing
    from bulkim.journal import Reader
    from bulkim.vendors import provider
    from bulkim.work import verify as verifying

    settings.start_log()
    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
        vendor = provider(record.provider, record.vendor_text)
        operation = vendor.operation(record.operation)
        assert operation is not None, f"{record.provider} has no {record.operation}"
        verifying.read_back(vendor, operation)  # before the job file is looked for
        path = job or job_file(record)
        loaded = load(path, changes, vendor_text=record.vendor_text)
        result = verifying.verify(loaded, record, journal, vendor, share=sample, sharing=sharing())
    settings.happened(int(result.exit_code))
    document = _document(record, result, sample)
    if settings.json:
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        _print(settings, document)
    return int(result.exit_code)


def _document(record: Any, result: Any, sample: float) -> dict[str, Any]:
    from bulkim.work.verify import Verdict

    return {
        "run": record.run, "name": record.name, "provider": record.provider, "operation": record.operation,
        "state": record.state, "items": result.items, "sample": sample, "asked": result.asked,
        "counts": {str(verdict): result.counts[verdict] for verdict in Verdict}, "requests": result.requests,
        "users": [
            {"ordinal": each.ordinal, "username": each.username, "outcome": each.outcome,
             "verdict": str(each.verdict), "found": each.found}
            for each in result.exceptions
        ],
    }  # fmt: skip


def _print(settings: Settings, document: dict[str, Any]) -> None:
    from bulkim.cli import show
    from bulkim.view import account as text

    if document["users"]:
        rows = [
            (each["username"], each["outcome"], each["verdict"], each["found"]) for each in document["users"]
        ]
        for line in text.table(("username", "journal", "now", "found"), rows, width=show.terminal_width()):
            click.echo(line)
    counts = ", ".join(f"{number:,} {verdict}" for verdict, number in document["counts"].items() if number)
    asked, items = document["asked"], document["items"]
    of = counted(items, "item") if asked == items else f"{asked:,} of {counted(items, 'item')}"
    settings.say(
        f"asked about {of} that run {document['run']} left succeeded or unchanged: {counts or 'none'}"
    )
    if document["state"] != "finished":
        settings.say(f"the run is {document['state']}: only what has ended was asked about")


# ---------------------------------------------------------------------------------------------- undo


@click.command(cls=Command, examples=["bulkim undo last -o undo.yaml", "bulkim undo mute-campaign"])
@RUN
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), metavar="FILE",
              help="Write there; default: print it.")  # fmt: skip
@click.option("--accept-risk", is_flag=True,
              help="Write it even if it may hit users who were there before the run.")  # fmt: skip
@common
def undo(settings: Settings, *, run_name: str, output: Path | None, accept_risk: bool) -> int:
    """Write a job file for the inverse of what a run itself changed. Runs nothing, sends nothing.

    Exit code 3: there is no inverse, or none that is safe.
    """
    from bulkim.journal import Reader
    from bulkim.vendors import provider
    from bulkim.work import undo as undoing

    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
        vendor = provider(record.provider, record.vendor_text)
        written = undoing.undo(journal, record, vendor, accept=accept_risk).jobs[0].text
    if output is None or str(output) == "-":
        if settings.json:
            click.echo(json.dumps({"run": record.run, "job": written}, ensure_ascii=False))
        else:
            click.echo(written, nl=False)
        return 0
    from bulkim.cli.output import of_run
    from bulkim.cli.output import output as into

    with into(output, never=of_run(settings.journal, record)) as stream:
        stream.write(written)
    if settings.json:
        click.echo(json.dumps({"run": record.run, "file": str(output)}, ensure_ascii=False))
    settings.say(f"{output} written; nothing was sent. next: {settings.command('check', str(output))}")
    return 0
