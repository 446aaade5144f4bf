"""The ready job files: each loads, plans without a complaint, and fits the published schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.json_schema import Validator

from bulkim.jobfile import json_schema, load
from bulkim.model import Where
from bulkim.planning import estimate, prepare, survey
from bulkim.source import open_source
from bulkim.vendors import PROVIDERS
from bulkim.work.rehearsal import published
from bulkim.yamltree import parse

JOBS = Path(__file__).parents[2] / "jobs"
ENV = {
    "EASEMOB_ORG": "1122161011178276",
    "EASEMOB_APP": "testapp",
    "EASEMOB_CLIENT_ID": "id",
    "EASEMOB_CLIENT_SECRET": "secret",
    "AGORA_ORG": "1122161011178276",
    "AGORA_APP": "testapp",
    "AGORA_APP_ID": "0" * 32,
    "AGORA_APP_CERTIFICATE": "0" * 32,
    "TENCENT_SECRET_KEY": "secret",
}
FILES = sorted(path for path in JOBS.glob("*.yaml") if path.name != "connections.yaml")


def test_all_are_here():
    assert [path.stem for path in FILES] == [
        "agora-status", "delete-list", "migrate-list", "migrate-register", "mute-campaign", "purge", "register",
        "retry-failed", "tencent-attributes", "tencent-import",
    ]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_job(path):
    job = load(path, env=ENV, providers=PROVIDERS)
    provider = PROVIDERS[job.provider]
    operation = provider.operation(job.operation)
    assert Validator(json_schema(PROVIDERS)).fits(parse(path.read_text(), str(path))[0].plain())
    if job.source.kind in {"listing", "run", "none"}:
        return  # who it is about, only the vendor or the journal knows
    reader = open_source(job.source, secret_fields=operation.secrets)
    plan = survey(prepare(job, provider, operation, reader), name=reader.name)
    assert plan.problems == ()
    assert plan.counts["send"] >= 3
    assert estimate(job, provider, operation, plan.counts).requests >= 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_rehearsal_needs_no_account(path):
    job = load(path, env={}, providers=PROVIDERS, sandbox=published("http://127.0.0.1:8900"))
    assert job.connection.base_url == "http://127.0.0.1:8900"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_job_explains_itself(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert sum("#" in line for line in lines) >= 4


def test_the_purge_spares_what_is_young_kept_or_not_of_the_tests():
    job = load(JOBS / "purge.yaml", env=ENV, providers=PROVIDERS, now=1_000_000)
    assert job.source.where == Where(match="test_.*", created_before=1_000_000 - 7 * 86400)
    assert "test_keep.*" in job.guard.protect
    assert job.guard.max_items == 5000


def test_the_delete_list_spares_administrators():
    job = load(JOBS / "delete-list.yaml", env=ENV, providers=PROVIDERS)
    provider = PROVIDERS["easemob"]
    rows = prepare(job, provider, provider.operation("delete"), open_source(job.source))
    skips = {row.username: row.skip and row.skip.code for row in rows}
    assert skips == {"test_0001": None, "test_0002": None, "test_0003": None, "admin_test": "protected"}


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_connections(name):
    env = {**ENV, "EASEMOB_PRODUCTION_APP": "live", "EASEMOB_PRODUCTION_TOKEN": "t"}
    job = load(JOBS / "register.yaml", env=env, providers=PROVIDERS, overrides=[("connection", name)])
    assert job.connection.environment == ("production" if name == "production" else None)


def test_samples_hold_no_real_secrets():
    text = "".join(path.read_text() for path in JOBS.glob("*.yaml"))
    assert "${EASEMOB_CLIENT_SECRET}" in text
    assert not any(word in text for word in ("YWMt", "007eJ"))
