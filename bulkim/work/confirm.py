"""Whether something may be destroyed: the app and the number of items must be known, not waved through."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from bulkim.errors import ConfirmationError, UsageError
from bulkim.model import Job
from bulkim.planning.terms import PRODUCTION, Pledge
from bulkim.text import counted

if TYPE_CHECKING:
    from bulkim.work.submission import Preview

__all__ = ["PRODUCTION", "Confirm", "Pledge", "agreed", "asking", "pledge", "unconfirmed"]

Confirm: TypeAlias = "str | Callable[[Preview], bool]"
"""``"APP:COUNT"``, or a function that looks at what is about to be destroyed and says whether to go on."""


def pledge(text: str) -> Pledge:
    """``testapp:8,120`` as a pledge. Raises ValueError."""
    app, colon, count = text.rpartition(":")
    digits = count.strip().replace(",", "").replace("_", "")
    if not (colon and app and digits.isascii() and digits.isdigit()):
        raise ValueError(f"expected the app's name and the number of items, like testapp:120; got {text!r}")
    return Pledge(app.strip(), int(digits))


def agreed(
    given: Pledge | None, written: Pledge | None, job: Job, *, sent: int, left: int, said: str
) -> Pledge | None:
    """The pledge that covers what is left of a run: given now (as `said`), or written into the run before.

    A pledge that was written down bounds the whole run. A new one names what is left, or the whole run. None where there is
    neither. Raises ConfirmationError.
    """
    if given is not None and given.app != job.connection.app_name:
        raise ConfirmationError(
            f"{said} names the app {given.app!r}, but this job goes to {job.connection.app_name!r}."
            " Nothing was sent.",
            hint="check that it is the right job and the right connection",
        )
    total = sent + left
    if written is not None and (given is None or (given.app, given.count) == (written.app, written.count)):
        if written.covers(total):
            return written
        raise _wrong(written, job, sent=sent, left=left, said=said)
    if given is None:
        return None
    if given.count == left:
        return Pledge(given.app, given.count, sent)
    if given.count == total:
        return given
    raise _wrong(given, job, sent=sent, left=left, said=said)


def _wrong(pledge: Pledge, job: Job, *, sent: int, left: int, said: str) -> ConfirmationError:
    already = f" ({sent:,} were sent before, {sent + left:,} in all)" if sent else ""
    return ConfirmationError(
        f"{said} says {pledge.count:,}, but {counted(left, 'item')} would be sent{already}. Nothing was sent.",
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


def asking(confirm: Confirm | None) -> Callable[[Preview], Pledge | None]:
    """A program's answer, as whoever plans asks for it. That raises ConfirmationError, and UsageError for a text that is no pledge."""

    def ask(preview: Preview) -> Pledge | None:
        job, count = preview.job, preview.to_send
        if confirm is None and not preview.operation.destroys:
            return None
        given = _given(confirm) if isinstance(confirm, str) else None
        held = agreed(given, preview.confirmed, job, sent=preview.sent, left=count, said="confirm")
        if held is not None and (given is not None or not preview.insist):
            return held
        if confirm is None:
            hint = f'pass confirm="{job.connection.app_name}:COUNT", COUNT being how many you expect, or a function'
            raise unconfirmed(job, count, hint=hint)
        assert not isinstance(confirm, str), "a text always gives a pledge, or raises"
        if not confirm(preview):
            raise ConfirmationError(
                f"{counted(count, 'item')} at {job.connection.app_name}: not confirmed. Nothing was sent."
            )
        return None

    return ask


def _given(text: str) -> Pledge:
    try:
        return pledge(text)
    except ValueError as error:
        raise UsageError(f"confirm: {error}") from None
