"""What is submitted: planned and confirmed where it is typed, with no secret in it; and what workers need for it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from datetime import UTC, datetime

import pytest
from support.here import bulkim_here
from support.processes import wait_until

from bulkim.fleet import schedule
from bulkim.fleet.journal import RunJournal
from bulkim.text import counted

from .database import binaries

PLANTED = "planted-Secret-4711"


def test_a_job_is_planned_here_and_worked_on_there_and_comes_back_as_a_run(scene):
    names = scene.users("mute", 120)
    scene.hand()
    run = scene.submit(scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}))
    scene.until(run)
    scene.compare(run, names)
    status = scene.fleet("status", "--json").json
    assert [
        (each["run"], each["name"], each["app"].split()[1], each["state"], each["pending"])
        for each in status["runs"]
    ] == [(run, "mute", "sandbox#demo", "done", 0)]
    assert [each["alive"] for each in status["workers"]] == [True]
    assert scene.fleet("show", "mute", "--json").json["counts"]["succeeded"] == 120
    assert len(scene.fleet("results", run[:4], "--outcome", "succeeded").out.splitlines()) == 121
    assert scene.fleet("why", "MUTE-7").out.startswith(f"{run} mute: mute at easemob")
    pulled = scene.fleet("pull", "last", "--json").json
    assert {**pulled, "calls": 0} == {"run": run, "items": 120, "calls": 0, "journal": "bulkim.db"}
    assert scene.fleet("pull", "last").code == 0, "again, in place of it"
    here = bulkim_here("show", "last", "--json").json
    assert (here["run"], here["counts"]["succeeded"], here["requests"], here["state"]) == (
        run,
        120,
        pulled["calls"],
        "finished",
    )
    assert bulkim_here("verify", "last").code == 0
    assert 'bulkim_fleet_runs{state="done"} 1' in scene.fleet("metrics").out


def test_waiting_ends_as_a_run_would(scene):
    scene.users("mute", 5)
    (scene.folder / "more.txt").write_text("mute-1\nno body\n")
    scene.hand()
    assert (
        scene.fleet(
            "submit", scene.job("a", "mute", {"text": "mute.txt"}, params={"chat": 60}), "--wait"
        ).code
        == 0
    )
    ended = scene.fleet(
        "submit", scene.job("b", "mute", {"text": "more.txt"}, params={"chat": 60}), "--wait", "--json"
    )
    assert (ended.code, ended.json["state"]) == (1, "done")
    assert ended.json["counts"] == {"succeeded": 1, "skipped": 1}


def test_no_secret_is_in_any_byte_of_the_database(scene):
    (scene.folder / "users.csv").write_text(
        "username,password,team\n" + "".join(f"new-{n},{PLANTED}-{n},blue\n" for n in range(60))
    )
    scene.worker()
    run = scene.submit(scene.job("register", "register", {"csv": "users.csv"}))
    scene.until(run)
    there = scene.server.users()
    assert all(there[f"new-{n}"]["exists"] for n in range(60))
    assert scene.database.files_with("new-37"), "or the search finds nothing at all"
    for secret in (PLANTED, "sandbox-token"):
        assert scene.database.files_with(secret) == []
        assert secret not in scene.database.dump()
    log = "".join(each.read_text() for each in scene.folder.glob("worker*.log"))
    assert PLANTED not in log


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"connection": {"auth": {"token": PLANTED}}}, "connection.auth: a secret is written here"),
        (
            {"notify": {"url": f"https://hook.example/{PLANTED}"}},
            "notify.url: whoever knows this address may post there",
        ),
        (
            {"operation": "register", "source": {"items": [{"username": "a1", "password": PLANTED}]}},
            "password: a secret is written here",
        ),
        ({"source": {"run": "last"}}, "workers do not have this host's journal"),
    ],
)
def test_what_must_not_be_submitted_is_refused_with_its_place(scene, change, said):
    scene.users("mute", 2)
    path = scene.folder / scene.job("job", "mute", {"text": "mute.txt"}, params={"chat": 60})
    document = json.loads(path.read_text())
    for key, value in change.items():
        document[key] = {**document[key], **value} if key == "connection" else value
    if document["operation"] == "register":
        del document["params"]
    path.write_text(json.dumps(document, indent=1))
    ended = scene.fleet("submit", "job.yaml")
    assert ended.code == 3
    assert said in ended.err
    assert PLANTED not in ended.err
    assert scene.database.one("SELECT count(*) FROM bulkim.run") == 0


def test_a_secret_that_only_workers_have_is_enough_and_who_lacks_it_leaves_the_run_to_others(scene):
    names = scene.users("mute", 20)
    job = scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60})
    del os.environ["APP_TOKEN"]
    hand = scene.hand()
    run = scene.submit(job)
    scene.until(run, "waiting")
    assert scene.fleet("status", "--json").json["runs"][0]["why"] == "needs APP_TOKEN"
    doctor = scene.fleet("doctor")
    assert (doctor.code, f"BAD  1 run ({run}) needs APP_TOKEN" in doctor.out) == (1, True), doctor.out
    assert "1 worker alive, 0 of " in doctor.out
    os.environ["APP_TOKEN"] = "sandbox-token"
    assert hand.end() == 143
    scene.hand()
    scene.until(run)
    scene.compare(run, names)


def test_the_doctor_misses_workers_where_runs_are_queued(scene):
    assert "note no worker is alive, and 0 runs are queued" in scene.fleet("doctor").out
    scene.users("mute", 1)
    scene.submit(scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}))
    doctor = scene.fleet("doctor")
    assert (doctor.code, "BAD  no worker is alive, and 1 run is queued" in doctor.out) == (1, True), (
        doctor.out
    )
    assert "no pooler stands in between" in doctor.out


def test_an_input_that_is_not_what_was_submitted_is_refused_before_anything_is_sent(scene):
    path = scene.folder / "users.csv"
    path.write_text("username,password\nann,secret-1\nbob,secret-2\n")
    run = scene.submit(scene.job("register", "register", {"csv": "users.csv"}))
    path.write_text("username,password\nann,secret-1\neve,secret-2\n")
    scene.hand()
    scene.until(run, "stopped")
    assert "is not what was submitted" in scene.fleet("status", "--json").json["runs"][0]["why"]
    assert scene.server.stats()["effects"] == {}
    assert scene.database.files_with("secret-1") == []


def test_what_destroys_is_confirmed_where_it_is_submitted(scene):
    scene.users("gone", 8)
    job = scene.job("purge", "delete", {"text": "gone.txt"})
    for words, code in (((), 3), (("--confirm", "demo:7"), 3), (("--confirm", "other:8"), 3)):
        assert scene.fleet("submit", job, *words).code == code
    assert scene.database.one("SELECT count(*) FROM bulkim.run") == 0
    scene.hand()
    run = scene.submit(job, "--confirm", "demo:8")
    scene.until(run)
    assert not any(scene.server.users()[f"gone-{n}"]["exists"] for n in range(8))


@pytest.mark.slow
def test_what_only_the_vendor_knows_is_asked_first_and_confirmed_then(scene):
    scene.users("keep", 5)
    scene.users("old", 230)
    scene.hand()
    run = scene.submit(scene.job("purge", "delete", {"listing": "users", "where": {"match": "old-.*"}}))
    scene.until(run, "confirming")
    assert scene.fleet("status", "--json").json["runs"][0]["why"] == "demo:230 to be confirmed"
    assert scene.fleet("confirm", run, "demo:12").code == 3
    assert scene.fleet("confirm", run, "demo:230").code == 0
    scene.until(run)
    left = {name for name, user in scene.server.users().items() if user["exists"]}
    assert {name for name in left if name.startswith("old-")} == set()
    assert {f"keep-{n}" for n in range(5)} <= left


def test_a_listing_is_taken_as_far_as_the_limit(scene):
    scene.users("old", 230)
    scene.hand()
    where = {"listing": "users", "where": {"match": "old-.*"}}
    run = scene.submit(scene.job("purge", "delete", where), "--limit", "3", "--confirm", "demo:3")
    scene.until(run)
    assert sum(not user["exists"] for user in scene.server.users().values()) == 3


def test_a_number_that_is_given_holds_for_what_does_not_destroy_too(scene):
    scene.users("old", 5)
    scene.hand()
    where = {"listing": "users", "where": {"match": "old-.*"}}
    job = scene.job("hush", "mute", where, params={"chat": 60})
    run = scene.submit(job, "--confirm", "demo:2")
    scene.until(run, "stopped")
    assert scene.server.requests("mute") == []
    scene.until(scene.submit(job, "--confirm", "demo:5"))
    assert len(scene.server.requests("mute")) == 5


def test_operations_without_items_work_too(scene):
    scene.users("old", 40)
    scene.hand()
    listed = scene.submit(scene.job("list", "list-users", None))
    scene.until(listed)
    assert len(scene.fleet("results", listed).out.splitlines()) == 1 + len(scene.server.users())
    purge = scene.submit(
        scene.job("oldest", "delete-oldest", None, params={"count": 12}), "--confirm", "demo:12"
    )
    scene.until(purge)
    assert sum(not user["exists"] for user in scene.server.users().values()) == 12


def test_pause_resume_cancel(scene):
    scene.users("mute", 3000)
    scene.hand()
    run = scene.submit(
        scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}, rate={"limit": 20})
    )
    wait_until(lambda: scene.done() > 0, within_s=60)
    assert "asked of" in scene.fleet("pause", run).err
    scene.until(run, "paused")
    done = scene.done()
    assert scene.fleet("resume", "mute").code == 0
    scene.until(run, "running")
    assert scene.fleet("cancel", run).code == 0
    scene.until(run, "cancelled")
    rows = dict(scene.database.query("SELECT outcome, count(*) FROM bulkim.item GROUP BY 1"))
    assert rows["succeeded"] == scene.done() >= done
    assert rows["succeeded"] + rows["skipped"] == 3000
    assert scene.fleet("resume", run).err.strip().endswith("it has ended")


def test_a_pause_is_heard_however_early_it_comes(scene, monkeypatch):
    """While the run's first page is being read, too."""
    scene.users("mute", 30)
    run = scene.submit(scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}))
    read = RunJournal.read

    async def slowly(journal):
        await asyncio.to_thread(scene.database.query, "SELECT bulkim.ask(%s, 'pause', 1)", journal.run_id)
        while journal.lease.asked != "pause":
            await asyncio.sleep(0.01)
        await read(journal)

    monkeypatch.setattr(RunJournal, "read", slowly)
    scene.hand()
    scene.until(run, "paused")
    assert scene.done() <= 30


