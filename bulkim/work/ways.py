"""The ways back to a run: which one a job continues, retries or is fed by, and whether its terms allow it.

What was decided when the run began is in its terms; what a name, a file or an option means now is held against them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bulkim.catalogue.shapes import Effect, Operation
from bulkim.errors import TermsError, UsageError
from bulkim.journal import Journal
from bulkim.journal.records import RunRecord
from bulkim.model import Job, Status, Where
from bulkim.planning.existing import leaves_alone
from bulkim.planning.guarding import nearest
from bulkim.planning.rules import Scope, rule_of_term
from bulkim.planning.terms import (
    Comparison,
    Options,
    Pledge,
    Terms,
    Way,
    absolute,
    compare,
    fixed,
    from_document,
    refusal,
    terms_of,
)  # fmt: skip
from bulkim.text import counted
from bulkim.vendors import provider
from bulkim.work import elsewhere
from bulkim.work.earlier import (
    again,
    check_rows,
    done_meanwhile,
    finished_before,
    place_of,
    same_work,
    target_of,
)  # fmt: skip
from bulkim.work.plan_reading import Saved, check_expiry

Say = Callable[[str], object]
"""Takes a line for the person who runs it."""

BACK = "put it back to continue the run, or begin another one with --new"


class Notes:
    """Passes lines on, and keeps them for the program that asks afterwards."""

    def __init__(self, say: Say) -> None:
        self.heard: list[str] = []
        self._say = say

    def hear(self, notes: Iterable[str]) -> None:
        """Pass these on, in order."""
        for note in notes:
            self.heard.append(note)
            self._say(note)


@contextmanager
def open_journal(path: Path, notes: Notes) -> Iterator[Journal]:
    """The journal, which is made if it is not there; that is said. Raises JournalError."""
    created = not path.exists()
    with Journal.open(path) as journal:
        if created:
            notes.hear([f"journal: created {absolute(path)}"])
        yield journal


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for beside the job: the options of `run` and `retry` that choose a run."""

    new: bool = False
    limit: int | None = None
    missing: bool = False  # only rows that no earlier run of this job has done
    run: str | None = None  # continue this one, wherever the job file is now
    accept_removals: bool = False
    plan: Saved | None = None  # send this, and nothing else

    def options(self, selection: Mapping[str, Any] | None = None) -> Options:
        """Those that are a part of the run."""
        if self.plan is None:
            return Options(self.limit, self.missing, selection)
        return Options(plan=self.plan.digest, plan_place=absolute(self.plan.path))


@dataclass(frozen=True, slots=True)
class Opening:
    """A run about to begin or to go on."""

    job: Job  # with what was decided when the run began
    terms: Terms  # to be written when it goes on
    record: RunRecord | None = None  # the run to continue; None: a new one
    comparison: Comparison = field(default_factory=Comparison)
    others: tuple[RunRecord, ...] = ()  # unfinished runs of other job files of that name, at the same target
    missing_from: tuple[int, ...] | None = None  # runs (row ids) whose work is not done again
    notes: tuple[str, ...] = ()  # lines for people


# ---------------------------------------------------------------------------------------------- run


def opening_of(journal: Journal, job: Job, wanted: Wanted) -> Opening:
    """The run that this job continues, or how a new one begins. Raises TermsError, UsageError."""
    _check_choice(job, wanted)
    record = None if job.rehearsal or wanted.new else _to_continue(journal, job, wanted)
    missing_from = None
    if wanted.missing:
        same = [each.id for each in same_work(journal.reader, job)]
        missing_from = tuple(each for each in same if record is None or each != record.id)
    empty: tuple[str, ...] = ()
    if record is not None:
        try:
            return replace(_continued(journal, job, record, wanted.options()), missing_from=missing_from)
        except TermsError:
            if wanted.run is not None or record.items or record.planned_at is not None:
                raise
        empty = (f"run {record.run} stopped before it had any items; this is another one",)
    opening = _begun(journal, job, wanted)
    if job.rehearsal or wanted.new:
        return replace(opening, missing_from=missing_from)
    others = journal.reader.namesakes(name=job.name, place=place_of(job), target=target_of(job))
    notes = (*empty, *(_namesake(journal, each) for each in others), *elsewhere.unfinished(job, journal.path))
    if not wanted.missing and (earlier := finished_before(journal.reader, job)) is not None:
        notes = (*notes, again(earlier, by_plan=wanted.plan is not None))
    return replace(opening, others=tuple(others), missing_from=missing_from, notes=notes)


def _check_choice(job: Job, wanted: Wanted) -> None:
    """An option that chooses among rows needs some; it is not just left out. Raises UsageError."""
    if wanted.missing:
        check_rows(job)
    if job.source.kind != "none":
        return
    operation = provider(job.provider, job.vendor_text).operation(job.operation)
    if wanted.limit is None or operation is None or operation.paging is None:
        return
    if operation.paging.merge:
        raise UsageError(
            f"--limit does not go with {job.operation}: several pages may say something of one user.",
            hint="run it without --limit",
        )
    if operation.effect is Effect.DELETE:
        raise UsageError(
            f"--limit takes the first rows, and {job.operation} has none: its count says how many users go.",
            hint=f"--set params.all=false --set params.count={wanted.limit}",
        )


