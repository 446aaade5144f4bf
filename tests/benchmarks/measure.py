"""What a command costs, and on which machine. All contenders of a comparison run in turn, and medians count."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Spent:
    """What a process and its children used."""

    cpu_s: float  # user and system
    wall_s: float
    peak_mb: float
    began_at: float  # on the clock of `time.perf_counter`, which all processes share
    out: str


def spend(command: Sequence[str], *, cwd: Path, codes: Sequence[int] = (0,)) -> Spent:
    """Run a command to its end. Raises RuntimeError for an exit code that is not among `codes`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("BULKIM")}
    env |= {"XDG_STATE_HOME": str(cwd), "NO_COLOR": "1"}
    errors = cwd / "stderr.txt"
    with errors.open("w") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr
        )
        assert process.stdout is not None
        out = process.stdout.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise RuntimeError(f"{command} exited with {process.returncode}: {errors.read_text()[-2000:]}")
    return Spent(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / 1024, began, out)


def bulkim(*words: str) -> list[str]:
    return [sys.executable, "-m", "bulkim", *words]


def in_turn(contenders: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """Each contender's median; noise of the machine falls on all of them alike."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            found[name].append(measure())
    return {name: median(values) for name, values in found.items()}


def machine() -> str:
    """Cores, processor and Python, for the head of a table."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{os.cpu_count()} cores of {model}, {system}, Python {platform.python_version()}"
