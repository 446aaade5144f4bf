"""Who holds a run: a process on a host, told apart from a later one that got the same pid."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

SILENT_S = 60.0  # a holder that cannot be seen from here, and was not heard of for this long, is dead


@dataclass(frozen=True, slots=True)
class Holder:
    """A process."""

    pid: int
    host: str
    # Boot, start in the kernel's clock, and pid namespace, as "boot:start:namespace"; "" where the system does not tell.
    process: str


def this_process() -> Holder:
    """The calling process."""
    return Holder(pid=os.getpid(), host=socket.gethostname(), process=_start(os.getpid()))


def alive(holder: Holder, *, seen_at: float, now: float) -> bool:
    """Whether the holder still runs: certain where its processes can be seen, else judged by its last sign of life.

    Containers share a host's name, and hosts a container's: only what has the same name, boot and pid namespace is here.
    """
    if holder.host != socket.gethostname() or not _here(holder.process):
        return now - seen_at < SILENT_S
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, as another user's
    return _start(holder.pid) == holder.process


def _here(process: str) -> bool:
    """Whether a process of this boot and pid namespace is meant; where the system tells of neither, the host's name must do."""
    boot, _, start_and_namespace = process.partition(":")
    return not process or (boot, start_and_namespace.partition(":")[2]) == (_boot(), _namespace())


def _namespace() -> str:
    """The pid namespace, as the kernel numbers it: "pid:[4026531836]"."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _start(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{_boot()}:{fields[19]}:{_namespace()}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""
