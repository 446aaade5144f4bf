"""What was there before a run, written down and set again: with the server as the judge."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest
from support.apps import KEYS, write_job
from support.here import bulkim_here

import bulkim
from bulkim.vendors import PROVIDERS
from bulkim.work import verify as verifying


@pytest.fixture
def server(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BULKIM_TOKEN", "sandbox-token")
    return server


def run(name="job.yaml", *words):
    ended = bulkim_here("run", name, "--yes", *words)
    assert ended.code == 0, ended.err
    return ended


def undone(*words):
    """Write what undoes the last run, and run it with the credentials of its job."""
    ended = bulkim_here("undo", "last", "-o", "undo.yaml", *words)
    assert ended.code == 0, ended.err
    for file in sorted(Path().glob("undo*.yaml")):
        text = file.read_text()
        begin = text.index("  auth: ")
        line = text[begin : text.index("\n", begin)]
        form = json.loads(Path("job.yaml").read_text())["connection"]["auth"]
        file.write_text(text.replace(line, f"  auth: {json.dumps(form)}"))
        run(str(file))
    return ended


WIRE = {KEYS["tencent"]: {"chat": "C2CmsgNospeakingTime", "groupchat": "GroupmsgNospeakingTime"}}


def muted(app, name, seconds):
    return {"username": name, "mutes": {WIRE.get(app, {}).get("chat", "chat"): seconds}}


def left(server, app, name, scope):
    """Seconds of a mute that remain, to the minute: it counts down."""
    seconds = server.users(app)[name].get("mutes", {}).get(WIRE.get(app, {}).get(scope, scope), 0)
    return seconds if seconds <= 0 else round(seconds / 60) * 60


@pytest.mark.parametrize("provider", ["easemob", "agora", "tencent"])
def test_the_mute_that_was_there_is_there_again(server, tmp_path, provider):
    app = KEYS[provider]
    server.seed([muted(app, "a", 7200), muted(app, "b", -1), "c"], app=app)
    write_job(
        tmp_path,
        "job",
        provider,
        server.base_url,
        "mute",
        ["a", "b", "c"],
        params={"chat": 60000, "groupchat": -1},
    )
    run()
    undone()
    assert [left(server, app, name, "chat") for name in "abc"] == [7200, -1, 0]
    assert [left(server, app, name, "groupchat") for name in "abc"] == [0, 0, 0]


@pytest.mark.parametrize("provider", ["easemob", "tencent"])
def test_an_unmute_is_undone_by_the_mute_that_was_there(server, tmp_path, provider):
    app = KEYS[provider]
    server.seed([muted(app, "a", 7200), "c"], app=app)
    write_job(tmp_path, "job", provider, server.base_url, "unmute", ["a", "c"])
    run()
    assert "1 user had it so before" in undone().err
    assert [left(server, app, name, "chat") for name in "ac"] == [7200, 0]


def test_whoever_was_banned_before_stays_so(server, tmp_path):
    server.seed(["a", "b"])
    write_job(tmp_path, "earlier", "easemob", server.base_url, "ban", ["b"])
    run("earlier.yaml")
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", ["a", "b"])
    run()
    undone()
    assert [server.users()[name]["activated"] for name in "ab"] == [True, False]


def test_attributes_are_set_again_and_taken_away_in_two_files(server, tmp_path):
    app = KEYS["tencent"]
    server.seed(["a", "b"], app=app)
    write_job(
        tmp_path,
        "earlier",
        "tencent",
        server.base_url,
        "set-attributes",
        ["a"],
        params={"attributes": {"x": "old"}},
    )
    run("earlier.yaml")
    write_job(
        tmp_path,
        "job",
        "tencent",
        server.base_url,
        "set-attributes",
        ["a", "b"],
        params={"attributes": {"x": "new", "y": "1"}},
    )
    run()
    undone()
    assert sorted(each.name for each in Path().glob("undo*.yaml")) == [
        "undo-remove-attributes.yaml",
        "undo.yaml",
    ]
    assert [server.users(app)[name]["attributes"] for name in "ab"] == [{"x": "old"}, {}]


def test_a_profile_is_as_it_was_and_what_nothing_takes_away_is_named(server, tmp_path):
    app, nick, level, own = (
        KEYS["tencent"],
        "Tag_Profile_IM_Nick",
        "Tag_Profile_IM_Level",
        "Tag_Profile_Custom_X",
    )
    server.seed([{"username": "a", "profile": {nick: "Ann", level: 3}}, "b"], app=app)
    new = [
        {"username": "a", "profile": {nick: "Another", level: 3}},
        {"username": "b", "profile": {own: "new"}},
    ]
    write_job(tmp_path, "job", "tencent", server.base_url, "set-profile", new)
    run()
    said = undone().err
    assert server.users(app)["a"]["profile"] == {nick: "Ann", level: 3}
    assert server.users(app)["b"]["profile"] == {own: "new"}
    assert f"was not there before, and nothing takes it away: b ({own})" in said


@pytest.mark.parametrize("provider", ["easemob", "agora", "tencent"])
def test_attributes_that_were_removed_are_there_again(server, tmp_path, provider):
    app = KEYS[provider]
    server.seed([{"username": "a", "attributes": {"x": "1", "y": "2"}}, "b"], app=app)
    params = {"attributes": ["x"]} if provider == "tencent" else {}
    write_job(tmp_path, "job", provider, server.base_url, "remove-attributes", ["a", "b"], params=params)
    run()
    assert server.users(app)["a"]["attributes"] == ({"y": "2"} if params else {})
    assert bulkim.verify("last", job="job.yaml").counts[bulkim.Verdict.HOLDS] == 2
    assert "1 user had it so before" in undone().err
    assert server.users(app)["a"]["attributes"] == {"x": "1", "y": "2"}


def test_who_was_changed_by_others_since_is_left_alone_and_named(server, tmp_path):
    server.seed([{"username": "a", "mutes": {"chat": 7200}}, "b", "c"])
    write_job(tmp_path, "job", "easemob", server.base_url, "mute", ["a", "b", "c"], params={"chat": 60000})
    run()
    write_job(tmp_path, "other", "easemob", server.base_url, "mute", ["b"], params={"chat": 30000})
    assert bulkim_here("run", "other.yaml", "--journal", "others.db").code == 0
    found = bulkim.undo("last", job="job.yaml")
    assert [each.username for each in found.left_alone] == ["b"]
    assert "left alone, changed by others since: b (" in undone().err
    assert [left(server, KEYS["easemob"], name, "chat") for name in "abc"] == [7200, 30000, 0]


@pytest.mark.parametrize("how", ["signal", "event"])
def test_whoever_was_not_asked_about_is_not_taken_for_unchanged(server, tmp_path, monkeypatch, how):
    server.seed(40)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", [f"u{n}" for n in range(40)])
    run()
    server.latency(0.02)
    stop, answered = threading.Event(), verifying._Reader._finding

    def interrupted(*args):
        answered(*args)
        if not stop.is_set():
            stop.set()
            if how == "signal":
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(verifying._Reader, "_finding", interrupted)
    if how == "event":
        with pytest.raises(bulkim.GuardError, match=r"interrupted: .* of 40 users asked about"):
            bulkim.undo("last", job=bulkim.load("job.yaml", set={"concurrency": 1}), stop=stop)
        return
    ended = bulkim_here("undo", "last", "-o", "undo.yaml")
    assert (ended.code, Path("undo.yaml").exists()) == (130, False), ended.err
    assert "--offline" in ended.err


def test_an_image_is_never_written_over(server, tmp_path):
    """A user whose mute was answered by nobody is retried: what was there is what was there before the first sending."""
    server.seed([{"username": "a", "mutes": {"chat": 7200}}])
    write_job(tmp_path, "job", "easemob", server.base_url, "mute", ["a"], params={"chat": 60000}, retries=0)
    run()
    again = bulkim_here("retry", "last", "--outcome", "unchanged", "--yes")
    assert again.code == 0
    first = bulkim.runs()[0].run
    with sqlite3.connect("bulkim.db") as db:
        db.execute("UPDATE item SET outcome = 'failed' WHERE run_id = 1")
        db.execute("UPDATE tally SET outcome = 'failed' WHERE run_id = 1")
    db.close()
    assert bulkim_here("retry", first, "--yes").code == 0
    with sqlite3.connect("bulkim.db") as db:
        images = db.execute("SELECT image FROM before ORDER BY run_id").fetchall()
        looks = db.execute("SELECT count(*) FROM attempt WHERE mode = 'look'").fetchone()
    db.close()
    assert len(images) == 2
    assert images[0] == images[1]
    assert looks == (1,), "nobody looked again"
    undone()
    assert left(server, KEYS["easemob"], "a", "chat") == 7200


def test_who_was_made_between_a_run_and_its_retry_is_looked_at_anew(server, tmp_path):
    write_job(tmp_path, "job", "easemob", server.base_url, "mute", ["a"], params={"chat": 60000})
    assert bulkim_here("run", "job.yaml", "--yes").code == 1
    server.seed([{"username": "a", "mutes": {"chat": 7200}}])
    assert bulkim_here("retry", "last", "--yes").code == 0
    undone()
    assert left(server, KEYS["easemob"], "a", "chat") == 7200


def test_it_is_read_together_where_the_vendor_can(server, tmp_path):
    app = KEYS["easemob"]
    server.seed(120, app=app)
    names = [f"u{n}" for n in range(120)]
    write_job(
        tmp_path,
        "job",
        "easemob",
        server.base_url,
        "set-attributes",
        names,
        params={"attributes": {"x": "1"}},
    )
    plan = bulkim_here("plan", "job.yaml", "--json").json
    assert plan["snapshot"] == {"operation": "get-attributes", "requests": 2}
    assert "2 requests more to read what is there before" in bulkim_here("plan", "job.yaml").out
    said = bulkim_here("run", "job.yaml", "--yes")
    assert len(server.requests("get-attributes")) == 2
    asked = "; 2 more calls that only read, on limits of their own"
    assert "120 calls in " in said.out
    assert asked in said.out
    shown = bulkim_here("show", "last").out  # the same from the journal
    assert "120 calls in " in shown
    assert asked in shown
    bulkim_here("report", "last", "--format", "markdown", "-o", "report.md")
    page = Path("report.md").read_text()
    assert "120 calls in " in page
    assert asked in page


@pytest.fixture
def many(monkeypatch) -> list[str]:
    """More users than stand in a job file itself."""
    monkeypatch.setattr("bulkim.work.undo.FIRST_MAX", 20)
    return [f"u{n}" for n in range(21)]


def test_many_stand_in_a_file_beside(server, tmp_path, many):
    server.seed(many)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", many)
    run()
    assert bulkim_here("undo", "last", "--offline").code == 2
    assert bulkim_here("undo", "last", "--offline", "-o", "undo.yaml").code == 0
    assert len(Path("undo.jsonl").read_text().splitlines()) == len(many)
    assert '"undo.jsonl"' in Path("undo.yaml").read_text()


def test_the_file_beside_is_never_the_runs_own_input(server, tmp_path, many):
    server.seed(many)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", {"jsonl": "users.jsonl"})
    given = "".join(f'{{"username": "{name}", "why": "spam"}}\n' for name in many)
    Path("users.jsonl").write_text(given)
    run()
    said = bulkim_here("undo", "last", "--offline", "-o", "users.yaml")
    assert (said.code, "which the run needs" in said.err) == (2, True), said.err
    assert Path("users.jsonl").read_text() == given
    assert not Path("users.yaml").exists()


def test_without_a_snapshot_nothing_is_read(server, tmp_path):
    server.seed(["a"])
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", ["a"], snapshot=False)
    assert bulkim_here("plan", "job.yaml", "--json").json["snapshot"] is None
    run()
    assert server.requests("get-user") == []


def test_a_snapshot_of_what_cannot_be_restored_is_refused(server, tmp_path):
    write_job(
        tmp_path, "job", "easemob", server.base_url, "delete-oldest", params={"count": 1}, snapshot=True
    )
    refused = bulkim_here("check", "job.yaml")
    assert refused.code == 3
    assert "snapshot: nothing can restore what was there before delete-oldest" in refused.err


@pytest.mark.parametrize("snapshot", [True, None])
def test_deleted_users_are_registered_again_with_new_passwords(server, tmp_path, snapshot):
    server.seed([{"username": "a", "nickname": "Ann"}, "b"])
    more = {} if snapshot is None else {"snapshot": snapshot}
    write_job(tmp_path, "job", "easemob", server.base_url, "delete", ["a", "b", "nobody"], **more)
    assert bool(bulkim_here("plan", "job.yaml", "--json").json["snapshot"]) is bool(snapshot)
    run()
    assert bulkim_here("undo", "last").code == 2, "passwords are not printed"
    said = undone().err
    assert "what went with them does not come back: their contacts" in said
    assert ("only their names are known" in said) is not snapshot
    rows = [json.loads(line) for line in Path("undo.jsonl").read_text().splitlines()]
    assert [row["username"] for row in rows] == ["a", "b"], "whoever was gone before stays gone"
    assert rows[0]["password"] != rows[1]["password"]
    assert Path("undo.jsonl").stat().st_mode & 0o077 == 0
    there = server.users()
    assert [there[name]["exists"] for name in ("a", "b")] == [True, True]
    assert there["a"]["nickname"] == ("Ann" if snapshot else None)


def test_who_cannot_be_looked_at_is_sent_all_the_same_and_named(server, tmp_path):
    server.seed(["a", "b"])
    server.faults({"match": {"operation": "get-mute", "user": "b"}, "do": {"garbage": None}})
    write_job(
        tmp_path, "job", "easemob", server.base_url, "mute", ["a", "b"], params={"chat": 60000}, retries=0
    )
    run()
    found = bulkim.undo("last", offline=True)
    assert any("not restored" in note and "b (" in note for note in found.notes)


def test_what_restores_reads_back_and_can_take_what_was_read():
    for provider in PROVIDERS.values():
        for operation in provider.operations:
            if operation.restored_by is None:
                continue
            sets = provider.operation(operation.restored_by)
            assert operation.verify is not None
            wanted = {*operation.verify.remaining, *filter(None, [operation.verify.holds])}
            assert wanted <= {each.name for each in sets.fields}, f"{provider.name} {operation.name}"


def test_a_profile_is_as_it_was_before_numbers_and_all(server, tmp_path):
    nick, level = "Tag_Profile_IM_Nick", "Tag_Profile_IM_Level"
    app = KEYS["tencent"]
    server.seed([{"username": "a", "profile": {nick: "A", level: 7}}, {"username": "b"}], app=app)
    params = {"profile": {nick: "new", level: 1}}
    write_job(tmp_path, "job", "tencent", server.base_url, "set-profile", ["a", "b"], params=params)
    run()
    said = undone()
    users = server.users(app)
    assert users["a"]["profile"] == {nick: "A", level: 7}
    assert users["b"]["profile"] == {nick: "new", level: 1}, "no page takes a field away again"
    assert "b (" in said.err + said.out


@pytest.mark.parametrize(
    ("provider", "operation", "given"),
    [
        ("tencent", "import-friends", ("contact", "friend", "contacts")),
        ("tencent", "block", ("contact", "friend", "blocked")),
        ("tencent", "add-to-group", ("group_id", "g1", "groups")),
        ("easemob", "import-contacts", ("contact", "friend", "contacts")),
        ("easemob", "add-to-room", ("room_id", "r1", "chatrooms")),
    ],
)
def test_what_was_added_is_taken_away_again(server, tmp_path, provider, operation, given):
    app, (field, value, kind) = KEYS[provider], given
    server.seed(["a", "b", "friend"], app=app)
    items = [{"username": name, field: value} for name in "ab"]
    write_job(tmp_path, "job", provider, server.base_url, operation, items)
    run()
    assert server.users(app)["a"][kind] == [value]
    undone()
    assert [server.users(app)[name][kind] for name in "ab"] == [[], []]
