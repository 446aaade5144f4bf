"""Making a saved plan: what a run of a job would send now, as text."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkim import files, planning, source
from bulkim.catalogue.shapes import Operation, Provider
from bulkim.codec import parting
from bulkim.errors import ImpossibleError, UsageError
from bulkim.model import Job
from bulkim.planning import Planned, Stretch, Survey, Tally, planfile
from bulkim.planning.digests import Digests
from bulkim.planning.planfile import Head
from bulkim.planning.suspects import Suspects
from bulkim.planning.terms import terms_of
from bulkim.redact import is_hidden
from bulkim.source import SourceReader
from bulkim.vendors import provider
from bulkim.work.digest_key import digests
from bulkim.work.plan_reading import provider_digest

if TYPE_CHECKING:
    from bulkim.quota.source import Sharing

NO_TERM = ("selection", "missing", "limit", "plan", "plan.place", "changes")  # of a run, never of a plan
NO_PLACE = "set HOME or XDG_STATE_HOME to a folder of yours; the key must be neither in the plan nor beside the journal"


@dataclass(slots=True)
class Draft:
    """A plan that is being made: iterate it for its text, then ask it what it came to."""

    job: Job
    provider: Provider
    operation: Operation
    head: Head
    input: SourceReader
    _parts: Iterable[Planned | Stretch]
    _digests: Digests
    _suspects: Suspects
    _tally: Tally
    digest: str = ""  # its own; known at the end

    def __iter__(self) -> Iterator[str]:
        """The text in pieces. Raises InputError."""
        own, parts = hashlib.sha256(), self._tally.of(self._parts)
        for piece in planfile.pieces(self.head, parts, self.operation, self._digests, self._tally.counts):
            own.update(piece.encode())
            yield piece
        self.digest = own.hexdigest()
        yield f"digest {self.digest}\n"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the input."""
        return (*self.input.noticed.notes(), *self._suspects.notes())

    @property
    def survey(self) -> Survey:
        """What it came to."""
        return Survey(self._tally.counts, (), tuple(self._tally.head), self._tally.groups)


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan that was written."""

    file: Path
    digest: str  # SHA-256, in hexadecimal: whoever agrees to the plan names it by this, or by its first eight digits
    counts: Mapping[str, int]  # send, and the reasons to skip
    expires: str | None  # ISO 8601, UTC; None: never


def write(
    job: Job, file: Path, *, journal: Path, expires_s: float | None = None, sharing: Callable[[], Sharing]
) -> SavedPlan:
    """Write a plan of the job into a file, in one piece. Raises BulkimError."""
    expires_at = None if expires_s is None else time.time() + expires_s
    with draft(job, journal=journal, expires_at=expires_at, sharing=sharing) as made:
        try:
            with files.written(file) as stream:
                stream.writelines(made)
        except OSError as error:
            raise UsageError(f"cannot write {file}: {error.strerror or error}") from error
        return SavedPlan(file, made.digest, made.survey.counts, made.head.expires)


@contextmanager
def draft(
    job: Job, *, journal: Path, expires_at: float | None = None, sharing: Callable[[], Sharing]
) -> Iterator[Draft]:
    """A plan of what a run of the job would send now. A listing is read for it; nothing else is asked, nothing sent.

    `sharing`: with whom quotas are shared, asked if the vendor is. What most plans do not need is imported when one does.
    Raises BulkimError where the job has no items that a plan could name, or is one that a plan cannot lead back to.
    """
    _check_can_be_planned(job)
    keyed = digests(journal)
    if keyed is None:
        raise UsageError("a plan needs a key for its digests, and there is no place for one.", hint=NO_PLACE)
    vendor = provider(job.provider, job.vendor_text)
    operation = vendor.operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    with _read(job, operation, journal, sharing) as (reader, feeds):
        suspects, size = Suspects(), planning.batch_size(operation, job)
        head = Head(
            job.name, str(job.path) if job.path else None, keyed.of_text(job.digest), provider_digest(job, vendor), keyed.key_name.hex(),
            _terms(job), job.changes, feeds, _iso(expires_at), job.rehearsal,
        )  # fmt: skip
        parts = planning.stretches(job, vendor, operation, reader, suspects)
        tally = Tally(size, parting(operation) if size > 1 else None)
        yield Draft(job, vendor, operation, head, reader, parts, keyed, suspects, tally)


def _check_can_be_planned(job: Job) -> None:
    if job.source.kind == "none":
        raise ImpossibleError(
            f"{job.operation} names nobody: which users it meets is known only when it runs, and a plan could not hold it to them.",
            hint="take them from a list, such as source: {listing: users} with a `where`",
        )
    hidden = [key for key, value in job.changes if is_hidden(key, value)]
    if hidden:
        raise UsageError(
            f"--set {hidden[0]} looks like a secret, and a plan holds none.",
            hint="write ${VARIABLE} into the job's connection instead",
        )


@contextmanager
def _read(
    job: Job, operation: Operation, journal: Path, sharing: Callable[[], Sharing]
) -> Iterator[tuple[SourceReader, str | None]]:
    """The input, and the id of the run that is it, if one is."""
    if job.source.is_listing:
        from bulkim.work.listed import listed

        with listed(job, sharing()) as reader:
            yield reader, None
    elif job.source.is_earlier_run:
        from bulkim.journal import Reader
        from bulkim.source.run import earlier_run

        with Reader.open(journal) as opened:
            feeds = opened.feeding(str(job.source.run), rehearsal=job.rehearsal).run
            yield (
                earlier_run(
                    opened,
                    replace(job.source, run=feeds),
                    secret_fields=operation.secrets,
                    rehearsal=job.rehearsal,
                ),
                feeds,
            )
    else:
        yield (
            source.open_source(job.source, secret_fields=operation.secrets, required=operation.required),
            None,
        )


def _terms(job: Job) -> dict[str, Any]:
    terms = {name: value for name, value in terms_of(job).values.items() if name not in NO_TERM}
    return terms | ({"base_url": None} if job.rehearsal else {})  # each sandbox has an address of its own


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
