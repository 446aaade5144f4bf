"""A job as a run in the journal: found or made, its input read and judged. Nothing here sends."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bulkim import vendors
from bulkim.catalogue.shapes import Effect, Operation, Provider
from bulkim.errors import UsageError
from bulkim.journal import Journal
from bulkim.journal.records import NewRun, RunRecord
from bulkim.model import Job, Status
from bulkim.planning import settings
from bulkim.planning.intake import Intake
from bulkim.planning.pending import Secrets


@dataclass(frozen=True, slots=True)
class Preview:
    """What is about to be sent, for whoever confirms it."""

    job: Job
    operation: Operation
    record: RunRecord
    resumed: bool
    counts: Mapping[Status, int]
    expected: int | None = None  # users that an operation without items would hit

    @property
    def to_send(self) -> int:
        """Items that would be sent."""
        return self.counts[Status.PENDING] if self.expected is None else self.expected

    @property
    def in_all(self) -> int:
        """Items that the run will have done in all, its earlier sessions included, when it succeeds."""
        return self.to_send + self.counts[Status.SUCCEEDED]


class Submission:
    """One job and its run."""

    def __init__(self, journal: Journal, job: Job) -> None:
        self.journal, self.job = journal, job
        self.provider: Provider = vendors.provider(job.provider, job.vendor_text)
        operation = self.provider.operation(job.operation)
        assert operation is not None, "the job file's loader checks this"
        self.operation = operation
        self.intake = Intake(journal, job, self.provider, operation)

    @property
    def target(self) -> str:
        """Where it is sent: base URL and app."""
        return f"{self.job.connection.base_url} {self.job.connection.target}"

    def unfinished(self) -> RunRecord | None:
        """The run to continue. Raises UsageError when the job's constants have changed since."""
        job = self.job
        found = self.journal.reader.unfinished(
            name=job.name, provider=job.provider, operation=job.operation, target=self.target
        )
        if found and dict(found.params) != dict(job.params):
            raise UsageError(
                f"run {found.run} is unfinished and was started with params {json.dumps(found.params)};"
                f" the job now says {json.dumps(dict(job.params))}.",
                hint="put the params back to continue it, or start afresh with --new",
            )
        return found

    def create(
        self, *, limit: int | None, parent: str | None = None, selection: Mapping[str, Any] | None = None
    ) -> RunRecord:
        """A new run. `parent` and `selection` say which items of which run it sends again."""
        job = self.job
        new = NewRun(
            job.name, job.provider, job.operation, self.target, job.params,
            job_path=str(job.path) if job.path else None, job_text=job.text,
            parent=parent, selection=selection, item_limit=limit,
            settings=settings(job, self.provider, self.operation), vendor_text=job.vendor_text,
        )  # fmt: skip
        return self.journal.reader.get(self.journal.create_run(new, now=time.time()))

    def read(self, record: RunRecord) -> Secrets | None:
        """Bring the run's items in step with the input. Returns what reads their secrets, where they have any.

        Raises InputError.
        """
        reader = self.intake.read(record)
        return None if reader is None else lambda after: self.intake.secrets(reader, after)

    def preview(self, record: RunRecord, *, resumed: bool, users: int | None = None) -> Preview:
        """What would be sent. `users`: how many the app has, where they were counted because all are meant."""
        counts = self.journal.reader.counts(record.id)
        if self.operation.paging and self.operation.effect is Effect.DELETE and users is None:
            users = max(0, int(self.job.params.get("count", 0)) - counts[Status.SUCCEEDED])
        return Preview(self.job, self.operation, self.journal.reader.get(record.id), resumed, counts, users)
