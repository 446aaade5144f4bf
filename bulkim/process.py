"""Which process it is: one on this host, told apart from a later one that got the same pid, and from one in another container.

And how many files it may open.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from bulkim import uptime

# That a run has open at a time apart from connections: the journal's, its lock's, a module's.
FILES_BESIDE = 20
FILES_WANTED = 1024  # for 256 calls in flight, and whatever a program of the user's own opens beside


def files_max(wanted: int = FILES_WANTED) -> int:
    """How many files this process may have open at a time; a low limit that is only the shell's default (macOS: 256) is raised first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < wanted:
        allowed = wanted if hard == unlimited else min(hard, wanted)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    return wanted if soft == unlimited else soft


def connections_max(runs: int = 1) -> int:
    """How many connections a run may have open at a time, where its process works on so many."""
    return max(1, files_max(FILES_WANTED * runs) // runs - FILES_BESIDE)


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
