"""run --metrics-file."""

from __future__ import annotations

import re
import stat

from bulkim.work.metrics import metrics

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
    assert float(found[f"bulkim_run_end_timestamp_seconds{{{labels}}}"]) > 1.7e9


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
    text = metrics(summary, exit_code=4, now=1.0)
    assert r'name="a\"b\\c\nd"' in text
    assert all(SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#"))
