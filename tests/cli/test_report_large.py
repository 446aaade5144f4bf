"""report on a run of a million items: a small page, made in bounded time and memory."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support.browser import CHROMIUM, browsing

from bulkim.journal import Journal
from bulkim.journal.records import NewRun

ITEMS, SESSIONS = 1_000_000, 5
CALLS_PER_S, PAUSE_S, BEGAN = 95.0, 3600.0, 1.7e9
FAILED_EVERY, UNKNOWN_EVERY = 211, 9973
CPU_S_MAX, MEMORY_MB_MAX = 20.0, 120.0  # measured: 1.1 s and 4.2 s, 52 MB
# What the kernel says of an ended process has its parent's memory in it, from before it became another program.
MEASURED = """
import re, sys, time
from pathlib import Path
from bulkim.cli import main
try:
    main()
finally:
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]
    print(time.process_time(), peak, file=sys.stderr)
"""


@pytest.fixture(scope="module", params=[60, 1], ids=["60-a-call", "one-a-call"])
def million(request, tmp_path_factory):
    """A journal as five sessions would leave it: four killed, 429s in each, thousands failed with several codes."""
    folder, calls = tmp_path_factory.mktemp("million"), ITEMS // request.param // SESSIONS  # calls a session
    with Journal.open(folder / "bulkim.db") as journal:
        run = journal.create_run(NewRun("million", "easemob", "register", "http://h org#app", {}), now=BEGAN)
        db = journal._database.connection
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.executemany("INSERT INTO item (run_id, ordinal, key, username, position, line, outcome, code, reason, attempts,"
                       " http_status, finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)", _items(run))  # fmt: skip
        db.executemany("INSERT INTO tally SELECT run_id, outcome, coalesce(code, ''), count(*), min(username), min(reason)"
                       " FROM item WHERE run_id = ? GROUP BY 1, 2, 3", [(run,)])  # fmt: skip
        db.executemany("INSERT INTO attempt (run_id, session_id, mode, size, items, began_at, ended_at, http_status, kind)"
                       " VALUES (?, ?, 'send', ?, '[]', ?, ?, ?, ?)", _attempts(run, calls))  # fmt: skip
        db.executemany(
            "INSERT INTO session (id, run_id, pid, host, process, started_at, seen_at, ended_at, ended)"
            " VALUES (?, ?, ?, 'host', '', ?, ?, ?, ?)",
            _sessions(run, calls),
        )
        db.executemany(
            "INSERT INTO pace (session_id, pool, at, limit_per_s, allowed_per_s) VALUES (?, 'users', ?, 100, ?)",
            _paces(calls),
        )
        db.execute(
            "UPDATE run SET state = 'finished', items = ?, requests = (SELECT count(*) FROM attempt)", [ITEMS]
        )
        db.execute("COMMIT")
    return folder


def _items(run):
    for n in range(1, ITEMS + 1):
        ended = "succeeded", None, None, 200
        if n % FAILED_EVERY == 0:
            ended = (
                "failed",
                f"code-{n % 7}",
                f"the vendor refuses user {n} for a reason that takes a line",
                400,
            )
        elif n % UNKNOWN_EVERY == 0:
            ended = "unknown", "timeout", "no answer in 10 s", None
        yield run, n, f"user-{n}", f"user-{n}", n, n + 1, *ended, BEGAN


def _begins(session, calls):
    return BEGAN + session * (calls / CALLS_PER_S + PAUSE_S)


def _attempts(run, calls):
    size = ITEMS // calls // SESSIONS
    for session in range(SESSIONS):
        for n in range(calls):
            at = _begins(session, calls) + n / CALLS_PER_S
            status, kind = (429, "throttled") if n % 997 < 3 else (200, "succeeded")
            yield run, session + 1, size, at, at + 0.04 + n % 50 / 500, status, kind


def _sessions(run, calls):
    for session in range(SESSIONS):
        start = _begins(session, calls)
        end = start + calls / CALLS_PER_S
        ended = "finished" if session == SESSIONS - 1 else "lost"
        yield session + 1, run, 1000 + session, start, end, end, ended


def _paces(calls):
    for session in range(SESSIONS):
        for second in range(int(calls / CALLS_PER_S)):
            yield session + 1, _begins(session, calls) + second, 50.0 + second % 51


@pytest.fixture(scope="module")
def page(million):
    """The report, and what making it cost: (file, seconds of CPU, MB at the most)."""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells a process its own peak of memory so")
    words = [sys.executable, "-c", MEASURED, "report", "last", "-o", "run.html", "-q"]
    said = subprocess.run(words, cwd=million, capture_output=True, text=True, check=True)
    cpu_s, memory_kb = said.stderr.split()[-2:]
    return million / "run.html", float(cpu_s), int(memory_kb) / 1024


@pytest.mark.slow
def test_a_million_items_make_a_small_page(million, page):
    file, cpu_s, memory_mb = page
    sys.stdout.write(f"{file.stat().st_size / 1000:.0f} kB, {cpu_s:.1f} s of CPU, {memory_mb:.0f} MB\n")
    assert file.stat().st_size < 1_000_000
    assert cpu_s < CPU_S_MAX
    assert memory_mb < MEMORY_MB_MAX
    text = file.read_text()
    with closing(sqlite3.connect(million / "bulkim.db")) as db:
        bad = db.execute("SELECT count(*) FROM item WHERE outcome IN ('failed', 'unknown')").fetchone()[0]
    assert f"{bad:,}, the first" in text
    assert re.search(r"All of them: <code>bulkim results \w+ --rejects -o rejects.csv", text)
    assert text.count("died: killed") == SESSIONS - 1


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_opens_it(page):
    with browsing(page[0]) as tab:
        assert (tab.console, tab.requests) == ([], [])
        listed = tab.evaluate("document.querySelectorAll('#bad tbody tr').length")
        assert 1000 < listed <= 2000
        tab.evaluate("document.getElementById('search').focus()")
        for letter in "user 422":
            tab.press(letter)
        shown = tab.evaluate("document.querySelectorAll('#bad tbody tr:not([hidden])').length")
        assert 0 < shown < 20
