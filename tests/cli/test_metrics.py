"""run --metrics-file."""

from __future__ import annotations

import re
import stat

from support.processes import finish, start, wait_until

from bulkim.work.metrics import kept, metrics

SAMPLE = re.compile(r'^[a-z_]+\{([a-z_]+="(\\.|[^"\\\n])*",?)+\} [0-9.e+]+$')


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
    assert state == {"running": "1", "finished": "0", "interrupted": "0", "stopped": "0"}
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


def test_labels_are_escaped():
    summary = {"name": 'a"b\\c\nd', "provider": "p", "operation": "o", "counts": {}, "codes": {}, "state": "stopped",
               "items": 0, "requests": 0, "retries": 0, "throttled": 0, "elapsed_s": 0.0}  # fmt: skip
    text = metrics(summary, started_at=0.5, exit_code=4, now=1.0)
    assert r'name="a\"b\\c\nd"' in text
    assert all(SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#"))
