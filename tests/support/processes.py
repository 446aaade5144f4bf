"""Real `bulkim` processes: started, killed, awaited."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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


def start(*arguments: str, cwd: Path, **extra: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bulkim", *arguments],
        cwd=cwd, env=environment(**extra), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], *, within_s: float = 60) -> Ended:
    out, err = process.communicate(timeout=within_s)
    return Ended(process.returncode, out, err)


def bulkim(*arguments: str, cwd: Path, within_s: float = 60, **extra: str) -> Ended:
    return finish(start(*arguments, cwd=cwd, **extra), within_s=within_s)


def wait_until(condition: Callable[[], bool], *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(0.01)


def kill(process: subprocess.Popen[str]) -> Ended:
    process.send_signal(signal.SIGKILL)
    return finish(process)
