"""What ``import bulkim`` offers: the command line's work as functions.

They block, use the command line's journal and connection files, log nothing by themselves, and raise `BulkimError`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import anyio

from bulkim.api.after import report, undo, verify
from bulkim.api.common import AnyJob, any_job, job_of, job_of_run, outcomes_of, several
from bulkim.api.common import bare_errors as _bare_errors
from bulkim.api.common import journal_path as _journal
from bulkim.api.common import load_job as _load
from bulkim.api.common import refuse_running_loop as _refuse_running_loop
from bulkim.api.planned import plan
from bulkim.api.planned import planned as _planned
from bulkim.api.records import Checked, Estimate, Summary
from bulkim.api.waiting import awaited
from bulkim.errors import (
    BulkimError,
    BusyError,
    ConfirmationError,
    GuardError,
    ImpossibleError,
    InputError,
    JournalError,
    OutsideWindowError,
    Problem,
    RefusedError,
    TermsError,
    UsageError,
)
from bulkim.fleet import sharing
from bulkim.journal import Reader
from bulkim.journal.records import Result, RunRecord
from bulkim.model import Job, Status
from bulkim.planning import preview as forecast
from bulkim.sending.supervise import StopEvent
from bulkim.sending.telemetry import Observed, Telemetry
from bulkim.work import rehearsal, runner
from bulkim.work.confirm import Confirm, asking
from bulkim.work.earlier import done_by
from bulkim.work.judging import Verdict
from bulkim.work.outlook import outlook
from bulkim.work.plan_reading import Saved
from bulkim.work.plan_writing import SavedPlan
from bulkim.work.runner import Finished
from bulkim.work.submission import Preview
from bulkim.work.undo import Undo, UndoJob
from bulkim.work.verify import Finding, Verified

__all__ = [
    "BulkimError", "BusyError", "Checked", "ConfirmationError", "Estimate", "Finding", "Finished", "GuardError", "ImpossibleError",
    "InputError", "Job", "JournalError", "OutsideWindowError", "Preview", "Problem", "RefusedError", "Result", "RunRecord", "SavedPlan", "Status",
    "Summary", "Telemetry", "TermsError", "Undo", "UndoJob", "UsageError", "Verdict", "Verified", "arun", "check", "estimate", "load", "plan", "report",
    "results", "retry_items", "run", "runs", "summary", "undo", "verify",
]  # fmt: skip

Observe: TypeAlias = Callable[[Telemetry], object]
"""Called about once a second while a run sends, and at its end."""

OBSERVE_S = 1.0


# --------------------------------------------------------------------------------------------- jobs


def load(
    job: str | os.PathLike[str] | Mapping[str, Any],
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the command line calls it
    items: Iterable[Mapping[Any, Any] | str] | None = None,
    sandbox: bool = False,
) -> Job:
    """Load a job file, or a mapping with the same keys and a `name`. Raises InputError with every problem.

    `set` changes keys, like ``{"rate.limit": 50}``. `items` are read to their end and stand for the job's `source`: mappings with
    the operation's fields, secrets included, or bare usernames; a table of pandas or polars is taken row by row. With `sandbox` no environment variable is needed, and the
    connection is the sandbox's.
    """
    return _load(job, set or {}, rehearsal.NOWHERE if sandbox else None, items=items)


def check(job: AnyJob, *, journal: str | os.PathLike[str] | None = None) -> Checked:
    """Read and judge the whole input, offline and without secrets. Raises InputError when the job or its input cannot be used."""
    found = forecast.surveyed(any_job(job, unset=True), journal=_journal(journal))
    return Checked(dict(found.counts or {}), found.survey.problems if found.survey else ())


def estimate(
    job: AnyJob, *, journal: str | os.PathLike[str] | None = None, missing: bool = False
) -> Estimate:
    """Say what a run would send and how long it would take, offline and without secrets. `missing`: as `run` has it."""
    place, found_job = _journal(journal), any_job(job, unset=True)
    without = done_by(place, found_job) if missing else ()
    found = forecast.surveyed(found_job, journal=place, without=without)
    ahead = outlook(found, place).document()
    return Estimate.of(forecast.plan_document(found, found.estimate, forecast.first_call(found), ahead))


# --------------------------------------------------------------------------------------------- runs


def run(
    job: AnyJob | None = None,
    *,
    plan: str | os.PathLike[str] | None = None,
    confirm_plan: str | None = None,
    journal: str | os.PathLike[str] | None = None,
    new: bool = False,
    limit: int | None = None,
    missing: bool = False,
    continue_run: str | None = None,
    accept_removals: bool = False,
    confirm: Confirm | None = None,
    observe: Observe | None = None,
    max_duration_s: float | None = None,
    stop: StopEvent | None = None,
    sandbox: bool = False,
) -> Finished:
    """Run a job, or continue its unfinished run unless `new`. Raises BulkimError when nothing can be sent.

    A run is continued on the terms on which it was begun, else TermsError; what is new or taken over is in the result's
    `notes`. `missing` sends only rows that no earlier run of this job has done; `continue_run` names a run whose job file was
    elsewhere; `accept_removals` lets an input lose most of what is pending.

    `plan`: a file that `plan` wrote. Exactly that is sent; what the input has otherwise now is left out and told of. `job` is needed
    beside it only where the plan's job was no file. `confirm_plan`, the plan's digest, is as good as `confirm`.

    What destroys needs `confirm`, else ConfirmationError. In the main thread the first Ctrl-C, SIGTERM or SIGHUP drains, and so
    does `stop`, an event that another thread sets: then this returns, with the state ``interrupted``. With `sandbox` everything goes to an embedded emulator.
    """
    _refuse_running_loop("run", awaitable="arun")
    saved, job = _planned(job, plan)
    with _place(job, sandbox=sandbox, plan=saved) as loaded:
        with _refusals_told(loaded, _journal(journal), sandbox=sandbox), _bare_errors():
            finished = runner.run(
                loaded, plan=saved, confirm_plan=confirm_plan, journal=_journal(journal), new=new, limit=limit, missing=missing, continue_run=continue_run,
                accept_removals=accept_removals, confirm=asking(confirm), observe=_observing(observe),
                max_duration_s=max_duration_s, stop=stop,
                sharing=sharing(rehearsal=sandbox),
            )  # fmt: skip
        return _told(loaded, finished, sandbox=sandbox)


arun = awaited(run)


def retry_items(
    run: str,
    *,
    job: AnyJob | None = None,
    journal: str | os.PathLike[str] | None = None,
    outcome: str | Sequence[str] = runner.RETRIED,
    code: str | Sequence[str] = (),
    changed: bool = False,
    new: bool = False,
    limit: int | None = None,
    accept_removals: bool = False,
    confirm: Confirm | None = None,
    observe: Observe | None = None,
    max_duration_s: float | None = None,
    stop: StopEvent | None = None,
    sandbox: bool = False,
) -> Finished:
    """Send a run's items again, those of these outcomes and codes, as a new run. Otherwise like `run`.

    `changed`: instead, those that have ended and have other values in the input now. An unfinished retry is continued unless
    `new`. Where there is nothing to retry, no run is made: the result's `run` is empty, and its summary says why (``nothing``).

    `run` is a run's id, the beginning of one, a job's name, or ``last``; `job` is needed where the run's job was no
    file, or is no longer there.
    """
    _refuse_running_loop("retry_items")
    outcomes, codes = outcomes_of(outcome), several(code)
    path = _journal(journal)
    with Reader.open(path) as opened:
        record = opened.find(run)
    if not isinstance(job, Job):
        job = (job_of(record) if job is None else job) if sandbox else job_of_run(record, job)
    with _place(job, sandbox=sandbox) as loaded:
        with _refusals_told(loaded, path, sandbox=sandbox), _bare_errors():
            finished = runner.retry(
                record, loaded, journal=path, outcome=outcomes, code=codes, changed=changed, new=new, limit=limit,
                accept_removals=accept_removals, confirm=asking(confirm), observe=_observing(observe), max_duration_s=max_duration_s,
                stop=stop, sharing=sharing(rehearsal=sandbox),
            )  # fmt: skip
        return _told(loaded, finished, sandbox=sandbox)


# ------------------------------------------------------------------------------------------ journal


def runs(*, journal: str | os.PathLike[str] | None = None) -> list[RunRecord]:
    """All runs, the newest first. Raises JournalError where there is no journal."""
    with Reader.open(_journal(journal)) as opened:
        return opened.runs()


def summary(run: str = "last", *, journal: str | os.PathLike[str] | None = None) -> Summary:
    """How a run stands. Raises UsageError where there is no such run."""
    with Reader.open(_journal(journal)) as opened:
        return Summary.of(opened.summary(opened.find(run)))


def results(
    run: str = "last",
    *,
    journal: str | os.PathLike[str] | None = None,
    outcome: str | Sequence[str] = (),
    code: str | Sequence[str] = (),
) -> Iterator[Result]:
    """A run's items in order, streaming; empty filters let all through.

    The journal is opened when the first item is asked for, which is when JournalError or UsageError are raised.
    """
    outcomes = outcomes_of(outcome)
    with Reader.open(_journal(journal)) as opened:
        yield from opened.results(opened.find(run).id, outcome=outcomes, code=several(code))


# ------------------------------------------------------------------------------------------- helpers


def _place(job: AnyJob, *, sandbox: bool, plan: Saved | None = None) -> AbstractContextManager[Job]:
    """The job where it is to run: at its vendor, or in an embedded sandbox that knows its users."""
    pairs = plan.head.changes if plan is not None else ()
    if not sandbox:
        return nullcontext(job if isinstance(job, Job) else _load(job, {}, None, pairs=pairs))
    return rehearsal.rehearsed(
        lambda url: rehearsal.moved(job, url) if isinstance(job, Job) else _load(job, {}, url, pairs=pairs),
        listed=plan.usernames if plan is not None else (),
    )


def _observing(observe: Observe | None) -> runner.Observe | None:
    if observe is None:
        return None

    @asynccontextmanager
    async def watching(worker: Observed, _: Preview) -> AsyncIterator[None]:
        async def look() -> None:
            while True:
                observe(worker.telemetry)
                await anyio.sleep(OBSERVE_S)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            yield
            tasks.cancel_scope.cancel()
        observe(worker.telemetry)

    return watching


@contextmanager
def _refusals_told(job: Job, journal: Path, *, sandbox: bool) -> Iterator[None]:
    """Tell the job's webhooks of what was refused before it was sent."""
    try:
        yield
    except Exception as error:
        from bulkim.work import refused
        from bulkim.work.notify import told

        if job.notify and not sandbox and refused.concerns(error):
            for trouble in told(job, refused.facts(job, error, journal)):
                warnings.warn(trouble, RuntimeWarning, stacklevel=4)
        raise


def _told(job: Job, finished: Finished, *, sandbox: bool) -> Finished:
    """Tell the job's webhook; one that does not answer is a pity, no failure."""
    if job.notify and not sandbox and finished.run:
        from bulkim.work.notify import facts, told

        for trouble in told(job, facts(finished)):
            warnings.warn(trouble, RuntimeWarning, stacklevel=3)
    return finished
