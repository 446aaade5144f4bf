"""After a run: does it still hold, and what would undo it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from bulkim.cli.options import JOB_FILE, RUN, SET, Command, Settings, common


def share(ctx: click.Context, parameter: click.Parameter, value: str) -> float:
    """`10%` as 0.1."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", value.strip())
    if found is None or not 0 < float(found[1]) <= 100:
        raise click.BadParameter(f"expected a percentage like 10%, got {value!r}", ctx=ctx, param=parameter)
    return float(found[1]) / 100


@click.command(
    cls=Command,
    examples=[
        "bulkim verify last",
        "bulkim verify nightly-purge --sample 5% --json",
        "bulkim verify last -o found.csv",
    ],
)
@RUN
@click.option("--sample", default="100%", callback=share, metavar="N%", show_default="all",
              help="Ask about so many of the items, chosen at random; the same run gives the same ones.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), metavar="FILE",
              help="Write a row for each user who was asked about: CSV, or JSON Lines if FILE ends in .jsonl.")  # fmt: skip
@JOB_FILE
@SET
@common
def verify(
    settings: Settings, *, run_name: str, sample: float, output: Path | None, job: Path | None,
    changes: list[tuple[str, str]],
) -> int:  # fmt: skip
    """Ask the vendor whether what a run did still holds. Changes nothing, there or in the journal.

    What is asked depends on the operation, and is said at the end: of `register` it is whether the user is there; a nickname is not
    compared. Prints who drifted. Ctrl-C leaves with what was found until then. Exit code 0: all that was asked about holds; 5: something
    drifted, or could not be told; 3: nothing can read back what this operation did.
    """
    from bulkim.cli.jobs import job_file, load, reminded
    from bulkim.cli.verifying import asked
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
        with reminded(record, changes):
            loaded = load(path, changes, vendor_text=record.vendor_text)
            return asked(settings, loaded, record, journal, vendor, share=sample, output=output)


# ---------------------------------------------------------------------------------------------- undo


@click.command(cls=Command, examples=["bulkim undo last -o undo.yaml", "bulkim undo mute-campaign"])
@RUN
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), metavar="FILE",
              help="Write the job there; default: print it. A second job or a long list of users goes into a file beside it.")  # fmt: skip
@click.option("--accept-risk", is_flag=True,
              help="Write it even if it may hit users who were there before the run.")  # fmt: skip
@click.option(
    "--offline", is_flag=True, help="Ask nobody: whom others have changed since is then overwritten, too."
)
@JOB_FILE
@common
def undo(
    settings: Settings,
    *,
    run_name: str,
    output: Path | None,
    accept_risk: bool,
    offline: bool,
    job: Path | None,
) -> int:
    """Write a job file for the inverse of what a run itself changed. Runs nothing, changes nothing.

    Where the run wrote down what was there before, that is restored. Then the vendor is asked who is not as the run left them
    any more: those are left alone and named. Exit code 3: there is no inverse, or none that is safe.
    """
    from bulkim.cli.verifying import undone

    settings.start_log()
    return undone(settings, run_name, output=output, accept=accept_risk, offline=offline, job=job)
