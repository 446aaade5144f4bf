"""What a job file says of when and how fast: hours with a time zone, and limits with a unit."""

from __future__ import annotations

import pytest

from bulkim import jobfile
from bulkim.errors import InputError
from bulkim.jobfile.kept import kept_settings
from bulkim.vendors import PROVIDERS
from bulkim.window import parse

JOB = """\
provider: easemob
operation: delete
connection: {base_url: https://a1.easemob.com, org: "1", app: a, auth: {token: t0ken}}
source: {csv: users.csv}
"""
UNKNOWN = "(a name such as Europe/Berlin or Asia/Shanghai)"
UNITS = 'must be calls a second, such as 100, or text such as "20/s", "1200/min" or "500/h"'


@pytest.fixture
def load(tmp_path):
    def loaded(added: str = "", **changes: str):
        path = tmp_path / "job.yaml"
        path.write_text(JOB + added)
        return jobfile.load(path, env={}, providers=PROVIDERS, overrides=list(changes.items()))

    return loaded


def complaints(load, added: str, **changes: str) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(added, **changes)
    return [str(problem).rpartition("/job.yaml:")[2] for problem in raised.value.problems]


# --------------------------------------------------------------------------------------------- window


@pytest.mark.parametrize(
    ("added", "hours"),
    [
        ('window: "01:00-05:30"', "01:00-05:30"),
        ("window: 22:00-04:00", "22:00-04:00"),
        ("window: 01:00-05:30 Europe/Berlin", "01:00-05:30 Europe/Berlin"),
        ("window: {hours: 01:00-05:30}", "01:00-05:30"),
        ("window: {hours: 01:00-05:30, zone: Asia/Shanghai}", "01:00-05:30 Asia/Shanghai"),
        ("window: 00:00-24:00", "00:00-24:00"),
    ],
)
def test_hours(load, added, hours):
    assert load(added).window == parse(hours)


def test_no_hours(load):
    assert load().window is None
    assert load("window: null").window is None


def test_hours_for_once(load):
    night = "window: 01:00-05:30 Europe/Berlin"
    assert load(night, window="08:00-09:00").window == parse("08:00-09:00")
    assert load(night, window="null").window is None
    zoned = load("window: {hours: 01:00-05:30}", **{"window.zone": "Asia/Shanghai"})
    assert zoned.window == parse("01:00-05:30 Asia/Shanghai")
    assert complaints(load, night, window="soon") == [
        "--set window: window 'soon' must be hours like 01:00-05:30, or 22:00-04:00 across midnight"
    ]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        (
            "window: at night",
            "5:9: window 'at night' must be hours like 01:00-05:30, or 22:00-04:00 across midnight",
        ),
        (
            "window: 05:00-05:00",
            (
                "5:9: window '05:00-05:00' begins and ends at the same time, which could mean always or never;"
                " write 00:00-24:00 for the whole day"
            ),
        ),
        (
            "window: 24:00-05:00",
            "5:9: window '24:00-05:00' must begin between 00:00 and 23:59, and end by 24:00",
        ),
        (
            "window: 1",
            "5:9: window: expected hours like 01:00-05:30, or a mapping with hours and zone; this is 1",
        ),
        (
            "window: 01:00-05:30 Europe/Berln",
            "5:9: window: there is no time zone 'Europe/Berln' (did you mean 'Europe/Berlin'?)",
        ),
        ("window: 01:00-05:30 CEST", f"5:9: window: there is no time zone 'CEST' {UNKNOWN}"),
        (
            "window: {hours: 01:00-05:30, zone: shanghai}",
            "5:36: window: there is no time zone 'shanghai' (did you mean 'Asia/Shanghai'?)",
        ),
        (
            "window: {hours: 01:00-05:30, zone: 8}",
            "5:36: window.zone: expected text, got 8 (quote it)",
        ),
        (
            "window: {hours: 01:00-05:30 UTC}",
            "5:17: window.hours '01:00-05:30 UTC' must be hours like 01:00-05:30, or 22:00-04:00 across midnight",
        ),
        ("window: {zone: UTC}", "5:9: window needs the key 'hours'"),
        (
            "window: {hours: 01:00-05:30, zon: UTC}",
            "5:30: unknown key 'zon' under window (did you mean 'zone'?)",
        ),
    ],
)
def test_hours_that_are_none(load, added, expected):
    assert complaints(load, added) == [expected]


def test_a_machine_without_time_zones_says_what_is_missing(load, monkeypatch):
    monkeypatch.setattr("bulkim.window.zone_names", set)
    (problem,) = complaints(load, "window: 01:00-05:30 Nowhere/Yet")
    assert problem.endswith("(this machine has no time zone database: pip install tzdata)")


# ---------------------------------------------------------------------------------------------- rate


@pytest.mark.parametrize(
    ("limit", "per_s"),
    [
        ("100", 100),
        ("20/s", 20),
        ("1200/min", 20),
        ('"90 / min"', 1.5),
        ("500/h", 500 / 3600),
        ("0.5/s", 0.5),
    ],
)
def test_limits_have_units(load, limit, per_s):
    job = load(f"rate: {{limit: {limit}, pools: {{users: {limit}}}}}")
    assert job.rate.limit == pytest.approx(per_s)
    assert job.rate.pools == {"users": pytest.approx(per_s)}
    assert load(**{"rate.limit": limit}).rate.limit == pytest.approx(per_s)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("fast", UNITS),
        ('"100"', UNITS),
        ("1200/minute", UNITS),
        ("5/d", UNITS),
        ("-5/min", UNITS),
        ("1e9/s", UNITS),
        ("/min", UNITS),
        ("0/min", "must be more than 0"),
    ],
)
def test_limits_that_are_none(load, limit, expected):
    shown = limit.strip('"')
    assert complaints(load, f"rate: {{limit: {limit}}}") == [f"5:15: rate.limit '{shown}' {expected}"]
    found = complaints(load, f"rate: {{pools: {{users: {limit}}}}}")
    assert found == [f"5:23: rate.pools.users '{shown}' {expected}"]


def test_a_report_reads_them_from_the_journal(load):
    job = load("rate: {limit: 600/min, pools: {users: 36/h}}")
    assert kept_settings(job.text).limit == 10
    assert kept_settings(job.text).pools == {"users": 0.01}
    assert kept_settings(load(**{"rate.limit": "90 / min"}).text).limit == 1.5
