"""A job as a run in the journal: found or made, its input read and judged. Nothing here sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bulkim import vendors
from bulkim.catalogue.shapes import Effect, Operation, Provider
from bulkim.journal import Journal
from bulkim.journal.records import NewRun, RunRecord
from bulkim.model import Job, Status
from bulkim.planning import settings
from bulkim.planning.intake import Intake
from bulkim.planning.pending import Secrets
from bulkim.planning.terms import Pledge, as_document
from bulkim.planning.within import Lines
from bulkim.work import checks as guard
from bulkim.work.digest_key import digests
from bulkim.work.earlier import place_of, target_of
from bulkim.work.ways import (
    Notes,
    Opening,
    check_overlap,
    nothing_to_retry,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preview:
    """What is about to be sent, for whoever confirms it."""

    job: Job
    operation: Operation
    record: RunRecord
    resumed: bool
    counts: Mapping[Status, int]
    expected: int | None = None  # users that an operation without items would hit
    confirmed: Pledge | None = None  # what was agreed to when the run began, or went on
    insist: bool = False  # it must be agreed to again: the connection is production, and was not
    plan: str | None = None  # the digest of the saved plan by which it is sent

    @property
    def to_send(self) -> int:
        """Items that would be sent."""
        return self.counts[Status.PENDING] if self.expected is None else self.expected

    @property
    def sent(self) -> int:
        """Items that were sent before."""
        return sum(self.counts.values()) - self.counts[Status.PENDING] - self.counts[Status.SKIPPED]

    @property
    def in_all(self) -> int:
        """Items that the run will have done in all, its earlier sessions included, when it succeeds."""
        return self.to_send + self.counts[Status.SUCCEEDED]


Confirm = Callable[[Preview], "Pledge | None"]
"""Raises ConfirmationError, or returns what was agreed to, to be written into the run."""


class NothingToDo(Exception):  # noqa: N818 - it is none
    """The run would have no items. Carries why."""


class Submission:
    """One job and its run, on the terms on which it begins or goes on."""

    def __init__(
        self, journal: Journal, opening: Opening, *, accept_removals: bool = False, plan: Lines | None = None
    ) -> None:
        self.journal, self.opening = journal, opening
        self.job = job = opening.job
        self.provider: Provider = vendors.provider(job.provider, job.vendor_text)
        operation = self.provider.operation(job.operation)
        assert operation is not None, "the job file's loader checks this"
        self.operation = operation
        keyed = digests(journal.path) if operation.secrets or plan is not None else None
        self.intake = Intake(
            journal, job, self.provider, operation, keyed, accept_removals, opening.missing_from, plan
        )

    @property
    def resumed(self) -> bool:
        """Whether an earlier session worked on the run."""
        return self.opening.record is not None

    def create(self, *, parent: RunRecord | None = None) -> RunRecord:
        """A new run; `parent` is the one that it retries."""
        job, terms = self.job, self.opening.terms
        new = NewRun(
            job.name, job.provider, job.operation, target_of(job), job.params, job_path=place_of(job), job_text=job.text,
            parent=parent.run if parent else None, selection=terms.values["selection"], item_limit=terms.values["limit"],
            settings=settings(job, self.provider, self.operation), vendor_text=job.vendor_text,
            terms=as_document(terms), rehearsal=job.rehearsal,
        )  # fmt: skip
        return self.journal.reader.get(self.journal.create_run(new, now=time.time()))

    def read(self, record: RunRecord, notes: Notes) -> Secrets | None:
        """Bring the run's items in step with the input. Returns what reads their secrets, where they have any.

        Raises InputError.
        """
        notes.hear(self.opening.notes)
        taken = self.intake.read(record, resumed=self.resumed)
        notes.hear(taken.notes)
        reader = taken.reader
        return None if reader is None else lambda after: self.intake.secrets(reader, after)

    def parent(self, record: RunRecord) -> int | None:
        """The row id of the run that this one retries."""
        return None if record.parent is None else self.journal.reader.find(record.parent).id

    def agree(self, preview: Preview, confirm: Confirm | None) -> None:
        """All that must hold before anything is sent; then the run goes by these terms. Raises BulkimError, NothingToDo."""
        record, terms = preview.record, self.opening.terms
        if not (self.resumed or any(preview.counts.values()) or preview.to_send):
            self._excuse(record)
        check_overlap(self.journal, self.opening, record)
        kept = self.resumed and not (self.job.source.is_listing and not preview.sent)
        guard.check_size(self.job.guard, preview.to_send, begun=kept)
        if confirm and preview.to_send:
            terms = replace(terms, confirmed=confirm(preview) or terms.confirmed)
        self.journal.write_terms(record.id, as_document(terms))

    def _excuse(self, record: RunRecord) -> None:
        """A selection without items makes no run. Raises NothingToDo."""
        if record.parent is not None:
            parent = self.journal.reader.find(record.parent)
            raise NothingToDo(nothing_to_retry(self.journal, parent, record.selection or {}))
        if self.opening.missing_from is not None:
            raise NothingToDo("nothing is missing: earlier runs of this job have done every row of the input")

    def preview(self, record: RunRecord, *, users: int | None = None) -> Preview:
        """What would be sent. `users`: how many the app has, where they were counted because all are meant."""
        counts = self.journal.reader.counts(record.id)
        if self.operation.paging and self.operation.effect is Effect.DELETE and users is None:
            users = max(0, int(self.job.params.get("count", 0)) - counts[Status.SUCCEEDED])
        opening = self.opening
        return Preview(
            self.job, self.operation, self.journal.reader.get(record.id), self.resumed, counts, users,
            opening.terms.confirmed, opening.comparison.confirm, opening.terms.values.get("plan"),
        )  # fmt: skip
