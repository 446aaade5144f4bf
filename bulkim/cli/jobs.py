"""What is done with a job: check, plan, run, retry."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli import candidates
from bulkim.cli.options import (
    CODE,
    CONFIRM,
    JOB,
    JOB_FILE,
    LIMIT,
    RUN,
    SET,
    YES,
    Command,
    DurationType,
    Settings,
    common,
)
from bulkim.cli.streams import folded
from bulkim.errors import InputError, Problem, TermsError, UsageError
from bulkim.places import there
from bulkim.text import whole

if TYPE_CHECKING:
    from bulkim.catalogue.shapes import Provider
    from bulkim.journal.records import RunRecord
    from bulkim.model import Job
    from bulkim.work.plan_reading import Saved

SANDBOX = click.option(
    "--sandbox", is_flag=True, help="Rehearse on an embedded sandbox; nothing leaves this machine."
)


def _published(sandbox: str | None) -> Callable[[Provider], Mapping[str, Any]] | None:
    if sandbox is None:
        return None
    from bulkim.work.rehearsal import published

    return published(sandbox)


def load(
    job: Path,
    changes: Sequence[tuple[str, str]],
    *,
    sandbox: str | None = None,
    vendor_text: str | None = None,
    unset: bool = False,
) -> Job:
    """The job, with `--set` changes and, for a rehearsal, the sandbox at this URL in place of its connection.

    `unset`: variables of its connection need not be set, because nothing is sent.
    """
    from bulkim import jobfile, redact
    from bulkim.vendors import PROVIDERS

    if whole(str(job)) != str(job):
        raise InputError(
            [Problem(str(job), None, None, "its name is not UTF-8 text", "rename it: the journal keeps it")]
        )
    loaded = jobfile.load(
        job,
        env=os.environ,
        overrides=changes,
        providers=PROVIDERS,
        sandbox=_published(sandbox),
        vendor_text=vendor_text,
        unset=unset,
    )
    hooks = [text for each in loaded.notify for text in (each.url, each.secret)]
    redact.hide([loaded.connection.auth.secret, *hooks])
    return loaded


def place(
    settings: Settings, sandbox: bool, load: Callable[[str | None], Job], *, plan: Saved | None = None
) -> AbstractContextManager[Job]:
    """The job where it is to run: as it is, or rehearsed in a sandbox. `load` gets the sandbox's URL."""
    if not sandbox:
        return nullcontext(load(None))
    from bulkim.work.rehearsal import rehearsed

    return rehearsed(load, say=settings.say, listed=plan.usernames if plan is not None else ())


def _planned(
    path: Path, changes: Sequence[tuple[str, str]]
) -> tuple[Saved | None, Path, list[tuple[str, str]]]:
    """A plan, its job file, and all `--set` changes; of a job, the same without a plan. Raises InputError."""
    from bulkim.work import plan_reading

    if not plan_reading.is_plan(path):
        return None, path, list(changes)
    plan = plan_reading.opened(path)
    return plan, plan_reading.job_of(plan), [*plan.head.changes, *changes]


# --------------------------------------------------------------------------------------- check, plan


@click.command(cls=Command, examples=["bulkim check job.yaml", "bulkim check providers/*.yaml"])
@click.argument("jobs", metavar="FILE...", nargs=-1, required=True, shell_complete=candidates.job_files,
                type=click.Path(path_type=Path), help="Jobs, and files that declare a provider.")  # fmt: skip
@SET
@SANDBOX
@common
def check(
    settings: Settings, *, jobs: tuple[Path, ...], changes: list[tuple[str, str]], sandbox: bool
) -> int:
    """Check jobs and every item of their input, or providers that files declare, offline. Sends nothing.

    Prints every problem with its file, line and column (of many invalid rows the first; -v: all); of a provider, also what its own cases show to be wrong, and
    warnings. Secrets are not needed: variables that are not set are named. Exit code 0: all is well; 1: some items would be skipped as invalid; 3: a file cannot be used.
    """
    import json

    ended = [_checked(settings, each, changes, sandbox=sandbox, alone=len(jobs) == 1) for each in jobs]
    if settings.json:
        documents = [document for _, document in ended]
        click.echo(json.dumps(documents if len(jobs) > 1 else documents[0], ensure_ascii=False))
    return max(code for code, _ in ended)


def _checked(
    settings: Settings, path: Path, changes: list[tuple[str, str]], *, sandbox: bool, alone: bool
) -> tuple[int, dict[str, Any]]:
    from bulkim.cli import declared
    from bulkim.cli.preview import checked
    from bulkim.work.rehearsal import NOWHERE

    try:
        if (text := declared.text_of(path)) is not None:
            return declared.checked(settings, path, text)
        return checked(
            settings, lambda: load(path, changes, sandbox=NOWHERE if sandbox else None, unset=True)
        )
    except InputError as error:
        if alone:
            raise
        click.echo(folded("\n".join(map(str, error.problems)), sys.stderr), err=True)
        return error.exit_code, {}


