"""An invocation that an error ended, most often before anything was sent, as the facts that webhooks and metrics are told."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bulkim import redact
from bulkim.errors import SCARCE, BulkimError, BusyError, GuardError, OutsideWindowError, stop_code
from bulkim.journal import Reader
from bulkim.model import Job, Status
from bulkim.work.earlier import place_of, target_of

DECLINED = "declined"  # the code of a person's no
REASON_CHARS_MAX = 500
REASON_LINES_MAX = 3
INTERNAL, INTERRUPTED = 70, 130


def facts(job: Job, error: BaseException, journal: Path, *, now: float | None = None) -> dict[str, Any]:
    """What `run --json` would print, and what a reader elsewhere needs beside it. Where no run was kept, `run` is empty and the
    state is ``refused``.
    """
    now = time.time() if now is None else now
    beside = {
        "exit_code": exit_code(error),
        "target": target_of(job),
        "host": platform.node(),
        "finished_at": now,
    }
    if run := getattr(error, "run", None):
        with suppress(BulkimError), Reader.open(journal) as reader:
            record = reader.find(run)
            return {**reader.summary(record), **beside, "started_at": record.created_at}
    return {
        "run": "", "name": job.name, "provider": job.provider, "operation": job.operation, "state": "refused", "items": 0,
        "counts": dict.fromkeys(map(str, Status), 0), "codes": {}, "requests": 0, "retries": 0, "throttled": 0,
        "resumed": False, "elapsed_s": 0.0, "journal": str(journal),
        "stop": {"code": stop_code(error), "reason": _reason(error)}, **beside, "started_at": now,
    }  # fmt: skip


def concerns(error: BaseException) -> bool:
    """Whether somebody elsewhere wants to know: not of hours that have not come, of a second process, or of a person's own no."""
    if isinstance(error, OutsideWindowError | BusyError) or not isinstance(error, Exception):
        return False
    return stop_code(error) != DECLINED


def measures(
    job: Job, error: BaseException, journal: Path
) -> tuple[Mapping[str, Any], float | None, str] | None:
    """(summary, when its run began, state) for the metrics; None: the file is another process's, which is at work.

    Outside of its hours a job is as its last run left it.
    """
    if isinstance(error, BusyError):
        return None
    found = facts(job, error, journal)
    if not isinstance(error, OutsideWindowError):
        return found, (found["started_at"] if found["run"] else None), found["state"]
    with suppress(BulkimError), Reader.open(journal) as reader:
        record = reader.newest_of(name=job.name, place=place_of(job))
        if record is not None:
            return {**reader.summary(record), "stop": found["stop"]}, record.created_at, "outside_window"
    return found, None, "outside_window"


def exit_code(error: BaseException) -> int:
    """With which the process ends after it."""
    if isinstance(error, BulkimError):
        return error.exit_code
    if isinstance(error, OSError) and error.errno in SCARCE:
        return GuardError.exit_code
    return INTERNAL if isinstance(error, Exception) else INTERRUPTED


def _reason(error: BaseException) -> str:
    if not isinstance(error, BulkimError):
        return type(error).__name__
    lines = redact.redact(error.message).splitlines()
    more = f" … and {len(lines) - REASON_LINES_MAX} more" if len(lines) > REASON_LINES_MAX else ""
    return "; ".join(lines[:REASON_LINES_MAX])[:REASON_CHARS_MAX] + more
