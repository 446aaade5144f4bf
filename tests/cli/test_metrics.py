"""run --metrics-file."""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime

import pytest
from support.processes import finish, start, wait_until

from bulkim.errors import BusyError
from bulkim.work.metrics import kept, metrics

SAMPLE = re.compile(r'^[a-z_]+\{([a-z_]+="(\\.|[^"\\\n])*",?)+\} [0-9.e+]+$')


@pytest.fixture
def clock_shows():
    """The hour, in UTC."""
    return datetime.now(UTC).hour


def samples(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_a_run_leaves_metrics(shell, server):
    server.seed(["u1"])
    job = shell.job("look", server.base_url, "get-user", ["u1", "ghost"])
    assert shell("run", job, "-q", "--metrics-file", "bulkim.prom").code == 1
    path = shell.folder / "bulkim.prom"
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in shell.folder.iterdir() if each.name.startswith(".bulkim.prom")] == []
    assert all(SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#"))
    found = samples(text)
    labels = 'name="look",provider="easemob",operation="get-user"'
    assert found[f'bulkim_run_outcome_items{{{labels},outcome="succeeded"}}'] == "1"
    assert found[f'bulkim_run_outcome_items{{{labels},outcome="failed"}}'] == "1"
    assert found[f"bulkim_run_items{{{labels}}}"] == "2"
    assert found[f"bulkim_run_finished{{{labels}}}"] == "1"
    assert found[f"bulkim_run_exit_code{{{labels}}}"] == "1"
    assert found[f'bulkim_run_state{{{labels},state="finished"}}'] == "1"
    assert found[f'bulkim_run_state{{{labels},state="running"}}'] == "0"
    began, ended = (
        float(found[f"bulkim_run_{each}_timestamp_seconds{{{labels}}}"]) for each in ("start", "end")
    )
    assert 1.7e9 < began <= ended


def test_metrics_are_written_while_the_run_goes_on(shell, server):
    """The first call waits until the file says that the run is running."""
    path = shell.folder / "bulkim.prom"
    server.seed(["u1"])
    job = shell.job("look", server.base_url, "get-user", ["u1"])
    server.call(
        "PUT", "/faults", [{"match": {"operation": "get-user"}, "do": {"delay": 3, "when": "before"}}]
    )
    process = start("run", job, "-q", "--metrics-file", "bulkim.prom", cwd=shell.folder)
    try:
        wait_until(path.exists)
        found = samples(path.read_text())
    finally:
        ended = finish(process)
        server.call("PUT", "/faults", [])
    assert ended.code == 0, ended.err
    state = {
        key.rpartition('"')[0].rpartition('"')[2]: value for key, value in found.items() if "run_state" in key
    }
    assert [name for name, value in state.items() if value == "1"] == ["running"]
    assert state.keys() == {"running", "finished", "interrupted", "stopped", "refused", "outside_window"}
    assert not any("exit_code" in key or "run_end_" in key for key in found)
    assert any("run_start_" in key for key in found)
    assert 'state="finished"} 1' in path.read_text()


def test_metrics_are_written_again_and_again(shell, server):
    server.seed(["u1"])
    job = shell.job("look", server.base_url, "get-user", ["u1"])
    assert shell("run", job, "-q").code == 0
    path = shell.folder / "again.prom"
    with kept(path, shell.folder / "bulkim.db", "last", every_s=0.01):
        wait_until(path.exists)
        path.unlink()
        wait_until(path.exists)
    with kept(shell.folder / "none" / "x.prom", shell.folder / "bulkim.db", "last", every_s=0.01):
        pass  # what cannot be written is left to the end
    with kept(path, shell.folder / "no.db", "last", every_s=0.01):
        pass


def test_a_retry_leaves_metrics(shell, server):
    server.seed(["u1"])
    job = shell.job("look", server.base_url, "get-user", ["u1", "ghost"])
    shell("run", job, "-q")
    server.seed(["ghost"])
    assert shell("retry", "last", "-q", "--metrics-file", "bulkim.prom").code == 0
    assert "bulkim_run_items" in (shell.folder / "bulkim.prom").read_text()


def test_a_file_that_cannot_be_written_does_not_fail_the_run(shell, server):
    server.seed(["u1"])
    job = shell.job("look", server.base_url, "get-user", ["u1"])
    said = shell("run", job, "--metrics-file", "none/bulkim.prom")
    assert said.code == 0
    assert "none/bulkim.prom" in said.err


def told(path):
    """(state, code of the stop, all samples) of a metrics file."""
    found = samples(path.read_text())
    labels = {key: dict(re.findall(r'([a-z_]+)="([^"]*)"', key)) for key in found}
    (state,) = [labels[key]["state"] for key, value in found.items() if "run_state" in key and value == "1"]
    return state, [labels[key]["code"] for key in found if "run_stop" in key], found


def one(found, name):
    return next(
        (float(value) for key, value in found.items() if key.startswith(f"bulkim_run_{name}{{")), None
    )


PURGE = "guard: {max_items: 3}\n"


def test_a_night_that_is_refused_leaves_metrics(shell, server):
    path = shell.folder / "bulkim.prom"
    server.seed(["u1", "u2", "u3", "u4"])
    job = shell.job("purge", server.base_url, "delete", ["u1", "u2", "u3", "u4"], PURGE)
    path.write_text("old\n")
    said = shell("run", job, "--yes", "-q", "--metrics-file", "bulkim.prom")
    assert said.code == 4
    assert "guard.max_items is 3" in said.err
    state, codes, found = told(path)
    assert (state, codes, one(found, "exit_code")) == ("refused", ["max_items"], 4)
    assert one(found, "items") is None  # no run was made
    assert one(found, "last_sent_timestamp_seconds") is None
    assert shell("run", job, "-q", "--metrics-file", "bulkim.prom", "--set", "guard.max_items=9").code == 3
    assert told(path)[:2] == ("refused", ["unconfirmed"])
    assert (
        shell("run", job, "-q", "--yes", "--metrics-file", "bulkim.prom", "--set", "guard.max_items=9").code
        == 0
    )
    state, codes, found = told(path)
    assert (state, codes) == ("finished", [])
    sent = one(found, "last_sent_timestamp_seconds")
    assert 1.7e9 < sent <= one(found, "end_timestamp_seconds")
    said = shell(
        "run",
        job,
        "--yes",
        "-q",
        "--new",
        "--limit",
        "3",
        "--metrics-file",
        "bulkim.prom",
        "--set",
        "guard.max_items=1",
    )
    assert said.code == 4
    assert one(told(path)[2], "last_sent_timestamp_seconds") == sent  # what was refused sent nothing


def test_outside_its_hours_a_job_is_as_its_last_run_left_it(shell, server, clock_shows):
    path = shell.folder / "bulkim.prom"
    job = shell.job("look", server.base_url, "get-user", ["u1"], "window: '01:00-02:00 UTC'\n")
    closed = f"{(clock_shows + 2) % 24:02}:00-{(clock_shows + 3) % 24:02}:00 UTC"
    words = ("run", job, "-q", "--metrics-file", "bulkim.prom", "--set")
    said = shell(*words, f"window={closed}")
    assert said.code == 75
    assert "Nothing was sent" in said.err
    state, codes, found = told(path)
    assert (state, codes, one(found, "exit_code")) == ("outside_window", ["outside_window"], 75)
    assert one(found, "items") is None
    assert shell(*words, "window=null").code == 1
    sent = one(told(path)[2], "last_sent_timestamp_seconds")
    assert shell(*words, f"window={closed}").code == 75
    state, codes, found = told(path)
    assert (state, codes) == ("outside_window", ["outside_window"])
    assert one(found, "items") == 1
    assert one(found, "last_sent_timestamp_seconds") == sent


def test_nothing_to_do_leaves_metrics(shell, server):
    server.seed(["u1"])
    job = shell.job("look", server.base_url, "get-user", ["u1"])
    assert shell("run", job, "-q").code == 0
    said = shell("retry", "last", "-q", "--metrics-file", "bulkim.prom")
    assert said.code == 0
    state, codes, found = told(shell.folder / "bulkim.prom")
    assert (state, codes, one(found, "exit_code")) == ("finished", [], 0)


def test_a_second_process_leaves_the_firsts_metrics_alone(shell, server, monkeypatch):
    def busy(*_, **__):
        raise BusyError("process 1 on h is running this run.")

    monkeypatch.setattr("bulkim.work.runner.run", busy)
    path = shell.folder / "bulkim.prom"
    path.write_text("the first one's\n")
    job = shell.job("look", server.base_url, "get-user", ["u1"])
    assert shell("run", job, "-q", "--metrics-file", "bulkim.prom").code == 75
    assert path.read_text() == "the first one's\n"


def test_what_nobody_foresaw_leaves_metrics(shell, server, monkeypatch):
    def broken(*_, **__):
        raise ValueError("s3cret-words")

    monkeypatch.setattr("bulkim.work.runner.run", broken)
    job = shell.job("look", server.base_url, "get-user", ["u1"])
    assert shell("run", job, "-q", "--metrics-file", "bulkim.prom").code == 70
    state, codes, found = told(shell.folder / "bulkim.prom")
    assert (state, codes, one(found, "exit_code")) == ("refused", ["internal"], 70)


def test_labels_are_escaped():
    summary = {"name": 'a"b\\c\nd', "provider": "p", "operation": "o", "counts": {}, "codes": {}, "state": "stopped",
               "items": 0, "requests": 0, "retries": 0, "throttled": 0, "elapsed_s": 0.0}  # fmt: skip
    text = metrics(summary, started_at=0.5, exit_code=4, now=1.0)
    assert r'name="a\"b\\c\nd"' in text
    assert all(SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#"))
