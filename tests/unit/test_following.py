"""What another process reads of a run that goes on, and what a report draws of its limits."""

from __future__ import annotations

import pytest

from bulkim.journal import Journal
from bulkim.journal.records import Allowance, Entry, NewRun, PoolRate
from bulkim.model import Batch, Item, Mode
from bulkim.vendors.easemob import EASEMOB
from bulkim.view.live.following import Readings
from bulkim.view.report.limits import Level, allowed, levels
from bulkim.view.report.timeline import Session, Timeline

JOB = "provider: easemob\noperation: mute\nrate: {limit: 80}\n"


@pytest.fixture
def going(tmp_path):
    """(journal, run id, session) of a run with a call on its way."""
    with Journal.open(tmp_path / "j.db") as journal:
        run = journal.create_run(NewRun("n", "easemob", "mute", "t", {}, job_text=JOB), now=1.0)
        session = journal.session(run, journal.begin_session(run, now=1.0))
        journal.read_input(run, iter([Entry(1, 1, "u", "u")]), name="f", digest="d", now=1.0)
        session.begin(Batch((Item(1, "u", "u"),)), now=2.0)
        yield journal, run, session


def looked(journal, run):
    record = journal.reader.get(run)
    return Readings(journal.reader, record, allowed(record, EASEMOB), now=3.0)


def test_without_a_word_in_the_journal_the_job_says_the_limit(going):
    journal, run, _ = going
    seen = looked(journal, run)
    assert (seen.limit_per_s, seen.allowed_per_s, seen.waiting_for) == (80.0, None, "answers")


def test_refusals_are_what_holds_the_speed(going):
    journal, run, session = going
    session.beat([PoolRate("mutes-set", 60.0, 60.0), PoolRate("mutes-get", 40.0, 40.0)], now=2.0)
    assert looked(journal, run).waiting_for == "answers"
    session.beat([PoolRate("mutes-set", 60.0, 25.0)], now=3.0)
    seen = looked(journal, run)
    assert (seen.limit_per_s, seen.allowed_per_s, seen.waiting_for) == (60.0, 25.0, "vendor")


def test_calls_that_only_ask_are_no_part_of_the_speed(going):
    """A before-image is read from a pool of its own."""
    journal, run, session = going
    record = journal.reader.get(run)
    limits = allowed(record, EASEMOB)
    assert limits.beside == {"look", "probe"}
    newest, one = journal.reader.calls_after(run, 0, but=limits.beside)
    session.begin(Batch((Item(1, "u", "u"),), Mode.LOOK), now=2.5)
    session.begin(Batch((Item(1, "u", "u"),)), now=2.6)
    assert (one, journal.reader.calls_after(run, newest, but=limits.beside)[1]) == (1, 1)
    assert journal.reader.calls_after(run, newest)[1] == 2
    assert journal.reader.calls_since(run, 2.0, but=limits.beside) == 1


def test_levels_are_averages_along_the_axis():
    """Two sessions of ten seconds; in the first, the vendor leaves half from its fifth second on."""
    timeline = Timeline.of(
        [Session(1, 7, "h", 100.0, 110.0, "lost"), Session(2, 8, "h", 500.0, 510.0, "finished")]
    )
    timeline.count([])
    found = [
        Allowance(1, 100.1, PoolRate("a", 100.0, 100.0)), Allowance(1, 104.5, PoolRate("a", 100.0, 50.0)),
        Allowance(1, 107.0, PoolRate("b", 10.0, 1.0)), Allowance(2, 500.2, PoolRate("a", 90.0, 90.0)),
    ]  # fmt: skip
    pause_s = timeline.breaks[0].end_s
    first, half, low, second = levels(timeline, found, ("a",))
    assert first == Level(0.0, 4.0, 100.0, 100.0)
    assert half == Level(4.0, 5.0, 100.0, 75.0)
    assert (low.start_s, low.limit_per_s, low.allowed_per_s) == (5.0, 100.0, 50.0)
    assert (second.start_s, second.limit_per_s) == (pause_s, 90.0)
    assert not second.lowered
