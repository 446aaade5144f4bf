"""How much of a limit is used, and how many calls the worst sliding second holds, counted at the receiver."""

from __future__ import annotations

import os
import subprocess
import sys
from bisect import bisect_left
from pathlib import Path

from . import chart, loops, measure, stub
from .report import Report

LATENCY_S = 0.2


def run(report: Report, folder: Path, *, tiny: bool) -> None:
    report.head(f"what arrives at a limit (64 workers, answers after 0 to {LATENCY_S * 1000:.0f} ms)")
    limiters = ["bulkim", "aiolimiter"]
    folder.mkdir(parents=True, exist_ok=True)
    if _has_pyrate(folder / "packages"):
        limiters.append("pyrate-limiter")
    else:
        report.note("pyrate-limiter cannot be installed here and was left out")
    seconds = 3.0 if tiny else 12.0
    shown = []
    with stub.running(LATENCY_S) as server:
        for rate in (100, 30):
            rows = []
            for limiter in limiters:
                command = [
                    sys.executable,
                    loops.__file__,
                    "pace",
                    server.url,
                    limiter,
                    str(rate),
                    str(seconds),
                ]
                server.arrivals()
                measure.spend(command, cwd=folder)
                used, worst = _judged(server.arrivals(), rate)
                rows.append((LABELS[limiter], f"{used:.1%}", f"{worst}"))
                shown.append(
                    (f"{LABELS[limiter]}, {rate}/s", worst / rate, f"{worst} of {rate}, {used:.1%} used")
                )
            report.table(f"limit {rate}/s", rows, ("limiter", "of the limit used", "worst sliding second"))
    chart.bars(
        report.images / "bench-pacing.svg",
        "Calls in the worst sliding second, as the server counts, against the limit",
        shown,
        note=f"{report.machine}, {report.date}; 64 workers, answers after 0 to 200 ms",
    )


LABELS = {
    "bulkim": "bulkim",
    "aiolimiter": "aiolimiter, as in its README",
    "pyrate-limiter": "pyrate-limiter",
}


def _judged(arrivals: list[float], rate: float) -> tuple[float, int]:
    """The share of the limit that was used, after the first second, and the most calls in any second."""
    worst = max(bisect_left(arrivals, moment + 1.0) - place for place, moment in enumerate(arrivals))
    start, seconds = arrivals[0] + 1.0, int(arrivals[-1] - arrivals[0] - 1.0)
    came = bisect_left(arrivals, start + seconds) - bisect_left(arrivals, start)
    return came / seconds / rate, worst


def _has_pyrate(folder: Path) -> bool:
    """Whether pyrate-limiter could be put into a folder of its own."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "pyrate-limiter"]
    done = subprocess.run(command, capture_output=True, check=False)
    os.environ["PYTHONPATH"] = str(folder)  # of what is started from now on
    return done.returncode == 0
