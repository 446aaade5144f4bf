"""What follows from an answer: every item goes exactly one way, whatever the vendor says of whatever was sent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkim.catalogue.shapes import Effect, Never, Probe, Repeat
from bulkim.model import Answer, Batch, Item, Kind, Mode, Outcome, Rest, Status
from bulkim.sending.retry import Policy, decide, reopened, step
from bulkim.vendors import PROVIDERS

NOW = 2_000_000.0
DEFAULT = Policy()
OPERATIONS = [
    pytest.param(operation, id=f"{vendor.name}-{operation.name}")
    for vendor in PROVIDERS.values()
    for operation in vendor.operations
    if operation.paging is None
]
PLAIN = [each.values[0] for each in OPERATIONS]
ENDS = {Kind.SUCCEEDED, Kind.ALREADY, Kind.ABSENT, Kind.REJECTED}


def item(number: int, **changes) -> Item:
    name = f"u{number}"
    fields = {"username": name, "chat": 60, "password": "pw-secret"}
    return Item(number, name, name, fields, attempts=1)._replace(**changes)


def decided(operation, items, outcomes, *, mode=Mode.SEND, tries=1, policy=DEFAULT, **extra):
    batch = Batch(tuple(items), mode, tries=tries, **extra)
    answer = Answer(tuple(outcomes), 200)
    return decide(operation, batch, answer, policy=policy, began_at=NOW - 1, now=NOW, poisoned=1)


def places(decision, items):
    """How often each item is final or goes back."""
    seen = [final.item.ordinal for final in decision.final]
    seen += [each.ordinal for again in decision.again for each in again.batch.items]
    return {each.ordinal: seen.count(each.ordinal) for each in items}


OUTCOMES = st.builds(
    Outcome,
    st.sampled_from(list(Kind)),
    st.sampled_from([None, "0", "timeout", "connection", "bad_response", "reach_limit"]),
    st.sampled_from([None, "why"]),
    st.sampled_from(
        [None, {}, {"activated": False, "created": NOW * 1000}, {"chat": 59, "groupchat": 0}, "offline", [1]]
    ),
    st.sampled_from([None, 0.0, 3.0]),
)


@settings(max_examples=400)
@given(
    operation=st.sampled_from(PLAIN),
    outcomes=st.lists(OUTCOMES, min_size=1, max_size=6),
    mode=st.sampled_from(list(Mode)),
    tries=st.integers(1, 8),
    probes=st.integers(0, 8),
    depth=st.integers(0, 5),
    refreshed=st.booleans(),
    removed=st.booleans(),
    doubt=st.booleans(),
)
def test_every_item_goes_exactly_one_way(  # noqa: PLR0917 - hypothesis gives them by name
    operation, outcomes, mode, tries, probes, depth, refreshed, removed, doubt
):
    if mode is Mode.PROBE and not isinstance(operation.doubt, Probe):
        mode = Mode.SEND
    since = NOW - 5 if doubt or mode is Mode.PROBE else None
    items = [item(n, doubt_since=since, position=None if removed else n) for n, _ in enumerate(outcomes, 1)]
    decision = decided(
        operation, items, outcomes, mode=mode, tries=tries, probes=probes, depth=depth, refreshed=refreshed
    )
    found = places(decision, items)
    if decision.stop is None:
        assert set(found.values()) == {1}
    else:
        assert set(found.values()) <= {0, 1}, "what a stop leaves is pending, once"
        assert decision.stop.exit_code in {4, 6}
    assert all(final.status is not Status.PENDING for final in decision.final)
    assert all(again.delay_s >= 0 for again in decision.again)
    sizes = [len(again.batch) for again in decision.again]
    assert all(size >= 1 for size in sizes)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", sorted(ENDS))
def test_what_ends_an_item_is_final_at_once(operation, kind):
    decision = decided(operation, [item(1)], [Outcome(kind, "c")])
    assert [final.item.ordinal for final in decision.final] == [1]
    assert not decision.again
    assert not decision.stop


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_may_have_been_done_is_never_simply_sent_again_unless_that_is_harmless(operation):
    decision = decided(operation, [item(1)], [Outcome(Kind.UNKNOWN, "timeout", "no answer in time")])
    match operation.doubt:
        case Probe():
            assert [again.batch.mode for again in decision.again] == [Mode.PROBE]
            assert decision.doubtful[0].doubt_since == NOW - 1
        case Repeat():
            assert [again.batch.mode for again in decision.again] == [Mode.SEND]
            assert decision.doubtful[0].doubt_since == NOW - 1
            assert operation.effect is not Effect.DISRUPT
        case Never():
            assert decision.final[0].status is Status.UNKNOWN


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.UNAUTHORIZED])
def test_throttling_and_renewing_cost_no_attempt(operation, kind):
    decision = decided(operation, [item(1, attempts=3)], [Outcome(kind)], tries=3)
    back = decision.again[0].batch
    assert (back.tries, back.items[0].attempts) == (2, 2)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_patience_ends(operation):
    policy = Policy(retries=2)
    failed = decided(operation, [item(1)], [Outcome(Kind.TRANSIENT, "503")], tries=3, policy=policy)
    assert failed.final[0].status is Status.FAILED
    unreachable = decided(
        operation, [item(1)], [Outcome(Kind.TRANSIENT, "connection")], tries=3, policy=policy
    )
    assert unreachable.stop
    assert places(unreachable, [item(1)]) == {1: 0}
    if isinstance(operation.doubt, Probe):
        asked = decided(operation, [item(1, doubt_since=NOW - 9)], [Outcome(Kind.UNKNOWN, "timeout")],
                        mode=Mode.PROBE, tries=1, probes=2, policy=policy)  # fmt: skip
        assert asked.final[0].status is Status.UNKNOWN


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("tries", [1, 99])
def test_a_vendor_that_is_busy_for_a_day_rests_everybody_and_fails_nobody(operation, tries):
    busy = Outcome(Kind.TRANSIENT, "503", retry_after_s=86_400.0)
    decision = decided(operation, [item(1)], [busy], tries=tries)
    assert decision.cool_down == Rest(86_400.0, quota=False)
    assert places(decision, [item(1)]) == {1: 1}
    assert decision.again[0].delay_s <= DEFAULT.max_rest_s
    assert not decision.final


@pytest.mark.parametrize("asked_s", [30.0, 86_400.0])
def test_a_listing_rests_too_when_the_vendor_is_busy(asked_s):
    busy = Outcome(Kind.TRANSIENT, "503", retry_after_s=asked_s)
    then = step(busy, tries=1, refreshed=False, policy=DEFAULT, jitter=0.5)
    assert then.cool_down == Rest(asked_s, quota=False)
    assert then.delay_s == min(asked_s, 600.0)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("removed", [False, True])
def test_what_a_dead_process_left_in_doubt_is_settled_first(operation, removed):
    items = [item(n, doubt_since=NOW - 9, position=None if removed else n) for n in range(1, 4)]
    decision = reopened(operation, items)
    assert set(places(decision, items).values()) == {1}
    if isinstance(operation.doubt, Probe):
        assert {again.batch.mode for again in decision.again} == {Mode.PROBE}
    elif removed:
        assert not decision.again, "what is no longer in the input is not sent"
