"""What ``import bulkim`` offers: the command line's work as functions.

They block, use the command line's journal and connection files, log nothing by themselves, and raise `BulkimError`.
"""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import anyio

from bulkim import jobfile, redact, vendors
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
from bulkim.places import there
from bulkim.planning import preview as forecast
from bulkim.sending.telemetry import Observed, Telemetry
from bulkim.text import counted
from bulkim.work import rehearsal, runner, submission
from bulkim.work.confirm import Pledge, agreed, pledge, unconfirmed
from bulkim.work.runner import Finished
from bulkim.work.submission import Preview

__all__ = [
    "BulkimError", "BusyError", "Checked", "ConfirmationError", "Finished", "GuardError", "ImpossibleError",
    "InputError", "Job", "JournalError", "OutsideWindowError", "Preview", "Problem", "RefusedError", "Result", "RunRecord", "Status",
    "Telemetry", "TermsError", "UsageError", "check", "estimate", "load", "results", "retry_items", "run", "runs", "summary",
]  # fmt: skip

AnyJob: TypeAlias = Job | str | os.PathLike[str] | Mapping[str, Any]
"""A loaded job, a job file's path, or a mapping with a job file's keys."""

Confirm: TypeAlias = str | Callable[[Preview], bool]
"""``"APP:COUNT"``, or a function that looks at what is about to be destroyed and says whether to go on."""

Observe: TypeAlias = Callable[[Telemetry], object]
"""Called about once a second while a run sends, and at its end."""

OBSERVE_S = 1.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found. `counts` has ``send`` and the reasons to skip; it is empty where only the vendor knows."""

    counts: Mapping[str, int]
    problems: Sequence[Problem]  # with invalid items; the first fifty

    @property
    def ok(self) -> bool:
        """Whether no item would be skipped as invalid."""
        return not self.counts.get("invalid")


# --------------------------------------------------------------------------------------------- jobs


def load(
    job: str | os.PathLike[str] | Mapping[str, Any],
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the command line calls it
    sandbox: bool = False,
) -> Job:
    """Load a job file, or a mapping with the same keys and a `name`. Raises InputError with every problem.

    `set` changes keys, like ``{"rate.limit": 50}``. With `sandbox` no environment variable is needed, and the
    connection is the sandbox's.
    """
    return _load(job, set or {}, rehearsal.NOWHERE if sandbox else None)


def check(job: AnyJob, *, journal: str | os.PathLike[str] | None = None) -> Checked:
    """Read and judge the whole input, offline. Raises InputError when the job or its input cannot be used."""
    found = forecast.surveyed(_job(job), journal=_journal(journal))
    return Checked(dict(found.counts or {}), found.survey.problems if found.survey else ())


def estimate(job: AnyJob, *, journal: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Say what a run would send and how long it would take, offline: the object that ``bulkim plan --json`` prints."""
    found = forecast.surveyed(_job(job), journal=_journal(journal))
    cost = found.estimate
    return forecast.plan_document(found, cost, forecast.first_call(found))


# --------------------------------------------------------------------------------------------- runs


def run(
    job: AnyJob,
    *,
    journal: str | os.PathLike[str] | None = None,
    new: bool = False,
    limit: int | None = None,
    missing: bool = False,
    continue_run: str | None = None,
    accept_removals: bool = False,
    confirm: Confirm | None = None,
    observe: Observe | None = None,
    max_duration_s: float | None = None,
    sandbox: bool = False,
) -> Finished:
    """Run a job, or continue its unfinished run unless `new`. Raises BulkimError when nothing can be sent.

    A run is continued on the terms on which it was begun, else TermsError; what is new or taken over is in the result's
    `notes`. `missing` sends only rows that no earlier run of this job has done; `continue_run` names a run whose job file was
    elsewhere; `accept_removals` lets an input lose most of what is pending.

    What destroys needs `confirm`, else ConfirmationError. In the main thread the first Ctrl-C, SIGTERM or SIGHUP drains: then
    this returns, with the state ``interrupted``. With `sandbox` everything goes to an embedded emulator.
    """
    _refuse_running_loop("run")
    with _place(job, sandbox=sandbox) as loaded:
        with _bare_errors():
            finished = runner.run(
                loaded, journal=_journal(journal), new=new, limit=limit, missing=missing, continue_run=continue_run,
                accept_removals=accept_removals, confirm=_asking(confirm), observe=_observing(observe),
                max_duration_s=max_duration_s,
                sharing=sharing(rehearsal=sandbox),
            )  # fmt: skip
        return _told(loaded, finished, sandbox=sandbox)


