"""Requests per CPU-second of the client: a full `bulkim run` against the same requests sent by what people write."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from . import chart, jobs, loops, measure, stub
from .report import Report

WHAT = {"register": "registrations of 60 users", "delete": "deletions of one user"}
HTTPX, POOL = "httpx, default limits", "httpx, a pool of 64"
XARGS, PARALLEL = "xargs -P 64, curl", "GNU parallel -j 64, curl"


def run(report: Report, folder: Path, *, tiny: bool) -> None:
    report.head("requests per CPU-second of the client (start-up included; nothing slows the server down)")
    with stub.running() as server:
        for operation in WHAT:
            _compare(report, folder / operation, server, operation, tiny=tiny)


def _compare(report: Report, folder: Path, server: stub.Stub, operation: str, *, tiny: bool) -> None:
    ours, loop, shell = (40, 40, 20) if tiny else (1500 if operation == "register" else 6000, 1500, 300)
    jobs.write(folder, server.url, operation, ours * (60 if operation == "register" else 1))
    contenders = {
        "bulkim run": _counted(server, ours, folder, lambda: _bulkim(folder)),
        HTTPX: _counted(server, loop, folder, lambda: _httpx(server, operation, loop, "default")),
        POOL: _counted(server, loop, folder, lambda: _httpx(server, operation, loop, "pool")),
    }
    curl = _curl(folder, server, operation, shell)
    contenders[XARGS] = _counted(server, shell, folder, lambda: ["xargs", "-a", "ids", "-P64", "-I{}", *curl])
    if shutil.which("parallel"):
        command = ["parallel", "-j64", "-a", "ids", *curl]
        contenders[PARALLEL] = _counted(server, shell, folder, lambda: command)
    else:
        report.note("GNU parallel is not here and was left out")
    rates = measure.in_turn(contenders, rounds=1 if tiny else 3)
    report.table(
        f"{WHAT[operation]}, 64 in flight (bulkim chooses itself)",
        [(name, f"{rate:,.0f}", f"{rates['bulkim run'] / rate:.1f}") for name, rate in rates.items()],
        ("client", "requests per CPU-second", "bulkim is so many times that"),
    )
    chart.bars(
        report.images / f"bench-calls-{operation}.svg",
        f"Requests per CPU-second of the client: {WHAT[operation]}",
        [(name, rate, f"{rate:,.0f}") for name, rate in rates.items()],
        note=f"{report.machine}, {report.date}; bulkim with its journal, the others without anything",
    )


def _counted(
    server: stub.Stub, calls: int, folder: Path, command: Callable[[], list[str]]
) -> Callable[[], float]:
    """Measures a command that sends so many calls, and sees to it that they came."""

    def rate() -> float:
        server.arrivals()
        spent = measure.spend(command(), cwd=folder)
        came = len(server.arrivals())
        if came != calls:
            raise RuntimeError(f"{calls} calls were to come, and {came} did")
        return calls / spent.cpu_s

    return rate


def _bulkim(folder: Path) -> list[str]:
    for file in folder.glob("journal.db*"):
        file.unlink()
    return measure.bulkim("run", "job.yaml", "--yes", "--journal", "journal.db")


def _httpx(server: stub.Stub, operation: str, calls: int, pool: str) -> list[str]:
    return [sys.executable, loops.__file__, "httpx", server.url, operation, str(calls), pool]


def _curl(folder: Path, server: stub.Stub, operation: str, calls: int) -> list[str]:
    """The command for the id {}; what it needs lies ready in files."""
    (folder / "ids").write_text("".join(f"{number}\n" for number in range(calls)))
    common = ["curl", "-sS", "-f", "-o", "/dev/null", "-H", "Authorization:token"]
    if operation == "delete":
        return [*common, "-X", "DELETE", f"{server.url}/sandbox/demo/users/user_{{}}"]
    for number in range(calls):
        (folder / f"{number}.json").write_text(json.dumps(loops.people(number)))
    body = ["-H", "Content-Type:application/json", "--data-binary", "@{}.json"]
    return [*common, *body, f"{server.url}/sandbox/demo/users"]
