"""Bulk user administration for chat vendors' REST APIs that never loses track of a user.

``bulkim.run("job.yaml")`` does what the command line does; ``bulkim.api`` holds the functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulkim.version import __version__ as __version__

if TYPE_CHECKING:
    from bulkim.api import (
        BulkimError,
        BusyError,
        Checked,
        ConfirmationError,
        Estimate,
        Finding,
        Finished,
        GuardError,
        ImpossibleError,
        InputError,
        Job,
        JournalError,
        OutsideWindowError,
        Preview,
        Problem,
        RefusedError,
        Result,
        RunRecord,
        SavedPlan,
        Status,
        Summary,
        Telemetry,
        TermsError,
        Undo,
        UndoJob,
        UsageError,
        Verdict,
        Verified,
        arun,
        check,
        estimate,
        load,
        plan,
        report,
        results,
        retry_items,
        run,
        runs,
        summary,
        undo,
        verify,
    )

__all__ = [
    "BulkimError", "BusyError", "Checked", "ConfirmationError", "Estimate", "Finding", "Finished", "GuardError", "ImpossibleError",
    "InputError", "Job", "JournalError", "OutsideWindowError", "Preview", "Problem", "RefusedError", "Result", "RunRecord", "SavedPlan", "Status",
    "Summary", "Telemetry", "TermsError", "Undo", "UndoJob", "UsageError", "Verdict", "Verified", "arun", "check", "estimate", "load", "plan", "report",
    "results", "retry_items", "run", "runs", "summary", "undo", "verify",
]  # fmt: skip


if not TYPE_CHECKING:  # a type checker knows the names above, and should miss all others

    def __getattr__(name: str) -> Any:
        """Import what is asked for: ``import bulkim`` alone must cost nothing, the command line begins with it."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from bulkim import api

        return getattr(api, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
