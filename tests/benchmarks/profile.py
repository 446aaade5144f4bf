"""Where a run's CPU time goes, as shares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from . import jobs, measure, shares, stub
from .report import Report


def run(report: Report, folder: Path, *, tiny: bool) -> None:
    report.head("where the CPU time of an unthrottled run goes (sampled by CPU time)")
    found: dict[str, dict[str, float]] = {}
    with stub.running() as server:
        for operation, rows in {"register": 90_000, "delete": 6_000}.items():
            place = jobs.write(folder / operation, server.url, operation, rows // 100 if tiny else rows)
            words = ["run", "job.yaml", "--yes", "--journal", "journal.db"]
            measure.spend([sys.executable, shares.__file__, "shares.json", *words], cwd=place)
            samples = json.loads((place / "shares.json").read_text())
            found[operation] = {name: count / sum(samples.values()) for name, count in samples.items()}
    names = sorted(
        {name for each in found.values() for name in each}, key=lambda name: -found["register"].get(name, 0)
    )
    rows = [(name, *(f"{found[operation].get(name, 0):.0%}" for operation in found)) for name in names]
    report.table("shares", rows, ("part", "register, 60 a call", "delete, 1 a call"))
