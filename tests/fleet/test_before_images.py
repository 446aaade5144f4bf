"""What was there before a run of the fleet: kept by whoever looked first, pulled with the run, restored by its undo."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from support.processes import bulkim, wait_until

from bulkim.journal.records import Closing
from bulkim.model import Batch, Mode

from .planted import plant
from .test_journal import expire, people, worker

SEEN = {"data": {"chat": 7200}}


def images(database):
    rows = database.query("SELECT ordinal, read_at, image FROM bulkim.before ORDER BY ordinal")
    return [(ordinal, at, json.loads(image)) for ordinal, at, image in rows]


def test_what_one_worker_kept_no_other_reads_or_writes_over(database):
    run_id = plant(database, "r1", people(3))

    async def main():
        async with worker(database, "first") as first, worker(database, "next") as after:
            journal = await first.take(run_id)
            items = journal.pending()
            assert journal.unseen(items) == items
            attempt = journal.begin(Batch(tuple(items), Mode.LOOK), now=4.0)
            journal.remember(attempt, Closing(5.0, "succeeded", 200), {1: SEEN, 2: {"absent": True}})
            await journal.durable()
            assert journal.unseen(items) == [items[2]]
            expire(database, run_id)
            successor = await after.take(run_id)
            assert successor.doubtful() == [], "to be looked at is not to be sent"
            assert [each.ordinal for each in successor.unseen(items)] == [3]
            late = {1: {"data": {"chat": 60}}, 3: {"unknown": "no answer"}}
            successor.remember(None, Closing(9.0, "unknown"), late)
            await successor.durable()

    asyncio.run(main())
    assert images(database) == [
        (1, 5.0, SEEN),
        (2, 5.0, {"absent": True}),
        (3, 9.0, {"unknown": "no answer"}),
    ]


@pytest.mark.slow
def test_a_worker_that_is_killed_takes_no_mute_of_the_run_for_what_was_there(scene):
    names = [f"mute-{n}" for n in range(80)]
    scene.server.seed([{"username": name, "mutes": {"chat": 7200}} for name in names], app="sandbox/demo")
    (scene.folder / "mute.txt").write_text("\n".join(names) + "\n")
    job = scene.job(
        "mute", "mute", {"text": "mute.txt"}, params={"chat": 60000}, rate={"limit": 20}, snapshot=True
    )
    run = scene.submit(job)
    first = scene.worker()
    wait_until(lambda: scene.done() >= 20, within_s=90)
    first.kill()
    scene.worker()
    scene.until(run)
    scene.compare(run, names)
    kept = images(scene.database)
    assert len(kept) == len(names)
    assert all(7000 < each["data"]["chat"] <= 7200 for _, _, each in kept if "data" in each)
    assert sum("data" in each for _, _, each in kept) >= 70, "at most who was in flight is not known of"
    assert scene.fleet("pull", "last").code == 0
    written = bulkim("undo", "last", "--offline", "-o", "undo.yaml", cwd=scene.folder)
    assert written.code == 0, written.err
    assert "operation: mute" in Path(scene.folder, "undo.yaml").read_text()
