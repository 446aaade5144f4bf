"""What the functions have in common: where the journal is, which job is meant, how errors come out."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from bulkim import jobfile, redact, vendors
from bulkim.errors import InputError, Problem, UsageError
from bulkim.journal.records import RunRecord
from bulkim.model import Job, Status
from bulkim.places import there
from bulkim.work import rehearsal

AnyJob: TypeAlias = Job | str | os.PathLike[str] | Mapping[str, Any]
"""A loaded job, a job file's path, or a mapping with a job file's keys."""

AnyPath: TypeAlias = str | os.PathLike[str]


def journal_path(given: AnyPath | None) -> Path:
    """The journal that is meant: the one given, the environment's, or the current folder's."""
    return Path(given or os.environ.get("BULKIM_JOURNAL") or "bulkim.db")


def load_job(
    job: AnyPath | Mapping[str, Any],
    changes: Mapping[str, Any],
    sandbox: str | None,
    vendor_text: str | None = None,
    items: Iterable[Mapping[Any, Any] | str] | None = None,
    *,
    pairs: Sequence[tuple[str, str]] = (),
    unset: bool = False,
) -> Job:
    """A job from its file or its mapping. `sandbox` is the URL of the sandbox that stands for its connection.

    `pairs`: changes as they are typed, before those of `changes`. `unset`: variables need not be set, because nothing is sent.
    """
    given = job if isinstance(job, Mapping) else Path(job)
    pairs = [*pairs, *((key, json.dumps(value)) for key, value in changes.items())]
    try:
        loaded = jobfile.load(
            given,
            env=os.environ,
            overrides=pairs,
            providers=vendors.PROVIDERS,
            sandbox=rehearsal.published(sandbox),
            vendor_text=vendor_text,
            items=items,
            unset=unset,
        )
    except InputError as error:
        raise InputError([_as_given(each, changes) for each in error.problems], hint=error.hint) from None
    redact.hide([loaded.connection.auth.secret])
    return loaded


def _as_given(problem: Problem, changes: Mapping[str, Any]) -> Problem:
    """A program's change under the name that it has there: nobody typed ``--set``."""
    key = problem.file.removeprefix("--set ")
    return replace(problem, file=f'set["{key}"]') if key != problem.file and key in changes else problem


def any_job(job: AnyJob, *, unset: bool = False) -> Job:
    """The job, loaded if it is not."""
    return job if isinstance(job, Job) else load_job(job, {}, None, unset=unset)


def job_of(record: RunRecord) -> Path:
    """The job file of a run. Raises UsageError where it is none that is there."""
    if record.job_path and there(path := Path(record.job_path)):
        return path
    raise UsageError(f"the job of run {record.run} is no file that is there.", hint="pass it: job=...")


def job_of_run(record: RunRecord, job: AnyJob | None) -> Job:
    """The job given, or the one in the run's job file; a declared provider is the run's."""
    if isinstance(job, Job):
        return job
    return load_job(job_of(record) if job is None else job, {}, None, record.vendor_text)


def several(given: str | Sequence[str]) -> Sequence[str]:
    """One name, or some of them."""
    return (given,) if isinstance(given, str) else given


def outcomes_of(given: str | Sequence[str]) -> Sequence[str]:
    """Outcomes by name. Raises UsageError for what is none."""
    named = several(given)
    for name in named:
        if name not in set(Status):
            raise UsageError(f"there is no outcome {name!r}.", hint=f"one of {', '.join(Status)}")
    return named


@contextmanager
def bare_errors() -> Iterator[None]:
    """A task group wraps what its tasks raise; callers expect the error itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


def refuse_running_loop(name: str, *, awaitable: str | None = None) -> None:
    """What blocks would stop the caller's event loop. Raises UsageError with what to do instead."""
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        instead = (
            f"await bulkim.{awaitable}(...)" if awaitable else f"await asyncio.to_thread(bulkim.{name}, ...)"
        )
        raise UsageError(f"bulkim.{name} blocks, and was called inside a running event loop.", hint=instead)
