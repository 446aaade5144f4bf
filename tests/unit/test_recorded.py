"""What of a job is recorded with its run: as written, options included, never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bulkim.jobfile import load
from bulkim.planning import settings
from bulkim.vendors import PROVIDERS

ENV = {"TOKEN": "a-real-token", "ORG": "the-org"}
JOB = """\
provider: easemob
operation: register
connection: CONNECTION
source: {items: [{username: ann, password: a-password}]}
rate: {limit: 600/min, share: 0.5, pools: {users: 36/h}}
guard: {protect: ["admin.*"]}
concurrency: 7
"""
OWN = "{base_url: 'https://h.example', org: '${ORG}', app: demo, auth: {token: AUTH}}"


def recorded(folder: Path, auth: str = "'${TOKEN}'", *, connection: str = OWN, **changes: str):
    job = folder / "job.yaml"
    job.write_text(JOB.replace("CONNECTION", connection).replace("AUTH", auth))
    loaded = load(job, env=ENV, providers=PROVIDERS, overrides=list(changes.items()))
    provider = PROVIDERS[loaded.provider]
    return settings(loaded, provider, provider.operation(loaded.operation))


def test_limits_are_those_that_are_applied(tmp_path):
    found = recorded(tmp_path)
    own, *_ = found["pools"]
    assert found["limits"][own] == 5.0, "ten a second, of which it may use half"
    assert (found["share"], found["concurrency"], found["open_registration"]) == (0.5, 7, False)
    assert found["batch"] == PROVIDERS["easemob"].operation("register").batch_max


def test_options_are_recorded_like_what_the_file_says(tmp_path):
    found = recorded(tmp_path, **{"rate.limit": "90/min", "batch": "3", "guard.max_items": "9"})
    assert found["limits"][found["pools"][0]] == 0.75
    assert found["batch"] == 3
    assert found["rate"]["limit"] == "90/min"
    assert found["guard"] == {"protect": ["admin.*"], "max_items": 9}


@pytest.mark.parametrize(
    ("auth", "kept"), [("'${TOKEN}'", "${TOKEN}"), ("a-real-token", "${BULKIM_TOKEN}"), ("'x${TOKEN}'", "${BULKIM_TOKEN}")]
)  # fmt: skip
def test_the_connection_is_as_written_and_its_secrets_are_references(tmp_path, auth, kept):
    found = recorded(tmp_path, auth)
    assert found["connection"] == {
        "name": None,
        "section": {"base_url": "https://h.example", "org": "${ORG}", "app": "demo", "auth": {"token": kept}},
    }
    assert "a-real-token" not in json.dumps(found)


def test_one_that_is_named_keeps_its_name(tmp_path):
    (tmp_path / "connections.yaml").write_text("prod: " + OWN.replace("AUTH", "a-real-token"))
    found = recorded(tmp_path, connection="prod")["connection"]
    assert (found["name"], found["section"]["auth"]) == ("prod", {"token": "${BULKIM_TOKEN}"})


def test_where_everybody_registers_one_at_a_time(tmp_path):
    found = recorded(tmp_path, connection=OWN.replace("{token: AUTH}", "none"))
    assert (found["open_registration"], found["batch"]) == (True, 1)