def by_plan(opening: Opening, plan: Saved, found: Comparison, *, agreed: bool) -> Opening:
    """The same, by a plan. `found`: what is different since it was written; `agreed`: somebody named it."""
    if opening.record is None:
        opening = replace(opening, comparison=found, notes=(*opening.notes, *found.said))
    if not agreed:
        return opening
    whole = Pledge(opening.job.connection.app_name, plan.send)
    return replace(
        opening,
        terms=replace(opening.terms, confirmed=whole),
        comparison=replace(opening.comparison, confirm=False),
    )


def _to_continue(journal: Journal, job: Job, wanted: Wanted) -> RunRecord | None:
    if wanted.run is not None:
        record = journal.reader.find(wanted.run)
        why = (
            "was a rehearsal" if record.rehearsal else "has finished" if record.state == "finished" else None
        )
        if why:
            raise UsageError(
                f"run {record.run} {why}: there is nothing to continue.", hint="`bulkim runs` lists them"
            )
        if record.parent is not None:
            raise UsageError(
                f"run {record.run} is a retry.", hint=f"`bulkim retry {record.parent}` continues it"
            )
        return record
    newest = journal.reader.newest_of(name=job.name, place=place_of(job))
    return newest if newest is not None and newest.state != "finished" else None


def _begun(journal: Journal, job: Job, wanted: Wanted) -> Opening:
    """A new run: whatever a name means is decided now, or was when its plan was written."""
    feeds = None
    if wanted.plan is not None:
        check_expiry(wanted.plan, now=time.time())
        feeds = wanted.plan.head.feeds
    elif job.source.is_earlier_run:
        feeds = journal.reader.feeding(str(job.source.run), rehearsal=job.rehearsal).run
    terms = terms_of(job, wanted.options(), feeds=feeds)
    return Opening(fixed(job, terms), terms)


def _continued(
    journal: Journal, job: Job, record: RunRecord, options: Options, *, reads_input: bool = True
) -> Opening:
    written, now = terms_in(record), terms_of(job, options)
    written = replace(written, values={"plan": None, **written.values})  # an older bulkim knew none
    found = compare(written, now, reads_input=reads_input)
    if not found.allowed:
        raise TermsError(
            refusal(found, run=record.run), hint=_way_back(written, now, of_file=job.path is not None)
        )
    feeds = written.feeds
    if job.source.is_earlier_run and feeds is None:  # an older bulkim did not write it down
        feeds = journal.reader.feeding(str(job.source.run), rehearsal=False).run
    terms = replace(now, moments=written.moments or now.moments, feeds=feeds, confirmed=written.confirmed)
    return Opening(fixed(job, terms), terms, record, found, notes=found.said)


def _way_back(written: Terms, now: Terms, *, of_file: bool) -> str:
    """How the run goes on after all."""
    if written.values["plan"] in (None, now.values["plan"]):
        return BACK
    if not of_file:  # a command cannot read it
        return f"pass the plan beside the job to continue the run: plan={written.values['plan.place']!r}; new=True begins another one"
    return f"`bulkim run {written.values['plan.place']}` continues the run; --new begins another one"


def _namesake(journal: Journal, record: RunRecord) -> str:
    pending = journal.reader.counts(record.id)[Status.PENDING]
    return (
        f"another job of this name, {record.job_path or 'from no file'}, has the unfinished run {record.run}"
        f" ({counted(pending, 'item')} pending); this one begins its own"
    )


def check_overlap(journal: Journal, opening: Opening, record: RunRecord) -> None:
    """Nobody is to be in two unfinished runs of one name. Raises TermsError."""
    for other in opening.others:
        if shared := journal.reader.overlap(record.id, other.id):
            items, example = shared
            raise TermsError(
                f"{counted(items, 'item')} of this job, {example!r} for one, {'is' if items == 1 else 'are'} in run {other.run}"
                f" too, which is unfinished; it was begun from {other.job_path or 'no file'}. Nothing was sent.",
                hint=f"continue that run with --continue {other.run}, or begin another one with --new",
            )


# -------------------------------------------------------------------------------------------- retry


