"""Which process it is: one on this host, told apart from a later one that got the same pid, and from one in another container."""

from __future__ import annotations

import os
from pathlib import Path

from bulkim import uptime


def identity(pid: int) -> str:
    """Boot, start in the kernel's clock, and pid namespace, as "boot:start:namespace"; "" where the system does not tell, or it is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{_boot()}:{fields[19]}:{_namespace()}"


def here(process: str) -> bool:
    """Whether a process of this boot and pid namespace is meant: of such a one it can be seen whether it lives.

    Where the system tells of neither, `process` is "", and that must do.
    """
    boot, _, start_and_namespace = process.partition(":")
    return not process or (boot, start_and_namespace.partition(":")[2]) == (_boot(), _namespace())


def lives(pid: int, process: str) -> bool:
    """Whether that process still runs. Only of one that is `here` this is known."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, as another user's
    return identity(pid) == process


def _namespace() -> str:
    """The pid namespace, as the kernel numbers it: "pid:[4026531836]"."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _boot() -> str:
    return uptime.boot_id()[:8]