@click.command(
    cls=Command,
    examples=[
        "bulkim plan job.yaml",
        "bulkim plan purge.yaml -o purge.plan",
        "bulkim plan purge.plan --format markdown",
    ],
)
@JOB
@SET
@SANDBOX
@click.option("--missing", is_flag=True, help="Only of the rows that no earlier run of this job has done.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), metavar="FILE",
              help="Save the plan: `bulkim run FILE` sends exactly that.")  # fmt: skip
@click.option("--format", "style", type=click.Choice(["plan", "markdown"]), default="plan", show_default=True,
              help="How: to be run, or as a page for a review.")  # fmt: skip
@click.option(
    "--expires",
    type=DurationType(),
    metavar="TIME",
    help="How long a run may begin by it, e.g. 12h or 7d; default: for ever.",
)
@common
def plan(
    settings: Settings, *, job: Path, changes: list[tuple[str, str]], sandbox: bool, output: Path | None, style: str,
    expires: float | None, missing: bool,
) -> int:  # fmt: skip
    """Show what a run would send: items, requests, quota, the least time, the first request. Sends nothing.

    With `-o` the plan is saved: the job's terms, a line for each item with a keyed digest of its values, and the plan's own digest.
    It holds no secrets, and is the same for the same job and input, so that two of them can be compared with diff. Only a job whose
    source is a listing asks the vendor: the users whom it lists now are the plan's. A saved plan in place of the job is shown.

    Secrets are needed only with `-o`; without it, variables that are not set are named.
    """
    from bulkim.cli.preview import planned
    from bulkim.work import plan_reading
    from bulkim.work.rehearsal import NOWHERE, at_any_hour

    saved = plan_reading.is_plan(job)
    if missing and (saved or output is not None or style == "markdown"):
        raise UsageError(
            "a plan that is saved says what is sent; --missing depends on what runs have done by then.",
            hint="leave --missing out, or -o",
        )
    if saved:
        from bulkim.cli.plan import Wanted, look

        return look(settings, plan_reading.opened(job), Wanted(output, style))
    if output is not None or style == "markdown":
        from bulkim.cli.plan import Wanted, save

        with place(settings, sandbox, lambda url: load(job, changes, sandbox=url)) as found:
            return save(settings, found, Wanted(output, style, expires))
    if expires is not None:
        raise UsageError("--expires is for a plan that is saved.", hint="add -o FILE")
    loaded = load(job, changes, sandbox=NOWHERE if sandbox else None, unset=True)
    return planned(settings, at_any_hour(loaded, say=settings.say) if sandbox else loaded, missing=missing)


# ---------------------------------------------------------------------------------------- run, retry


def job_file(record: RunRecord) -> Path:
    """Where a run had its job file. Raises InputError when it is not there, or the job was never a file."""
    from bulkim.cli.show import nearby

    path = Path(record.job_path) if record.job_path else None
    if path is not None and there(path):
        return Path(nearby(path))
    message = "is not there any more" if path else "was none: it came from a pipe or from a program"
    problem = Problem(str(path or "job"), None, None, f"the job file of run {record.run} {message}")
    raise InputError([problem], hint="name it with --job FILE")


