"""How `check`, `run` and a resume grow with the number of rows: CPU time, peak memory, time to the first request."""

from __future__ import annotations

from pathlib import Path

from . import chart, jobs, measure, stub
from .report import Report

HEADER = ("rows", "check: CPU s", "peak MB", "run: CPU s", "peak MB", "resume: CPU s", "peak MB", "first request after s", "journal MB")  # fmt: skip


def run(report: Report, folder: Path, *, tiny: bool, huge: bool) -> None:
    report.head("growth: register, 60 users a call; the resume finds all but the last thousand done")
    sizes = [2_000, 4_000] if tiny else [10_000, 100_000, 1_000_000, *([10_000_000] if huge else [])]
    cpu: dict[str, list[tuple[float, float]]] = {"check": [], "run": [], "resume": []}
    peak: dict[str, list[tuple[float, float]]] = {"check": [], "run": [], "resume": []}
    rows = []
    with stub.running() as server:
        for size in sizes:
            found, first_s, journal_mb = _measured(server, folder / str(size), size)
            cells = [f"{size:,}"]
            for name, spent in found.items():
                cells += [f"{spent.cpu_s:.2f}", f"{spent.peak_mb:.0f}"]
                cpu[name].append((size, spent.cpu_s))
                peak[name].append((size, spent.peak_mb))
            rows.append([*cells, f"{first_s:.2f}", f"{journal_mb:.1f}"])
    report.table("CPU time and memory by rows", rows, HEADER)
    note = f"{report.machine}, {report.date}"
    chart.lines(report.images / "bench-growth-cpu.svg", "CPU time by rows", cpu, unit="s", note=note)
    chart.lines(report.images / "bench-growth-memory.svg", "Peak memory by rows", peak, unit="MB", note=note)


def _measured(server: stub.Stub, folder: Path, size: int) -> tuple[dict[str, measure.Spent], float, float]:
    jobs.write(folder, server.url, "register", size)
    check = measure.spend(measure.bulkim("check", "job.yaml"), cwd=folder)
    run = measure.bulkim("run", "job.yaml", "--yes", "--journal", "journal.db")
    calls = -(-size // 60)
    server.stop_after(calls - 17)  # a thousand users are left
    most = measure.spend(run, cwd=folder, codes=(6,))
    server.stop_after(-1)
    server.arrivals()
    rest = measure.spend(run, cwd=folder)
    first_s = server.arrivals()[0] - rest.began_at
    journal_mb = (folder / "journal.db").stat().st_size / 1e6
    for file in folder.iterdir():
        file.unlink() if file.is_file() else None
    return {"check": check, "run": most, "resume": rest}, first_s, journal_mb
