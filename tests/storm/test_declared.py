"""A vendor that only a file declares, in the storms: killed again and again, answers lost, calls refused. All outcomes are true."""

from __future__ import annotations

import random
import shutil
import signal

import pytest
from support.acme import ACME, KEY, serving
from support.jobs import rows
from support.processes import bulkim, kill, start, wait_until

JOB = """\
provider: ./acme.yaml
operation: {operation}
connection: {{base_url: "{url}", workspace: w1, auth: {{api_key: "{key}"}}}}
source: {{csv: users.csv}}
batch: {batch}
retries: 8
"""


def weather(number: int) -> str:
    if number % 17 == 11:
        return "lost"
    if number % 23 == 7:
        return "busy"
    return "gateway" if number % 41 == 19 else "fine"


def stormed(server, folder, operation: str, names: list[str], *, kills: int, batch: int) -> None:
    """Run to the end through so many kills, and compare the journal with the server."""
    folder.mkdir()
    shutil.copy(ACME, folder / "acme.yaml")
    (folder / "users.csv").write_text("username\n" + "\n".join(names) + "\n")
    (folder / "job.yaml").write_text(JOB.format(operation=operation, url=server.url, key=KEY, batch=batch))
    dice, killed = random.Random(f"{operation} {kills}"), 0
    while killed < kills:
        before, more = server.calls, dice.randrange(1, 7)
        process = start("run", "job.yaml", "--yes", "--set", "rate.limit=100", cwd=folder)
        wait_until(lambda: server.calls >= before + more or process.poll() is not None, within_s=30)  # noqa: B023
        if kill(process).code != -signal.SIGKILL:
            break
        killed += 1
    assert killed == kills, "the run was over before it had been killed so often"
    ended = bulkim("run", "job.yaml", "--yes", "--json", cwd=folder)
    assert ended.code == 0, ended.err
    assert ended.json["counts"]["succeeded"] == len(names)
    journal = rows(folder / "bulkim.db")
    assert {name for name, row in journal.items() if row["outcome"] == "succeeded"} == set(names)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [50])
def test_every_outcome_is_true_after_kills_and_faults(tmp_path, kills):
    names = [f"u{n}" for n in range(kills * 24)]
    with serving(weather) as server:
        stormed(server, tmp_path / "register", "register", names, kills=kills, batch=3)
        assert set(server.users) == set(names)
        assert set(server.effects.values()) == {1}, "nobody is created twice"
        stormed(server, tmp_path / "delete", "delete", names[: kills * 10], kills=kills, batch=1)
        assert set(server.users) == set(names[kills * 10 :])
