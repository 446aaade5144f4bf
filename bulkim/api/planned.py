"""Saved plans from a program: written, and run."""

from __future__ import annotations

import os
from pathlib import Path

from bulkim.api.common import AnyJob, any_job, refuse_running_loop
from bulkim.api.common import journal_path as _journal
from bulkim.errors import UsageError
from bulkim.fleet import sharing
from bulkim.work import plan_reading, plan_writing
from bulkim.work.plan_reading import Saved
from bulkim.work.plan_writing import SavedPlan


def plan(
    job: AnyJob,
    file: str | os.PathLike[str],
    *,
    expires_s: float | None = None,
    journal: str | os.PathLike[str] | None = None,
) -> SavedPlan:
    """Write what a run of the job would send now into a file, for `run(plan=file)`. Sends nothing; a listing is read for it.

    `expires_s`: how many seconds from now a run may begin by it. Raises BulkimError where a plan could not hold the job to its items.
    """
    refuse_running_loop("plan")
    return plan_writing.write(
        any_job(job), Path(file), journal=_journal(journal), expires_s=expires_s, sharing=sharing
    )


def planned(job: AnyJob | None, plan: str | os.PathLike[str] | None) -> tuple[Saved | None, AnyJob]:
    """A plan, and the job that it was made of. Raises UsageError, InputError."""
    if plan is None and isinstance(job, str | os.PathLike) and plan_reading.is_plan(Path(job)):
        plan, job = job, None
    if plan is None:
        if job is None:
            raise UsageError("there is nothing to run.", hint="pass a job, or plan=FILE")
        return None, job
    saved = plan_reading.opened(Path(plan))
    return saved, plan_reading.job_of(saved) if job is None else job
