"""Secrets that are made: on disk before the request leaves, the same on resume, in no other byte."""

from __future__ import annotations

import csv
import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.server import serving

import bulkim
from bulkim.errors import BulkimError, InputError


@pytest.fixture
def server():
    with serving(limits={"users": 5000}) as found:
        yield found


@pytest.fixture
def job(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users.csv").write_text("username,nickname\n" + "".join(f"User{n},N\n" for n in range(9)))
    (tmp_path / "new.yaml").write_text(
        "provider: easemob\noperation: register\nrate: {limit: 1000}\nbatch: 2\n"
        f"connection: {{base_url: '{server.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n"
        "source: {csv: users.csv, columns: {password: {generate: 16, into: made/credentials.csv}}}\n"
    )
    (tmp_path / "made").mkdir()
    return lambda: bulkim.load("new.yaml")


FILE = Path("made/credentials.csv")


def kept():
    with FILE.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["username", "password"]
    return dict(rows)


def has(server, secrets):
    there = server.users()
    return {name: there[name.lower()]["password_sha256"] for name in secrets if name.lower() in there} == {
        name: hashlib.sha256(secret.encode()).hexdigest() for name, secret in secrets.items()
    }


def test_they_are_kept_and_nowhere_else(job, server, tmp_path):
    assert bulkim.run(job()).exit_code == 0
    secrets = kept()
    assert len(set(secrets.values())) == 9
    assert {len(each) for each in secrets.values()} == {16}
    assert has(server, secrets)
    assert FILE.stat().st_mode & 0o777 == 0o600
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != FILE.name:
            content = path.read_bytes()
            assert not [each for each in secrets.values() if each.encode() in content], path


def test_they_are_there_before_anything_is_sent_and_stay(job, server):
    stop = threading.Event()
    stop.set()
    bulkim.run(job(), stop=stop)
    before = FILE.read_bytes()
    assert len(kept()) == 9
    assert not server.users()
    with Path("users.csv").open("a") as file:
        file.write("new,N\n")
    assert bulkim.run(job()).exit_code == 0
    assert FILE.read_bytes().startswith(before)
    assert list(kept())[9:] == ["new"]
    assert has(server, kept())


def test_checking_and_planning_make_none(job):
    bulkim.check(job())
    bulkim.plan(job(), "plan.txt")
    assert not FILE.exists()


def test_a_rehearsal_keeps_none(job, server):
    assert bulkim.run(job(), sandbox=True).exit_code == 0
    assert not FILE.exists()


def test_a_file_that_is_gone_stops_the_run(job, server):
    stop = threading.Event()
    stop.set()
    bulkim.run(job(), stop=stop)
    FILE.unlink()
    with pytest.raises(BulkimError, match="no password for 'User0' any more"):
        bulkim.run(job())
    assert not server.users()


@pytest.mark.parametrize("content", ["id,secret\nx,y\n", "username,password,more\n", "\x00\x01"])
def test_another_file_is_left_as_it_is(job, server, content):
    FILE.write_text(content)
    with pytest.raises(InputError, match="is no file of generated secrets"):
        bulkim.run(job())
    assert FILE.read_text() == content
    assert not server.users()


def test_what_was_cut_off_was_never_used(job, server):
    """A power cut in the middle of a line: that secret had not been sent, for the disk had not said that it has it."""
    FILE.write_text("username,password\nUser3,aaaaaaaaaaaaaaaa\nUser4,bbb")
    bulkim.run(job())
    assert kept()["User3"] == "aaaaaaaaaaaaaaaa"
    assert len(kept()["User4"]) == 16
    assert len(kept()) == 9
    assert has(server, kept())


def test_an_editor_may_leave_the_last_line_open(job, server):
    FILE.write_text("username,password\nuser3,aaaaaaaaaaaaaaaa")
    bulkim.run(job())
    secrets = kept()
    assert secrets.pop("user3") == "aaaaaaaaaaaaaaaa", "the vendor ignores case"
    assert "User3" not in secrets
    assert len(secrets) == 8


def test_a_retry_sends_the_same(job, server):
    bulkim.run(replace(job(), guard=replace(job().guard, protect=("user[0-4]",))))
    first = kept()
    assert len(first) == 4
    Path("new.yaml").write_text(Path("new.yaml").read_text() + "guard: {max_items: 100}\n")
    bulkim.run(job(), new=True)
    assert first.items() <= kept().items()
    assert has(server, kept())


def test_the_source_is_never_added_to(job, server):
    content = "username,password\nann,longenough1\n"
    Path("users.csv").write_text(content)
    Path("new.yaml").write_text(Path("new.yaml").read_text().replace("made/credentials.csv", "users.csv"))
    with pytest.raises(InputError, match="is the job's own source"):
        bulkim.run(job())
    assert Path("users.csv").read_text() == content