@pytest.mark.slow
def test_a_worker_that_is_told_thrice_leaves_at_once_and_sends_nothing_more(scene):
    names = scene.users("mute", 60)
    job = scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}, rate={"limit": 20})
    run = scene.submit(job)
    hand = scene.hand()
    wait_until(lambda: scene.done() > 4, within_s=60)
    (lease,) = hand.worker.host.keeper._leases.values()
    hand.drain(times=3)
    assert hand.end() == 143
    assert lease.lost
    scene.hand()
    scene.until(run)
    scene.compare(run, names)


def test_forgetting_keeps_how_runs_ended(scene):
    scene.users("mute", 10)
    scene.hand()
    run = scene.submit(scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}))
    scene.until(run)
    scene.database.query("UPDATE bulkim.run SET finished_at = 1")
    assert "of 1 run" in scene.fleet("forget", "--older", "90d").err
    assert scene.fleet("status", "--all", "--json").json["runs"][0]["ended"] == 10


def test_what_init_prints_makes_the_same_database(no_fleet, monkeypatch):
    printed = bulkim_here("fleet", "init", "--sql")
    assert printed.code == 0, printed.err
    done = subprocess.run(
        [binaries() / "psql", "-v", "ON_ERROR_STOP=1", "-q", no_fleet.dsn],
        input=printed.out,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("BULKIM_FLEET", no_fleet.dsn)
    ended = bulkim_here("fleet", "init")
    assert "is at version 2 already" in ended.err
    assert bulkim_here("fleet", "doctor").code == 0


def test_a_vendor_of_ones_own_travels_with_the_job(scene):
    """Workers need no file of it: what was submitted is what they go by."""
    names = scene.users("seen", 3)
    (scene.folder / "mine.yaml").write_text(MINE)
    job = scene.job("look", "look", {"text": "seen.txt"}, provider="./mine.yaml")
    ended = scene.fleet("schedule", "add", "often", job, "--cron", "0 1 * * *", "--zone", "UTC")
    assert ended.code == 0, ended.err
    run = scene.submit(job)
    (scene.folder / "mine.yaml").unlink()
    scene.hand()
    scene.until(run)
    assert len(scene.fleet("results", run, "--outcome", "succeeded").out.splitlines()) == 1 + len(names)
    scene.database.query("UPDATE bulkim.schedule SET last = '2026-12-01T00:00Z'")
    (again,) = schedule.tick(scene.database.dsn, datetime(2026, 12, 1, 1, 0, 20, tzinfo=UTC).timestamp())
    scene.until(again)


MINE = """provider: 1
name: mine
extends: easemob
source: https://doc.easemob.com/document/server-side/account_system.html
operations:
  - name: look
    method: GET
    path: /users/{username}
    effect: read
    fields: [{name: username, key: true, pattern: "[A-Za-z0-9_.-]+", chars_max: 64}]
    pools: [users]
    cases:
      - items: [{username: ann}]
        request: {method: GET, path: /users/ann}
        reply: {status: 200, json: {entities: [{username: ann}]}}
        outcomes: [succeeded]
"""


def test_a_job_with_nothing_to_send_ends_where_it_is_submitted(scene):
    """As `bulkim run` would; no worker is wanted, and none is here."""
    for name, text, code in (("empty", "", 0), ("wrong", "no body\n", 1)):
        (scene.folder / f"{name}.txt").write_text(text)
        job = scene.job(name, "delete", {"text": f"{name}.txt"})
        ended = scene.fleet("submit", job, "--wait", "--json")
        assert (ended.code, ended.json["state"], ended.json["pending"]) == (code, "done", 0), ended.err
        assert f"run {ended.json['run']} has ended: 0 of {counted(code, 'item')} to send" in ended.err
    told = scene.fleet("submit", "empty.yaml", "--json")
    assert {**told.json, "run": ""} == {"run": "", "name": "empty", "state": "done", "to_send": 0}
    assert f"next: bulkim fleet results {told.json['run']}" in told.err
    assert scene.fleet("pull", "last").code == 0
    assert bulkim_here("show", "last", "--json").json["state"] == "finished"


def test_how_many_users_are_listed_is_not_told_before(scene):
    told = scene.fleet("submit", scene.job("list", "list-users", None), "--json")
    assert told.json["to_send"] is None
    assert "a worker asks the vendor first" in told.err


def test_a_job_comes_through_a_pipe_as_well(scene):
    scene.users("mute", 3)
    text = (scene.folder / scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60})).read_text()
    ended = bulkim_here("fleet", "submit", "-", "--set", "name=piped", "--json", stdin=text)
    assert (ended.code, ended.json["to_send"]) == (0, 3), ended.err
    scene.hand()
    scene.until(ended.json["run"])


