"""Real `bulkim` processes: started, killed, awaited."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .spawn import Spawned, spawn

Process = Spawned | subprocess.Popen[str]
PATIENCE_S = 90.0  # for what comes at once on a quiet machine: only a test that fails waits so long


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(**extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BULKIM")}
    return kept | {"NO_COLOR": "1"} | extra


def start(*arguments: str, cwd: Path, **extra: str) -> Spawned:
    """Started at once; `started_alone` is for what is about starting."""
    return spawn(arguments, cwd=cwd, env=environment(**extra))


def started_alone(*arguments: str, cwd: Path, **extra: str) -> subprocess.Popen[str]:
    """As a user starts it: an interpreter of its own, with its own command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "bulkim", *arguments],
        cwd=cwd, env=environment(**extra), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: Process, *, within_s: float = PATIENCE_S) -> Ended:
    out, err = process.communicate(timeout=within_s)
    assert process.returncode is not None
    return Ended(process.returncode, out, err)


def bulkim(*arguments: str, cwd: Path, within_s: float = PATIENCE_S, **extra: str) -> Ended:
    return finish(start(*arguments, cwd=cwd, **extra), within_s=within_s)


def wait_until(condition: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """Asks often at first, then more seldom: whoever waits leaves the machine to what they wait for."""
    deadline = time.monotonic() + within_s
    pause_s = 0.005
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 0.05)


@contextmanager
def stopped(process: Process, journal: Path) -> Iterator[None]:
    """The process stands still meanwhile, outside of any transaction: whatever it was doing, it does not end."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        process.send_signal(signal.SIGSTOP)
        db = sqlite3.connect(journal, isolation_level=None, timeout=0)
        with suppress(sqlite3.OperationalError):  # it is writing: let it go on a little
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
            break
        db.close()
        process.send_signal(signal.SIGCONT)
        assert time.monotonic() < deadline, "it never stopped writing"
        time.sleep(0.01)
    db.close()
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def kill(process: Process) -> Ended:
    process.send_signal(signal.SIGKILL)
    return finish(process)
