"""Whom a job's listing names at this moment: read page by page, into a journal that is thrown away."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bulkim.errors import BulkimError
from bulkim.journal import Journal
from bulkim.model import Job, Row
from bulkim.planning.terms import terms_of
from bulkim.quota.source import Sharing
from bulkim.sending.telemetry import Ending
from bulkim.source import BadRow, SourceReader
from bulkim.source.tidy import Noticed
from bulkim.transport import environment_proxy
from bulkim.work.submission import Submission
from bulkim.work.ways import Opening
from bulkim.work.workers import Workers, work


class UnlistedError(BulkimError):
    """The listing was not read to its end."""

    def __init__(self, ending: Ending) -> None:
        stop = ending.stop
        why = stop.reason if stop else "it was interrupted"
        super().__init__(
            f"the listing was not read to its end: {why}. Nothing was sent.", hint=stop.hint if stop else None
        )
        self.exit_code = stop.exit_code if stop else 128 + (ending.signal or 2)


@contextmanager
def listed(job: Job, sharing: Sharing) -> Iterator[SourceReader]:
    """The users that the job's listing and its `where` let through, in the vendor's order. Raises BulkimError."""
    environment_proxy(job.connection.base_url)
    with (
        tempfile.TemporaryDirectory(prefix="bulkim-") as folder,
        Journal.open(Path(folder) / "listing.db") as journal,
    ):
        submission = Submission(journal, Opening(job, terms_of(job)))
        record = submission.create()
        session_id = journal.begin_session(record.id, now=time.time())
        session = journal.session(record.id, session_id)
        workers = Workers(job, submission.provider, submission.operation, submission.intake.entries)
        begin = workers.ahead(planned=False)
        assert begin is not None, "a listing is read ahead"
        ending = work(workers, session, begin, sharing=sharing)
        if ending.state != "finished":
            raise UnlistedError(ending)
        yield _Listed(journal, record.id, f"the {job.source.listing} that the vendor lists")


class _Listed:
    """The items of a run as a `SourceReader`."""

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = ("username",)
    digest = ""

    def __init__(self, journal: Journal, run_id: int, name: str) -> None:
        self._journal, self._run_id, self.name = journal, run_id, name
        self.noticed = Noticed()

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """Every listed user, those that are protected included."""
        for result in self._journal.reader.results(self._run_id):
            if result.ordinal > after:
                yield Row(result.ordinal, None, {"username": result.username})