@contextmanager
def reminded(record: RunRecord, changes: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Where the job file alone cannot take a run up again, the `--set`s that the run had are named."""
    from bulkim.cli.show import changed

    try:
        yield
    except (InputError, TermsError) as error:
        given = dict(changes)
        written = record.begun_with.get("changes") or ()
        lacking = [each for each in written if given.get(each[0]) is None]
        if not lacking:
            raise
        had = f"run {record.run} had {join(changed(lacking))}: add {'it' if len(lacking) == 1 else 'them'}"
        hint = f"{had}; or {error.hint}" if error.hint else had
        raise (
            InputError(error.problems, hint=hint)
            if isinstance(error, InputError)
            else TermsError(error.message, hint=hint)
        ) from error


def spare(settings: Settings, job: Job, metrics_file: Path | None) -> None:
    """Nothing that is written beside a run may be what the run lives on. Raises UsageError."""
    from bulkim.cli.output import of_job, refuse

    for option, path in (("--metrics-file", metrics_file), ("--log-file", settings.log_file)):
        if path is not None:
            refuse(path, of_job(settings.journal, job), option=option)


def _sending(function: Any) -> Any:
    """Options of what sends."""
    options = (
        SANDBOX,
        YES,
        CONFIRM,
        LIMIT,
        click.option("--accept-removals", is_flag=True,
                     help="Go on even if most of what is pending is no longer in the input."),
        click.option("--max-duration", type=DurationType(), metavar="TIME",
                     help="Stop after this time, e.g. 90s, 30m, 4h; calls in flight are awaited. Exit code 75, resumable."),
        click.option("--metrics-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                     help="Write the run's summary as Prometheus metrics (node_exporter textfile), every 15 s and at its end."),
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
        "bulkim run purge.plan --confirm-plan 7f3a19c2",
    ],
)
@JOB
@click.option("--new", is_flag=True, help="Start afresh, even if an earlier run is unfinished.")
@click.option(
    "--continue",
    "continue_run",
    metavar="RUN",
    help="Continue this unfinished run, even if the job file was elsewhere when it began.",
)
@click.option(
    "--missing",
    is_flag=True,
    help="Send only rows that no earlier run of this job has done: mended rows and new ones.",
)
@click.option(
    "--confirm-plan",
    metavar="DIGEST",
    help="Do not ask, if this is the plan that was reviewed: its digest, or the first eight digits of it.",
)
@_sending
@common
def run(settings: Settings, *, job: Path, **options: Any) -> int:  # fmt: skip
    """Run a job, or a plan that `bulkim plan -o` wrote. If it has an unfinished run, continue that one.

    A plan sends what it says and nothing else: what the input has otherwise now is left out and told of. If the job or the plan
    was changed since, nothing is sent.

    Ctrl-C once: nothing more is sent, what is in flight is waited for. Twice: leave at once. Either way the journal is
    whole, and the same command continues.

    A job with a `window`, such as 01:00-05:30, is sent within these hours only. Outside of them nothing is sent; at their
    end the run stops gently. Exit code 75, and the same command continues when they come again.
    """
    from bulkim.cli.presenter import Presenter
    from bulkim.fleet import sharing
    from bulkim.work import runner

    settings.start_log()
    changes, sandbox = options["changes"], options["sandbox"]
    plan, job, whole = _planned(job, changes)
    with place(settings, sandbox, lambda url: load(job, whole, sandbox=url), plan=plan) as loaded:
        spare(settings, loaded, options["metrics_file"])
        with Presenter(
            settings, loaded, changes=changes, rehearsal=sandbox, metrics_file=options["metrics_file"]
        ) as presenter:
            finished = runner.run(
                plan=plan, confirm_plan=options["confirm_plan"], job=loaded, journal=settings.journal, new=options["new"], limit=options["limit"],
                missing=options["missing"], continue_run=options["continue_run"],
                accept_removals=options["accept_removals"], say=settings.say,
                confirm=presenter.confirmation(yes=options["yes"], pledge=options["pledge"]), observe=presenter.observe, max_duration_s=options["max_duration"],
                sharing=sharing(rehearsal=options["sandbox"]),
            )  # fmt: skip
        return presenter.ended(finished)


@click.command(
    cls=Command, examples=["bulkim retry last", "bulkim retry k7qf2m2x --outcome failed --code reach_limit"]
)
@RUN
@click.option("--outcome", multiple=True, type=click.Choice(["failed", "unknown", "skipped", "pending", "unchanged"]),
              default=("failed", "unknown"), show_default=True, help="Which items; may be repeated.")  # fmt: skip
@CODE
@click.option(
    "--changed",
    is_flag=True,
    help="Instead: the items that have ended and have other values in the input now.",
)
@click.option("--new", is_flag=True, help="Start afresh, even if an earlier retry of this run is unfinished.")
@JOB_FILE
@_sending
@common
def retry(settings: Settings, *, run_name: str, job: Path | None, **options: Any) -> int:  # fmt: skip
    """Send the failed and unknown items of a run again, as a new run. If such a retry is unfinished, continue that one."""
    from bulkim.cli.presenter import Presenter
    from bulkim.fleet import sharing
    from bulkim.journal import Reader
    from bulkim.work import runner

    settings.start_log()
    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
    path = job or job_file(record)
    changes, sandbox, text = options["changes"], options["sandbox"], record.vendor_text
    with (
        reminded(record, changes),
        place(settings, sandbox, lambda url: load(path, changes, sandbox=url, vendor_text=text)) as loaded,
    ):
        spare(settings, loaded, options["metrics_file"])
        with Presenter(
            settings, loaded, changes=changes, rehearsal=sandbox, metrics_file=options["metrics_file"]
        ) as presenter:
            finished = runner.retry(
                record, loaded, journal=settings.journal, outcome=options["outcome"], code=options["code"],
                changed=options["changed"], new=options["new"], limit=options["limit"],
                accept_removals=options["accept_removals"], say=settings.say,
                confirm=presenter.confirmation(yes=options["yes"], pledge=options["pledge"]), observe=presenter.observe, max_duration_s=options["max_duration"],
                sharing=sharing(rehearsal=options["sandbox"]),
            )  # fmt: skip
        return presenter.ended(finished)
