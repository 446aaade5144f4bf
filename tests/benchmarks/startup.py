"""What starting costs."""

from __future__ import annotations

import sys
from pathlib import Path

from . import measure
from .report import Report

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "bulkim --help": measure.bulkim("--help"),
    "bulkim run --help": measure.bulkim("run", "--help"),
}


def run(report: Report, folder: Path, *, tiny: bool) -> None:
    report.head("start-up")
    folder.mkdir(parents=True, exist_ok=True)
    ways = {
        name: lambda command=command: measure.spend(command, cwd=folder).cpu_s
        for name, command in COMMANDS.items()
    }
    spent = measure.in_turn(ways, rounds=1 if tiny else 15)
    base = spent["python -c 'import click'"]
    rows = [(name, f"{cpu_s * 1000:.0f}", f"{cpu_s / base:.2f}") for name, cpu_s in spent.items()]
    report.table("medians", rows, ("command", "CPU ms", "times import click"))
