"""Time as this host's kernel counts it: nobody can set it, it counts while the machine sleeps, and begins anew with each boot.

How long ago something was is never told from two readings of the clock on the wall, which somebody may have set in between.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import cache
from pathlib import Path


def seconds() -> float:
    """Since the host booted."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@cache
def boot_id() -> str:
    """As the kernel names the host's boot; "" where it does not."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@cache
def boot() -> str:
    """Which boot `seconds` and the monotonic clock count from: the same for all processes that share them; "" where unknown."""
    found = boot_id()
    if found:
        with suppress(OSError):
            found += f" {Path('/proc/self/ns/time').readlink()}"  # a time namespace has clocks of its own
    return found


@cache
def zero() -> float:
    """What `now` adds, for all of this process's life."""
    return time.time() - seconds()


def now() -> float:
    """Unix seconds as they go on from when this process first asked, whatever is done to the clock on the wall."""
    return zero() + seconds()
