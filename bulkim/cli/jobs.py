"""What is done with a job: check, plan, run, retry."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli.confirm import Confirmation, Pledge, PledgeType
from bulkim.cli.options import JOB, RUN, SET, Command, Settings, common, on_terminal
from bulkim.errors import InputError, Problem
from bulkim.model import Job

if TYPE_CHECKING:
    from bulkim.executor import Executor
    from bulkim.report import text
    from bulkim.runner import Finished, Preview

SANDBOX = click.option(
    "--sandbox", is_flag=True, help="Rehearse on an embedded sandbox; nothing leaves this machine."
)


def load(job: Path, changes: Sequence[tuple[str, str]], *, sandbox_url: str | None = None) -> Job:
    """The job, with `--set` changes and, for a rehearsal, the sandbox in place of its connection."""
    from bulkim import jobfile, log
    from bulkim.vendors import PROVIDERS

    loaded = jobfile.load(
        job, env=os.environ, overrides=changes, sandbox_url=sandbox_url, providers=PROVIDERS
    )
    log.hide([loaded.connection.auth.secret])
    return replace(loaded, path=job.resolve())  # a retry may be typed in another folder


@contextmanager
def rehearsal(wanted: bool, settings: Settings) -> Iterator[str | None]:
    """The URL of an embedded sandbox while it runs, if it is wanted."""
    if not wanted:
        yield None
        return
    from bulkim.sandbox import Embedded

    with Embedded() as sandbox:
        settings.say(f"rehearsal: everything goes to an embedded sandbox at {sandbox.base_url}")
        yield sandbox.base_url


def rehearse(url: str | None, job: Job, settings: Settings) -> None:
    """Let the input's users exist in the sandbox, unless the job is to create them: else nothing could be seen."""
    if url is None:
        return
    from bulkim.cli.rehearsal import seed

    if seeded := seed(url, job):
        settings.say(f"rehearsal: the sandbox was given {seeded:,} users of the input")


# --------------------------------------------------------------------------------------- check, plan


@click.command(cls=Command, examples=["bulkim check job.yaml"])
@JOB
@SET
@SANDBOX
@common
def check(settings: Settings, *, job: Path, changes: list[tuple[str, str]], sandbox: bool) -> int:
    """Check the job file and every item of its input, offline. Sends nothing.

    Prints every problem with its file, line and column. Exit code 0: all is well; 1: some items would be skipped as
    invalid; 3: the job cannot be used.
    """
    from bulkim.cli.preview import checked

    return checked(settings, lambda: load(job, changes, sandbox_url=_NOWHERE if sandbox else None))


@click.command(cls=Command, examples=["bulkim plan job.yaml", "bulkim plan job.yaml --set rate.limit=50"])
@JOB
@SET
@SANDBOX
@common
def plan(settings: Settings, *, job: Path, changes: list[tuple[str, str]], sandbox: bool) -> int:
    """Show what a run would send: items, requests, quota, the least time, the first request. Sends nothing."""
    from bulkim.cli.preview import planned

    return planned(settings, load(job, changes, sandbox_url=_NOWHERE if sandbox else None))


_NOWHERE = "http://127.0.0.1:8086"  # stands for the sandbox where nothing is sent

# ---------------------------------------------------------------------------------------- run, retry


