"""What ends a command: every error says what, where, why, and what to type next.

An item's failure is a value (`bulkim.model.Outcome`); an exception ends the command with the exit code that
its class carries. Nothing here imports anything, so that every floor may raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class BulkimError(Exception):
    """Base of all. `message` says what happened; `hint` is the next thing to type or to change."""

    exit_code = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # for whoever meets it in a traceback


class UsageError(BulkimError):
    """The command line cannot be carried out as typed."""

    exit_code = 2


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

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = tuple(problems)


class TermsError(BulkimError):
    """A run was begun with other terms than the job has now; nothing was sent."""

    exit_code = 3


class ConfirmationError(BulkimError):
    """A destructive job was not confirmed, or confirmed with a wrong count; nothing was sent."""

    exit_code = 3


class ImpossibleError(BulkimError):
    """The vendor has no way to do what was asked, or no safe one; nothing was sent."""

    exit_code = 3


class JournalError(BulkimError):
    """The journal cannot be read or written; nothing was sent that it does not hold."""

    exit_code = 3


class GuardError(BulkimError):
    """A guard refused the run before it started, or a breaker stopped it; it is resumable."""

    exit_code = 4


class JournalLostError(GuardError):
    """The journal is not where it was begun: it was removed, moved or replaced while the run went on."""


class RefusedError(BulkimError):
    """Credentials, permission or plan: the vendor refuses the whole run, and retrying will not help."""

    exit_code = 6


class OutsideWindowError(BulkimError):
    """It is none of the hours in which the job may send; nothing was sent."""

    exit_code = 75


class BusyError(BulkimError):
    """Another process is running this run."""

    exit_code = 75
