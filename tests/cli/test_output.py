"""What a run lives on is never written over: its input, its job file, its journal."""

from __future__ import annotations

import pytest


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
