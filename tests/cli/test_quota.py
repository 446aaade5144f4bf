"""quota."""

from __future__ import annotations

import os
import time

import pytest

from bulkim.quota.ledger import Ledger, ledger_path


@pytest.fixture
def pools(shell, monkeypatch, tmp_path):
    """This process draws on one app's quota."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    ledger = Ledger(ledger_path(), "easemob acme#shop")
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


def test_a_rest_is_listed_and_forgotten(shell, pools):
    now = time.monotonic()
    for pool in ("users", "mutes"):
        pools.take({pool: (100.0, 98.0)}, 1, shared=0.9, slack_s=0.0, now=now)
    pools.refused(["users"], now + 300.0, 3600.0)
    said = shell("quota")
    assert "easemob acme#shop users: resting until " in said.out
    assert said.out.rstrip().endswith(": the vendor asked for 3,600 s")
    assert "bulkim quota --forget 'easemob acme#shop users'" in said.err
    by_pool = {each["pool"].rpartition(" ")[2]: each for each in shell("quota", "--json").json}
    assert (by_pool["users"]["asked_s"], by_pool["mutes"]["asked_s"]) == (3600.0, None)
    wrong = shell("quota", "--forget", "mutes")
    assert (wrong.code, "easemob acme#shop users" in wrong.err) == (2, True)
    assert shell("quota", "--forget", "users").code == 0
    assert "resting" not in shell("quota").out


def test_a_rest_of_a_pool_that_nobody_draws_on_is_listed_too(shell, pools):
    pools.take({"users": (100.0, 98.0)}, 1, shared=0.9, slack_s=0.0, now=time.monotonic())
    pools.refused(["users"], time.monotonic() + 300.0, 300.0)
    pools._db.execute("DELETE FROM holder")
    (found,) = shell("quota", "--json").json
    assert (found["pool"], found["pid"], found["asked_s"]) == ("easemob acme#shop users", None, 300.0)


def test_a_name_that_two_apps_have_is_not_enough(shell, pools):
    other = Ledger(ledger_path(), "easemob acme#other")
    for each in (pools, other):
        each.take({"users": (100.0, 98.0)}, 1, shared=0.9, slack_s=0.0, now=time.monotonic())
        each.refused(["users"], time.monotonic() + 300.0, 300.0)
    assert shell("quota", "--forget", "users").code == 2
    assert shell("quota", "--forget", "easemob acme#other users").code == 0
    assert [each["pool"] for each in shell("quota", "--json").json if each["asked_s"]] == [
        "easemob acme#shop users"
    ]
    other.close()


def test_a_plan_says_that_its_pool_rests(shell, server, pools):
    job = shell.job("look", "https://a1.easemob.com", "get-user", ["u1"])
    ledger = Ledger(ledger_path(), "easemob sandbox#demo")
    ledger.take({"users": (100.0, 98.0)}, 1, shared=0.9, slack_s=0.0, now=time.monotonic())
    ledger.refused(["users"], time.monotonic() + 300.0, 3600.0)
    ledger.close()
    assert "the vendor asked for 3,600 s" in shell("plan", job).out
    assert shell("plan", job, "--json").json["resting"]["asked_s"] == 3600.0


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
