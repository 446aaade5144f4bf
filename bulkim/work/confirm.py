"""Whether something may be destroyed: the app and the number of items must be known, not waved through."""

from __future__ import annotations

from dataclasses import dataclass

from bulkim.errors import ConfirmationError
from bulkim.model import Job
from bulkim.text import counted

PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Pledge:
    """``APP:COUNT``: what somebody expects to be destroyed."""

    app: str
    count: int


def pledge(text: str) -> Pledge:
    """``testapp:8,120`` as a pledge. Raises ValueError."""
    app, colon, count = text.rpartition(":")
    digits = count.strip().replace(",", "").replace("_", "")
    if not (colon and app and digits.isascii() and digits.isdigit()):
        raise ValueError(f"expected the app's name and the number of items, like testapp:120; got {text!r}")
    return Pledge(app.strip(), int(digits))


def hold_to(pledge: Pledge, job: Job, count: int, *, said: str) -> None:
    """Compare a pledge, given as `said`, with what would be sent. Raises ConfirmationError."""
    if pledge.app != job.connection.app_name:
        raise ConfirmationError(
            f"{said} names the app {pledge.app!r}, but this job goes to {job.connection.app_name!r}."
            " Nothing was sent.",
            hint="check that it is the right job and the right connection",
        )
    if pledge.count != count:
        raise ConfirmationError(
            f"{said} says {pledge.count:,}, but {counted(count, 'item')} would be sent. Nothing was sent.",
            hint=f"find out where the difference comes from: {_to_count(job)}",
        )


def _to_count(job: Job) -> str:
    """How one finds out whom a job hits. What only the vendor knows cannot be planned."""
    if job.source.is_listing:
        return (
            f"`bulkim run JOB --set operation=list-{job.source.listing}` lists those whom the job would take"
        )
    if job.source.kind == "none":
        return "`all` is how many users the vendor lists at this moment"
    return "`bulkim check JOB`, `bulkim plan JOB`"


def unconfirmed(job: Job, count: int, *, hint: str) -> ConfirmationError:
    """What is raised when nobody confirmed; `hint` says how one does."""
    return ConfirmationError(
        f"{job.operation} destroys: {counted(count, 'item')} at {job.connection.app_name} would go. Nothing was sent.",
        hint=hint,
    )
