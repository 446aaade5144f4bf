"""-q: whatever the exit code is but 0, stderr says why and what to do."""

from __future__ import annotations

import signal

import pytest
from support.processes import finish, start, wait_until


@pytest.fixture(autouse=True)
def _own_ledger(tmp_path, monkeypatch):
    """A limit of one call a minute is this test's own, not the next one's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("words", [("-q",), ("-q", "--json"), ("--json",)])
def test_a_wrong_secret(shell, server, words):
    job = shell.job("look", server.base_url, "get-user", ["u1"])
    said = shell(
        "run", job, *words, "--set", "connection.auth={client_id: sandbox-client, client_secret: wrong-one}"
    )
    assert said.code == 6
    assert "stopped: token_refused: the vendor gives no token" in said.err
    assert "hint: compare `client_id`" in said.err
    assert "wrong-one" not in said.err


def test_failed_items(shell, server):
    server.seed(["u1"])
    said = shell("run", shell.job("look", server.base_url, "get-user", ["u1", "ghost"]), "-q")
    assert said.code == 1
    assert "1 item failed (service_resource_not_found 1)" in said.err
    assert "hint: `bulkim results" in said.err
    assert "--outcome failed" in said.err


def test_a_breaker(shell, server):
    job = shell.job(
        "look", server.base_url, "get-user", [f"ghost{n}" for n in range(9)], "guard: {max_failures: 2}\n"
    )
    said = shell("run", job, "-q", "--set", "concurrency=1")
    assert said.code == 4
    assert "stopped: max_failures:" in said.err
    assert "hint: look at the codes" in said.err


def test_the_time_is_up(shell, server):
    job = shell.job("look", server.base_url, "get-user", [f"u{n}" for n in range(9)])
    said = shell("run", job, "-q", "--set", "rate.limit=1/min", "--max-duration", "1s")
    assert said.code == 75
    assert "stopped: max_duration: the time given by --max-duration is over" in said.err
    assert "hint: run the same command again: it continues" in said.err


def test_a_signal(shell, server):
    job = shell.job("look", server.base_url, "get-user", [f"u{n}" for n in range(60)])
    process = start("run", job, "-q", "--set", "rate.limit=2", cwd=shell.folder)
    wait_until(lambda: server.requests("get-user"))  # it hears signals by then
    process.send_signal(signal.SIGTERM)
    ended = finish(process)
    assert ended.code == 143
    assert "interrupted by SIGTERM" in ended.err
    assert "hint: run the same command again: it continues" in ended.err


def test_all_is_well(shell, server):
    server.seed(["u1"])
    said = shell("run", shell.job("look", server.base_url, "get-user", ["u1"]), "-q")
    assert (said.code, said.err) == (0, "")
