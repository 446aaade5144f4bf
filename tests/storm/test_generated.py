"""Kill -9 while secrets are made, and while they are sent: whoever is registered has the password that the file says."""

from __future__ import annotations

import csv
import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.apps import write_job
from support.jobs import rows
from support.server import serving

from . import dying

USERS = 400  # the file takes up a hundred secrets in one write here
PLACES = [
    *(f"secrets-{when}" for when in ("before", "torn", "after")),
    *(f"{what}-{when}" for what in ("synced", "intake", "begin", "send", "settle") for when in ("before", "after")),
]  # fmt: skip


class Making:
    """A registration with passwords that are made, of a list that grows."""

    def __init__(self, server, folder: Path, seed: int) -> None:
        self.server, self.folder, self.dice, self.kills = server, folder, random.Random(seed), 0
        folder.mkdir()
        self.names = [f"S{seed}-{n:04}" for n in range(USERS)]
        self.grow(USERS // 2)
        write_job(
            folder, "job", "easemob", server.base_url, "register",
            {"text": "list", "columns": {"password": {"generate": 16, "into": "made.csv"}}},
            rate={"limit": 1000},
        )  # fmt: skip

    def grow(self, users: int) -> None:
        self.there = users
        (self.folder / "list").write_text("".join(f"{name}\n" for name in self.names[:users]))

    def run(self, place: str = "none", calls: int = 0):
        home = {"XDG_STATE_HOME": str(self.folder / "state")}
        ended = dying.bulkim(
            ["run", "job.yaml", "--json"], cwd=self.folder, place=place, calls=calls, env=home
        )
        assert ended.code in {0, -9}, (place, calls, ended.err)
        self.kills += ended.code == -9
        self.compare()
        return ended

    def compare(self) -> None:
        """Nobody has a password that stands in no whole line of the file, and nobody stands there twice."""
        path = self.folder / "made.csv"
        text = path.read_text() if path.exists() else ""
        found = list(csv.reader(line for line in text.splitlines(keepends=True) if line.endswith("\n")))
        assert len(found) == len({name.lower() for name, _ in found})
        kept = {name.lower(): hashlib.sha256(secret.encode()).hexdigest() for name, secret in found[1:]}
        users = self.server.users()
        mine = {
            name.lower(): users[name.lower()]["password_sha256"]
            for name in self.names
            if name.lower() in users
        }
        assert mine.items() <= kept.items()

    def storm(self) -> None:
        for place in self.dice.sample(PLACES, len(PLACES)):
            if self.dice.random() < 0.3:
                self.grow(self.dice.randint(self.there, USERS))
            self.run(place, self.dice.randint(1, 3))
        self.grow(USERS)
        while self.run().code:
            pass
        while len(rows(self.folder / "bulkim.db")) < USERS:
            self.run()


@pytest.mark.slow
def test_a_storm_of_kills_while_secrets_are_made(tmp_path):
    with serving(limits={"users": 5000}) as server, ThreadPoolExecutor(2) as pool:
        campaigns = [Making(server, tmp_path / f"{seed}", seed) for seed in range(2)]
        list(pool.map(Making.storm, campaigns))
        for each in campaigns:
            assert len((each.folder / "made.csv").read_text().splitlines()) == USERS + 1
            assert all(name.lower() in server.users() for name in each.names)
        assert sum(each.kills for each in campaigns) >= 10, [each.kills for each in campaigns]
