"""The breakers: what stops a run while it goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bulkim.model import Guard, Status, Stop
from bulkim.text import counted
from bulkim.window import Window

DEFAULT_SHARE = 0.25  # of the items may fail when the job says nothing ...
DEFAULT_COUNT = 1000  # ... and never fewer than this many, so that small lists run to their end
# Failures in a row with one code: it is not the items. A job that says max_failures decides itself.
STREAK_MAX = 500
WINDOW = "window"  # the code of a run whose hours are over


def failures_allowed(guard: Guard, total: int) -> int:
    """How many items may fail before the run stops; `total` is the run's number of items."""
    if guard.max_failures is None:
        return max(DEFAULT_COUNT, int(total * DEFAULT_SHARE))
    if guard.max_failures.endswith("%"):
        return int(total * float(guard.max_failures[:-1]) / 100)
    return int(guard.max_failures)


def window_end(window: Window | None, now: datetime) -> Stop | None:
    """Stops a run when its hours are over."""
    if window is None or window.is_open(now):
        return None
    opens = window.told(window.opens(now))
    return Stop(
        75,
        WINDOW,
        f"the window {window} has closed",
        f"run the same command again from {opens}: it continues",
    )


def breaker(guard: Guard, counts: Mapping[Status, int]) -> Stop | None:
    """Stops a run in which too much fails. `counts` are the run's items by status."""
    bad = counts[Status.FAILED] + counts[Status.UNKNOWN]
    allowed = failures_allowed(guard, sum(counts.values()))
    if bad <= allowed:
        return None
    return Stop(
        4,
        "max_failures",
        f"{_bad(counts)}, and guard.max_failures allows {allowed}",
        "look at the codes and mend the cause; the failures of the whole run count, so to go on allow more of them:"
        f" --set guard.max_failures=N, N above {bad:,}",
    )


def _bad(counts: Mapping[Status, int]) -> str:
    """``3 items failed and 100 are unknown (103 in all)``."""
    failed, unknown = counts[Status.FAILED], counts[Status.UNKNOWN]
    if not unknown:
        return f"{counted(failed, 'item')} failed"
    are = "is" if unknown == 1 else "are"
    if not failed:
        return f"{counted(unknown, 'item')} {are} unknown"
    return f"{counted(failed, 'item')} failed and {unknown:,} {are} unknown ({failed + unknown:,} in all)"


def streak(guard: Guard, code: str | None, length: int) -> Stop | None:
    """Stops a run in which item after item fails with the same code. `length` is how many in a row have."""
    if guard.max_failures is not None or length < STREAK_MAX:
        return None
    return Stop(
        4,
        "streak",
        f"the last {length} items all failed with {code}",
        "find out why; then run the same again, or set guard.max_failures to go on regardless",
    )


def rest(asked_s: float | None, max_rest_s: float) -> Stop | None:
    """Stops a run that would stand still: a vendor asks for a longer rest than the job waits for."""
    if asked_s is None or asked_s <= max_rest_s:
        return None
    return Stop(
        75,
        "rest",
        f"the vendor asked for a rest of {asked_s:,.0f} s, and rate.max_rest is {max_rest_s:,.0f} s",
        "run the same command again when that is over: it continues",
    )


def canary(guard: Guard, counts: Mapping[Status, int]) -> Stop | None:
    """Judges the canary: any failure among the first items stops the run."""
    bad = counts[Status.FAILED] + counts[Status.UNKNOWN]
    if not bad:
        return None
    return Stop(
        4, "canary", f"of the first {guard.canary} items {_bad(counts)}", "look at the codes before you go on"
    )
