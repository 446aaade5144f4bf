"""Every example, run as its README says: at its end the sandbox has what the journal says, each thing done once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*/run.sh"))


@dataclass
class Told:
    code: int
    out: str
    err: str

    def effects(self) -> dict[str, int]:
        return {
            name: int(times) for times, name in re.findall(r"at the sandbox: (\d+) times (\w+)", self.out)
        }

    def accounts(self) -> list[str]:
        return re.findall(r"^\d+ in = .*$", self.out, re.MULTILINE)


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Iterator[dict[str, Told]]:
    """All of them at once: each has a sandbox and a folder of its own."""
    temporary = tmp_path_factory.mktemp("examples")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BULKIM")}
    environment = kept | {"PATH": path, "TMPDIR": str(temporary), "NO_COLOR": "1", "COLUMNS": "100"}
    running = {
        script.parent.name: subprocess.Popen(
            [script], cwd=temporary, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for script in SCRIPTS
    }  # fmt: skip
    try:
        yield {name: Told(process.returncode, *found) for name, process, found in _ended(running)}
    finally:
        for process in running.values():
            process.kill()


def _ended(
    running: dict[str, subprocess.Popen[str]],
) -> Iterator[tuple[str, subprocess.Popen[str], tuple[str, str]]]:
    for name, process in running.items():
        found = process.communicate(timeout=60)
        yield name, process, found


def test_all_of_them_end_well(told):
    assert {name: each.err for name, each in told.items() if each.code} == {}
    assert set(told) == set(re.findall(r"examples/(\w+)/run\.sh", (EXAMPLES / "README.md").read_text()))


def test_rehearse(told):
    assert told["rehearse"].accounts() == [
        "240 in = 240 succeeded",
        "30 in = 30 succeeded",
        "95 in = 90 succeeded + 2 unchanged + 3 skipped",
    ]
    assert told["rehearse"].effects() == {"registered": 240, "mute_set": 30, "deleted": 90}


def test_resume(told):
    assert told["resume"].accounts() == ["121 in = 120 succeeded + 1 skipped"]
    assert told["resume"].effects() == {"registered": 120}
    assert re.search(r"interrupted +120  \d+ succeeded, \d+ pending", told["resume"].out)
    assert "reconciled" in told["resume"].out


def test_faults(told):
    assert told["faults"].accounts() == ["240 in = 239 succeeded + 1 failed", "1 in = 1 succeeded"]
    assert told["faults"].effects() == {"registered": 240}
    assert re.search(r"succeeded 60 +reconciled", told["faults"].out)


def test_vendors(told):
    assert told["vendors"].accounts() == ["40 in = 40 succeeded"] * 6
    assert told["vendors"].effects() == {"registered": 120, "deleted": 120}


def test_none_of_them_leaves_anything_behind_in_the_repository(told):
    databases = [file for file in EXAMPLES.rglob("*") if file.suffix in {".db", ".db-wal"}]
    assert databases == []
