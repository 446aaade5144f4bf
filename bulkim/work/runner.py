"""A job from its file to its end: plan into the journal, confirm, send, account. `run`, resuming and `retry` are one path.

Everything the command line does with a job can be done by calling these functions. What plans is `submission`, what
works is `workers`; this room joins them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkim import window
from bulkim.errors import BulkimError, ConfirmationError, GuardError, InputError, JournalLostError, stop_code
from bulkim.journal import Journal
from bulkim.journal.port import SteeredJournal
from bulkim.journal.records import RunRecord
from bulkim.log.events import log
from bulkim.model import Job, Stop
from bulkim.quota.host import on_this_host
from bulkim.quota.source import Sharing
from bulkim.sending.supervise import JOURNAL_LOST, Deadline, StopEvent
from bulkim.sending.telemetry import Ending, Observed
from bulkim.transport import environment_proxy
from bulkim.work import checks as guard
from bulkim.work import elsewhere, plan_reading
from bulkim.work.submission import Confirm, NothingToDo, Preview, Submission
from bulkim.work.ways import (
    Notes,
    Opening,
    Say,
    Wanted,
    admitted_nobody,
    by_plan,
    found_nobody,
    open_journal,
    opening_of,
    opening_of_retry,
)  # fmt: skip
from bulkim.work.workers import Begin, Census, Workers, work

RETRIED = ("failed", "unknown")


@dataclass(frozen=True, slots=True)
class Finished:
    """A session that came to its end, whichever it was."""

    summary: Mapping[str, Any]  # the object that `run --json` prints
    ending: Ending
    exit_code: int
    record: RunRecord  # as it stands in the journal now
    notes: tuple[str, ...] = ()  # what was said of the run, a line each

    def __repr__(self) -> str:
        """As much as fits into a line of a notebook."""
        counts = {name: number for name, number in self.counts.items() if number}
        return (
            f"Finished(run={self.run!r}, state={self.state!r}, exit_code={self.exit_code}, counts={counts})"
        )

    @property
    def run(self) -> str:
        """The run's id."""
        return str(self.summary["run"])

    @property
    def state(self) -> str:
        """How the session ended: finished, interrupted or stopped."""
        return self.ending.state

    @property
    def counts(self) -> Mapping[str, int]:
        """Outcome -> items."""
        counts: Mapping[str, int] = self.summary["counts"]
        return counts


Observe = Callable[[Observed, Preview], AbstractAsyncContextManager[None]]


def run(
    job: Job, *, journal: Path, new: bool = False, limit: int | None = None, missing: bool = False,
    continue_run: str | None = None, accept_removals: bool = False, confirm: Confirm | None = None,
    observe: Observe | None = None, max_duration_s: float | None = None, stop: StopEvent | None = None, say: Say = lambda _: None,
    sharing: Sharing = on_this_host,
    plan: plan_reading.Saved | None = None, confirm_plan: str | None = None,
) -> Finished:  # fmt: skip
    """Run a job, or continue its unfinished run unless `new`. Raises BulkimError when nothing can be sent.

    `plan`: send that, and nothing else; `confirm_plan` is the digest by which somebody agreed to it.

    `missing`: only rows that no earlier run of this job has done. `continue_run`: that run, wherever its job file is now.
    `accept_removals`: an input that lost most of its rows is meant so. `confirm` may raise ConfirmationError before anything
    is sent; `observe` is entered around the sending; `stop` drains once it is set; `say` hears what a person should know.
    """
    guard.check_window(job.window, window.now())
    wanted = Wanted(new, limit, missing, continue_run, accept_removals, plan)
    notes = Notes(say)
    plan_reading.check_named(plan, confirm_plan)
    found = plan_reading.check_wanted(plan, job, journal=journal, chosen=missing or limit is not None)
    with open_journal(journal, notes) as opened:
        opening = opening_of(opened, job, wanted)
        if plan is not None:
            opening = by_plan(opening, plan, found, agreed=confirm_plan is not None)
        session = _Session(
            opened, opening, wanted, notes, max_duration_s,
            stop=stop, confirm=confirm, observe=observe, sharing=sharing,
        )  # fmt: skip
        elsewhere.remember(job, journal)
        return session.go(opening.record or session.submission.create())


