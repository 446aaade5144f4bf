"""Real processes against a real server: SIGKILL, SIGINT, edited input, two at once. The server's counters decide."""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from support.jobs import people, rows, write_csv
from support.processes import bulkim, finish, kill, start, stopped, wait_until
from support.server import serving

JOB = """
name: it
provider: easemob
operation: {operation}
connection: {{base_url: "{url}", org: sandbox, app: demo, auth: {{token: sandbox-token}}}}
source: {{csv: users.csv}}
rate: {{limit: {limit}}}
{more}
"""


def write_job(folder: Path, operation: str, url: str, *, limit: float = 100, more: str = "") -> None:
    (folder / "job.yaml").write_text(JOB.format(operation=operation, url=url, limit=limit, more=more))


def unanswered(operation: str, after: int) -> dict:
    """The first `after` calls are answered; the others are carried out, and their answers do not come."""
    return {"match": {"operation": operation}, "after": after, "do": {"hang": None, "when": "after"}}


def effects(server, effect: str) -> Counter[int]:
    return Counter(user["effects"].get(effect, 0) for user in server.users().values())


def agree(journal: Path, server) -> None:
    """Journal and server tell the same story of every user of a register run."""
    users = server.users()
    for name, row in rows(journal).items():
        there = users.get(name, {}).get("exists", False)
        if row["outcome"] in ("succeeded", "unchanged"):
            assert there, (name, row)
        if row["outcome"] in ("skipped", "pending", "failed"):
            assert not there, (name, row)


def test_six_thousand_users_take_exactly_a_hundred_requests_of_sixty(tmp_path):
    with serving() as server:
        write_csv(tmp_path / "users.csv", people(6000))
        write_job(tmp_path, "register", server.base_url)
        ended = bulkim("run", "job.yaml", "--json", cwd=tmp_path)
        assert ended.code == 0, ended.err
        assert ended.json["counts"]["succeeded"] == 6000
        assert ended.json["requests"] == 100
        assert server.stats()["register_sizes"] == {"60": 100}
        assert server.stats()["pools"]["users"]["worst_second"] <= 100


@pytest.mark.parametrize("edited", [pytest.param(False, marks=pytest.mark.slow), True])
def test_kill_9_and_run_again_leaves_every_user_with_exactly_one_effect(tmp_path, edited):
    with serving() as server:
        server.faults(unanswered("register", 15))
        users = people(3000)
        write_csv(tmp_path / "users.csv", users)
        write_job(tmp_path, "register", server.base_url, more="concurrency: 4")
        first = start("run", "job.yaml", "--json", cwd=tmp_path)
        wait_until(lambda: server.stats()["effects"].get("registered", 0) == (15 + 4) * 60)
        assert kill(first).code == -signal.SIGKILL
        if edited:
            removed = users.pop(2990)
            random.Random(1).shuffle(users)
            users.insert(0, {"username": "newcomer", "password": "pw-newcomer"})
            write_csv(tmp_path / "users.csv", users)
        server.faults()
        second = bulkim("run", "job.yaml", "--json", cwd=tmp_path)
        assert second.code == 0, second.err
        assert second.json["resumed"] is True
        assert sum(second.json["counts"].values()) == second.json["items"] == 3000 + edited
        assert effects(server, "registered") == {1: 3000}
        assert second.json["counts"]["succeeded"] == 3000, second.json
        agree(tmp_path / "bulkim.db", server)
        journal = rows(tmp_path / "bulkim.db")
        if edited:
            assert journal[removed["username"]]["code"] == "removed"
            assert journal["newcomer"]["outcome"] == "succeeded"
        assert sum(row["code"] == "reconciled" for row in journal.values()) == 4 * 60