def opening_of_retry(
    journal: Journal, parent: RunRecord, job: Job, wanted: Wanted, *, selection: Mapping[str, Any]
) -> Opening:  # fmt: skip
    """A retry of that run: its unfinished one with the same selection, or a new one. Raises TermsError, UsageError."""
    vendor = provider(job.provider, job.vendor_text)
    operation = vendor.operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    secrets = bool(operation.secrets)  # then the input must be read again
    reads_input = secrets or bool(selection.get("changed"))
    check_same_deed(parent, job, reads_input=reads_input)
    if job.source.kind == "none":  # its calls name nobody: another one would take whoever is there now
        raise UsageError(
            f"{job.operation} names nobody beforehand, so there are no items to retry. Nothing was sent.",
            hint="`bulkim verify RUN` asks what became of those whom it met; run the job to begin another run",
        )
    options = wanted.options(selection)
    if selection.get("changed") and not job.source.is_given:
        raise UsageError(
            "--changed needs an input with rows, and this job has none.", hint="retry by --outcome or --code"
        )
    if not job.rehearsal and not wanted.new:
        unfinished = journal.reader.retries_of(parent.run)
        same = [
            each for each in unfinished if each.selection == selection and each.item_limit == wanted.limit
        ]
        if same:
            return _continued(journal, job, same[0], options, reads_input=reads_input)
        if unfinished:
            raise TermsError(_other_retry(parent, unfinished), hint=_OTHER_RETRY)
    notes = () if job.rehearsal else done_meanwhile(journal.reader, parent, job, selection)
    if selection.get("changed") and (kept := leaves_alone(vendor, operation)) is not None:
        notes = (*notes, f"--changed: those who are done end as unchanged: {kept}")
    return Opening(job, terms_of(job, options), notes=notes)


_OTHER_RETRY = "repeat the command of that retry to continue it, or begin another one with --new"


def _other_retry(parent: RunRecord, unfinished: Sequence[RunRecord]) -> str:
    other = unfinished[0]
    chosen = {key: value for key, value in (other.selection or {}).items() if value}
    words = " ".join(
        f"--{key}" if value is True else " ".join(f"--{key} {each}" for each in value)
        for key, value in chosen.items()
    )
    limit = f" --limit {other.item_limit}" if other.item_limit else ""
    return (
        f"run {other.run} is an unfinished retry of run {parent.run} with another selection ({words or 'all'}{limit})."
        " Nothing was sent."
    )


def check_same_deed(parent: RunRecord, job: Job, *, reads_input: bool) -> None:
    """A retry repeats what the run did, where it did it. Raises TermsError, or UsageError for a rehearsal.

    A rehearsal of a retry goes to the sandbox, wherever the run went.
    """
    if parent.rehearsal and not job.rehearsal:
        raise UsageError(
            f"run {parent.run} was a rehearsal: it was sent to the sandbox, but this job goes to {job.connection.target}.",
            hint="run the job itself; or rehearse its retry too, with --sandbox",
        )
    found = compare(terms_in(parent), terms_of(job), way=Way.RETRY, reads_input=reads_input)
    if job.rehearsal:
        there = [each for each in found.refused if rule_of_term(each.term).scope is not Scope.TARGET]
        found = replace(found, refused=tuple(there))
    if not found.allowed:
        hint = "put the job file back, or name the one of that run with --job; a retry repeats what the run did, and where"
        raise TermsError(refusal(found, run=parent.run), hint=hint)


# ------------------------------------------------------------------------------------------ helpers


def terms_in(record: RunRecord) -> Terms:
    """A run's terms; of an older bulkim's run what its columns tell of them."""
    if record.terms is not None:
        return from_document(record.terms)
    base_url, _, app = record.target.rpartition(" ")
    return Terms({
        "provider": record.provider, "operation": record.operation, "params": dict(record.params),
        "base_url": base_url, "app": app,
    })  # fmt: skip


def nothing_to_retry(journal: Journal, parent: RunRecord, selection: Mapping[str, Any]) -> str:
    """Why a retry has no items."""
    if selection.get("changed"):
        return f"nothing to send: of run {parent.run}'s items that have ended, none has other values in the input now"
    counts = journal.reader.counts(parent.id)
    there = ", ".join(f"{number:,} {status}" for status, number in counts.items() if number)
    chosen = " or ".join(selection.get("outcome") or ["any outcome"])
    codes = f" with code {' or '.join(selection['code'])}" if selection.get("code") else ""
    return f"nothing to retry: run {parent.run} has no item that is {chosen}{codes} (its items: {there or 'none'})"


def found_nobody(job: Job, operation: Operation, counts: Mapping[str, int]) -> list[str]:
    """A line where a deletion met only users who were gone already: a wrong app or a wrong column looks like that."""
    ended = {status for status, number in counts.items() if number} - {Status.SKIPPED}
    if operation.effect is not Effect.DELETE or ended != {Status.UNCHANGED}:
        return []
    gone, app = counts[Status.UNCHANGED], job.connection.app_name
    found = f"nobody was found: {gone:,} of {gone:,} users were gone already at {app}"
    return [f"{found}; is it the right app, and does the input name users as the app does?"]


def admitted_nobody(where: Where, seen: Sequence[str]) -> list[str]:
    """A line where a listing had users, and `where` let none of them through."""
    if not seen:
        return []
    if where.match is None:
        return [f"source.where let nobody through; {seen[0]!r}, for one, was listed"]
    near = nearest(where.match, seen)
    hint = f"; the nearest name is {near!r}" if near is not None else f"; {seen[0]!r}, for one, was listed"
    return [f"source.where.match {where.match!r} matched nobody{hint}"]
