"""ctl: a running run is steered from another terminal."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest
from support.processes import finish, start, stopped, wait_until

from bulkim.journal import Journal
from bulkim.journal.records import NewRun
from bulkim.work import control

USERS = [f"u{n}" for n in range(3000)]


def number(shell, query: str) -> float:
    try:
        with closing(sqlite3.connect(f"file:{shell.folder}/bulkim.db?mode=ro", uri=True)) as db:
            return db.execute(query).fetchone()[0] or 0
    except sqlite3.Error:
        return 0


def requests(shell) -> float:
    return number(shell, "SELECT total(requests) FROM run")


@pytest.fixture
def going(shell, server):
    """A run in another process, which has begun to send 60 calls a second."""
    server.seed(USERS)
    job = shell.job("look", server.base_url, "get-user", USERS)
    process = start("run", job, "--json", "--set", "rate.limit=60", cwd=shell.folder)
    wait_until(lambda: requests(shell) > 5)
    yield process
    process.kill()
    process.wait()


def test_slower_paused_on_again_and_stopped(shell, server, going):
    """The server's own limit follows what was asked for: it refuses nothing, so nothing was too fast."""
    said = shell("ctl", "last", "rate", "20", "--json")
    assert said.code == 0, said.err
    assert (said.json["verb"], said.json["calls_per_s"]) == ("rate", 20.0)
    changed = number(shell, "SELECT obeyed_at FROM control")
    wait_until(lambda: number(shell, "SELECT max(began_at) FROM attempt") > changed + 1.1)
    server.limits(users=20)
    said = shell("ctl", "look", "pause")
    assert "has paused: nothing is sent until `bulkim ctl" in said.err
    wait_until(lambda: number(shell, "SELECT count(*) FROM attempt WHERE ended_at IS NULL") == 0)
    before = requests(shell)
    assert "paused: `bulkim ctl RUN resume` lets it go on" in shell("show", "last").out
    assert shell("show", "last", "--json").json["paused"] is True
    assert requests(shell) == before
    assert shell("ctl", "last", "resume").code == 0
    wait_until(lambda: requests(shell) > before + 30)
    assert shell("ctl", "last", "stop").code == 0
    ended = finish(going)
    assert ended.code == 75, ended.err
    assert (ended.json["state"], ended.json["stop"]["code"], ended.json["throttled"]) == (
        "interrupted",
        "ctl",
        0,
    )
    report = shell("report", "last", "--format", "markdown").out
    for words in ("at most 20 calls/s from here on", "paused", "goes on", "asked to stop"):
        assert words in report
    again = shell("ctl", "last", "pause")
    assert again.code == 2
    assert "is not running: it is interrupted" in again.err


def test_a_process_that_stands_still_is_named_and_hears_of_it_later(shell, going, monkeypatch):
    monkeypatch.setattr(control, "HEARD_S", 0.2)
    with stopped(going, shell.folder / "bulkim.db"):
        said = shell("ctl", "last", "stop")
        assert said.code == 75
        assert f"process {going.pid}" in said.err
        assert "it is written down" in said.err
    assert finish(going).code == 75


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rate",), "rate needs calls a second"), (("rate", "fast"), "got 'fast'"), (("rate", "0"), "got '0'"), (("rate", "inf"), "got 'inf'"),
        (("rate", "5/week"), "got '5/week'"), (("pause", "4"), "pause takes nothing behind it"), (("dance",), "'dance' is not one of"),
    ],
)  # fmt: skip
def test_what_is_mistyped_is_refused(shell, words, said):
    refused = shell("ctl", "last", *words)
    assert refused.code == 2
    assert said in refused.err


@pytest.fixture
def here(shell):
    """A run that this process works on, and that obeys whatever it is asked at once."""
    with Journal.open(shell.folder / "bulkim.db") as journal:
        run = journal.create_run(NewRun("n", "easemob", "mute", "t", {}), now=time.time())
        yield journal, journal.session(run, journal.begin_session(run, now=time.time()))


def test_a_rate_may_be_written_as_in_a_job_file(shell, here, monkeypatch):
    _, session = here
    monkeypatch.setattr(
        control.time,
        "sleep",
        lambda _: [session.obeyed(each.id, now=time.time()) for each in session.orders()],
    )
    said = shell("ctl", "n", "rate", "90/min")
    assert said.err.rstrip().endswith("at most 1.5 calls/s from now on"), said.err
    assert [each.calls_per_s for each in session.orders()] == [1.5]


def test_a_run_that_ends_before_it_heard(shell, here, monkeypatch):
    journal, session = here
    monkeypatch.setattr(
        control.time,
        "sleep",
        lambda _: journal.end_session(1, session._session_id, "finished", now=time.time()),
    )
    said = shell("ctl", "n", "pause")
    assert said.code == 2
    assert "ended before it heard" in said.err
