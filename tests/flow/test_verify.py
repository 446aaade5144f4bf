"""Reading back what a run did: at every vendor, with the server as the judge."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest
from support.apps import KEYS, VENDORS, write_job
from support.here import bulkim_here

import bulkim
from bulkim.catalogue.shapes import Effect, Probe
from bulkim.codec.encoding import wire_fields
from bulkim.model import Item, Kind, Outcome
from bulkim.vendors import PROVIDERS
from bulkim.work.judging import Verdict, judge
from bulkim.work.verify import asks_whether

EXPECTED = {  # what a run leaves behind, and the call at the server that takes it away again
    "register": ({}, lambda server, app: remove(server, app, "u1")),
    "delete": ({}, lambda server, app: server.seed(["u1"], app=app)),
    "mute": ({"params": {"chat": 3600, "groupchat": -1}}, lambda server, app: mute(server, app, "u1", 0)),
    "unmute": ({}, lambda server, app: mute(server, app, "u1", 60)),
    "ban": ({}, lambda server, app: activate(server, "u1", "activate")),
    "unban": ({}, lambda server, app: activate(server, "u1", "deactivate")),
    "set-attributes": (
        {"params": {"attributes": {"colour": "red", "size": "4"}}},
        lambda server, app: attribute(server, app, "u1", "blue"),
    ),
}


@pytest.fixture
def server(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return server


def act(server, provider, operation, source, **more):
    """One operation on the quiet, past the run that is looked at."""
    write_job(Path(), "meddling", provider, server.base_url, operation, source, **more)
    done = bulkim_here("run", "meddling.yaml", "--yes", "--new", "--journal", "meddling.db")
    assert done.code == 0, done.err


def vendor_of(app):
    return next(name for name, key in KEYS.items() if key == app)


def remove(server, app, name):
    act(server, vendor_of(app), "delete", [name])


def mute(server, app, name, seconds):
    act(server, vendor_of(app), "mute", [name], params={"chat": seconds})


def activate(server, name, what):
    act(server, "easemob", {"activate": "unban", "deactivate": "ban"}[what], [name])


def attribute(server, app, name, value):
    act(server, vendor_of(app), "set-attributes", [name], params={"attributes": {"colour": value}})


CASES = [
    (vendor, operation)
    for vendor in VENDORS
    for operation in EXPECTED
    if PROVIDERS[vendor].operation(operation)
    and not (vendor == "agora" and operation not in {"register", "mute"})
]


@pytest.mark.parametrize(("provider", "operation"), CASES)
def test_what_holds_and_what_drifts(server, tmp_path, provider, operation):
    more, meddle = EXPECTED[operation]
    people = [{"username": f"u{n}", "password": "secret-pw"} for n in range(5)]
    if operation != "register":
        server.seed(5, app=KEYS[provider])
    items = people if operation == "register" else [each["username"] for each in people]
    write_job(tmp_path, "job", provider, server.base_url, operation, items, **more)
    assert bulkim_here("run", "job.yaml", "--yes").code == 0

    before = journal_bytes(tmp_path)
    holds = bulkim_here("verify", "last", "--json")
    assert (holds.code, holds.json["counts"]["holds"]) == (0, 5), holds.out + holds.err
    meddle(server, KEYS[provider])
    drifted = bulkim_here("verify", "last", "--json")
    assert drifted.code == 5, drifted.out + drifted.err
    assert [(each["username"], each["verdict"]) for each in drifted.json["users"]] == [("u1", "drift")]
    assert "u1" in bulkim_here("verify", "last").out
    assert journal_bytes(tmp_path) == before, "verify writes nothing into the run"


def journal_bytes(folder):
    with sqlite3.connect(f"file:{folder}/bulkim.db?mode=ro", uri=True) as db:
        found = "\n".join(db.iterdump())
    db.close()
    return found


MEMBER, PAIR = {"group_id": "g1"}, {"contact": "friend"}
# operation -> fields of every item, params, and what takes it away from one of them again: an operation, with other params
NEIGHBOURS = {
    ("easemob", "set-nickname"): ({}, {"nickname": "N"}, "set-nickname", {"nickname": "another"}),
    ("easemob", "add-contact"): (PAIR, {}, "remove-contact", {}),
    ("easemob", "import-contacts"): (PAIR, {}, "remove-contact", {}),
    ("easemob", "remove-contact"): (PAIR, {}, "add-contact", {}),
    ("agora", "block"): (PAIR, {}, "unblock", {}),
    ("easemob", "unblock"): (PAIR, {}, "block", {}),
    ("easemob", "add-to-group"): (MEMBER, {}, "remove-from-group", {}),
    ("easemob", "remove-from-group"): (MEMBER, {}, "add-to-group", {}),
    ("agora", "remove-from-room"): ({"room_id": "r1"}, {}, "add-to-room", {}),
    ("easemob", "add-to-room"): ({"room_id": "r1"}, {}, "remove-from-room", {}),
    ("tencent", "add-to-group"): (MEMBER, {}, "remove-from-group", {}),
    ("tencent", "remove-from-group"): (MEMBER, {}, "add-to-group", {}),
    ("tencent", "mute-in-group"): (MEMBER, {"seconds": 3600}, "unmute-in-group", {}),
    ("tencent", "unmute-in-group"): (MEMBER, {}, "mute-in-group", {"seconds": -1}),
    ("tencent", "remove-friends"): (PAIR, {}, "import-friends", {}),
    ("tencent", "import-friends"): (PAIR, {}, "remove-contact", {}),
    ("tencent", "remove-contact"): (PAIR, {}, "import-friends", {}),
    ("tencent", "block"): (PAIR, {}, "unblock", {}),
    ("tencent", "unblock"): (PAIR, {}, "block", {}),
    ("tencent", "add-tags"): ({}, {"tags": ["a", "b"]}, "remove-tags", {"tags": ["b"]}),
    ("tencent", "remove-tags"): ({}, {"tags": ["a"]}, "add-tags", {"tags": ["a"]}),
    ("tencent", "set-profile"): (
        {}, {"profile": {"Tag_Profile_IM_Level": 3}}, "set-profile", {"profile": {"Tag_Profile_IM_Level": 4}},
    ),
    ("easemob", "remove-attributes"): ({}, {}, "set-attributes", {"attributes": {"x": "2"}}),
    ("tencent", "remove-attributes"): ({}, {"attributes": ["x"]}, "set-attributes", {"attributes": {"x": "2"}}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("provider", "operation"), NEIGHBOURS)
def test_what_users_have_of_others_is_read_back_too(server, tmp_path, provider, operation):
    fields, params, against, other = NEIGHBOURS[provider, operation]
    taken = operation.startswith(("remove", "unblock", "unmute"))
    had = {
        "groups": ["g1"],
        "muted_in": ["g1"],
        "chatrooms": ["r1"],
        "contacts": ["friend"],
        "blocked": ["friend"],
        "tags": ["a"],
        "attributes": {"x": "1"},
    }
    people = [{"username": f"u{n}", **(had if taken else {})} for n in range(3)]
    server.seed([*people, "friend"], app=KEYS[provider])
    items = [{"username": f"u{n}", **fields} for n in range(3)]
    write_job(tmp_path, "job", provider, server.base_url, operation, items, params=params)
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    holds = bulkim_here("verify", "last", "--json")
    assert (holds.code, holds.json["counts"]["holds"]) == (0, 3), holds.out + holds.err
    act(server, provider, against, [items[1]], params=other)
    drifted = bulkim_here("verify", "last", "--json")
    assert [(each["username"], each["verdict"]) for each in drifted.json["users"]] == [("u1", "drift")]


def test_whatever_is_read_back_is_read_back_above():
    """Agora's declarations are Easemob's: it is enough that one of the two has a row."""
    tried = {
        (provider.replace("agora", "easemob"), operation) for provider, operation in (*CASES, *NEIGHBOURS)
    }
    declared = {
        (vendor, each.name)
        for vendor in ("easemob", "tencent")
        for each in PROVIDERS[vendor].operations
        if each.verify
    }
    assert declared - tried == {("easemob", "delete-oldest")}, "which has a test of its own"


def test_delete_oldest_is_verified_by_whom_it_hit(server, tmp_path):
    server.seed(20)
    write_job(tmp_path, "job", "easemob", server.base_url, "delete-oldest", params={"count": 10})
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    assert bulkim_here("verify", "last", "--json").json["counts"]["holds"] == 10


@pytest.mark.parametrize("name", ["found.csv", "found.jsonl", "-"])
def test_a_row_a_user_is_kept(server, tmp_path, name):
    server.seed(5)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", [f"u{n}" for n in range(5)])
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    act(server, "easemob", "unban", ["u1"])
    ended = bulkim_here("verify", "last", "-o", name)
    assert ended.code == 5, ended.err
    text = ended.out if name == "-" else (tmp_path / name).read_text()
    parse = (lambda lines: map(json.loads, lines)) if name.endswith("jsonl") else csv.DictReader
    rows = sorted(parse(text.splitlines()), key=lambda row: int(row["ordinal"]))
    assert list(rows[0]) == ["ordinal", "username", "outcome", "verdict", "found"]
    assert [(row["username"], row["verdict"]) for row in rows] == [
        (f"u{n}", "drift" if n == 1 else "holds") for n in range(5)
    ]
    assert "asking about 5 users in 5 requests: " in ended.err
    assert "verify ban at easemob" in ended.err
    assert "5 of 5 items to ask about" in ended.err


def test_rows_never_go_over_what_the_run_needs(server, tmp_path):
    server.seed(1)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", ["u0"])
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    assert bulkim_here("verify", "last", "-o", "job.yaml").code == 2


@pytest.mark.parametrize("how", ["signal", "event"])
def test_an_interrupted_verify_tells_what_it_has_found(server, tmp_path, how):
    server.seed(40)
    names = [f"u{n}" for n in range(40)]
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", names)
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    job = bulkim.load("job.yaml", set={"rate.limit": 10, "concurrency": 1})
    found, stop = [], threading.Event()

    def each(finding):
        found.append(finding)
        if how == "event":
            stop.set()
        elif len(found) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    result = bulkim.verify("last", job=job, each=each, stop=stop)
    assert (result.state, result.exit_code) == ("interrupted", 130 if how == "signal" else 75)
    assert 0 < result.answered == len(found) < result.asked == 40
    assert result.counts[Verdict.HOLDS] == len(found)


def test_a_sample_is_the_same_each_time_and_says_how_many_were_asked(server, tmp_path):
    server.seed(60)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", [f"u{n}" for n in range(60)])
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    act(server, "easemob", "unban", [f"u{n}" for n in range(60)])
    first = bulkim_here("verify", "last", "--sample", "10%", "--json")
    again = bulkim_here("verify", "last", "--sample", "10%", "--json")
    assert (first.json["asked"], first.json["items"], first.json["requests"]) == (6, 60, 6)
    assert first.json["users"] == again.json["users"]
    assert len({each["username"] for each in first.json["users"]}) == 6
    assert "6 of 60" in bulkim_here("verify", "last", "--sample", "10%").err


@pytest.mark.parametrize("fault", ["drop_after", "throttle"])
def test_trouble_on_the_way_is_asked_again(server, tmp_path, fault):
    server.seed(10)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", [f"u{n}" for n in range(10)])
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    server.faults({"match": {"operation": "get-user"}, "times": 2, "do": fault})
    found = bulkim_here("verify", "last", "--json")
    assert (found.code, found.json["counts"]["holds"]) == (0, 10), found.out + found.err


def test_a_vendor_that_makes_no_sense_is_unknown_and_one_that_refuses_ends_it(server, tmp_path):
    server.seed(3)
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", ["u0", "u1", "u2"], retries=0)
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    server.faults({"match": {"operation": "get-user", "user": "u1"}, "do": "garbage"})
    found = bulkim_here("verify", "last", "--json")
    assert found.code == 5
    assert [(each["username"], each["verdict"]) for each in found.json["users"]] == [("u1", "unknown")]
    refuse = {"error": {"http": 401, "error": "unauthorized", "description": "token is illegal."}}
    server.faults({"match": {"operation": "get-user"}, "do": refuse})
    assert bulkim_here("verify", "last").code == 6


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("set-password", "no way to read back"),
        ("disconnect", "no way to read back"),
        ("get-user", "changed nothing"),
    ],
)
def test_what_cannot_be_read_back_says_so(server, tmp_path, operation, words):
    server.seed(["u0"])
    item = {"username": "u0", "password": "a-new-one"}
    write_job(tmp_path, "job", "easemob", server.base_url, operation, [item])
    assert bulkim_here("run", "job.yaml").code == 0
    asked = len(server.requests())
    refused = bulkim_here("verify", "last")
    assert (refused.code, words in refused.err) == (3, True), refused.err
    assert len(server.requests()) == asked


def test_a_run_that_went_elsewhere_is_not_asked_about_here(server, tmp_path):
    server.seed(["u0"])
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", ["u0"])
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    write_job(tmp_path, "other", "agora", server.base_url, "ban", ["u0"])
    assert bulkim_here("verify", "last", "--job", "other.yaml").code == 2
    moved = bulkim_here("verify", "last", "--set", "connection.app=another")
    assert (moved.code, "leads to" in moved.err) == (2, True)


def test_declarations_are_complete():
    """Whatever changes users can be read back, or it is known that it cannot."""
    silent = {"set-password", "disconnect", "disconnect-device"}
    for vendor in PROVIDERS.values():
        for operation in vendor.operations:
            if operation.effect is Effect.READ or operation.name in silent:
                assert operation.verify is None
            else:
                assert operation.verify is not None, (vendor.name, operation.name)
            if operation.verify is not None:
                asking = vendor.operation(operation.verify.operation)
                assert asking is not None
                assert asking.effect is Effect.READ
                if isinstance(operation.doubt, Probe):
                    assert asking.name == operation.doubt.operation


@pytest.mark.parametrize(
    ("asked", "remaining", "elapsed_s", "verdict"),
    [
        (3600, 3000, 600, Verdict.HOLDS),
        (3600, 9000, 600, Verdict.HOLDS),  # somebody made it longer: still muted
        (3600, 0, 600, Verdict.DRIFT),
        (3600, 0, 3600, Verdict.EXPIRED),
        (-1, -1, 10**9, Verdict.HOLDS),
        (-1, 500, 600, Verdict.DRIFT),
        (0, 0, 600, Verdict.HOLDS),
        (0, 60, 600, Verdict.DRIFT),
        (60, None, 1, Verdict.UNKNOWN),
    ],
)
@pytest.mark.parametrize("provider", ["easemob", "tencent"])
def test_what_remains_of_a_mute(provider, asked, remaining, elapsed_s, verdict):
    vendor = PROVIDERS[provider]
    operation = vendor.operation("mute")
    item = Item(1, "u", "u", {"username": "u", "chat": asked})
    name = operation.field("chat").wire or "chat"
    if remaining == -1:
        remaining = wire_fields(operation, item)[name]
    outcome = Outcome(Kind.SUCCEEDED, data={name: remaining})
    assert judge(operation, operation.verify, item, outcome, elapsed_s=elapsed_s)[0] is verdict


@pytest.mark.parametrize(
    ("operation", "params", "elapsed_s", "listed", "verdict"),
    [
        ("mute-in-group", {"seconds": 60}, 10, True, Verdict.HOLDS),
        ("mute-in-group", {"seconds": 60}, 10, False, Verdict.DRIFT),
        ("mute-in-group", {"seconds": 60}, 60, False, Verdict.EXPIRED),
        ("mute-in-group", {"seconds": -1}, 10**9, True, Verdict.HOLDS),
        ("mute-in-group", {"seconds": -1}, 10**9, False, Verdict.DRIFT),
        ("mute-in-group", {"seconds": 0}, 10**9, False, Verdict.HOLDS),
        ("mute-in-group", {"seconds": 0}, 10, True, Verdict.DRIFT),
        ("unmute-in-group", {}, 10**9, False, Verdict.HOLDS),
        ("unmute-in-group", {}, 10, True, Verdict.DRIFT),
    ],
)
def test_who_is_muted_in_a_group(operation, params, elapsed_s, listed, verdict):
    found = PROVIDERS["tencent"].operation(operation)
    item = Item(1, "u1", "u1", {"username": "u1", "group_id": "g1", **params})
    answer = [{"Member_Account": name, "MutedUntil": 9} for name in ("other", "u1")[: 1 + listed]]
    said = judge(found, found.verify, item, Outcome(Kind.SUCCEEDED, data=answer), elapsed_s=elapsed_s)
    assert said[0] is verdict


@pytest.mark.parametrize(
    ("provider", "operation", "words"),
    [
        ("easemob", "register", "whether the user is there; password and nickname are not compared"),
        ("easemob", "delete", "whether the user is gone"),
        ("easemob", "ban", "whether the user is as the run left them"),
        ("easemob", "mute", "whether the seconds left for chat, groupchat and chatroom fit what the run set"),
        ("easemob", "set-nickname", "whether nickname is as the run set it"),
        ("easemob", "add-contact", "whether the answer has the contact that the run sent"),
        ("easemob", "remove-from-room", "whether the answer is without the room_id that the run sent"),
        ("tencent", "mute-in-group", "whether the seconds left for the user fit what the run set"),
    ],
)
def test_what_is_asked_is_said_in_words(provider, operation, words):
    found = PROVIDERS[provider].operation(operation)
    assert asks_whether(found.verify, found) == words
