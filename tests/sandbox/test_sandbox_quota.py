"""Quotas: the window as arithmetic, then the pools as the vendors share them out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.sandbox import SandboxConfig
from bulkim.sandbox.quota import Pool, SlidingWindow, UnknownPoolError, admit, check_limits, limit_for

from .helpers import DEMO, Offline

GAPS = st.lists(st.floats(min_value=0, max_value=0.7, allow_nan=False), max_size=60)


def arrivals(gaps):
    now = 5.0
    for gap in gaps:
        now += gap
        yield now


def most_in_any_second(times):
    """The plain definition: for each time, how many lie in the second that ends with it."""
    return max((sum(1 for other in times if time - 1.0 < other <= time) for time in times), default=0)


@given(GAPS)
def test_the_window_counts_what_the_definition_counts(gaps):
    window = SlidingWindow()
    seen = []
    for now in arrivals(gaps):
        seen.append(now)
        assert window.record(now) == sum(1 for other in seen if now - 1.0 < other <= now)


@given(GAPS, st.integers(min_value=0, max_value=8))
def test_no_second_holds_more_accepted_calls_than_the_limit_and_none_is_refused_below_it(gaps, limit):
    pool = Pool("p", limit)
    accepted, everything = [], []
    for now in arrivals(gaps):
        recent = sum(1 for other in accepted if now - 1.0 < other <= now)
        assert admit([pool], now) == (recent < limit)
        if recent < limit:
            accepted.append(now)
        everything.append(now)
    assert most_in_any_second(accepted) <= limit
    assert pool.worst_second == most_in_any_second(everything)
    assert (pool.accepted, pool.arrivals) == (len(accepted), len(everything))


def test_a_refusal_in_one_pool_takes_nothing_from_the_other():
    wide, narrow = Pool("wide", 3), Pool("narrow", 1)
    assert [admit([wide, narrow], 1.0) for _ in range(3)] == [True, False, False]
    assert [admit([wide], 1.0) for _ in range(3)] == [True, True, False]
    assert (wide.arrivals, wide.accepted, wide.refused) == (6, 3, 3)


def test_a_call_is_forgotten_after_exactly_one_second():
    pool = Pool("p", 1)
    assert admit([pool], 1.0)
    assert not admit([pool], 1.999)
    assert admit([pool], 2.0)


def test_no_limit():
    pool = Pool("p", None)
    assert all(admit([pool], 1.0) for _ in range(1000))


def test_limits_by_plain_and_by_qualified_name():
    limits = check_limits({"users": 5, "easemob.users": 7, "mute": None})
    assert limit_for("easemob", "users", limits) == 7
    assert limit_for("agora", "users", limits) == 5
    assert limit_for("agora", "mute", limits) is None
    assert limit_for("tencent", "kick", limits) == 200


@pytest.mark.parametrize("limits", [{"nothing": 1}, {"users": -1}, {"users": "9"}, {"users": True}, [1]])
def test_limits_that_are_none(limits):
    with pytest.raises(UnknownPoolError):
        check_limits(limits)


def test_all_user_calls_share_one_pool_of_a_hundred(offline):
    for number in range(50):
        assert offline.call("GET", f"{DEMO}/users/u{number}").status == 404
        assert offline.call("GET", f"{DEMO}/users/u{number}/disconnect").status == 200
    refused = offline.call("POST", f"{DEMO}/users", {"username": "u", "password": "1"})
    assert refused.status == 429
    assert refused.json()["error"] == "reach_limit"
    assert refused.json()["error_description"] == "This request has reached api limit"
    assert "retry-after" not in refused.headers
    assert offline.call("GET", f"{DEMO}/mutes").status == 200
    assert offline.call("GET", f"{DEMO}/metadata/user/u").status == 200
    offline.clock.pass_s(1.0)
    assert offline.call("POST", f"{DEMO}/users", {"username": "u", "password": "1"}).status == 200


def test_mass_deletes_have_a_narrower_cap_inside_the_pool(offline):
    statuses = [offline.call("DELETE", f"{DEMO}/users").status for _ in range(31)]
    assert statuses == [200] * 30 + [429]
    statuses = [offline.call("GET", f"{DEMO}/users").status for _ in range(71)]
    assert statuses == [200] * 70 + [429]


def test_each_mute_and_metadata_method_has_its_own_pool(offline):
    paths = ("/mutes", "/mutes/u", "/metadata/user/u", "/metadata/user/capacity")
    for path in paths:
        statuses = [offline.call("GET", f"{DEMO}{path}").status for _ in range(101)]
        assert 429 not in statuses[:100]
        assert statuses[100] == 429


def test_tokens_have_their_own_pool(offline):
    statuses = [offline.call("POST", f"{DEMO}/token", {}).status for _ in range(301)]
    assert statuses == [400] * 300 + [429]


def test_a_refused_call_has_no_effect():
    offline = Offline(SandboxConfig(limits={"users": 0}))
    assert offline.call("POST", f"{DEMO}/users", {"username": "u", "password": "1"}).status == 429
    assert offline.world.apps["sandbox/demo"].users == {}