def _sending(function: Any) -> Any:
    """Options of what sends."""
    options = (
        SANDBOX,
        click.option("--yes", is_flag=True, help="Destroy without asking (not at a production connection)."),
        click.option("--confirm", "pledge", type=PledgeType(), metavar="APP:COUNT",
                     help="Destroy without asking, if it is this app and this number of items."),
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take only the first N items."),
        SET,
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.command(
    cls=Command,
    examples=[
        "bulkim run job.yaml",
        "bulkim run job.yaml --sandbox",
        "bulkim run purge.yaml --confirm testapp:120",
    ],
)
@JOB
@click.option("--new", is_flag=True, help="Start afresh, even if an earlier run is unfinished.")
@_sending
@common
def run(settings: Settings, *, job: Path, new: bool, limit: int | None, **options: Any) -> int:
    """Run a job. If it has an unfinished run, continue that one.

    Ctrl-C once: nothing more is sent, what is in flight is waited for. Twice: leave at once. Either way the journal is
    whole, and the same command continues.
    """
    from bulkim import runner

    settings.start_log()
    with rehearsal(options["sandbox"], settings) as url:
        loaded = load(job, options["changes"], sandbox_url=url)
        rehearse(url, loaded, settings)
        watch = _Watch(settings, loaded)
        finished = runner.run(
            loaded, journal=settings.journal, new=new, limit=limit,
            confirm=watch.confirmation(yes=options["yes"], pledge=options["pledge"]), observe=watch.observe,
        )  # fmt: skip
        return watch.ended(finished)


@click.command(
    cls=Command, examples=["bulkim retry last", "bulkim retry k7qf2m2x --outcome failed --code reach_limit"]
)
@RUN
@click.option("--outcome", multiple=True, type=click.Choice(["failed", "unknown", "skipped", "pending", "unchanged"]),
              default=("failed", "unknown"), show_default="failed, unknown", help="Which items; may be repeated.")  # fmt: skip
@click.option("--code", multiple=True, metavar="CODE", help="Only items with this code; may be repeated.")
@click.option("--job", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="The job file, if it is no longer where the run had it.")  # fmt: skip
@_sending
@common
def retry(
    settings: Settings, *, run_name: str, outcome: tuple[str, ...], code: tuple[str, ...], job: Path | None,
    limit: int | None, **options: Any,
) -> int:  # fmt: skip
    """Send the failed and unknown items of a run again, as a new run."""
    from bulkim import runner
    from bulkim.journal import read

    settings.start_log()
    with read.open_existing(settings.journal) as journal:
        record = read.find(journal, run_name)
    path = job or Path(record.job_path or "")
    if not path.is_file():
        problem = Problem(str(path), None, None, f"the job file of run {record.run} is not there any more")
        raise InputError([problem], hint="name it with --job FILE")
    with rehearsal(options["sandbox"], settings) as url:
        loaded = load(path, options["changes"], sandbox_url=url)
        rehearse(url, loaded, settings)
        watch = _Watch(settings, loaded)
        finished = runner.retry(
            record, loaded, journal=settings.journal, outcome=outcome, code=code, limit=limit,
            confirm=watch.confirmation(yes=options["yes"], pledge=options["pledge"]), observe=watch.observe,
        )  # fmt: skip
        return watch.ended(finished)


class _Watch:
    """One run, as the person at the terminal sees it."""

    def __init__(self, settings: Settings, job: Job) -> None:
        from bulkim import progress

        self._settings, self._job = settings, job
        self._announced = False
        self._executor: Executor | None = None
        self._began_at = 0.0
        self.observe = progress.observer(
            progress.chosen(settings.progress, quiet=settings.quiet), began=self._began
        )

    def confirmation(self, *, yes: bool, pledge: Pledge | None) -> Any:
        """What the runner calls before it destroys anything."""
        decide = Confirmation(yes, pledge, ask=on_terminal(), names=self._names)

        def confirm(preview: Preview) -> None:
            self._announce(preview)
            decide(preview)

        return confirm

    def _began(self, executor: Executor, preview: Preview) -> None:
        self._executor, self._began_at = executor, time.monotonic()
        self._announce(preview)

    def _announce(self, preview: Preview) -> None:
        """Say once that this continues something."""
        if self._announced:
            return
        self._announced = True
        if preview.resumed:
            items = sum(preview.counts.values())
            self._settings.say(
                f"continuing run {preview.record.run}: {items - preview.to_send:,} of {items:,} done;"
                " --new starts afresh"
            )

    def _names(self, preview: Preview) -> list[str]:
        from bulkim.cli.confirm import NAMES_SHOWN
        from bulkim.journal import read

        with read.open_existing(self._settings.journal) as journal:
            return [each.username for each in journal.pending(preview.record.id, limit=NAMES_SHOWN)]

    def ended(self, finished: Finished) -> int:
        """Print the account; returns the exit code."""
        summary = finished.summary
        if self._settings.json:
            click.echo(json.dumps(summary, ensure_ascii=False))
        else:
            self._print(summary)
        return finished.exit_code

    def _pace(self) -> text.Pace | None:
        from bulkim.report.text import Pace

        if self._executor is None:
            return None
        telemetry = self._executor.telemetry
        return Pace(telemetry.requests, time.monotonic() - self._began_at, telemetry.limit_per_s)

    def _print(self, summary: Mapping[str, Any]) -> None:
        from bulkim.cli import show
        from bulkim.journal import read
        from bulkim.report.text import balance

        if self._settings.quiet:
            show.put([balance(summary)])
            return
        with read.open_existing(self._settings.journal) as journal:
            record = read.find(journal, summary["run"])
            show.put(show.account(journal, record, summary, session=self._pace()))
            steps: Sequence[str] = show.next_steps(self._settings, record, summary)
        for step in steps:
            self._settings.say(f"next: {step}")