def retry(
    parent: RunRecord, job: Job, *, journal: Path, outcome: Sequence[str] = RETRIED, code: Sequence[str] = (),
    changed: bool = False, new: bool = False, limit: int | None = None, accept_removals: bool = False,
    confirm: Confirm | None = None, observe: Observe | None = None, max_duration_s: float | None = None,
    stop: StopEvent | None = None, say: Say = lambda _: None, sharing: Sharing = on_this_host,
) -> Finished:  # fmt: skip
    """Send a run's items again, those of these outcomes and codes, as a new run. An unfinished retry is continued, unless `new`.

    `changed`: instead, those that have ended and have other values in the input now.
    """
    guard.check_window(job.window, window.now())
    selection: dict[str, Any] = {"outcome": list(outcome), "code": list(code)}
    if changed:
        selection = {"outcome": [], "code": [], "changed": True}
    wanted = Wanted(new, limit, accept_removals=accept_removals)
    notes = Notes(say)
    with open_journal(journal, notes) as opened:
        opening = opening_of_retry(opened, parent, job, wanted, selection=selection)
        session = _Session(
            opened, opening, wanted, notes, max_duration_s,
            stop=stop, confirm=confirm, observe=observe, sharing=sharing,
        )  # fmt: skip
        return session.go(opening.record or session.submission.create(parent=parent))