@pytest.mark.slow
def test_a_run_begins_when_it_was_told_to(scene):
    names = scene.users("mute", 3)
    scene.hand()
    run = scene.submit(
        scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}), "--at", "2099-12-01T01:00+00:00"
    )
    (told,) = scene.fleet("status", "--json").json["runs"]
    assert (told["state"], told["why"]) == ("queued", "begins at 2099-12-01T01:00:00.000Z")
    scene.database.query("UPDATE bulkim.claim SET not_before = clock_timestamp() + interval '2 s'")
    assert scene.state(run) == "queued"
    scene.until(run)
    scene.compare(run, names)
    for wrong in ("25:00", "noon", "2020-01-01T00:00"):
        assert scene.fleet("submit", "mute.yaml", "--at", wrong).code == 2
    assert scene.fleet("submit", "mute.yaml", "--at", "23:59", "--json").code == 0


@pytest.mark.slow
def test_who_watches_sees_the_block_of_a_run_here(scene):
    scene.users("mute", 120)
    scene.hand()
    job = scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}, rate={"limit": 40})
    ended = scene.fleet("submit", job, "--wait", "--progress", "plain")
    assert ended.code == 0, ended.err
    assert re.search(r"\d+ of 120", ended.err), ended.err
    assert "120 in = 120 succeeded" in ended.out
