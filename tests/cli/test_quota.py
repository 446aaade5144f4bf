"""quota."""

from __future__ import annotations

import os
import time

import pytest

from bulkim.quota.host import HostQuota, ledger_path


@pytest.fixture
def pools(shell, monkeypatch, tmp_path):
    """This process draws on one app's quota."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    ledger = HostQuota(ledger_path(), "easemob acme#shop")
    yield ledger
    ledger.close()


def test_nobody(shell, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "none"))
    said = shell("quota")
    assert (said.code, said.out) == (0, "")
    assert "nobody" in said.err
    assert shell("quota", "--json").json == []


def test_who_holds_what(shell, pools):
    pools.take({"users": (100.0, 98.0)}, 7, shared=0.9, slack_s=0.0, now=time.monotonic())
    header, row = shell("quota").out.splitlines()
    assert header.split() == [
        "pool",
        "limit",
        "pid",
        "calls",
        "calls/s",
        "since",
        f"({time.tzname[time.localtime().tm_isdst]})",
    ]
    assert row.startswith(f"easemob acme#shop users  100/s  {os.getpid()}      7")
    (found,) = shell("quota", "--json").json
    assert (found["pool"], found["limit_per_s"], found["pid"], found["calls"]) == (
        "easemob acme#shop users", 100.0, os.getpid(), 7,
    )  # fmt: skip
    assert found["since"].endswith("Z")


def test_a_run_gives_up_its_places(shell, server):
    server.seed(["u1"])
    assert shell("run", shell.job("look", server.base_url, "get-user", ["u1"]), "-q").code == 0
    assert shell("quota", "--json").json == []


def test_a_ledger_that_cannot_be_read_is_named(shell, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = ledger_path()
    path.parent.mkdir(parents=True)
    path.write_text("no database at all\n" * 1000)
    said = shell("quota")
    assert said.code == 3
    assert "the quota ledger cannot be used" in said.err
    assert str(path) in said.err
    assert "journal" not in said.err