class _Session:
    """One process's work on one run: what was submitted, done by workers."""

    def __init__(
        self, journal: Journal, opening: Opening, wanted: Wanted, notes: Notes, max_duration_s: float | None,
        *, stop: StopEvent | None, confirm: Confirm | None, observe: Observe | None, sharing: Sharing,
    ) -> None:  # fmt: skip
        job, self.sharing = opening.job, sharing
        environment_proxy(job.connection.base_url)  # before anything is written: it may name one that is none
        until = math.inf if max_duration_s is None else time.monotonic() + max_duration_s
        self.deadline = Deadline(until, job.window, stop)
        self.journal, self.job, self.notes = journal, job, notes
        self.confirm, self.observe = confirm, observe
        self.submission = Submission(
            journal, opening, accept_removals=wanted.accept_removals, plan=wanted.plan
        )
        provider, operation = self.submission.provider, self.submission.operation
        limit = opening.terms.values["limit"]
        self.workers = Workers(job, provider, operation, self.submission.intake.entries, limit=limit)

    def go(self, record: RunRecord) -> Finished:
        try:
            return self._through(record)
        except NothingToDo as why:
            summary = {**self.journal.reader.summary_of_nothing(record), "nothing": str(why)}
            return Finished(summary, Ending("finished"), 0, record, tuple(self.notes.heard))

    def _through(self, record: RunRecord) -> Finished:
        resumed = self.submission.resumed
        session_id = self.journal.begin_session(record.id, now=time.time())
        session = self.journal.session(record.id, session_id)
        with self._ending_if_it_fails(record, session_id, resumed=resumed):
            self.journal.recover(record.id, now=time.time())
            secrets = self.submission.read(record, self.notes)
            if (parent := self.submission.parent(record)) is not None:
                self.journal.inherit(record.id, parent)
            preview, ending = self._look_ahead(record, session)
            if ending.state == "finished":
                self.submission.agree(preview, self.confirm)
        log.info("run.started", run=record.run, resumed=resumed, to_send=preview.to_send)
        if ending.state == "finished":
            name = preview.record.input_name or self.job.name
            begin = self.workers.sending(count=preview.in_all, secrets=secrets, name=name, run=record.run)
            with self._ending_if_it_fails(record, session_id, resumed=True), self._not_unsent(record):
                ending = self._work(preview, session, begin)
        return self._account(record, session_id, ending, resumed=resumed)

    def _look_ahead(self, record: RunRecord, session: SteeredJournal) -> tuple[Preview, Ending]:
        """What would be sent. Where only the vendor knows, it is asked."""
        preview = self.submission.preview(record)
        ahead = self.workers.ahead(planned=preview.record.planned_at is not None)
        if ahead is None:
            return preview, Ending("finished")
        ending = self._work(preview, session, ahead)
        users = ahead.users if isinstance(ahead, Census) else None
        preview = self.submission.preview(record, users=users)
        if not any(preview.counts.values()) and self.submission.opening.missing_from is None:
            self.notes.hear(admitted_nobody(self.job.source.where, self.workers.seen))
        return preview, ending

    def _work(self, preview: Preview, session: SteeredJournal, begin: Begin) -> Ending:
        observe = self.observe
        watching = (lambda worker: observe(worker, preview)) if observe else None
        return work(
            self.workers, session, begin, deadline=self.deadline, watching=watching, sharing=self.sharing
        )

    @contextmanager
    def _not_unsent(self, record: RunRecord) -> Iterator[None]:
        """An input that fails in the midst of a run is not what it is before: something was sent."""
        try:
            yield
        except InputError as error:
            if not self.journal.reader.get(record.id).requests:
                raise
            raise GuardError(
                f"the input cannot be read any further: {error.message}",
                hint="put it back as it was, then run the same command again: it continues",
                code=error.code,
            ) from error

    @contextmanager
    def _ending_if_it_fails(self, record: RunRecord, session_id: int, *, resumed: bool) -> Iterator[None]:
        """An error must not leave the run looking busy, nor a run behind in which nothing was ever sent."""
        try:
            yield
        except BaseException as error:
            with suppress(BulkimError):
                # What a listing brought in an earlier session, and what is refused now, is listed anew the next time.
                stale = self.job.source.is_listing and isinstance(error, GuardError | ConfirmationError)
                if (resumed and not stale) or not self.journal.discard(record.id):
                    state = "stopped" if isinstance(error, Exception) else "interrupted"
                    words = error.message if isinstance(error, BulkimError) else type(error).__name__
                    stop = (stop_code(error), words)
                    vars(error)["run"] = record.run
                    self.journal.end_session(record.id, session_id, state, now=time.time(), stop=stop)
            raise

    def _unless_lost(self, record: RunRecord, ending: Ending) -> Ending:
        """A journal that is not where it was, saved if it can be: then that is how the session ended."""
        try:
            self.journal.present()
        except JournalLostError as error:
            place = self.journal.save_beside(f"saved-{record.run}")
            saved = f"All of it is in {place}." if place else "It could not be saved."
            again = f"rename that file to {self.journal.path}, then run the same command again: it continues"
            stop = Stop(error.exit_code, JOURNAL_LOST, f"{error.message} {saved}", again if place else "")
            return Ending("stopped", stop)
        return ending

    def _account(self, record: RunRecord, session_id: int, ending: Ending, *, resumed: bool) -> Finished:
        stop = (ending.stop.code, ending.stop.reason) if ending.stop else None
        self.journal.end_session(record.id, session_id, ending.state, now=time.time(), stop=stop)
        ending = self._unless_lost(record, ending)
        record = self.journal.reader.get(record.id)
        summary = self.journal.reader.summary(record, resumed=resumed)
        self.notes.hear(found_nobody(self.job, self.submission.operation, summary["counts"]))
        log.info("run.ended", run=record.run, state=ending.state, counts=summary["counts"])
        code = exit_code(ending, self.journal.reader.invalid(record.id), summary["counts"])
        return Finished(summary, ending, code, record, tuple(self.notes.heard))


def exit_code(ending: Ending, invalid: int, counts: Mapping[str, int]) -> int:
    """The contract's exit code: of those that apply, the first of 6, 4, 129/130/143, 5, 1, 0."""
    if ending.stop:
        return ending.stop.exit_code
    if ending.signal is not None:
        return 128 + ending.signal
    if counts["unknown"]:
        return 5
    return 1 if counts["failed"] or invalid else 0
