"""A job with hours: nothing is sent outside of them, and the same command continues when they come again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bulkim import window
from bulkim.sending import supervise

NIGHT = 'window: "01:00-05:30 Europe/Berlin"\n'  # 00:00 to 04:30 UTC in winter
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPENS = NOON + timedelta(hours=12)
CLOSES = OPENS + timedelta(hours=4.5)
MINUTE = timedelta(minutes=1)


class Clock:
    """The wall clock, as somebody has set it. It goes on when calls have reached the server."""

    def __init__(self, server) -> None:
        self.server = server
        self.set(NOON)

    def set(self, moment: datetime, *, then: datetime | None = None, after: int = 0) -> None:
        self.at, self.then, self.after = moment, then, after

    def __call__(self) -> datetime:
        if self.then and len(self.server.requests()) >= self.after:
            self.set(self.then)
        return self.at


@pytest.fixture
def clock(monkeypatch, server):
    clock = Clock(server)
    monkeypatch.setattr(window, "now", clock)
    monkeypatch.setattr(supervise, "LOOK_S", 0.02)
    return clock


@pytest.fixture
def job(shell, server):
    users = [f"u{n}" for n in range(60)]
    server.seed(users)
    return shell.job("look", server.base_url, "get-user", users, more=NIGHT)


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_nothing_is_sent_outside_the_window(shell, server, job, clock, json):
    said = shell("run", job, *json)
    assert (said.code, said.out) == (75, "")
    assert "in the window 01:00-05:30 Europe/Berlin only, and it is 2026-11-21 13:00 CET" in said.err
    assert "when it opens, 2026-11-22 01:00 CET" in said.err
    assert server.requests() == []
    assert "no journal" in shell("runs").err, "there is no run that somebody would look for"


def test_a_run_over_two_nights(shell, job, clock):
    clock.set(CLOSES - MINUTE, then=CLOSES, after=5)
    said = shell("run", job, "--set", "rate.limit=20", "--json")
    assert said.code == 75
    assert (said.json["state"], said.json["stop"]["code"]) == ("stopped", "window")
    assert 5 <= said.json["counts"]["succeeded"] < 60
    assert "next: bulkim run look.yaml" in said.err
    assert shell("run", job).code == 75, "the night is over"
    clock.set(OPENS + timedelta(days=1))
    again = shell("run", job, "--json")
    assert (again.code, again.json["resumed"]) == (0, True)
    assert again.json["counts"]["succeeded"] == 60
    assert again.json["requests"] == 60, "what was in flight was waited for"


def test_the_account_says_when_it_goes_on(shell, job, clock):
    clock.set(CLOSES - MINUTE, then=CLOSES, after=2)
    said = shell("run", job, "--set", "rate.limit=20")
    assert "stopped: window" in said.out
    assert "from 2026-11-23 01:00 CET" in said.out


def test_a_clock_that_is_set_ends_the_night(shell, job, clock):
    clock.set(OPENS + timedelta(hours=1), then=NOON, after=2)
    said = shell("run", job, "--set", "rate.limit=20", "--json")
    assert (said.code, said.json["stop"]["code"]) == (75, "window")
    assert said.json["counts"]["pending"] > 0


def test_whichever_comes_first(shell, job, clock):
    for closing, most, code in ((CLOSES, "1h", "window"), (None, "0.1s", "max_duration")):
        clock.set(CLOSES - MINUTE, then=closing, after=2)
        said = shell("run", job, "--set", "rate.limit=20", "--max-duration", most, "--json")
        assert (said.code, said.json["stop"]["code"]) == (75, code)


def test_a_retry_keeps_to_the_window(shell, server, clock):
    job = shell.job("look", server.base_url, "get-user", ["ghost"], more=NIGHT)
    clock.set(OPENS)
    assert shell("run", job, "-q").code == 1
    clock.set(NOON)
    server.seed(["ghost"])
    assert shell("retry", "last").code == 75
    assert shell("retry", "last", "--set", "window=null", "-q").code == 0


def test_other_hours_for_once(shell, job, clock):
    assert shell("run", job, "--set", "window=12:00-13:00 UTC", "-q").code == 0
    assert shell("run", job, "--new", "--set", "window=null", "-q").code == 0
    assert shell("run", job, "--new", "--set", "window=13:00-12:00 UTC", "-q").code == 75


def test_a_rehearsal_is_possible_at_noon(shell, job, clock):
    said = shell("run", job, "--sandbox")
    assert said.code == 0
    assert "rehearsal: the window 01:00-05:30 Europe/Berlin is taken no notice of" in said.err


def test_check_reads_it(shell, job):
    assert shell("check", job).code == 0
    assert "did you mean 'Europe/Berlin'?" in shell("check", job, "--set", "window=01:00-05:30 Berlin").err


# ---------------------------------------------------------------------------------------------- plan


def said_of(card: str, name: str) -> str:
    """A row of the card, however it was wrapped."""
    rows = card.partition("\n" + name.ljust(15))[2].splitlines()
    more = [row for row in rows[1:] if not row.strip() or row[0] != " "]
    return " ".join(row.strip() for row in rows[: rows.index(more[0])])


def test_the_plan_says_when_it_opens(shell, job, clock):
    assert "01:00-05:30 Europe/Berlin: closed, opens 2026-11-22 01:00 CET" in said_of(
        shell("plan", job).out, "window"
    )
    clock.set(OPENS + timedelta(hours=1))
    assert ": open, closes 2026-11-22 05:30 CET" in said_of(shell("plan", job).out, "window")
    assert (
        said_of(shell("plan", job, "--set", "window=00:00-24:00").out, "window") == "00:00-24:00: always open"
    )
    assert "window" not in shell("plan", job, "--set", "window=null").out


def test_the_plan_counts_nights(shell, job, clock):
    slow = ("--set", "rate.limit=5/h")
    assert said_of(shell("plan", job, *slow).out, "takes") == "12:00:00 at least, in 3 nights"
    found = shell("plan", job, *slow, "--json").json["window"]
    assert found == {
        "hours": "01:00-05:30 Europe/Berlin", "open": False, "nights": 3,
        "opens": "2026-11-22T01:00:00+01:00", "closes": "2026-11-22T05:30:00+01:00",
    }  # fmt: skip
    assert "nights" not in shell("plan", job).out
    assert shell("plan", job, "--set", "window=null", "--json").json["window"] is None


def test_the_plan_of_a_rehearsal_has_no_window(shell, job, clock):
    said = shell("plan", job, "--sandbox")
    assert "window" not in said.out
    assert "is taken no notice of" in said.err


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        ("1200/min", "20 calls/s (1,200/min)"),
        ("1000/min", "16.7 calls/s (1,000/min)"),
        ("500/h", "0.14 calls/s (500/h)"),
        ("null", "100 calls/s"),
    ],
)
def test_the_plan_shows_a_limit_in_its_unit(shell, job, limit, shown):
    assert said_of(shell("plan", job, "--set", f"rate.limit={limit}").out, "quota").startswith(
        f"{shown} from"
    )
