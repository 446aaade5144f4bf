"""What ends a command: every error says what, where, why, and what to type next.

An item's failure is a value (`bulkim.model.Outcome`); an exception ends the command with the exit code that
its class carries. Nothing here imports anything of ours, so that every floor may raise.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass

# What the machine is out of, which any line may meet, an import among them: no fault of ours.
SCARCE = {
    errno.EMFILE: "allow more open files (`ulimit -n 1024`)",
    errno.ENFILE: "end programs that hold many files",
    errno.ENOMEM: "end programs that hold much memory",
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
}


class BulkimError(Exception):
    """Base of all. `message` says what happened; `hint` is the next thing to type or to change."""

    exit_code = 70
    code = "internal"  # of a run that ends with it; `bulkim.codes` explains it
    run: str | None = None  # the run that it ended, where the journal keeps it

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.code
        if hint:
            self.add_note(f"hint: {hint}")  # for whoever meets it in a traceback


class UsageError(BulkimError):
    """The command line cannot be carried out as typed."""

    exit_code = 2
    code = "usage"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input file. `line` and `column` are 1-based; None where there is none."""

    file: str
    line: int | None
    column: int | None
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class InputError(BulkimError):
    """The job or its input is unusable; nothing was sent. Carries every problem found, in file order."""

    exit_code = 3
    code = "input"

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = tuple(problems)


class TermsError(BulkimError):
    """A run was begun with other terms than the job has now; nothing was sent."""

    exit_code = 3
    code = "terms"


class PlanError(TermsError):
    """Job, input or host are not those of which a saved plan was made; nothing was sent."""

    code = "plan_changed"


class ExpiredError(PlanError):
    """The saved plan by which a run was to begin has expired; nothing was sent."""

    code = "plan_expired"


class ConfirmationError(BulkimError):
    """A destructive job was not confirmed, or confirmed with a wrong count; nothing was sent."""

    exit_code = 3
    code = "unconfirmed"


class ImpossibleError(BulkimError):
    """The vendor has no way to do what was asked, or no safe one; nothing was sent."""

    exit_code = 3
    code = "impossible"


class JournalError(BulkimError):
    """The journal cannot be read or written; nothing was sent that it does not hold."""

    exit_code = 3
    code = "journal"


class GuardError(BulkimError):
    """A guard refused the run before it started, or a breaker stopped it; it is resumable."""

    exit_code = 4
    code = "guard"


class JournalLostError(GuardError):
    """The journal is not where it was begun: it was removed, moved or replaced while the run went on."""

    code = "journal_lost"


class RefusedError(BulkimError):
    """Credentials, permission or plan: the vendor refuses the whole run, and retrying will not help."""

    exit_code = 6
    code = "unauthorized"


class OutsideWindowError(BulkimError):
    """It is none of the hours in which the job may send; nothing was sent."""

    exit_code = 75
    code = "outside_window"


class BusyError(BulkimError):
    """Another process is running this run."""

    exit_code = 75
    code = "busy"


def stop_code(error: BaseException) -> str:
    """The code of a run that an exception ends: never a class's name, which says nothing to a reader."""
    if isinstance(error, BulkimError):
        return error.code
    if isinstance(error, Exception):
        return "no_room" if isinstance(error, OSError) and error.errno in SCARCE else BulkimError.code
    return "interrupted"
