"""What a run lives on is never written over: its input, its job file, its journal."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest
from support.processes import environment


@pytest.fixture
def done(shell, server):
    server.seed(["u0"])
    job = shell.job("look", server.base_url, "get-user", ["u0"])
    assert shell("run", job, "-q").code == 0
    return shell


def content(path):
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize("command", [("results",), ("report",), ("undo",)])
@pytest.mark.parametrize("own", ["look.csv", "look.yaml", "bulkim.db", "bulkim.db-wal", "link"])
def test_o_never_replaces_what_the_run_needs(done, server, command, own):
    if command == ("undo",):
        server.seed(["u1"])
        assert (
            done("run", done.job("look", server.base_url, "mute", ["u1"], "params: {chat: 60}"), "-q").code
            == 0
        )
    (done.folder / "link").symlink_to("look.csv")
    before = content(done.folder / own)  # SQLite has its log only while the journal is open
    said = done(*command, "last", "-o", own)
    assert said.code == 2, said
    assert "which the run needs" in said.err
    assert content(done.folder / own) == before


@pytest.mark.parametrize("option", ["--metrics-file", "--log-file"])
@pytest.mark.parametrize("own", ["look.csv", "look.yaml", "bulkim.db"])
def test_what_a_run_writes_beside_spares_it_too(done, server, option, own):
    before, calls = (done.folder / own).read_bytes(), len(server.requests())
    said = done("run", "look.yaml", "--new", option, own)
    assert said.code == 2
    assert "which the run needs" in said.err
    assert (done.folder / own).read_bytes() == before
    assert len(server.requests()) == calls, "nothing was sent"


def test_another_file_is_written(done):
    printed = done("results", "last").out
    for _ in range(2):  # over its own earlier output, too
        assert done("results", "last", "-o", "out.csv").code == 0
        assert (done.folder / "out.csv").read_text() == printed


# ------------------------------------------------------------------------------ what is no ordinary file


@pytest.mark.parametrize("words", [("results", "last", "-o"), ("report", "last", "-o"),
                                   ("run", "look.yaml", "-q", "--new", "--metrics-file")])  # fmt: skip
def test_a_fifo_is_written_through_and_stays_one(done, words):
    path, got = done.folder / "ff", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_text()), daemon=True)
    reader.start()
    assert done(*words, "ff").code == 0
    reader.join(30)
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert "bulkim" in got[0] or "u0" in got[0]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a device")
@pytest.mark.parametrize("words", [("results", "last", "-o"), ("report", "last", "-o"),
                                   ("run", "look.yaml", "-q", "--new", "--metrics-file")])  # fmt: skip
def test_a_device_stays_one(done, words):
    path = done.folder / "null"
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    assert done(*words, "null").code == 0
    assert stat.S_ISCHR(path.stat().st_mode)


def test_a_run_does_not_wait_for_who_would_read_its_metrics(done):
    """It is done, and its exit code says of what."""
    os.mkfifo(done.folder / "ff")
    said = done("run", "look.yaml", "-q", "--new", "--metrics-file", "ff")
    assert said.code == 0, said
    assert "ff" in said.err
    assert "nobody reads it" in said.err


def test_a_shells_process_substitution_gets_it(done):
    """`-o >(gzip > out.gz)`: a pipe with a name."""
    said = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m bulkim results last -o >(cat > got); code=$?; wait; exit $code"],
        cwd=done.folder, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert (done.folder / "got").read_text() == done("results", "last").out
