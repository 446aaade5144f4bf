"""Kill -9 over saved plans, with an input that is edited in between: what was sent is a part of the plan, sent once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.apps import write_job
from support.jobs import rows
from support.server import serving

from . import dying
from .campaign import moments

USERS = 14
LIMITS = {"users": 5000}
KILLS = 500
AT_ONCE = 3


class Planned:
    """A deletion by a plan, whose input and vendor somebody else changes all the time."""

    def __init__(self, server, folder: Path, seed: int) -> None:
        self.server, self.folder = server, folder
        self.dice, self.kills = random.Random(seed), 0
        folder.mkdir(parents=True)
        self.table, self.listing = seed % 3 == 0, seed % 3 == 2
        self.names = [f"s{seed}-{n:02}" for n in range(USERS)]
        self.others = [f"s{seed}-other{n}" for n in range(5)]
        server.seed([*self.names, *self.others])
        source = [
            {"csv": "list"},
            {"text": "list"},
            {"listing": "users", "where": {"match": f"s{seed}-[0-9]+"}},
        ][seed % 3]
        self.write(self.names)
        write_job(
            folder,
            "job",
            "easemob",
            server.base_url,
            "delete",
            source,
            rate={"limit": 400},
            retries=8,
            timeout=5,
        )
        said = dying.bulkim(["plan", "job.yaml", "-o", "job.plan", "--json"], cwd=folder, env=self.home)
        assert said.code == 0, said.err
        self.digest = said.json["digest"]

    @property
    def home(self) -> dict[str, str]:
        return {"XDG_STATE_HOME": str(self.folder / "state")}

    def write(self, names: list[str]) -> None:
        header = ["username"] if self.table else []
        (self.folder / "list").write_text("".join(f"{name}\n" for name in [*header, *names]))

    def edit(self) -> None:
        """Some rows go, some come, some come back; never so many that the input looks broken."""
        kept = [name for name in self.names if self.dice.random() < 0.9]
        more = [name for name in self.others if self.dice.random() < 0.4]
        mixed = [*kept, *more]
        self.dice.shuffle(mixed)
        self.write(mixed)

    def run(self, place: str = "none", calls: int = 0) -> int:
        named = ["--confirm-plan", self.digest[:8]] if self.dice.random() < 0.5 or not self.kills else []
        words = ["run", "job.plan", "--json", "--accept-removals", *named]
        ended = dying.bulkim(words, cwd=self.folder, place=place, calls=calls, env=self.home)
        self.kills += ended.code == -9
        assert ended.code in {0, -9, 3, 5}, ended.err
        if ended.code == 3:  # killed before it was confirmed, and not named this time
            assert "not" in ended.err
            assert not named
        return ended.code

    def compare(self) -> None:
        """Server and journal tell the same, and both stay within the plan."""
        users = self.server.users()
        for name in self.others:
            assert users[name]["exists"], f"{name} is not in the plan"
        for name, row in rows(self.folder / "bulkim.db").items():
            assert name in self.names
            times = users[name]["effects"].get("deleted", 0)
            assert times <= 1
            if row["outcome"] == "unknown":  # sent without an answer, then taken out of the input
                assert row["code"] == "removed", row
                continue
            assert (row["outcome"] == "succeeded") == (times == 1), (name, row)
            assert row["outcome"] in {"succeeded", "skipped"}, row
        if self.listing:
            assert not any(users[name]["exists"] for name in self.names)


def storm(server, folder: Path, seed: int, rounds: int) -> int:
    planned = Planned(server, folder, seed)
    for place, calls in moments(seed, rounds, 6):
        if planned.run(place, calls) in {0, 5}:
            break
        planned.edit()
    else:
        while planned.run() == 3:
            pass
    planned.compare()
    return planned.kills


@pytest.mark.parametrize("seed", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_what_is_sent_is_a_part_of_the_plan(tmp_path, seed):
    with serving(limits=LIMITS) as server:
        server.latency([0.0, 0.01])
        assert storm(server, tmp_path / "one", seed, 3) >= 1


def share(folder: Path, seeds: range, kills: int) -> int:
    """So many kills and a few more, with a server of its own."""
    with serving(limits=LIMITS) as server:
        server.latency([0.0, 0.01])
        done = 0
        for seed in seeds:
            done += storm(server, folder / str(seed), seed, 10)
            if done >= kills:
                return done
            server.reset()
    raise AssertionError("these are not enough seeds")


@pytest.mark.campaign
def test_five_hundred_kills(tmp_path):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = [
            pool.submit(share, tmp_path / str(n), range(n, KILLS, AT_ONCE), -(-KILLS // AT_ONCE))
            for n in range(AT_ONCE)
        ]
        assert sum(each.result() for each in shares) >= KILLS
