"""What people ask a session to do, as the journal keeps it."""

from __future__ import annotations

import re

import pytest

from bulkim.journal import Journal
from bulkim.journal.records import NewRun, PoolRate
from bulkim.journal.sqlite import schema


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "j.db") as opened:
        yield opened


@pytest.fixture
def runs(journal):
    """Two runs that a session works on."""
    ids = [journal.create_run(NewRun(name, "easemob", "mute", "t", {}), now=1.0) for name in "ab"]
    return [(run, journal.session(run, journal.begin_session(run, now=1.0))) for run in ids]


def test_a_session_hears_of_its_own_orders_in_their_order(journal, runs):
    (run, session), (other, deaf) = runs
    first = journal.ask(run, "rate", 40.0, now=2.0)
    second = journal.ask(run, "pause", None, now=3.0)
    journal.ask(other, "stop", None, now=3.0)
    assert [(each.id, each.verb, each.calls_per_s) for each in session.orders()] == [
        (first, "rate", 40.0),
        (second, "pause", None),
    ]
    assert [each.id for each in session.orders(after=first)] == [second]
    assert [each.verb for each in deaf.orders()] == ["stop"]


def test_it_is_obeyed_once(journal, runs):
    (run, session), _ = runs
    order = journal.ask(run, "pause", None, now=2.0)
    assert not journal.reader.paused(run)
    session.obeyed(order, now=3.0)
    session.obeyed(order, now=9.0)
    assert [each.obeyed_at for each in journal.reader.orders(run)] == [3.0]
    assert journal.reader.paused(run)
    session.obeyed(journal.ask(run, "rate", 5.0, now=4.0), now=4.0)
    assert journal.reader.paused(run)
    session.obeyed(journal.ask(run, "resume", None, now=5.0), now=5.0)
    assert not journal.reader.paused(run)


def test_the_next_session_does_not_hear_of_what_the_last_one_was_asked(journal, runs):
    (run, session), _ = runs
    session.obeyed(journal.ask(run, "pause", None, now=2.0), now=2.0)
    journal.end_session(run, session._session_id, "interrupted", now=3.0)
    after = journal.session(run, journal.begin_session(run, now=4.0))
    assert after.orders() == []
    assert not journal.reader.paused(run)
    assert len(journal.reader.orders(run)) == 1, "a report still shows it"


def test_a_rest_is_kept_with_its_end(journal, runs):
    (run, session), _ = runs
    told = PoolRate("users", 100.0, 0.0, 3601.0, 3600.0)
    session.beat([told], now=1.0)
    assert journal.reader.rates(run) == [told]
    assert journal.reader.allowances(run)[0].rate == told


def test_a_run_that_is_discarded_leaves_no_orders(journal, runs):
    (run, _), _ = runs
    journal.ask(run, "pause", None, now=2.0)
    assert journal.discard(run)
    assert not journal._database.connection.execute("SELECT 1 FROM control").fetchone()


def test_migrations_are_numbered_one_after_another_and_journals_know_them_by_the_names_they_had():
    made = schema.migrations._migrations
    assert [int(re.match(r"m(\d+)_", each.fn.__name__)[1]) for each in made] == list(range(1, len(made) + 1))
    assert [each.name for each in made][:5] == [
        "m001_first",
        "m002_pace",
        "m003_settings",
        "m004_digest",
        "m004_clocks",
    ]
