"""Every example, run as its README says: at its end the sandbox has what the journal says, each thing done once."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.sessions import alike

import bulkim

PEOPLE, SPAMMERS = 240, 60  # of the Python example
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
QUICK = ("resume",)
OTHERS = ("rehearse", "python", "faults", "purge", "vendors", "nightly")


@dataclass
class Told:
    code: int
    out: str
    err: str
    journal: Path

    def effects(self) -> dict[str, int]:
        return {
            name: int(times) for times, name in re.findall(r"at the sandbox: (\d+) times (\w+)", self.out)
        }

    def accounts(self) -> list[str]:
        return re.findall(r"^\d+ in = .*$", self.out, re.MULTILINE)


@contextmanager
def running(names: tuple[str, ...], temporary: Path) -> Iterator[dict[str, Told]]:
    """All of them at once: each has a sandbox and a folder of its own."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BULKIM")}
    environment = kept | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "100", "TZ": "UTC"}
    folders = {name: temporary / name for name in names}
    for folder in folders.values():
        folder.mkdir()
    processes = {
        name: subprocess.Popen(
            [EXAMPLES / name / "run.sh"], cwd=temporary, env=environment | {"TMPDIR": str(folders[name])},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in names
    }  # fmt: skip
    try:
        ended = {name: process.communicate(timeout=180) for name, process in processes.items()}
        told = {
            name: Told(processes[name].returncode, *texts, next(folders[name].glob("*/bulkim.db")))
            for name, texts in ended.items()
        }
        assert {name: each.err for name, each in told.items() if each.code} == {}
        yield told
    finally:
        for process in processes.values():
            process.kill()


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> Iterator[dict[str, Told]]:
    with running(QUICK, tmp_path_factory.mktemp("quick")) as told:
        yield told


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> Iterator[dict[str, Told]]:
    with running(OTHERS, tmp_path_factory.mktemp("others")) as told:
        yield told


def test_the_readme_of_the_examples_names_them_all():
    found = {script.parent.name for script in EXAMPLES.glob("*/run.sh")}
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert found == {*QUICK, *OTHERS} == set(re.findall(r"examples/(\w+)/run\.sh", text))


@pytest.mark.slow
def test_rehearse(others):
    assert others["rehearse"].accounts() == [
        "240 in = 240 succeeded",
        "30 in = 30 succeeded",
        "95 in = 90 succeeded + 2 unchanged + 3 skipped",
    ]
    assert others["rehearse"].effects() == {"registered": 240, "mute_set": 30, "deleted": 90}


@pytest.mark.slow
def test_resume(quick):
    assert quick["resume"].accounts() == ["121 in = 120 succeeded + 1 skipped"]
    assert quick["resume"].effects() == {"registered": 120}
    assert re.search(r"interrupted +120  \d+ succeeded, \d+ pending", quick["resume"].out)
    assert "reconciled" in quick["resume"].out


@pytest.mark.slow
def test_python(others):
    """Stopped by an event and cancelled on the way, each user was muted once."""
    assert others["python"].effects() == {"registered": PEOPLE, "mute_set": SPAMMERS}
    lines = others["python"].out.splitlines()
    for line in (
        f"{PEOPLE} to send in 4 requests, 60 a request",
        f"registered: {PEOPLE}, finished",
        "stopped: interrupted, True",
        "cancelled: interrupted",
        "to retry: 0",
        f"muted: {SPAMMERS} of {SPAMMERS}; mute",
        "the first: test_0001",
        f"verified: {SPAMMERS} hold",
        "report: True",
        "runs: ['mute-spammers', 'register-people']",
    ):
        assert line in lines


def test_the_python_example_uses_every_function():
    text = (EXAMPLES / "python" / "campaign.py").read_text(encoding="utf-8")
    functions = {name for name in bulkim.__all__ if name[0].islower()}
    assert {name for name in functions if f"bulkim.{name}(" not in text} == set()


@pytest.mark.slow
def test_the_python_example_is_typed(tmp_path):
    """As a user's type checker sees it: strictly, from their own folder."""
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "campaign.py"]
    ended = subprocess.run(
        command, cwd=EXAMPLES / "python", capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
def test_faults(others):
    assert others["faults"].accounts() == ["240 in = 239 succeeded + 1 failed", "1 in = 1 succeeded"]
    assert others["faults"].effects() == {"registered": 240}
    assert re.search(r"succeeded 60 +reconciled", others["faults"].out)
    assert "1 refused for the quota (429)" in others["faults"].out


@pytest.mark.slow
def test_purge(others):
    assert others["purge"].accounts() == [
        "125 in = 125 succeeded",
        "121 in = 120 succeeded + 1 skipped",
        "5 in = 5 succeeded",
    ]
    assert others["purge"].effects() == {"deleted": 120}


@pytest.mark.slow
def test_vendors(others):
    assert others["vendors"].accounts() == ["40 in = 40 succeeded"] * 6
    assert others["vendors"].effects() == {"registered": 120, "deleted": 120}


@pytest.mark.slow
def test_nightly(others):
    assert others["nightly"].effects() == {"deleted": 60}
    first, second = others["nightly"].accounts()
    assert re.fullmatch(r"60 in = \d+ succeeded \+ \d+ pending", first)
    assert second == "60 in = 60 succeeded"
    assert others["nightly"].out.count("(exit code 75)") == 2


def test_the_readme_shows_what_they_print(quick):
    text = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    sessions = re.findall(r"<!-- session (\w+) -->\n```console\n(.*?)```", text, re.DOTALL)
    assert sessions
    for name, session in sessions:
        printed = {alike(line) for line in quick[name].out.splitlines()}
        assert [line for line in session.splitlines() if alike(line) not in printed] == []


def queries() -> list[str]:
    text = (EXAMPLES.parent / "docs" / "journal.md").read_text(encoding="utf-8")
    consoles = re.findall(r'^\$ sqlite3 bulkim\.db "(.*)"$', text, re.MULTILINE)
    return [*consoles, *re.findall(r"```sql\n(.*?)```", text, re.DOTALL)]


def found(told: dict[str, Told], query: str) -> int:
    """Rows over all their journals; sqlite3's shell must see the same."""
    number = 0
    for each in told.values():
        with closing(sqlite3.connect(f"file:{each.journal}?mode=ro", uri=True)) as db:
            rows = db.execute(query).fetchall()
        number += len(rows)
        if shell := shutil.which("sqlite3"):
            printed = subprocess.run([shell, each.journal, query], capture_output=True, text=True, check=True)
            assert len(printed.stdout.splitlines()) == len(rows)
    return number


REFUSALS = "allowed_per_s < limit_per_s"


@pytest.mark.slow
@pytest.mark.parametrize("query", queries(), ids=lambda query: " ".join(query.split())[:50])
def test_the_queries_of_the_journal_page_find_something(quick, others, query):
    assert (
        found(quick | {name: others[name] for name in ("rehearse", "python")}, query) or REFUSALS in query
    ), "only the storm below is refused anything"


@pytest.mark.slow
def test_the_journal_pages_query_for_refusals_finds_those_of_the_storm(others):
    (query,) = [each for each in queries() if REFUSALS in each]
    assert found({"faults": others["faults"]}, query)


@pytest.mark.slow
def test_the_python_of_the_journal_page_runs(others):
    text = (EXAMPLES.parent / "docs" / "journal.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    folder = others["rehearse"].journal.parent
    subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, check=True)


@pytest.mark.slow
def test_none_of_them_leaves_anything_behind_in_the_repository(quick, others):
    assert quick.keys() | others.keys() == {*QUICK, *OTHERS}
    databases = [file for file in EXAMPLES.rglob("*") if file.suffix in {".db", ".db-wal"}]
    assert databases == []
