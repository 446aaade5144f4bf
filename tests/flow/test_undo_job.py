"""The job that takes back what a run did: what stands in it, and when none is written."""

from __future__ import annotations

import json
import re

import pytest
from support.apps import KEYS, connection, write_job
from support.here import bulkim_here

import bulkim
from bulkim import jobfile
from bulkim.vendors import PROVIDERS


@pytest.fixture
def server(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return server


def plain(text):
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


def test_undo_takes_away_what_the_run_did_and_nothing_else(server, tmp_path):
    server.seed(["u0", "bystander"])
    people = [{"username": f"u{n}", "password": "secret-pw"} for n in range(5)]
    write_job(tmp_path, "job", "easemob", server.base_url, "register", people)
    assert bulkim_here("run", "job.yaml").code == 0
    asked = len(server.requests())
    written = bulkim_here("undo", "job", "-o", "undo.yaml")
    assert written.code == 0, written.err
    assert len(server.requests()) == asked
    assert bulkim_here("undo", "job").out == (tmp_path / "undo.yaml").read_text()
    (tmp_path / "undo.yaml").write_text(
        (tmp_path / "undo.yaml").read_text().replace("${BULKIM_TOKEN}", "sandbox-token")
    )
    assert bulkim_here("check", "undo.yaml").code == 0
    unconfirmed = bulkim_here("run", "undo.yaml")
    assert unconfirmed.code == 3
    undone = bulkim_here("run", "undo.yaml", "--json", "--confirm", "demo:4")
    assert undone.json["counts"]["succeeded"] == undone.json["items"] == 4
    assert {name for name, user in server.users().items() if user["exists"]} == {"u0", "bystander"}


@pytest.mark.parametrize("provider", ["easemob", "tencent"])
def test_undoing_a_mute_lifts_the_scopes_that_it_set(server, tmp_path, provider):
    app = KEYS[provider]
    server.seed([{"username": name, "mutes": {"groupchat": 500}} for name in ("a", "b")] + ["c"], app=app)
    items = ["a", {"username": "b", "chat": 70}]
    write_job(tmp_path, "job", provider, server.base_url, "mute", items, params={"chat": 3600})
    assert bulkim_here("run", "job.yaml").code == 0
    assert bulkim_here("undo", "last", "-o", "undo.yaml").code == 0
    text = (tmp_path / "undo.yaml").read_text()
    document = text.replace("${BULKIM_TOKEN}", "sandbox-token").replace(
        "${BULKIM_SECRET_KEY}", "sandbox-secret-key"
    )
    (tmp_path / "undo.yaml").write_text(document)
    assert bulkim_here("run", "undo.yaml").code == 0
    mutes = {name: user["mutes"] for name, user in server.users(app).items()}
    scopes = {"easemob": ("chat", "groupchat"), "tencent": ("C2C", "Group")}[provider]
    if provider == "easemob":
        assert mutes["a"][scopes[0]] == mutes["b"][scopes[0]] == 0
        assert mutes["a"][scopes[1]] > 0
    assert not mutes["c"]


def test_undoing_an_unmute_wants_the_durations_first(server, tmp_path):
    server.seed(["a"])
    write_job(tmp_path, "job", "easemob", server.base_url, "unmute", ["a"], snapshot=False)
    assert bulkim_here("run", "job.yaml").code == 0
    assert bulkim_here("undo", "last", "-o", "undo.yaml").code == 0
    text = (tmp_path / "undo.yaml").read_text().replace("${BULKIM_TOKEN}", "sandbox-token")
    (tmp_path / "undo.yaml").write_text(text)
    refused = bulkim_here("check", "undo.yaml")
    assert refused.code == 3
    assert re.search(r"undo\.yaml:\d+:\d+: params: chat", refused.err), refused.err
    (tmp_path / "undo.yaml").write_text(re.sub(r'"FILL IN[^"]*"', "60", text))
    assert bulkim_here("check", "undo.yaml").code == 0


@pytest.mark.parametrize(
    ("provider", "operation", "words"),
    [
        ("tencent", "delete", "nothing undoes delete"),
        ("easemob", "get-user", "changes nothing"),
        ("easemob", "set-password", "nothing undoes"),
        ("tencent", "register", "may have been there before"),
    ],
)
def test_what_cannot_be_undone_says_why(server, tmp_path, provider, operation, words):
    if operation != "register":
        server.seed(["u0"], app=KEYS[provider])
    item = {"username": "u0", "password": "a-new-one"}
    write_job(tmp_path, "job", provider, server.base_url, operation, [item])
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    refused = bulkim_here("undo", "last")
    assert (refused.code, words in refused.err, refused.out) == (3, True, ""), refused.err
    if operation == "register":
        assert "operation: delete" in bulkim_here("undo", "last", "--accept-risk").out


def test_what_changed_nothing_has_nothing_to_undo(server, tmp_path):
    server.seed(["u0"])
    write_job(
        tmp_path, "job", "easemob", server.base_url, "register", [{"username": "u0", "password": "x" * 8}]
    )
    assert bulkim_here("run", "job.yaml").code == 0
    refused = bulkim_here("undo", "last")
    assert (refused.code, "changed nothing" in refused.err) == (3, True)


@pytest.mark.parametrize(("provider", "same_pool"), [("easemob", True), ("agora", False)])
def test_undo_is_as_slow_and_as_careful_as_the_run(server, tmp_path, monkeypatch, provider, same_pool):
    monkeypatch.setenv("BULKIM_TOKEN", "sandbox-token")
    monkeypatch.setenv("BULKIM_APP_CERTIFICATE", "0" * 32)
    server.seed(["a"], app=KEYS[provider])
    rate, guard = {"limit": 900, "share": 0.5}, {"protect": ["admin.*"], "max_failures": "2%"}
    write_job(tmp_path, "job", provider, server.base_url, "ban", ["a"], rate=rate, guard=guard)
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    assert bulkim_here("undo", "last", "-o", "undo.yaml").code == 0
    text = (tmp_path / "undo.yaml").read_text()
    assert 'guard: {"protect": ["admin.*"], "max_failures": "2%"}' in text
    assert ('rate: {"limit": 900, "share": 0.5}' if same_pool else 'rate: {"share": 0.5}') in text, (
        "another pool has its own limit"
    )
    assert bulkim_here("check", "undo.yaml").code == 0


def test_undo_of_attributes_names_them(server, tmp_path):
    write_job(
        tmp_path,
        "job",
        "tencent",
        server.base_url,
        "set-attributes",
        ["a"],
        params={"attributes": {"x": "1"}},
        snapshot=False,
    )
    assert bulkim_here("run", "job.yaml").code == 0
    assert 'attributes: ["x"]' in bulkim_here("undo", "last").out


def test_a_named_connection_stays_named_if_it_leads_where_the_run_went(server, tmp_path, monkeypatch):
    server.seed(["a"])
    lead = {
        "base_url": server.base_url,
        "org": "sandbox",
        "app": "demo",
        "auth": {"token": "${PRIVATE_TOKEN}"},
    }
    (tmp_path / "connections.yaml").write_text(json.dumps({"here": lead}))
    write_job(tmp_path, "job", "easemob", server.base_url, "ban", ["a"], connection="here")
    monkeypatch.setenv("PRIVATE_TOKEN", "sandbox-token")
    assert bulkim_here("run", "job.yaml", "--yes").code == 0
    assert 'connection: "here"' in bulkim_here("undo", "last").out
    (tmp_path / "connections.yaml").write_text(json.dumps({"here": {**lead, "app": "another"}}))
    refused = bulkim_here("undo", "last")
    assert refused.code == 2, "nobody can be asked who was changed since"
    assert "--offline" in refused.err
    moved = plain(bulkim_here("undo", "last", "--offline").out)
    assert 'app: "demo"' in moved
    assert "${PRIVATE_TOKEN}" in moved
    assert "sandbox-token" not in moved


def test_undo_of_a_rehearsal_never_leads_to_the_real_app(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    real = {
        "base_url": "https://a1.easemob.com",
        "org": "o",
        "app": "real",
        "auth": {"token": "${REAL_TOKEN}"},
    }
    (tmp_path / "connections.yaml").write_text(json.dumps({"real": real}))
    write_job(
        tmp_path,
        "job",
        "easemob",
        "",
        "register",
        [{"username": "a", "password": "x" * 8}],
        connection="real",
    )
    assert bulkim_here("run", "job.yaml", "--sandbox").code == 0
    said = bulkim_here("undo", "last")
    assert (said.code, said.out) == (3, "")
    assert "was a rehearsal" in said.err


@pytest.mark.parametrize(
    "text", ["", "connection: [", "connection: {auth: 3}", "a: &b 1", "\x00", "connection: null"]
)
def test_a_job_text_that_says_nothing_gets_the_usual_variables(tmp_path, text):
    kept = jobfile.kept_connection(text, tmp_path / "job.yaml")
    assert kept.name is None
    assert kept.auth(PROVIDERS["tencent"])["secret_key"] == "${TENCENT_SECRET_KEY}"


def named(server, folder):
    """A job whose connection is a name, beside the file that has it, and its run."""
    (folder / "jobs").mkdir()
    entry = {"mine": connection("easemob", server.base_url)}
    (folder / "jobs" / "connections.yaml").write_text(json.dumps(entry))
    write_job(
        folder / "jobs", "job", "easemob", "", "mute", ["a"], params={"chat": 60}, connection="mine",
    )  # fmt: skip
    assert bulkim_here("run", "jobs/job.yaml").code == 0


def test_an_undo_job_in_another_folder_says_what_its_connection_s_name_said(server, tmp_path, monkeypatch):
    monkeypatch.delenv("BULKIM_TOKEN", raising=False)
    server.seed(["a"])
    named(server, tmp_path)
    beside = bulkim_here("undo", "job", "-o", "jobs/undo.yaml")
    assert "BULKIM_TOKEN" not in beside.err
    assert 'connection: "mine"' in (tmp_path / "jobs/undo.yaml").read_text()
    assert bulkim_here("check", "jobs/undo.yaml").code == 0
    elsewhere = bulkim_here("undo", "job", "-o", "undo.yaml")
    assert "the job needs BULKIM_TOKEN in the environment, not set now; or write it beside" in elsewhere.err
    assert "mine" not in (tmp_path / "undo.yaml").read_text()
    assert "BULKIM_TOKEN" in bulkim_here("check", "undo.yaml").err
    monkeypatch.setenv("BULKIM_TOKEN", "sandbox-token")
    assert "BULKIM_TOKEN" not in bulkim_here("undo", "job", "-o", "undo.yaml").err
    assert bulkim_here("run", "undo.yaml").code == 0


def test_from_python_too_it_is_told_what_the_job_needs(server, tmp_path, monkeypatch):
    monkeypatch.delenv("BULKIM_TOKEN", raising=False)
    server.seed(["a"])
    named(server, tmp_path)
    found = bulkim.undo("job")
    assert not found.needs("jobs/undo.yaml")
    assert not any("BULKIM_TOKEN" in note for note in found.notes)
    assert "BULKIM_TOKEN" in found.needs("undo.yaml")[0]
    gone = tmp_path / "jobs" / "connections.yaml"
    gone.write_text(gone.read_text().replace("mine", "yours"))
    (note,) = (note for note in bulkim.undo("job", offline=True).notes if "BULKIM_TOKEN" in note)
    assert note == "the job needs BULKIM_TOKEN in the environment, not set now"
