"""What `-o` and other options write: never over what the run itself lives on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bulkim import files
from bulkim.errors import UsageError

if TYPE_CHECKING:
    from bulkim.journal.records import RunRecord
    from bulkim.model import Job, Source


@contextmanager
def output(path: Path, *, never: Iterable[Path], encoding: str = "utf-8") -> Iterator[IO[str]]:
    """A stream into the file; `never` is not written over. Raises UsageError."""
    refuse(path, never, option="-o")
    try:
        with files.written(path, encoding=encoding) as stream:
            yield stream
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}", hint="name another file with -o"
        ) from error


def refuse(path: Path, never: Iterable[Path], *, option: str) -> None:
    """Raises UsageError where a file of the run's own would be written over."""
    if (own := files.one_of(path, never)) is not None:
        raise UsageError(
            f"{option} {path} would write over {own}, which the run needs.", hint="name another file"
        )


def of_run(journal: Path, record: RunRecord) -> list[Path]:
    """What a run that was lives on: its journal, job file and input."""
    from bulkim.view.rejects import original_of

    job = [Path(record.job_path)] if record.job_path else []
    source = [Path(record.input_name)] if record.input_name else []
    beside = [each.parent / source[0] for each in job if source]  # where the run was begun in another folder
    written = original_of(record)
    several = [*written.files, *made_by(written)] if written is not None else []
    return [*of_journal(journal), *job, *source, *beside, *several]


def of_job(journal: Path, job: Job) -> list[Path]:
    """What a run of this job lives on."""
    own = [job.path] if job.path is not None else []
    return [*of_journal(journal), *own, *job.source.files, *made_by(job.source)]


def made_by(source: Source) -> list[Path]:
    """Files in which secrets are kept that are made."""
    return [each.into for each in source.computed.values() if each.into is not None]


def of_journal(journal: Path) -> list[Path]:
    """The journal, and what SQLite keeps beside it."""
    return [journal, Path(f"{journal}-wal"), Path(f"{journal}-shm")]
