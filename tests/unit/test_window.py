"""The hours in which a run may send: by the clock on the wall, through midnight and through changes of clocks."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulkim.window import DAY, Window, parse

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)
MOMENTS = st.integers(0, 20 * 365 * DAY * 60).map(
    lambda second: datetime(2011, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)
SPRING, AUTUMN = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)  # changes at 01:00 UTC
BERLIN = ZoneInfo("Europe/Berlin")


@st.composite
def windows(draw) -> Window:
    start = draw(st.integers(0, DAY - 1))
    end = draw(st.integers(1, DAY).filter(lambda each: each != start))
    return Window(start, end, ZoneInfo(draw(st.sampled_from(ZONES))))


def utc(day: datetime, hour: int, minute: int = 0) -> datetime:
    return day.replace(hour=hour, minute=minute)


# ------------------------------------------------------------------------------------------- moments


@given(windows(), MOMENTS)
@example(parse("02:10-02:40 Europe/Berlin"), SPRING - timedelta(hours=1))
@example(parse("10:00-11:00 Pacific/Apia"), datetime(2011, 12, 29, 12, tzinfo=UTC))
def test_it_opens_at_the_first_moment_at_which_it_is_open(hours, now):
    opens = hours.opens(now)
    assert now <= opens <= now + timedelta(days=3)
    assert hours.is_open(opens)
    if opens > now:
        assert not hours.is_open(now)
        assert not hours.is_open(opens - timedelta(microseconds=1))


@given(windows(), MOMENTS)
def test_it_closes_at_the_first_moment_at_which_it_is_closed(hours, now):
    closes = hours.closes(now)
    if closes is None:
        assert hours.length_s == 86400
        return
    assert now <= closes <= now + timedelta(days=2)
    assert not hours.is_open(closes)
    if closes > now:
        assert hours.is_open(now)
        assert hours.is_open(closes - timedelta(microseconds=1))


@given(windows(), st.integers(0, 365 * DAY))
def test_in_utc_it_is_arithmetic(hours, minute):
    """Minutes since some midnight, without a clock: the same, said in another way."""
    hours = Window(hours.start, hours.end, UTC)
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    assert hours.is_open(now) is ((minute - hours.start) % DAY < hours.length_s / 60)


@given(windows(), MOMENTS)
def test_it_gives_moments_in_utc(hours, now):
    """Within one zone Python subtracts what the clock shows, and an hour too much or too little comes out."""
    opens, closes = hours.opens(now.astimezone(hours.zone)), hours.closes(now.astimezone(hours.zone))
    assert opens.tzinfo is UTC
    assert closes is None or closes.tzinfo is UTC


def test_across_midnight():
    hours = parse("22:00-04:00 Europe/Berlin")
    noon = datetime(2026, 11, 21, 12, tzinfo=BERLIN)
    assert not hours.is_open(noon)
    assert hours.opens(noon) == datetime(2026, 11, 21, 22, tzinfo=BERLIN)
    night = noon + timedelta(hours=14)
    assert hours.opens(night) == night
    assert hours.closes(night) == datetime(2026, 11, 22, 4, tzinfo=BERLIN)


def test_to_the_end_of_the_day_and_all_day():
    evening = parse("22:00-24:00 UTC")
    assert evening.closes(utc(SPRING, 23)) == SPRING + timedelta(days=1)
    always = parse("00:00-24:00 UTC")
    assert always.closes(SPRING) is None
    assert always.nights(1e9, SPRING) == 1


# ----------------------------------------------------------------------------------- changes of clocks


def test_a_time_that_the_clock_skips_is_when_it_jumps():
    """In Berlin 02:00 becomes 03:00 at 01:00 UTC."""
    assert parse("02:30-05:00 Europe/Berlin").opens(SPRING) == utc(SPRING, 1)
    assert parse("01:00-02:30 Europe/Berlin").closes(SPRING) == utc(SPRING, 1)
    gone = parse("02:10-02:40 Europe/Berlin")
    assert gone.opens(SPRING) == utc(SPRING, 0, 10) + timedelta(days=1), "that night has no such time"


def test_an_hour_shown_twice_counts_twice():
    """In Berlin 03:00 becomes 02:00 at 01:00 UTC, so that 02:00 to 03:00 is shown from 00:00 to 02:00 UTC."""
    hours = parse("01:00-05:30 Europe/Berlin")
    before = AUTUMN - timedelta(hours=2)
    length = hours.closes(hours.opens(before)) - hours.opens(before)
    assert length == timedelta(seconds=hours.length_s) + timedelta(hours=1)
    inside = parse("02:15-02:45 Europe/Berlin")
    assert inside.opens(AUTUMN) == utc(AUTUMN, 0, 15)
    assert inside.closes(utc(AUTUMN, 0, 15)) == utc(AUTUMN, 0, 45)
    assert inside.opens(utc(AUTUMN, 0, 45)) == utc(AUTUMN, 1, 15)


@pytest.fixture
def at_home(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("hours", ["02:30-05:00", "01:00-02:30", "22:00-04:00"])
@pytest.mark.parametrize("day", [SPRING, AUTUMN], ids=["spring", "autumn"])
@pytest.mark.usefixtures("at_home")
def test_the_hosts_own_zone_changes_its_clocks_too(hours, day):
    here, there = parse(hours), parse(f"{hours} Europe/Berlin")
    for hour in range(-4, 8):
        now = day + timedelta(hours=hour, minutes=7)
        assert here.is_open(now) is there.is_open(now)
        assert here.opens(now) == there.opens(now)
        assert here.closes(now) == there.closes(now)


# -------------------------------------------------------------------------------------------- nights


@pytest.mark.parametrize(
    ("needed_s", "nights"), [(0, 1), (3600, 1), (4 * 3600, 1), (4 * 3600 + 1, 2), (12 * 3600, 3), (12.5 * 3600, 4)]
)  # fmt: skip
def test_how_many_nights(needed_s, nights):
    hours = parse("01:00-05:00 UTC")
    assert hours.nights(needed_s, utc(SPRING, 12)) == nights


def test_the_night_that_has_begun_has_less_left():
    hours = parse("01:00-05:00 UTC")
    assert hours.nights(4 * 3600, utc(SPRING, 1)) == 1
    assert hours.nights(4 * 3600, utc(SPRING, 4)) == 2


# --------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("01:00-05:30", "01:00-05:30"),
        ("1:00-5:30", "01:00-05:30"),
        ("22:00 – 04:00", "22:00-04:00"),
        ("01:00-05:30 Europe/Berlin", "01:00-05:30 Europe/Berlin"),
        ("  01:00 - 24:00   UTC ", "01:00-24:00 UTC"),
    ],
)
def test_how_it_is_written(text, shown):
    assert str(parse(text)) == shown
    assert parse(str(parse(text))) == parse(text)


def test_a_zone_given_apart():
    assert parse("01:00-05:30", "Europe/Berlin") == parse("01:00-05:30 Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must be hours like 01:00-05:30"),
        ("01:00", "must be hours like"),
        ("1-5", "must be hours like"),
        ("01:00-05:30 +02:00", "must be hours like"),
        ("-01:00-05:30", "must be hours like"),
        ("01:60-05:30", "must begin between 00:00 and 23:59, and end by 24:00"),
        ("24:00-05:30", "must begin between"),
        ("23:00-24:01", "must begin between"),
        ("05:00-05:00", "could mean always or never; write 00:00-24:00 for the whole day"),
        ("01:00-05:30 Europe", "there is no time zone 'Europe'"),
        ("01:00-05:30 a/../../etc", "there is no time zone"),
    ],
)
def test_what_it_is_not(text, why):
    with pytest.raises(ValueError, match=why):
        parse(text)


@given(st.text(max_size=30))
def test_any_text_is_a_window_or_a_reason(text):
    with suppress(ValueError):
        assert str(parse(text))


@pytest.mark.usefixtures("at_home")
def test_a_moment_is_told_in_its_zone_and_here():
    moment = datetime(2026, 11, 22, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    shanghai, home = parse("01:00-05:30 Asia/Shanghai"), parse("01:00-05:30")
    assert shanghai.told(moment) == "2026-11-22 01:00 CST, here 2026-11-21 18:00 CET"
    assert home.told(moment) == "2026-11-21 18:00 CET"
