"""watch: a run that another process works on."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from support.processes import PATIENCE_S, stopped, wait_until

from bulkim.view.live.following import Following


def requests(shell):
    try:
        with closing(sqlite3.connect(f"file:{shell.folder}/bulkim.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT total(requests) FROM run").fetchone()[0]
    except sqlite3.Error:
        return 0


@pytest.fixture
def going(shell, server):
    """A run of about a second in another process; it stands still after its first call."""
    users = [f"u{n}" for n in range(60)]
    server.seed(users[10:])
    job = shell.job("look", server.base_url, "get-user", users)
    words = [sys.executable, "-m", "bulkim", "run", job, "-q", "--set", "rate.limit=60"]
    process = subprocess.Popen(words, cwd=shell.folder, stdout=subprocess.DEVNULL)
    wait_until(lambda: requests(shell) > 0)
    with stopped(process, shell.folder / "bulkim.db"):
        yield process
        process.kill()
        process.wait()


def go_on(process):
    process.send_signal(signal.SIGCONT)


@pytest.fixture
def seen(monkeypatch, going):
    """The run goes on when the first picture of it has been drawn."""
    look = Following.look

    def looked(self, now):
        found = look(self, now)
        go_on(going)
        return found

    monkeypatch.setattr(Following, "look", looked)


def test_it_ends_when_the_run_ends(shell, going, seen):
    said = shell("watch", "last", "--json")
    assert said.json["state"] == "finished"
    assert said.json["counts"]["pending"] == 0
    assert "look: " not in said.out
    first = said.err.splitlines()[0]
    assert first.startswith("look . get-user at easemob demo . run ")
    assert "of 60 items to send, at most 60 calls/s" in first
    assert f"next: bulkim retry {said.json['run']}" in said.err


def test_it_ends_when_the_process_dies(shell, going):
    os.kill(going.pid, signal.SIGKILL)
    going.wait()
    said = shell("watch", "last")
    assert "interrupted after" in said.out
    assert "next: bulkim run look.yaml" in said.err


def test_the_live_block_on_a_terminal(shell, going):
    screen = shell.at_terminal("watch", "look", asked="in flight", then=lambda: go_on(going))
    for words in ("calls/s", "of 60", "in flight", "60 in = "):
        assert words in screen, words


def test_a_run_that_is_over(shell, server):
    server.seed(["u1"])
    shell("run", shell.job("look", server.base_url, "get-user", ["u1"]), "-q")
    said = shell("watch", "last")
    assert (said.code, said.out.splitlines()[1]) == (0, "1 in = 1 succeeded")
    assert "is not running" in said.err
    assert shell("watch", "zzz").code == 2


@pytest.mark.slow
def test_ctrl_c_ends_the_watching_only(shell, going):
    words = [sys.executable, "-m", "bulkim", "watch", "last"]
    process = subprocess.Popen(words, cwd=shell.folder, stderr=subprocess.PIPE, text=True)
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert "goes on" in process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0
    go_on(going)
    assert going.wait(PATIENCE_S) == 1, "it ran to its end; ten users are not there"
