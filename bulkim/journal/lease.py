"""Who holds a run: a process on a host, told apart from a later one that got the same pid."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from bulkim.process import here, identity, lives

SILENT_S = 60.0  # a holder that cannot be seen from here, and was not heard of for this long, is dead


@dataclass(frozen=True, slots=True)
class Holder:
    """A process."""

    pid: int
    host: str
    process: str  # as `bulkim.process.identity` tells it


def this_process() -> Holder:
    """The calling process."""
    return Holder(pid=os.getpid(), host=socket.gethostname(), process=identity(os.getpid()))


def alive(holder: Holder, *, seen_at: float, now: float) -> bool:
    """Whether the holder still runs: certain where its processes can be seen, else judged by its last sign of life.

    Containers share a host's name, and hosts a container's: only what has the same name, boot and pid namespace is here.
    """
    if holder.host != socket.gethostname() or not here(holder.process):
        return now - seen_at < SILENT_S
    return lives(holder.pid, holder.process)