def retry_items(
    run: str,
    *,
    job: AnyJob | None = None,
    journal: str | os.PathLike[str] | None = None,
    outcome: Sequence[str] = runner.RETRIED,
    code: Sequence[str] = (),
    changed: bool = False,
    new: bool = False,
    limit: int | None = None,
    accept_removals: bool = False,
    confirm: Confirm | None = None,
    observe: Observe | None = None,
    max_duration_s: float | None = None,
    sandbox: bool = False,
) -> Finished:
    """Send a run's items again, those of these outcomes and codes, as a new run. Otherwise like `run`.

    `changed`: instead, those that have ended and have other values in the input now. An unfinished retry is continued unless
    `new`. Where there is nothing to retry, no run is made: the result's `run` is empty, and its summary says why (``nothing``).

    `run` is a run's id, the beginning of one, a job's name, or ``last``; `job` is needed where the run's job was no
    file, or is no longer there.
    """
    _refuse_running_loop("retry_items")
    path = _journal(journal)
    with Reader.open(path) as opened:
        record = opened.find(run)
    if not isinstance(job, Job):
        job = _job_of(record) if job is None else job
        job = job if sandbox else _load(job, {}, None, record.vendor_text)
    with _place(job, sandbox=sandbox) as loaded:
        with _bare_errors():
            finished = runner.retry(
                record, loaded, journal=path, outcome=outcome, code=code, changed=changed, new=new, limit=limit,
                accept_removals=accept_removals, confirm=_asking(confirm), observe=_observing(observe), max_duration_s=max_duration_s,
                sharing=sharing(rehearsal=sandbox),
            )  # fmt: skip
        return _told(loaded, finished, sandbox=sandbox)


# ------------------------------------------------------------------------------------------ journal


def runs(*, journal: str | os.PathLike[str] | None = None) -> list[RunRecord]:
    """All runs, the newest first. Raises JournalError where there is no journal."""
    with Reader.open(_journal(journal)) as opened:
        return opened.runs()


def summary(run: str = "last", *, journal: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """The object that ``bulkim show RUN --json`` prints. Raises UsageError where there is no such run."""
    with Reader.open(_journal(journal)) as opened:
        return opened.summary(opened.find(run))


def results(
    run: str = "last",
    *,
    journal: str | os.PathLike[str] | None = None,
    outcome: Sequence[str] = (),
    code: Sequence[str] = (),
) -> Iterator[Result]:
    """A run's items in order, streaming; empty filters let all through.

    The journal is opened when the first item is asked for, which is when JournalError or UsageError are raised.
    """
    with Reader.open(_journal(journal)) as opened:
        yield from opened.results(opened.find(run).id, outcome=outcome, code=code)


# ------------------------------------------------------------------------------------------- helpers


def _journal(given: str | os.PathLike[str] | None) -> Path:
    return Path(given or os.environ.get("BULKIM_JOURNAL") or "bulkim.db")


def _load(
    job: str | os.PathLike[str] | Mapping[str, Any],
    changes: Mapping[str, Any],
    sandbox: str | None,
    vendor_text: str | None = None,
) -> Job:
    given = job if isinstance(job, Mapping) else Path(job)
    pairs = [(key, json.dumps(value)) for key, value in changes.items()]
    loaded = jobfile.load(
        given,
        env=os.environ,
        overrides=pairs,
        providers=vendors.PROVIDERS,
        sandbox=rehearsal.published(sandbox),
        vendor_text=vendor_text,
    )
    redact.hide([loaded.connection.auth.secret])
    return loaded


def _job(job: AnyJob) -> Job:
    return job if isinstance(job, Job) else _load(job, {}, None)


def _job_of(record: RunRecord) -> Path:
    if record.job_path and there(path := Path(record.job_path)):
        return path
    raise UsageError(f"the job of run {record.run} is no file that is there.", hint="pass it: job=...")


def _place(job: AnyJob, *, sandbox: bool) -> AbstractContextManager[Job]:
    """The job where it is to run: at its vendor, or in an embedded sandbox that knows its users."""
    if not sandbox:
        return nullcontext(_job(job))
    return rehearsal.rehearsed(
        lambda url: rehearsal.moved(job, url) if isinstance(job, Job) else _load(job, {}, url)
    )


def _asking(confirm: Confirm | None) -> submission.Confirm:
    def ask(preview: Preview) -> Pledge | None:
        job, count = preview.job, preview.to_send
        given = _pledge(confirm) if isinstance(confirm, str) else None
        held = agreed(given, preview.confirmed, job, sent=preview.sent, left=count, said="confirm")
        if held is not None and (given is not None or not preview.insist):
            return held
        if confirm is None:
            hint = f'pass confirm="{job.connection.app_name}:COUNT", COUNT being how many you expect, or a function'
            raise unconfirmed(job, count, hint=hint)
        assert not isinstance(confirm, str), "a text always gives a pledge, or raises"
        if not confirm(preview):
            raise ConfirmationError(
                f"{counted(count, 'item')} at {job.connection.app_name}: not confirmed. Nothing was sent."
            )
        return None

    return ask


def _pledge(text: str) -> Pledge:
    try:
        return pledge(text)
    except ValueError as error:
        raise UsageError(f"confirm: {error}") from None


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
def _bare_errors() -> Iterator[None]:
    """A task group wraps what its tasks raise; callers expect the error itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


def _told(job: Job, finished: Finished, *, sandbox: bool) -> Finished:
    """Tell the job's webhook; one that does not answer is a pity, no failure."""
    if job.notify is not None and not sandbox and finished.run:
        from bulkim.work.notify import told

        if trouble := told(job.notify, finished):
            warnings.warn(trouble, RuntimeWarning, stacklevel=3)
    return finished


def _refuse_running_loop(name: str) -> None:
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise UsageError(
            f"bulkim.{name} blocks, and was called inside a running event loop.",
            hint=f"await anyio.to_thread.run_sync(lambda: bulkim.{name}(...)), or asyncio.to_thread",
        )
