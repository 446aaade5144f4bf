"""What a job's input comes to, without sending anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bulkim import plan, source
from bulkim.catalogue import Operation, Provider
from bulkim.model import Job
from bulkim.vendors import provider

if TYPE_CHECKING:
    from pathlib import Path

    from bulkim.source import SourceReader

PROBLEMS_MAX = 50


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A job and what its input comes to. `survey` is None where only the vendor knows the items."""

    job: Job
    provider: Provider
    operation: Operation
    survey: plan.Survey | None
    input: str

    @property
    def counts(self) -> Mapping[str, int] | None:
        """Items by what will become of them; None: only the run can tell."""
        if self.survey is not None:
            return self.survey.counts
        count = self.job.params.get("count") if self.operation.paging else None
        return {"send": count} if isinstance(count, int) else None

    @property
    def invalid(self) -> int:
        """Items that would be skipped as invalid."""
        return self.survey.counts.get("invalid", 0) if self.survey else 0


def surveyed(job: Job, *, journal: Path) -> Surveyed:
    """Read the whole input. Raises InputError; UsageError where an earlier run is the source and not there."""
    vendor = provider(job.provider)
    operation = vendor.operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    if job.source.kind == "listing":
        return Surveyed(job, vendor, operation, None, f"the {job.source.listing} that the vendor lists")
    if job.source.kind == "none":
        return Surveyed(job, vendor, operation, None, "none: the vendor chooses")
    with _reader(job, operation, journal) as reader:
        rows = plan.prepare(job, vendor, operation, reader)
        size = plan.batch_size(operation, job)
        survey = plan.survey(rows, name=reader.name, problems_max=PROBLEMS_MAX, head_max=size)
        return Surveyed(job, vendor, operation, survey, reader.name)


@contextmanager
def _reader(job: Job, operation: Operation, journal: Path) -> Iterator[SourceReader]:
    if job.source.kind != "run":
        yield source.open_source(job.source, secret_fields=operation.secrets)
        return
    from bulkim.earlier import EarlierRun
    from bulkim.journal import read

    with read.open_existing(journal) as opened:
        yield EarlierRun(opened, job.source)
