"""A journal that cannot be used, and a disk that fills up: clear words, the right exit code, nothing sent unjournaled."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.apps import write_job
from support.here import bulkim_here
from support.jobs import rows
from support.processes import bulkim, environment, finish


@pytest.fixture
def server(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server.seed(3)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", ["u0", "u1", "u2"])
    return server


def refused(server, *words: str, journal: str = "bulkim.db") -> None:
    before = len(server.requests())
    ended = bulkim_here("run", "job.yaml", "--yes", "--journal", journal)
    assert ended.code == 3, ended.err
    assert all(word in ended.err for word in words), ended.err
    assert "Traceback" not in ended.err
    assert "hint:" in ended.err
    assert len(server.requests()) == before, "nothing was sent"
    assert server.stats()["operations"] == {}


def test_a_folder_that_is_not_there(server):
    refused(server, "nowhere/bulkim.db", journal="nowhere/bulkim.db")


def test_a_file_that_is_no_database(server, tmp_path):
    (tmp_path / "bulkim.db").write_bytes(b"username,password\n" * 400)
    refused(server, "bulkim.db", "not a database")


def test_a_journal_with_a_broken_page(server, tmp_path):
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    server.call("POST", "/reset")
    path = tmp_path / "bulkim.db"
    whole = bytearray(path.read_bytes())
    whole[100:3000] = os.urandom(2900)
    path.write_bytes(whole)
    refused(server, "bulkim.db")


def test_another_programs_database(server, tmp_path):
    with sqlite3.connect(tmp_path / "bulkim.db") as db:
        db.execute("CREATE TABLE photos (id)")
    db.close()
    refused(server, "another program")
    with sqlite3.connect(tmp_path / "bulkim.db") as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("photos",)], "left as it was"
    db.close()


def test_a_journal_of_a_newer_version(server, tmp_path):
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    server.call("POST", "/reset")
    with sqlite3.connect(tmp_path / "bulkim.db") as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " SELECT migration_set, 'm999_newer', applied_at FROM _sqlite_migrations LIMIT 1"
        )
    db.close()
    refused(server, "newer bulkim", "m999_newer")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_journal_that_may_not_be_written(server, tmp_path):
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    server.call("POST", "/reset")
    (tmp_path / "bulkim.db").chmod(0o400)
    refused(server, "bulkim.db")


LAUNCH = """
import sys, sqlite3
{before}
from bulkim.cli import main
sys.argv = ["bulkim", *sys.argv[1:]]
main()
"""
READ_ONLY = """
connect = sqlite3.connect
def read_only(path, *args, **kwargs):
    return connect(f"file:{path}?mode=ro", *args, uri=True, **kwargs) if str(path).endswith("bulkim.db") else connect(path, *args, **kwargs)
sqlite3.connect = read_only
"""
PATIENT = """
connect = sqlite3.connect
sqlite3.connect = lambda path, *args, **kwargs: connect(path, *args, **{**kwargs, "timeout": 0.2})
"""
PAGES = """
connect = sqlite3.connect
def small(path, *args, **kwargs):
    opened = connect(path, *args, **kwargs)
    if str(path).endswith("bulkim.db"):
        opened.execute("PRAGMA max_page_count = {pages}")
    return opened
sqlite3.connect = small
"""


FILE_SIZE = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""


def launched(before: str, *words: str, cwd: Path):
    return finish(
        subprocess.Popen(
            [sys.executable, "-c", LAUNCH.format(before=before), *words], cwd=cwd, text=True,
            env=environment(XDG_STATE_HOME=str(cwd / "state")), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
    )  # fmt: skip


def test_a_journal_that_is_read_only(server, tmp_path):
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    server.call("POST", "/reset")
    ended = launched(READ_ONLY, "run", "job.yaml", "--yes", "--new", cwd=tmp_path)
    assert ended.code in {3, 4}, ended.err
    assert "bulkim.db" in ended.err
    assert "read-only" in ended.err or "readonly" in ended.err
    assert "Traceback" not in ended.err
    assert server.stats()["operations"] == {}


def test_a_journal_that_somebody_else_writes_into(server, tmp_path):
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    server.call("POST", "/reset")
    other = sqlite3.connect(tmp_path / "bulkim.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ended = launched(PATIENT, "run", "job.yaml", "--yes", "--new", cwd=tmp_path)
    other.execute("ROLLBACK")
    other.close()
    assert ended.code in {3, 4}, ended.err
    assert "locked" in ended.err
    assert "Traceback" not in ended.err
    assert server.stats()["operations"] == {}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pages", pytest.param("file size", marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_stops_the_run_and_room_lets_it_go_on(server, tmp_path, how):
    names = [f"v{n}" for n in range(400)]
    server.seed(names)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", names)
    limit = PAGES.format(pages=34) if how == "pages" else FILE_SIZE.format(limit=600_000)
    full = launched(limit, "run", "job.yaml", "--yes", cwd=tmp_path)
    assert full.code == 4, (full.code, full.err[-2000:])
    assert "cannot be written" in full.err
    assert "make room" in full.err
    assert "Traceback" not in full.err
    sent = sum(entry["operation"] == "ban" for entry in server.requests())
    with sqlite3.connect(tmp_path / "bulkim.db") as db:
        attempts = db.execute("SELECT count(*) FROM attempt WHERE mode = 'send'").fetchone()[0]
    db.close()
    assert 0 < sent < 400
    assert sent <= attempts, "every request that the server saw is in the journal"
    again = bulkim("run", "job.yaml", "--yes", "--json", cwd=tmp_path)
    assert again.code == 0, again.err
    assert again.json["resumed"]
    assert again.json["counts"]["succeeded"] == 400
    assert {user["effects"].get("banned") for name, user in server.users().items() if name in names} == {1}
    assert {row["outcome"] for row in rows(tmp_path / "bulkim.db").values()} == {"succeeded"}
