"""What the journal knows of a job: its runs, the unfinished one, and the one that has done it already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkim.errors import UsageError
from bulkim.journal import Reader
from bulkim.journal.records import RunRecord
from bulkim.model import Job, Status
from bulkim.places import there
from bulkim.text import WITH_ZONE, counted, local


def place_of(job: Job) -> str | None:
    """The job file's place as the journal has it."""
    return str(job.path) if job.path else None


def target_of(job: Job) -> str:
    """Where a job goes as the journal has it: base URL and app."""
    return f"{job.connection.base_url} {job.connection.target}"


def same_work(journal: Reader, job: Job) -> list[RunRecord]:
    """This job's runs, retries among them, rehearsals not."""
    return journal.same_work(name=job.name, place=place_of(job), target=target_of(job), operation=job.operation, params=job.params
    )  # fmt: skip


def done_of(counts: Mapping[Status, int]) -> int:
    """How many items are done, wherever bulkim says so: those that failed or were skipped have ended, too, and are not."""
    return counts[Status.SUCCEEDED] + counts[Status.UNCHANGED]


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run of this job, as far as it came."""

    run: str
    finished_at: float | None  # Unix seconds; None: it is unfinished
    done: int  # items that succeeded or were unchanged
    pending: int = 0
    others: int = 0  # more runs of the job that have done something
    # The most that one of them has; who is done by several is not looked up, for there may be millions.
    others_done: int = 0


def earlier_run(journal: Reader, job: Job) -> Earlier | None:
    """The unfinished run that this job would continue, or else the one that has done it already."""
    newest = None if job.rehearsal else journal.newest_of(name=job.name, place=place_of(job))
    if newest is None or newest.state == "finished":
        return finished_before(journal, job)
    counts = journal.counts(newest.id)
    return Earlier(newest.run, None, done_of(counts), counts[Status.PENDING])


def finished_before(journal: Reader, job: Job) -> Earlier | None:
    """The latest run that finished this job from rows of its own. Those from a listing or an earlier run differ each time."""
    if job.rehearsal or not job.source.is_given:
        return None
    runs = same_work(journal, job)
    done = {each.id: number for each in runs if (number := done_of(journal.counts(each.id)))}
    ended = [each for each in runs if each.parent is None and each.state == "finished" and each.finished_at]
    last = max(
        (each for each in ended if each.id in done), key=lambda each: each.finished_at or 0.0, default=None
    )
    if last is None:
        return None
    own, others = done.pop(last.id), done.values()
    return Earlier(last.run, last.finished_at, own, others=len(others), others_done=max(others, default=0))


def again(earlier: Earlier, *, by_plan: bool = False) -> str:
    """A line that says what running the same job does now."""
    if earlier.finished_at is None:
        return f"run {earlier.run} is unfinished: {earlier.done:,} done, {earlier.pending:,} pending. `bulkim run` continues it"
    ended = f"run {earlier.run} finished this job at {local(earlier.finished_at, WITH_ZONE)}: {earlier.done:,} done{_others(earlier)}"
    what = "all that the plan says" if by_plan else "all rows"
    only = "" if by_plan else "; --missing sends only rows that are not done"
    return f"{ended}. This is a new run and sends {what} again{only}"


def _others(earlier: Earlier) -> str:
    if not earlier.others:
        return ""
    if earlier.others == 1:
        return f"; another run of it has done {earlier.others_done:,}"
    return f"; {earlier.others:,} other runs of it have done up to {earlier.others_done:,} each"


def done_by(journal: Path, job: Job) -> list[int]:
    """Row ids of the job's runs in that journal: none where there is no journal. Raises UsageError for a job without rows."""
    check_rows(job)
    if not there(journal):
        return []
    with Reader.open(journal) as reader:
        return [each.id for each in same_work(reader, job)]


def check_rows(job: Job) -> None:
    """That there are rows which earlier runs may have done. Raises UsageError."""
    if job.source.kind == "none":
        raise UsageError(
            f"--missing leaves out rows that earlier runs have done, and {job.operation} has no rows.",
            hint="leave --missing out",
        )


def done_meanwhile(
    journal: Reader, parent: RunRecord, job: Job, selection: Mapping[str, Any]
) -> tuple[str, ...]:
    """A line where a later run of the job has done what the retry sends again."""
    if selection.get("changed"):
        return ()
    chosen = {name: selection[name] for name in ("outcome", "code")}
    after = [each for each in same_work(journal, job) if each.id > parent.id]
    for later in sorted(after, key=lambda each: each.id, reverse=True):
        if (found := journal.done_since(parent.id, later.id, **chosen)) is not None:
            (items, example), run = found, later.run
            those = (
                f"{counted(items, 'item')} of these, {example!r} for one, {'was' if items == 1 else 'were'}"
            )
            rest = "They are sent again; `bulkim run JOB --missing` sends only rows that are not done"
            return (f"{those} done by run {run} since then. {rest}",)
    return ()
