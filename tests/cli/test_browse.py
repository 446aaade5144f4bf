"""browse: the journal in Datasette."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from importlib.util import find_spec

import pytest

from bulkim.cli import browse
from bulkim.journal import Reader

datasette = pytest.mark.skipif(find_spec("datasette") is None, reason="the extra `browse` is not installed")


@pytest.fixture
def done(shell, server):
    server.seed(["u1"])
    shell(
        "run", shell.job("campaign", server.base_url, "mute", ["u1", "ghost"], "params: {chat: 60}\n"), "-q"
    )
    return shell


def described(shell):
    with Reader.open(shell.folder / "bulkim.db") as journal:
        return browse.metadata(journal)["databases"]["bulkim"]


def test_an_older_journal_has_what_it_has(done):
    with closing(sqlite3.connect(done.folder / "bulkim.db", isolation_level=None)) as db:
        db.execute("DROP VIEW limits")
        db.execute("DROP TABLE pace")
    told = described(done)
    assert not {"pace", "limits"} & told["tables"].keys()
    assert "limit_over_time" not in told["queries"]


def test_tables_and_columns_are_described(done):
    told = described(done)
    with closing(sqlite3.connect(done.folder / "bulkim.db")) as db:
        for table, words in told["tables"].items():
            there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            assert there, f"there is no {table}"
            if table not in browse.VIEWS:
                assert words["columns"].keys() == there
            assert words["description"], table
    assert told["tables"]["run"]["columns"]["run"] == "what people type"
    assert told["tables"]["session"]["description"] == "one process working on a run"


@pytest.mark.parametrize("name", browse.QUERIES)
def test_queries_answer(done, name):
    with closing(sqlite3.connect(done.folder / "bulkim.db")) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute(browse.QUERIES[name][2], {"run": "", "username": "GHOST"}).fetchall()
        assert rows
        if name == "failed_by_code":
            assert (rows[0]["code"], rows[0]["items"]) == ("required_property_not_found", 1)
        if name == "one_user":
            assert rows[0]["outcome"] == "failed"
        none = db.execute(browse.QUERIES[name][2], {"run": "nothing", "username": "nobody"}).fetchall()
        assert name == "runs_by_day" or not none


def test_it_says_how_to_get_datasette(done, monkeypatch):
    monkeypatch.setattr(browse, "find_spec", lambda _: None)
    said = done("browse")
    assert (said.code, said.out) == (2, "")
    assert (
        said.err
        == "error: Datasette is not installed.\nhint: pip install 'bulkim[browse]', or pipx inject bulkim datasette\n"
    )


@datasette
def test_no_journal(shell):
    assert shell("browse").code == 3


def answer(url: str) -> bytes:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as found:
                return found.read()
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert time.monotonic() < deadline, "it never answered"
            time.sleep(0.1)


@pytest.mark.slow
@datasette
def test_in_datasette(done):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "bulkim", "browse", "--port", str(port)]
    process = subprocess.Popen(words, cwd=done.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{port}/bulkim"
        for name in browse.QUERIES:
            assert json.loads(answer(f"{base}/{name}.json?_shape=objects&run=&username=u1"))["rows"], name
        rows = json.loads(answer(f"{base}/failed_by_code.json?_shape=objects"))["rows"]
        assert [row["code"] for row in rows] == ["required_property_not_found"]
        assert b"what people type" in answer(f"{base}/run")
        assert b"Slowest calls" in answer(base)
        said = done("browse", "--port", str(port))
        assert said.code == 2
        assert "--port" in said.err
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
