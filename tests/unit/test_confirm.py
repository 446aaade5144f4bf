"""Who agreed to what, and whether that covers what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.jobs import job

from bulkim.errors import ConfirmationError
from bulkim.planning.terms import Pledge
from bulkim.work.confirm import agreed

JOB = job("delete", "http://127.0.0.1:1", ["anna"])


def ask(given: Pledge | None, written: Pledge | None, *, sent: int, left: int) -> Pledge | None:
    return agreed(given, written, JOB, sent=sent, left=left, said="--confirm")


def test_a_first_pledge_is_the_number_of_items_exactly():
    assert ask(Pledge("demo", 40), None, sent=0, left=40) == Pledge("demo", 40)
    for wrong in (39, 41, 0):
        with pytest.raises(ConfirmationError, match="40 items would be sent"):
            ask(Pledge("demo", wrong), None, sent=0, left=40)


def test_another_app_is_refused():
    with pytest.raises(ConfirmationError, match="names the app 'prod', but this job goes to 'demo'"):
        ask(Pledge("prod", 40), None, sent=0, left=40)


def test_nobody_agreed():
    assert ask(None, None, sent=0, left=40) is None


@pytest.mark.parametrize("given", [None, Pledge("demo", 300)])
def test_what_was_written_down_stays_valid_for_what_is_left(given):
    written = Pledge("demo", 300)
    assert ask(given, written, sent=102, left=198) == written
    assert ask(given, written, sent=102, left=190) == written, "rows that are gone need no other number"


@pytest.mark.parametrize("given", [None, Pledge("demo", 300)])
def test_it_bounds_the_whole_run(given):
    with pytest.raises(
        ConfirmationError, match=r"says 300, but 199 items would be sent \(102 were sent before, 301 in all\)"
    ):
        ask(given, Pledge("demo", 300), sent=102, left=199)


def test_the_old_number_is_not_taken_for_what_is_left():
    """40 of 40 agreed; 18 were sent, 18 came in addition: 40 are left, and 58 in all."""
    with pytest.raises(ConfirmationError, match="58 in all"):
        ask(Pledge("demo", 40), Pledge("demo", 40), sent=18, left=40)


def test_a_new_number_names_what_is_left_or_the_whole_run():
    assert ask(Pledge("demo", 22), None, sent=18, left=22) == Pledge("demo", 22, 18)
    assert ask(Pledge("demo", 40), None, sent=18, left=22) == Pledge("demo", 40)
    assert ask(Pledge("demo", 22), Pledge("demo", 30), sent=18, left=22) == Pledge("demo", 22, 18)
    with pytest.raises(ConfirmationError):
        ask(Pledge("demo", 23), None, sent=18, left=22)


COUNTS = st.integers(0, 1000)


@given(COUNTS, COUNTS, st.integers(0, 1000))
def test_the_same_command_continues_as_long_as_nobody_is_added(sent, left, more):
    """Whatever was agreed to holds after any number of further items have been sent."""
    pledge = ask(Pledge("demo", left), None, sent=sent, left=left)
    done = min(left, more)
    assert ask(Pledge("demo", left), pledge, sent=sent + done, left=left - done) == pledge


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.booleans())
def test_no_more_than_was_agreed_to_is_ever_sent(sent, left, sent_later, left_later, again):
    pledge = ask(Pledge("demo", left), None, sent=sent, left=left)
    assert pledge is not None
    later = sent + sent_later
    given = Pledge("demo", left) if again else None
    try:
        assert ask(given, pledge, sent=later, left=left_later) == pledge
    except ConfirmationError:
        assert sent_later + left_later > left
    else:
        assert sent_later + left_later <= left
