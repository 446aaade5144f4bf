"""The tutorial is typed as it stands, in order, and says what it shows."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.sessions import alike, typed

ROOT = Path(__file__).resolve().parents[2]
STEPS = typed((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
MARK = "--- next"
STARTED = "until grep -q listening ../said; do sleep 0.1; done"
UNDER_WAY = (
    "until [ $(bulkim results last --outcome succeeded 2>/dev/null | wc -l) -gt 30 ]; do sleep 0.1; done;"
)


def script(port: int) -> str:
    """The tutorial's commands; where it trusts in a person's slowness, wait for what must be."""
    text = "\n".join(f"echo '{MARK}'\n{step.command}" for step in STEPS)
    text = text.replace("bulkim sandbox", f"bulkim sandbox --port {port}").replace("8086", str(port))
    return text.replace("faults.yaml &\n", f"faults.yaml &\n{STARTED}\n").replace("sleep 2;", UNDER_WAY)


@pytest.mark.slow  # ten seconds: it kills, waits and goes on
def test_every_command_of_the_tutorial_says_what_the_page_shows(tmp_path):
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "BULKIM_JOURNAL"} | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1", "COLUMNS": "100", "TZ": "UTC",
    }  # fmt: skip
    with (tmp_path / "said").open("w") as said:
        subprocess.run(
            ["bash", "-m", "-c", script(port)],
            cwd=tmp_path, env=environment, stdout=said, stderr=said, timeout=60, check=True,
        )  # fmt: skip
    parts = (tmp_path / "said").read_text().replace(str(port), "8086").split(f"{MARK}\n")[1:]
    for step, part in zip(STEPS, parts, strict=True):
        printed = {alike(line) for line in part.splitlines()}
        missing = [line for line in step.output if line != "…" and alike(line) not in printed]
        assert not missing, f"$ {step.command}\n{part}"


def test_the_tutorial_shows_what_matters():
    commands = " ".join(step.command for step in STEPS)
    for word in ("check", "plan", "run", "kill -9", "results", "explain", "retry", "report"):
        assert re.search(rf"\b{word}\b", commands), word
