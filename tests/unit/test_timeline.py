"""A run's time as it is drawn: no bar stands above a limit that was kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bulkim.view.report.timeline import Session, Timeline

LIMIT = 10


def drawn(*calls: float, lasted_s: float, limit: float | None = LIMIT) -> Timeline:
    timeline = Timeline.of([Session(1, 1, "here", 100.0, 100.0 + lasted_s, "finished")])
    timeline.count(
        ((1, 100 + at, 100.1 + at, "done", "send") for at in sorted(calls)),
        {} if limit is None else {1: limit},
    )
    return timeline


def test_a_short_run_is_drawn_by_the_second():
    timeline = drawn(0.1, 0.2, 0.3, 0.35, lasted_s=0.4)
    assert [(each.calls, each.calls_per_s) for each in timeline.bins] == [(4, 4.0)]
    assert timeline.busiest == 4


def test_questions_with_a_limit_of_their_own_are_no_part_of_the_speed():
    timeline = Timeline.of([Session(1, 1, "here", 100.0, 103.0, "finished")])
    calls = [
        (1, 100 + 0.1 * n, 100.05 + 0.1 * n, "done", mode) for n in range(30) for mode in ("look", "send")
    ]
    timeline.count(calls, {1: LIMIT}, {"look"})
    assert (timeline.busiest, sum(each.calls for each in timeline.bins)) == (LIMIT, 30)
    assert timeline.sessions[0].calls == 60, "all of them were calls"


def test_what_was_journaled_a_little_early_is_drawn_when_it_left():
    timeline = drawn(*(0.08 * n for n in range(13)), lasted_s=2.5)  # 13 begun in the first second
    assert [each.calls for each in timeline.bins] == [10, 3, 0]
    assert timeline.busiest == LIMIT


@given(
    calls=st.lists(st.floats(0, 400), max_size=300),
    lasted_s=st.floats(0, 400),
    limit=st.one_of(st.none(), st.floats(0.2, 50)),
)
def test_no_call_is_lost_and_no_bar_but_the_last_is_too_high(calls, lasted_s, limit):
    calls = [min(each, lasted_s) for each in calls]
    timeline = drawn(*calls, lasted_s=lasted_s, limit=limit)
    assert sum(each.calls for each in timeline.bins) == len(calls) == timeline.sessions[0].calls
    assert all(each.start_s + each.width_s <= timeline.length_s for each in timeline.bins), "beyond the axis"
    if limit:
        assert all(each.calls_per_s <= max(1, limit + 1) for each in timeline.bins[:-1])
