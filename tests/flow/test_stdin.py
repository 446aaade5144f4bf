"""Standard input as a shell, cron and systemd give it: a pipe, ``/dev/null``, a terminal, or nothing at all."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.server import serving
from support.ways import REFUSED, Typed

NAMES = [f"u{n:02}" for n in range(20)]
DONE = 12


@pytest.fixture(scope="module")
def running():
    with serving(limits={"users": 5000}) as found:
        yield found


@pytest.fixture
def stopped(running, tmp_path, monkeypatch):
    """A run whose list was piped, and which the vendor stopped. Its id."""
    running.reset()
    running.seed(NAMES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BULKIM_JOURNAL", raising=False)
    Path("job.yaml").write_text(
        "provider: easemob\noperation: delete\nsource: {text: '-'}\nconcurrency: 1\n"
        f"connection: {{base_url: '{running.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n"
    )
    running.faults({"match": {"operation": "delete"}, "after": DONE, "do": REFUSED})
    said = Typed().run("job.yaml", stdin="\n".join(NAMES))
    running.faults()
    assert said.code == 6
    return said.summary["run"]


def again(how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bulkim", "run", "job.yaml", "--yes", "--progress", "none"]
    if how == "closed":
        command = ["bash", "-c", '"$@" <&-', "bash", *command]
    stdin = subprocess.DEVNULL
    master, slave = pty.openpty()
    if how == "a terminal":
        stdin = slave
    try:
        return subprocess.run(
            command, stdin=stdin, capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )  # fmt: skip
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("how", ["/dev/null", pytest.param("closed", marks=pytest.mark.slow), "a terminal"])
def test_where_nothing_is_piped_what_is_left_goes_on(stopped, running, how):
    ended = again(how)
    assert ended.returncode == 0, ended.stderr
    assert f"continuing run {stopped}: {DONE} done, {20 - DONE} pending" in ended.stderr
    assert "20 in = 20 succeeded" in ended.stdout
    assert not [name for name, user in running.users().items() if user["exists"]]


def test_an_empty_pipe_is_an_empty_input(stopped, running):
    ended = subprocess.run(
        [sys.executable, "-m", "bulkim", "run", "job.yaml", "--yes"], input="", capture_output=True, text=True,
        timeout=60, check=False, env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip
    assert ended.returncode == 3
    assert f"<stdin>: is empty, and run {stopped} has 8 items pending" in ended.stderr
    assert len([name for name, user in running.users().items() if user["exists"]]) == 8


def test_a_job_from_a_pipe_is_known_by_its_name_and_retried_with_it(running, tmp_path, monkeypatch):
    running.reset()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BULKIM_JOURNAL", raising=False)
    text = (
        "provider: easemob\noperation: mute\nparams: {chat: 60}\nsource: {items: [ann, bob]}\n"
        f"connection: {{base_url: '{running.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n"
    )
    way = Typed()
    nameless = way.run("-", stdin=text)
    assert nameless.code == 3
    assert "needs the key 'name'" in nameless.text
    named = "name: from-a-pipe\n" + text
    said = way.run("-", stdin=named)
    assert (said.code, said.summary["name"]) == (1, "from-a-pipe")
    run = said.summary["run"]
    assert f"next: bulkim retry {run} --job JOB" in said.text
    running.seed(["ann", "bob"])
    lost = way.retry(run)
    assert lost.code == 3
    assert "it came from a pipe" in lost.text
    assert "--job FILE" in lost.text
    assert way.retry(run, job="-", stdin=named).counts == {"succeeded": 2}
