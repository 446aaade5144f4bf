"""doctor: whether a job could run from here, with one harmless call at most."""

from __future__ import annotations

import pytest


def found(said):
    return {each["name"]: each for each in said.json["findings"]}


def test_all_is_well(shell, server):
    server.seed(["u1"])
    job = shell.job("look", server.base_url, "delete", ["u1"])
    before = server.stats()
    said = shell("doctor", job, "--json")
    assert (said.code, said.json["ok"]) == (0, True), said.out
    assert {name: each["state"] for name, each in found(said).items()} == {
        "job": "ok", "terminal": "ok", "journal": "ok", "quota": "ok", "vendor": "ok", "credentials": "ok", "clock": "ok",
    }  # fmt: skip
    assert "sending one call: GET /sandbox/demo/users/bulkim-doctor" in said.err
    assert server.stats()["operations"].get("get-user", 0) - before["operations"].get("get-user", 0) == 1
    assert not (shell.folder / "bulkim.db").exists(), "nothing is created"


def test_offline_sends_nothing(shell, server):
    job = shell.job("look", server.base_url, "delete", ["u1"])
    before = server.stats()["operations"]
    said = shell("doctor", job, "--offline", "--json")
    assert said.code == 0
    assert "this would be sent: GET" in found(said)["credentials"]["message"]
    assert server.stats()["operations"] == before


def test_refused_credentials(shell, server):
    job = shell.job("look", server.base_url, "delete", ["u1"])
    text = (shell.folder / job).read_text()
    (shell.folder / job).write_text(text.replace("sandbox-token", "another-token"))
    said = shell("doctor", job, "--json")
    assert said.code == 6
    assert found(said)["credentials"]["state"] == "bad"
    assert "another-token" not in said.out + said.err


def test_nobody_there(shell):
    job = shell.job("look", "http://127.0.0.1:9", "delete", ["u1"])
    said = shell("doctor", job)
    assert said.code == 4
    assert "✗ vendor" in said.out
    assert "check base_url" in said.out


def test_a_job_that_is_none_leaves_the_rest_looked_at(shell, server):
    job = shell.job("look", server.base_url, "delete", ["u1"], "gard: {}\n")
    said = shell("doctor", job, "--json")
    assert said.code == 3
    assert "guard" in found(said)["job"]["message"] + (found(said)["job"]["hint"] or "")
    assert "journal" in found(said)


@pytest.mark.parametrize("place", ["nowhere/bulkim.db"])
def test_a_journal_without_a_folder(shell, server, place):
    job = shell.job("look", server.base_url, "delete", ["u1"])
    said = shell("doctor", job, "--offline", "--json", "--journal", place)
    assert said.code == 3
    assert "is no folder" in found(said)["journal"]["message"]


def test_the_hour_is_looked_at(shell, server):
    job = shell.job("look", server.base_url, "delete", ["u1"], "window: '01:00-05:00'\n")
    assert found(shell("doctor", job, "--offline", "--json"))["window"]["state"] in {"ok", "warning"}
