"""runs, show, results."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bulkim.text import TO_THE_MINUTE, moments


@pytest.fixture
def done(shell, server):
    """A mute campaign over two users, one of whom is not there."""
    server.seed(["u1"])
    job = shell.job("campaign", server.base_url, "mute", ["u1", "U2"], "params: {chat: 60}\n")
    shell("run", job)
    return shell


@pytest.fixture
def zone(monkeypatch):
    """Set the local time zone."""

    def zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield zone
    monkeypatch.undo()
    time.tzset()


def test_whose_time_it_is_is_said(done, zone):
    zone("Asia/Shanghai")
    header, row = done("runs").out.splitlines()
    assert "started (CST)" in header
    started = datetime.fromisoformat(done("runs", "--json").json[0]["created_at"])
    assert f"{started.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M} " in row
    assert re.search(r"started +\S+ \S+ CST\n", done("show", "last").out)


def test_summer_time_between_two_runs_is_said_in_each_row(zone):
    zone("Europe/Berlin")
    assert moments([1_750_000_000.0, 1_765_000_000.0], TO_THE_MINUTE) == (
        "",
        ["2025-06-15 17:06 CEST", "2025-12-06 06:46 CET"],
    )
    assert moments([1_765_000_000.0], TO_THE_MINUTE) == (" (CET)", ["2025-12-06 06:46"])


def test_runs(done, zone):
    zone("UTC")
    assert done("runs").out.splitlines()[0].split() == [
        "run", "started", "(UTC)", "name", "operation", "state", "items", "outcomes",
    ]  # fmt: skip
    (found,) = done("runs", "--json").json
    assert (found["name"], found["state"], found["items"]) == ("campaign", "finished", 2)


@pytest.mark.parametrize("how", ["id", "prefix", "name", "last"])
def test_a_run_has_many_names(done, how):
    run = done("runs", "--json").json[0]["run"]
    wanted = {"id": run, "prefix": run[:4], "name": "campaign", "last": "last"}[how]
    assert done("show", wanted, "--json").json["run"] == run


def test_show(done):
    said = done("show", "last")
    assert said.code == 0
    assert "2 in = 1 succeeded + 1 failed" in said.out
    assert "required_property_not_found" in said.out
    assert "campaign.csv" in said.out
    assert f"next: bulkim retry {done('show', 'last', '--json').json['run']}\n" in said.err


def test_show_names_the_run_that_has_the_user_where_the_newest_has_not(done):
    first = done("runs", "--json").json[0]["run"]
    done("retry", "campaign")
    said = done("show", "campaign", "u1")
    assert said.code == 2
    assert f"hint: run {first} of campaign has: `bulkim show {first} u1`" in said.err
    assert done("show", first, "u1").code == 0
    assert "lists them" in done("show", "campaign", "nobody").err


def test_show_one_user_whatever_the_case(done):
    said = done("show", "last", "u2")
    assert said.code == 0
    assert "U2 · failed required_property_not_found" in said.out
    assert "send" in said.out
    found = done("show", "last", "U2", "--json").json
    assert found["item"]["outcome"] == "failed"
    assert [each["mode"] for each in found["attempts"]] == ["look", "send"]
    assert done("show", "last", "nobody").code == 2


def test_an_unknown_run(done):
    assert done("show", "zzzz").code == 2
    assert done("results", "zzzz").code == 2


def test_results_are_csv_where_there_is_no_terminal(done):
    rows = list(csv.DictReader(io.StringIO(done("results", "last").out)))
    assert list(rows[0])[:9] == [
        "ordinal", "username", "outcome", "code", "reason", "attempts", "http_status", "finished_at", "data",
    ]  # fmt: skip
    assert [(row["username"], row["outcome"]) for row in rows] == [("u1", "succeeded"), ("U2", "failed")]
    assert "pw-u1" not in done("results", "last").out, "a column that looks like a secret stays out"
    assert rows[0]["nickname"] == "U1"


def test_results_name_the_line_of_the_file(done):
    rows = list(csv.DictReader(io.StringIO(done("results", "last").out)))
    assert [row["line"] for row in rows] == ["2", "3"]
    assert [row["line"] for row in done("results", "last", "--json").json] == [2, 3]


def test_a_byte_order_mark_only_where_it_is_wanted(done):
    plain = done("results", "last", "--format", "csv").out
    assert done("results", "last", "--format", "csv", "--bom").out == f"\ufeff{plain}"
    assert not done("results", "last", "--format", "jsonl", "--bom").out.startswith("\ufeff")


def test_results_can_be_narrowed(done):
    assert [
        json.loads(line)["username"]
        for line in done("results", "last", "--outcome", "failed", "--format", "jsonl").out.splitlines()
    ] == ["U2"]
    assert done("results", "last", "--code", "nothing", "--json").json == []
    assert len(done("results", "last", "--json").json) == 2


def test_results_into_a_file(done):
    said = done("results", "last", "-o", "out.csv")
    assert said.out == ""
    path = done.folder / "out.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == done("results", "last").out
    assert [each.name for each in done.folder.iterdir() if each.name.startswith(".")] == []
    assert done("results", "last", "-o", "none/out.csv").code == 2
    assert done("results", "last", "-o", "out.xml").code == 0
    assert (done.folder / "out.xml").read_text().startswith("<?xml")


def test_a_table_of_results(done):
    assert "required_property_not_found" in done("results", "last", "--format", "table").out


def test_results_are_a_source(done, server):
    server.seed(["u2"])
    done("results", "last", "--outcome", "failed", "-o", "again.csv")
    job = done.job("second", server.base_url, "mute", ["x"], "params: {chat: 60}\n")
    (done.folder / "second.csv").write_text((done.folder / "again.csv").read_text())
    assert done("run", job, "--json", "-q").json["counts"]["succeeded"] == 1
    rows = list(csv.DictReader(io.StringIO(done("results", "last").out)))
    assert [(row["username"], row["nickname"]) for row in rows] == [("U2", "U2")]


def test_odd_names_come_back_as_they_were(shell, server):
    names = ["-abc", "_x", "1e5", "a.b-c", "007"]
    server.seed(names)
    shell("run", shell.job("first", server.base_url, "get-user", names))
    shell("results", "last", "-o", "second.csv")
    text = (shell.folder / "second.csv").read_text()
    job = shell.job("second", server.base_url, "get-user", ["x"])
    (shell.folder / "second.csv").write_text(text)
    said = shell("run", job, "--json", "-q")
    assert said.json["counts"]["succeeded"] == len(names)
    assert [each["username"] for each in shell("results", "last", "--json").json] == names
