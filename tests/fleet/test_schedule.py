"""Times of the clock: each once, whatever the day has for hours; ticks that are missed, doubled or late."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from bulkim.errors import UsageError
from bulkim.fleet import schedule


def told(cron: str, zone: str, after: str, until: str) -> list[str]:
    found = schedule.times(cron, zone, datetime.fromisoformat(after), datetime.fromisoformat(until))
    return [each.isoformat().replace("+00:00", "Z")[5:16] for each in found]


def test_times_are_those_of_the_zone():
    assert told("0 1 * * *", "Asia/Shanghai", "2026-11-26T00:00Z", "2026-11-28T00:00Z") == [
        "11-26T17:00",
        "11-27T17:00",
    ]
    assert told("30 8 * * 1", "UTC", "2026-11-22T00:00Z", "2026-11-25T00:00Z") == ["11-23T08:30"]
    assert told("0 1 * * *", "UTC", "2026-11-26T01:00Z", "2026-11-26T02:00Z") == [], "it was there before"


def test_an_hour_that_is_skipped_comes_at_its_end():
    """Berlin, 2026-03-29: from 02:00 to 03:00 at 01:00 UTC."""
    assert told("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-30T12:00Z") == [
        "03-29T01:00",
        "03-30T00:30",
    ]
    assert told("*/20 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T12:00Z") == ["03-29T01:00"]


def test_an_hour_that_comes_twice_comes_once():
    """Berlin, 2026-10-25: from 03:00 back to 02:00 at 01:00 UTC."""
    assert told("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T12:00Z") == ["10-25T00:30"]
    assert told("0 * * * *", "Europe/Berlin", "2026-10-24T23:30Z", "2026-10-25T02:30Z") == [
        "10-25T00:00",
        "10-25T02:00",
    ]


@pytest.mark.parametrize(
    ("cron", "zone"),
    [("0 1 * *", "UTC"), ("61 * * * *", "UTC"), ("@daily", "UTC"), ("0 1 * * *", "Mars/Base")],
)
def test_what_is_no_schedule(cron, zone):
    with pytest.raises(UsageError, match=r"no schedule|no time zone"):
        schedule.check(cron, zone)


@pytest.fixture
def nightly(scene):
    scene.users("mute", 3)
    job = scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60})
    ended = scene.fleet("schedule", "add", "nightly", job, "--cron", "0 1 * * *", "--zone", "UTC")
    assert ended.code == 0, ended.err
    return scene


def at(scene, moment: str, *, last: str | None = None) -> list[str]:
    if last:
        scene.database.query("UPDATE bulkim.schedule SET last = %s", last)
    return schedule.tick(scene.database.dsn, datetime.fromisoformat(moment).timestamp())


def test_a_tick_makes_a_run_once_and_its_input_is_read_then(nightly):
    (nightly.folder / "mute.txt").write_text("mute-0\nmute-1\nmute-2\nmute-3\n")
    assert len(at(nightly, "2026-12-01T01:00:20Z", last="2026-12-01T00:00Z")) == 1
    assert at(nightly, "2026-12-01T01:00:20Z") == [], "the same tick again"
    assert at(nightly, "2026-12-01T01:00:05Z") == [], "one that comes late"
    assert nightly.database.query("SELECT name, items FROM bulkim.run") == [("nightly@2026-12-01T01:00", 4)]
    assert [each["last"] for each in nightly.fleet("schedule", "list", "--json").json] == [
        f"2026-12-01T01:00: run {nightly.database.one('SELECT run FROM bulkim.run')}"
    ]


def test_two_ticks_at_once_make_one_run(nightly):
    from concurrent.futures import ThreadPoolExecutor

    nightly.database.query("UPDATE bulkim.schedule SET last = '2026-12-01T00:00Z'")
    with ThreadPoolExecutor(2) as both:
        made = list(both.map(lambda _: at(nightly, "2026-12-01T01:00:20Z"), range(2)))
    assert sorted(map(len, made)) == [0, 1]


def test_a_time_that_was_missed_is_made_up_for_within_an_hour(nightly):
    assert at(nightly, "2026-12-01T02:30:00Z", last="2026-12-01T00:00Z") == []
    assert nightly.database.one("SELECT said FROM bulkim.schedule") == "2026-12-01T01:00: missed"
    assert len(at(nightly, "2026-12-04T01:40:00Z", last="2026-12-01T00:00Z")) == 1, (
        "only the newest of those that were missed"
    )


def test_last_nights_run_goes_on_instead_of_a_new_one(nightly):
    (first,) = at(nightly, "2026-12-01T01:00:20Z", last="2026-12-01T00:00Z")
    assert at(nightly, "2026-12-02T01:00:20Z") == []
    assert (
        nightly.database.one("SELECT said FROM bulkim.schedule") == f"2026-12-02T01:00: run {first} goes on"
    )
    nightly.database.query("UPDATE bulkim.claim SET state = 'done'")
    assert len(at(nightly, "2026-12-03T01:00:20Z")) == 1


def test_a_job_that_cannot_be_read_any_more_is_said_and_harms_nobody(nightly):
    (nightly.folder / "mute.txt").unlink()
    assert at(nightly, "2026-12-01T01:00:20Z", last="2026-12-01T00:00Z") == []
    assert "mute.txt" in nightly.database.one("SELECT said FROM bulkim.schedule")


def test_paused_and_removed(nightly):
    assert nightly.fleet("schedule", "pause", "nightly").code == 0
    assert at(nightly, "2026-12-01T01:00:20Z", last="2026-12-01T00:00Z") == []
    assert nightly.fleet("schedule", "pause", "nightly", "--off").code == 0
    assert nightly.fleet("schedule", "remove", "nightly").code == 0
    assert nightly.fleet("schedule", "remove", "nightly").code == 2
    assert nightly.fleet("schedule", "list", "--json").json == []


def test_what_destroys_is_agreed_to_when_it_is_scheduled(scene):
    scene.users("old", 3)
    job = scene.job("purge", "delete", {"text": "old.txt"})
    words = ("schedule", "add", "purge", job, "--cron", "0 1 * * *", "--zone", "UTC")
    assert scene.fleet(*words).code == 3
    assert "max_items" in scene.fleet(*words, "--yes").err
    document = json.loads((scene.folder / job).read_text())
    (scene.folder / job).write_text(json.dumps({**document, "guard": {"max_items": 10}}))
    assert scene.fleet(*words, "--yes").code == 0
    assert scene.database.one("SELECT pledge FROM bulkim.schedule") == "yes"


def test_the_next_time_is_told_in_the_schedule_s_own_zone(nightly):
    nightly.database.query("UPDATE bulkim.schedule SET zone = 'Asia/Shanghai'")
    assert re.search(r"  \d{4}-\d\d-\d\d 01:00 CST$", nightly.fleet("schedule", "list").out, re.MULTILINE)
    with pytest.raises(UsageError, match=r"(?m)^there is no time zone 'Asia/Beijing'\.$"):
        schedule.check("0 1 * * *", "Asia/Beijing")
