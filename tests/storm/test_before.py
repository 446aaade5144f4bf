"""Kill -9 between reading what was there and writing over it: no image is ever the run's own write, and undo brings back what was."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing

import pytest
from support.here import bulkim_here
from support.server import serving

import bulkim

from .campaign import Campaign

LIMITS = {"users": 5000, "mute": 5000, "get-mute": 5000}
BEFORE_S = 50_000  # of a mute that was there; the run's own is longer
PLACES = [
    f"{what}-{when}" for what in ("begin", "send", "remember", "settle") for when in ("before", "after")
]


class Muted(Campaign):
    """Everybody was muted before."""

    def seeded(self, name: str) -> dict:
        return {"username": name, "mutes": {"chat": BEFORE_S}}

    def images(self) -> list[dict]:
        with closing(sqlite3.connect(self.folder / "bulkim.db")) as db:
            return [json.loads(image) for (image,) in db.execute("SELECT image FROM before ORDER BY ordinal")]

    def undone(self) -> None:
        """By the server's word, all is as it was."""
        path = self.folder / "undo.yaml"
        undo = bulkim.undo("last", job=self.folder / "job.yaml", journal=self.folder / "bulkim.db")
        assert undo.left_alone == ()
        undo.write(path)
        auth = json.dumps(json.loads((self.folder / "job.yaml").read_text())["connection"]["auth"])
        text = path.read_text()
        line = next(line for line in text.splitlines() if line.startswith("  auth: "))
        path.write_text(text.replace(line, f"  auth: {auth}"))
        ended = bulkim_here("run", str(path), "--journal", str(self.folder / "undo.db"))
        assert ended.code == 0, ended.err
        for name, user in self.server.users(self.app).items():
            left = user["mutes"]
            assert BEFORE_S - 900 < left["chat"] <= BEFORE_S, (name, left)
            assert not left.get("groupchat"), (name, left)


@pytest.fixture
def server():
    with serving(limits=LIMITS) as running:
        running.latency([0.0, 0.02])
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_kills_between_reading_and_writing(server, tmp_path, seed):
    campaign = Muted(server, tmp_path, "mute", 60)
    dice = random.Random(seed)
    for place in dice.sample(PLACES, len(PLACES)):
        campaign.killed_at(place, dice.randint(1, 9))
    ended = campaign.to_the_end()
    assert ended.code in {0, -9}, ended.err  # -9: killed when the run had just finished
    assert campaign.kills >= 5
    campaign.compare()
    images = campaign.images()
    assert len(images) == len(campaign.names)
    assert all(BEFORE_S - 900 < each["data"]["chat"] <= BEFORE_S for each in images), (
        "the run's own is 86,400"
    )
    campaign.undone()
