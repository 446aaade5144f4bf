"""Since when an item is in doubt, for a later session: by its own clock, by the vendor's, or by none."""

from __future__ import annotations

import sqlite3

import pytest

from bulkim import uptime
from bulkim.journal import Journal
from bulkim.journal.records import Entry, NewRun
from bulkim.model import Batch

BEGAN = 5_000.0  # by the first session's clock


@pytest.fixture
def path(tmp_path):
    """A journal whose only process died during a call."""
    path = tmp_path / "j.db"
    with Journal.open(path) as journal:
        run_id = journal.create_run(NewRun("n", "easemob", "register", "https://h o#a", {}), now=1.0)
        session = journal.session(run_id, journal.begin_session(run_id, now=1.0))
        journal.read_input(run_id, [Entry(1, 1, "ann", "ann")], name="f", digest="d", now=2.0)
        session.begin(Batch(tuple(session.pending())), now=BEGAN)
    return path


def change(path, **session):
    with sqlite3.connect(path) as db:
        for name, value in {"process": "another", "seen_at": -1000.0, **session}.items():
            db.execute(f"UPDATE session SET {name} = ? WHERE ended_at IS NULL", (value,))
    db.close()


def taken_over(path):
    with Journal.open(path) as journal:
        session = journal.session(1, journal.begin_session(1, now=3.0))
        journal.recover(1, now=4.0)
        (item,) = session.doubtful()
        return item


@pytest.mark.parametrize("step_s", [0.0, 3600.0, -3600.0])
def test_in_one_boot_the_kernel_counts_on_whatever_the_wall_shows(path, step_s):
    change(path, clock_zero=uptime.zero() - step_s)  # the clock on the wall was set in between
    item = taken_over(path)
    assert item.doubt_clock is None
    assert item.doubt_since == pytest.approx(BEGAN + step_s)


def test_after_a_boot_the_vendor_knows(path):
    change(path, boot="another", vendor_ahead_s=-3600.0)
    item = taken_over(path)
    assert (item.doubt_clock, item.doubt_since) == ("vendor", BEGAN - 3600.0)


@pytest.mark.parametrize("boot", ["another", None])
def test_where_nobody_knows_that_is_written_down(path, boot):
    change(path, boot=boot)
    assert taken_over(path).doubt_clock == "none"


def test_what_was_translated_once_is_left_as_it_is(path):
    change(path, boot="another", vendor_ahead_s=-3600.0)
    taken_over(path)
    change(path, boot="a third", vendor_ahead_s=77.0)
    item = taken_over(path)
    assert (item.doubt_clock, item.doubt_since) == ("vendor", BEGAN - 3600.0)