@pytest.mark.slow
def test_kill_9_in_a_mute_campaign_mutes_nobody_twice(tmp_path):
    with serving() as server:
        server.seed(200)
        server.faults(unanswered("mute", 60))
        write_csv(tmp_path / "users.csv", people(200))
        write_job(
            tmp_path, "mute", server.base_url, more="concurrency: 4\nparams: {chat: 86400, groupchat: -1}"
        )
        first = start("run", "job.yaml", cwd=tmp_path)
        wait_until(lambda: server.stats()["effects"].get("mute_set", 0) == 64)
        kill(first)
        server.faults()
        second = bulkim("run", "job.yaml", "--json", cwd=tmp_path)
        assert second.code == 0, second.err
        assert second.json["counts"]["succeeded"] == 200
        assert effects(server, "mute_set") == {1: 200}


def test_first_sigint_drains_and_says_how_to_resume(tmp_path):
    with serving() as server:
        server.seed(300)
        server.latency(0.1)
        write_csv(tmp_path / "users.csv", people(300))
        write_job(tmp_path, "delete", server.base_url)
        process = start("run", "job.yaml", "--yes", "--json", cwd=tmp_path)
        wait_until(lambda: server.stats()["effects"].get("deleted", 0) >= 50)
        process.send_signal(signal.SIGINT)
        ended = finish(process)
        assert ended.code == 130, ended.err
        assert ended.json["state"] == "interrupted"
        assert "bulkim run job.yaml" in ended.err
        assert server.stats()["effects"]["deleted"] == ended.json["counts"]["succeeded"]
        again = bulkim("run", "job.yaml", "--yes", "--json", cwd=tmp_path)
        assert again.code == 0, again.err
        assert again.json["run"] == ended.json["run"]
        assert again.json["counts"]["succeeded"] == 300
        assert effects(server, "deleted") == {1: 300}


def test_second_sigint_leaves_at_once_and_doubt_is_settled_on_resume(tmp_path):
    with serving() as server:
        server.faults(unanswered("register", 1))  # the first answer tells that the credentials are good
        write_csv(tmp_path / "users.csv", people(120))
        write_job(tmp_path, "register", server.base_url, more="timeout: 600")
        process = start("run", "job.yaml", "--json", "-v", cwd=tmp_path)
        wait_until(lambda: server.stats()["operations"].get("register", 0) >= 2)
        process.send_signal(signal.SIGINT)
        while "run.interrupted" not in process.stderr.readline():  # signals that come together are one
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        ended = finish(process)  # the answers would take ten minutes
        assert ended.code == 130
        server.faults()
        again = bulkim("run", "job.yaml", "--json", cwd=tmp_path)
        assert again.code == 0, again.err
        assert again.json["counts"]["succeeded"] == 120
        assert effects(server, "registered") == {1: 120}


def test_a_second_process_on_the_run_is_turned_away(tmp_path):
    with serving() as server:
        server.seed(100)
        write_csv(tmp_path / "users.csv", people(100))
        write_job(tmp_path, "delete", server.base_url)
        first = start("run", "job.yaml", "--yes", "--json", cwd=tmp_path)
        wait_until(lambda: server.stats()["effects"].get("deleted", 0) >= 20)
        with stopped(first, tmp_path / "bulkim.db"):
            second = bulkim("run", "job.yaml", "--yes", cwd=tmp_path)
        assert second.code == 75
        assert str(first.pid) in second.err
        assert finish(first).code == 0
        assert effects(server, "deleted") == {1: 100}


@pytest.mark.slow
def test_deleting_at_a_hundred_a_second_keeps_to_the_limit(tmp_path):
    """On a real clock, where a machine may stand still between sending and counting; exactly on a virtual one: tests/unit/test_quota."""
    with serving() as server:
        server.seed(1500)
        write_csv(tmp_path / "users.csv", [{"username": f"u{n}"} for n in range(1500)])
        write_job(tmp_path, "delete", server.base_url)
        ended = bulkim("run", "job.yaml", "--yes", "--json", cwd=tmp_path)
        assert ended.code == 0, ended.err
        late = ended.json["throttled"]
        assert late <= 5
        pool = server.stats()["pools"]["users"]
        assert pool["worst_second"] <= 100 + late
        assert pool["accepted"] == 1500
