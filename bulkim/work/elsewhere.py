"""Other journals that have an unfinished run of the same job. Which journals a job was run with, this user's state folder knows.

It is a hint and nothing rests on it: where the file cannot be read or written, nothing is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bulkim import files
from bulkim.errors import BulkimError
from bulkim.journal import Reader
from bulkim.model import Job, Status
from bulkim.places import state_folder
from bulkim.planning.terms import absolute

NAME = "journals.json"  # the job file's place -> journals that it was run with, the latest last
JOBS_MAX = 200
JOURNALS_MAX = 5  # a job


def remember(job: Job, journal: Path) -> None:
    """Write down that this job is run with this journal. A job from a pipe or a program has no place to be known by."""
    if job.path is None or job.rehearsal:
        return
    known, place, used = _known(), str(job.path), absolute(journal)
    others = [each for each in known.pop(place, []) if each != used]
    known[place] = [*others, used][-JOURNALS_MAX:]
    with suppress(OSError):
        path = state_folder() / NAME
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.written(path) as stream:
            json.dump(dict(list(known.items())[-JOBS_MAX:]), stream, indent=1)


def unfinished(job: Job, journal: Path) -> Iterator[str]:
    """A line for each other journal in which this very job has an unfinished run."""
    here = absolute(journal)
    for other in reversed(_known().get(str(job.path), [])):
        if other != here and files.one_of(Path(other), [journal]) is None:
            with suppress(BulkimError, OSError):
                yield from _unfinished_in(job, Path(other))


def _unfinished_in(job: Job, journal: Path) -> Iterator[str]:
    with Reader.open(journal) as reader:
        found = reader.newest_of(name=job.name, place=str(job.path))
        if found is None or found.state == "finished":
            return
        pending, items = reader.counts(found.id)[Status.PENDING], found.items
    yield (
        f"this job has the unfinished run {found.run} in another journal ({pending:,} of {items:,} pending);"
        f" --journal {journal} continues that one, this one begins its own"
    )


def _known() -> dict[str, list[str]]:
    try:
        found = json.loads((state_folder() / NAME).read_text(encoding="utf-8"))
        return {str(place): [str(each) for each in used] for place, used in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
