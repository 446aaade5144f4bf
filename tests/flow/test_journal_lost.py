"""A journal that is removed, moved or replaced while a run goes on; one that is broken; too few files that may be open."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.processes import Ended, bulkim, environment, finish, start, wait_until
from support.server import Server, serving

from bulkim.errors import GuardError
from bulkim.journal.sqlite.database import Database

USERS = [f"u{number}" for number in range(60)]
GONE = f"""\
name: gone
provider: easemob
operation: delete
connection: {{base_url: "URL", org: sandbox, app: demo, auth: {{token: sandbox-token}}}}
source: {{items: [{", ".join(USERS)}]}}
rate: {{limit: 30}}
"""


@pytest.fixture
def server():
    with serving() as found:
        found.seed(USERS)
        yield found


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "gone.yaml").write_text(GONE.replace("URL", server.base_url))
    return tmp_path / "work"


def disturbed(folder: Path, server: Server, disturb: Callable[[Path], None], *options: str) -> Ended:
    process = start("run", "gone.yaml", "--yes", "--json", *options, cwd=folder)
    try:
        wait_until(lambda: len(server.requests("delete")) >= 10)
        disturb(folder)
        return finish(process)
    finally:
        process.kill()


def removed(folder: Path) -> None:
    """`git clean -fdx`, a cleaner of workspaces."""
    for each in folder.glob("bulkim.db*"):
        each.unlink()


def replaced(folder: Path) -> None:
    removed(folder)
    (folder / "bulkim.db").write_bytes(b"")


def moved(folder: Path) -> None:
    folder.rename(folder.parent / "moved")


def each_once(server: Server) -> bool:
    return all(user["effects"] == {"deleted": 1} for user in server.users().values())


@pytest.mark.parametrize("disturb", [removed, pytest.param(replaced, marks=pytest.mark.slow)])
def test_it_is_noticed_saved_and_continued(folder, server, disturb):
    said = disturbed(folder, server, disturb)
    assert said.code == 4, said.err
    assert len(server.requests("delete")) < len(USERS), "it stopped before its end"
    assert "Traceback" not in said.err
    (saved,) = folder.glob("bulkim.db.saved-*")
    assert str(saved.name) in said.err
    assert saved.stat().st_mode & 0o777 == 0o600
    saved.rename(folder / "bulkim.db")
    rest = bulkim("run", "gone.yaml", "--yes", "--json", cwd=folder)
    assert (rest.code, rest.json["resumed"]) == (0, True)
    assert rest.json["counts"]["succeeded"] == len(USERS)
    assert each_once(server)


def test_it_is_found_where_it_was_moved(folder, server):
    journal = ("--journal", str(folder / "bulkim.db"))
    said = disturbed(folder, server, moved, *journal)
    assert said.code == 4, said.err
    there = folder.parent / "moved"
    assert str(there / "bulkim.db") in said.err
    there.rename(folder)
    rest = bulkim("run", "gone.yaml", "--yes", "--json", *journal, cwd=folder)
    assert (rest.code, rest.json["resumed"]) == (0, True)
    assert each_once(server)


@pytest.mark.slow
def test_a_folder_that_takes_its_process_along(folder, server):
    """A journal that was named from the working directory is still found: nothing has happened."""
    assert disturbed(folder, server, moved).code == 0
    assert each_once(server)


@pytest.mark.slow
def test_a_journal_that_is_lost_after_the_last_call(folder, server):
    """Everybody was sent, and the exit code still says that nobody can read what happened."""
    server.latency(0.5)
    text = (folder / "gone.yaml").read_text().replace("limit: 30", "limit: 1000")
    (folder / "gone.yaml").write_text(text)
    process = start("run", "gone.yaml", "--yes", cwd=folder)
    wait_until(lambda: len(server.requests("delete")) == len(USERS))
    removed(folder)
    said = finish(process)
    assert said.code == 4, said.err
    assert "60 in = 60 succeeded" in said.out or "All of it is in" in said.err


def test_a_malformed_journal_is_not_a_full_disk(folder, server):
    assert bulkim("run", "gone.yaml", "--yes", "-q", "--limit", "5", cwd=folder).code == 0
    path = folder / "bulkim.db"
    raw = bytearray(path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    path.write_bytes(raw)
    for command in (("run", "gone.yaml", "--yes", "--new"), ("results", "last"), ("runs",)):
        said = bulkim(*command, cwd=folder)
        assert said.code == 3, (command, said.err)
        assert "make room" not in said.err
        assert "bug of bulkim" not in said.err


@pytest.mark.slow
def test_few_files_may_be_open(folder, server):
    """So many calls are in flight as there may be connections: all is sent."""
    said = subprocess.run(
        ["bash", "-c", 'ulimit -n 24; exec "$@"', "bash", sys.executable, "-m", "bulkim", "run", "gone.yaml", "--yes",
         "--json", "--set", "rate.limit=1000", "--set", "concurrency=50"],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert each_once(server)


@pytest.mark.parametrize(
    ("code", "words"),
    [(sqlite3.SQLITE_CORRUPT, "damaged"), (sqlite3.SQLITE_NOTADB, "damaged"), (sqlite3.SQLITE_FULL, "make room"),
     (sqlite3.SQLITE_IOERR, "make room"), (sqlite3.SQLITE_BUSY, "end the program"), (sqlite3.SQLITE_READONLY, "writable")],
)  # fmt: skip
def test_what_to_do_depends_on_what_is_wrong(tmp_path, code, words):
    error = sqlite3.DatabaseError("so says SQLite")
    error.sqlite_errorcode = code

    def broken() -> None:
        with database.transaction():
            raise error

    database = Database.open(tmp_path / "j.db")
    with pytest.raises(GuardError) as raised:
        broken()
    database.close()
    assert words in (raised.value.hint or "")
