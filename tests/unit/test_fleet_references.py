"""What a job may take along to a fleet: what only one host has is refused where it is submitted, and places hold everywhere."""

from __future__ import annotations

import json

import pytest

from bulkim.errors import InputError
from bulkim.fleet.references import LackingError, again, resolve, submission


@pytest.fixture
def sent(tmp_path):
    def sent(operation, source, files=(), *, changes=(), **more):
        folder = tmp_path / "jobs"
        folder.mkdir(exist_ok=True)
        for name in files:
            (folder / name).write_text("username,password\nann,longenough\n")
        document = {
            "provider": "easemob", "operation": operation, "source": source,
            "connection": {"base_url": "https://h", "org": "o", "app": "a", "auth": {"token": "${TOKEN}"}},
            **more,
        }  # fmt: skip
        (folder / "job.json").write_text(json.dumps(document))
        return submission(folder / "job.json", {}, changes)

    return sent


@pytest.mark.parametrize(("source", "said"), [
    ({"csv": "a.csv", "columns": {"password": {"generate": 16, "into": "made.csv"}}},
     "source.columns: generated secrets are kept on one host"),
    ({"csv": ["a.csv", "b.csv"]}, "register needs secrets, and workers read them from one file (put the files together into one)"),
    ({"csv": "*.csv"}, "register needs secrets, and workers read them from one file"),
])  # fmt: skip
def test_secrets_that_workers_cannot_read_are_refused(sent, source, said):
    with pytest.raises(InputError) as raised:
        sent("register", source, ["a.csv", "b.csv"])
    assert said in str(raised.value)


@pytest.mark.parametrize("source", [{"csv": ["a.csv", "b.csv"]}, {"csv": "?.csv"}])
def test_what_a_schedule_reads_does_not_depend_on_the_folder_it_is_planned_in(
    sent, source, tmp_path, monkeypatch
):
    found = sent("delete", source, ["a.csv", "b.csv"])
    monkeypatch.chdir(tmp_path)
    planned = again(found.whole, found.path, None, {}).job.source
    assert [each.name for each in planned.files] == ["a.csv", "b.csv"]
    assert all(each.exists() for each in planned.files)


def test_a_schedule_finds_the_files_that_match_when_it_is_planned(sent, tmp_path):
    found = sent("delete", {"csv": "?.csv"}, ["a.csv"])
    (tmp_path / "jobs" / "b.csv").write_text("username\nbob\n")
    assert len(again(found.whole, found.path, None, {}).job.source.files) == 2


def test_a_pattern_with_secrets_means_one_file_for_all_workers(sent, tmp_path):
    found = sent("register", {"csv": "?.csv"}, ["a.csv"])
    assert found.travels["source"] == {"csv": str(tmp_path / "jobs" / "a.csv")}
    (tmp_path / "jobs" / "b.csv").write_text("username,password\nbob,longenough\n")
    with pytest.raises(InputError, match="workers read them from one file"):
        again(found.whole, found.path, None, {})


NAMED = """night:
  base_url: https://h
  org: o
  app: a
  auth: {token: "${NIGHT_TOKEN}"}
"""


@pytest.fixture
def named(sent, tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "connections.yaml").write_text(NAMED)
    return lambda *changes: sent("delete", {"items": ["ann"]}, connection="night", changes=changes)


def test_a_connection_by_name_is_each_worker_s_own_and_needs_no_secret_here(named):
    assert named().travels["connection"] == "night"


def test_a_change_of_a_connection_by_name_travels_with_it(named):
    connection = named(("connection.app", "b")).travels["connection"]
    assert (connection["app"], connection["auth"]) == ("b", {"token": "${NIGHT_TOKEN}"})


def test_a_secret_in_a_change_is_refused_and_a_reference_is_not(sent, named):
    for given in (named, lambda *changes: sent("delete", {"items": ["ann"]}, changes=changes)):
        with pytest.raises(InputError, match="a secret is written here") as raised:
            given(("connection.auth.token", "plain"))
        assert "plain" not in str(raised.value)
        auth = given(("connection.auth.token", "${OTHER}")).travels["connection"]["auth"]
        assert auth == {"token": "${OTHER}"}


def test_all_that_is_wrong_is_said_at_once(sent):
    notify = {"url": "https://hook.example/x", "format": "json"}
    with pytest.raises(InputError) as raised:
        sent("delete", {"items": ["ann"]}, guard={"max_item": 1}, notify=notify)
    assert [("max_item" in str(each), "notify.url" in str(each)) for each in raised.value.problems] == [
        (True, False),
        (False, True),
    ]


def test_what_a_worker_lacks_is_named_wherever_the_connection_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "connections.yaml").write_text(NAMED)
    travels = {"name": "j", "provider": "easemob", "operation": "delete", "source": {"items": ["ann"]}, "connection": "night"}  # fmt: skip
    with pytest.raises(LackingError, match=r"^needs NIGHT_TOKEN$"):
        resolve(travels, target="https://h o#a", input_sha256=None, vendor_text=None, env={})
