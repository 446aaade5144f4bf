"""`bulkim run` with BULKIM_FLEET: a local journal, and one limit with everybody else. Real processes, a real database."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from support.apps import write_job
from support.here import bulkim_here
from support.jobs import rows
from support.processes import bulkim, environment, finish, kill, start
from support.processes import wait_until as patiently
from support.server import serving

wait_until = partial(patiently, within_s=60)
LIMIT = 20
USERS = 3000  # more than anybody waits for


@pytest.fixture
def fleet(database):
    """A database with a short lease."""
    database.query("UPDATE bulkim.meta SET lease_s = 4, margin_s = 1")
    return database


class Host:
    """One host: a folder, a state of its own, a job for the one app."""

    def __init__(self, tmp_path, name: str, server, database, *, users: int = USERS, **more) -> None:
        self.folder = tmp_path / name
        self.folder.mkdir()
        self.database = database
        self.extra = {"BULKIM_FLEET": database.dsn, "XDG_STATE_HOME": str(self.folder)}
        names = [f"{name}-{n}" for n in range(users)]
        server.seed(names)
        job = {"params": {"chat": 60}, "rate": {"limit": LIMIT}, **more}
        (self.folder / "users.txt").write_text("\n".join(names) + "\n")
        write_job(self.folder, "job", "easemob", server.base_url, "mute", {"text": "users.txt"}, **job)

    def run(self, *words: str):
        return start("run", "job.yaml", "--json", *words, cwd=self.folder, **self.extra)

    def shares(self) -> list[float]:
        """What everybody holds that is still good."""
        found = self.database.query(
            "SELECT share FROM bulkim.holder WHERE pool LIKE '% mutes-set' AND until > clock_timestamp() ORDER BY 1"
        )
        shares = [share for (share,) in found]
        assert sum(shares) <= LIMIT
        return shares

    def alone(self) -> bool:
        """There is one holder, and the limit is free for it."""
        return len(shares := self.shares()) == 1 and shares[0] > LIMIT / 2

    def beside(self) -> bool:
        """There are two, and both have something."""
        return len(shares := self.shares()) == 2 and shares[0] > 0


@pytest.mark.slow
def test_who_comes_shares_and_who_leaves_hands_back(fleet, tmp_path):
    with serving() as server:
        server.limits(mute=LIMIT)
        first, second = (Host(tmp_path, name, server, fleet) for name in ("one", "two"))
        one = first.run()
        wait_until(first.alone)
        two = second.run()
        wait_until(first.beside)
        two.send_signal(signal.SIGTERM)
        assert finish(two).code == 143
        wait_until(first.alone)
        one.send_signal(signal.SIGTERM)
        assert finish(one).code == 143
        assert first.shares() == []
        for host in (first, second):
            done = {
                name for name, row in rows(host.folder / "bulkim.db").items() if row["outcome"] == "succeeded"
            }
            effects = {
                name: user["effects"].get("mute_set", 0)
                for name, user in server.users().items()
                if name.startswith(host.folder.name)
            }
            assert {name for name, times in effects.items() if times} == done
            assert set(effects.values()) <= {0, 1}


@pytest.mark.slow
def test_what_a_killed_one_held_is_others_when_its_lease_is_over(fleet, tmp_path):
    with serving() as server:
        first, second = (Host(tmp_path, name, server, fleet) for name in ("one", "two"))
        one, two = first.run(), second.run()
        wait_until(first.beside)
        kill(two)
        wait_until(first.alone)
        kill(one)


@pytest.mark.slow
def test_while_the_database_is_away_nobody_sends_and_then_it_goes_on(own_database, tmp_path):
    fleet = own_database
    fleet.query("UPDATE bulkim.meta SET lease_s = 4, margin_s = 1")
    with serving() as server:
        host = Host(tmp_path, "one", server, fleet, users=300)
        process = host.run("--progress", "plain")
        wait_until(lambda: server.stats()["effects"].get("mute_set", 0) >= 10)
        with fleet.server.away(crashed=True):
            wait_until(lambda: _quiet(server))
            assert server.stats()["effects"]["mute_set"] < 300
        ended = finish(process, within_s=90)
        assert ended.code == 0, ended.err
        assert server.stats()["effects"] == {"mute_set": 300}


def _quiet(server) -> bool:
    """Nothing more arrives."""
    before = server.stats()["effects"]["mute_set"]
    time.sleep(2.5)
    return server.stats()["effects"]["mute_set"] == before


@pytest.mark.slow
def test_a_refusal_lets_the_others_rest_too(fleet, tmp_path):
    with serving() as server:
        hosts = [Host(tmp_path, name, server, fleet) for name in ("one", "two")]
        processes = [host.run() for host in hosts]
        wait_until(hosts[0].beside)
        server.faults({"times": 1, "do": {"throttle": None, "retry_after": 20}})

        wait_until(
            lambda: (
                fleet.one(
                    "SELECT count(*) FROM bulkim.pool WHERE rest_until > clock_timestamp() + interval '15 s'"
                )
                == 1
            )
        )
        said = bulkim("fleet", "quota", cwd=hosts[0].folder, **hosts[0].extra)
        assert "rests until" in said.err
        wait_until(lambda: _quiet(server))
        for process in processes:
            kill(process)


NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job in the current folder, and the server that it goes to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users.txt").write_text("u1\nu2\n")
    with serving() as server:
        server.seed(["u1", "u2"])
        write_job(
            tmp_path, "job", "easemob", server.base_url, "mute", {"text": "users.txt"}, params={"chat": 60}
        )
        yield server


def test_a_rehearsal_shares_with_nobody(job, monkeypatch):
    monkeypatch.setenv("BULKIM_FLEET", NOWHERE)
    ended = bulkim_here("run", "job.yaml", "--json", "--sandbox")
    assert ended.code == 0, ended.err
    assert job.stats()["effects"] == {}


@pytest.mark.parametrize(
    ("dsn", "ends"),
    [
        (NOWHERE, (3, "check BULKIM_FLEET")),
        ("http://db", (2, "it looks like")),
        ("EMPTY", (3, "`bulkim fleet init`")),
    ],
)
def test_a_database_that_is_of_no_use_is_said_before_anything_is_sent(job, no_fleet, monkeypatch, dsn, ends):
    monkeypatch.setenv("BULKIM_FLEET", no_fleet.dsn if dsn == "EMPTY" else dsn)
    ended = bulkim_here("run", "job.yaml", "--json")
    code, hint = ends
    assert ended.code == code, ended.err
    assert hint in ended.err.splitlines()[-1]
    assert job.stats()["effects"] == {}


def test_without_the_extra_it_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['psycopg'] = None\nfrom bulkim.cli import cli\ncli.main(['fleet', 'quota'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path,
        env=environment(BULKIM_FLEET="postgresql://h/d"),
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == "hint: pip install 'bulkim[fleet]'"


def test_nothing_new_is_imported_by_who_has_no_fleet(tmp_path):
    code = "import sys, bulkim\nfrom bulkim.work import runner\nimport bulkim.fleet, bulkim.api\nprint([m for m in ('psycopg', 'procrastinate', 'psycopg_pool', 'croniter') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
