"""`bulkim plan -o` against `bulkim check` of the same file: what it costs to write down what would be sent."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from . import jobs
from .measure import Spent, bulkim, spend
from .report import Report

COMMANDS = {"check": ("check", "job.yaml", "-q"), "plan -o": ("plan", "job.yaml", "-q", "-o", "job.plan")}


def run(report: Report, folder: Path, *, tiny: bool) -> None:
    report.head("saved plans: items a CPU-second, start-up included")
    count, rounds = (2_000, 1) if tiny else (1_000_000, 5)
    rows = []
    for operation in ("delete", "register"):
        there = jobs.write(folder / operation, "http://127.0.0.1:1", operation, count)
        spent: dict[str, list[Spent]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, words in COMMANDS.items():
                spent[name].append(spend(bulkim(*words), cwd=there))
        cpu = {name: median(each.cpu_s for each in found) for name, found in spent.items()}
        for name, found in spent.items():
            ratio = f"{cpu[name] / cpu['check']:.2f} ×" if name != "check" else ""
            peak = max(each.peak_mb for each in found)
            rows.append(
                (
                    f"{operation}: {name}",
                    f"{count / cpu[name]:,.0f}",
                    f"{cpu[name]:.2f}",
                    ratio,
                    f"{peak:.0f}",
                )
            )
    report.table(f"{count:,} items", rows, ("command", "items a CPU-second", "CPU s", "of check", "peak MB"))
