"""Who holds a run: a process on a host, told apart from a later one that got the same pid."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

SILENT_S = 60.0  # a holder on another host that was not heard of for this long is dead


@dataclass(frozen=True, slots=True)
class Holder:
    """A process."""

    pid: int
    host: str
    process: str  # its start, in the kernel's clock; "" where the system does not tell


def this_process() -> Holder:
    """The calling process."""
    return Holder(pid=os.getpid(), host=socket.gethostname(), process=_start(os.getpid()))


def alive(holder: Holder, *, seen_at: float, now: float) -> bool:
    """Whether the holder still runs: certain on this host, judged by its last sign of life on another."""
    if holder.host != socket.gethostname():
        return now - seen_at < SILENT_S
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, as another user's
    return _start(holder.pid) == holder.process


def _start(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{_boot()}:{fields[19]}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""
