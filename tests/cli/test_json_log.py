"""--log-format json: a collector of logs reads every line of stderr, whoever wrote it."""

from __future__ import annotations

import json
import subprocess
import sys


def lines(folder, *words):
    ended = subprocess.run(
        [sys.executable, "-m", "bulkim", *words, "--log-format", "json"],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    return ended, [json.loads(line) for line in ended.stderr.splitlines()]


def test_every_line_of_a_run_is_json(shell, server):
    server.seed(["u1", "u2"])
    job = shell.job("purge", server.base_url, "delete", ["u1", "u2", "ghost"])
    ended, found = lines(shell.folder, "run", job, "--yes", "-v")
    assert ended.returncode == 0
    assert {"run.started", "run.ended", "said"} <= {each["event"] for each in found}
    assert all({"timestamp", "level", "event"} <= each.keys() for each in found)
    assert "finished" in ended.stdout, "the account is data: it stays as it is"


def test_an_error_is_json_too(shell, server):
    job = shell.job("purge", server.base_url, "delete", ["u1"], "gard: {}\n")
    ended, found = lines(shell.folder, "run", job, "--yes")
    assert ended.returncode == 3
    assert any("gard" in each["message"] for each in found)
