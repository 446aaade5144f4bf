"""What is sent next: retries that are due, then full calls of what probes gave back, then fresh items."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.model import Again, Batch, Item, Mode
from bulkim.sending.backlog import Backlog


class Fresh:
    """So many items that nobody has sent."""

    def __init__(self, count: int) -> None:
        self.left = [Item(number, f"u{number}", f"u{number}") for number in range(1, count + 1)]

    def take(self, count: int) -> tuple[Item, ...]:
        taken, self.left = self.left[:count], self.left[count:]
        return tuple(taken)


def items(*numbers: int) -> tuple[Item, ...]:
    return tuple(Item(number, f"u{number}", f"u{number}") for number in numbers)


def numbers(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [item.ordinal for item in batch.items]


def backlog(fresh: int = 0, *, batch_max: int = 3, canary: int | None = None) -> Backlog:
    return Backlog(Fresh(fresh), batch_max=batch_max, probe_max=2, canary=canary)


def test_a_retry_that_is_due_goes_before_fresh_items_and_one_that_is_not_after_them():
    work = backlog(4)
    work.put(Again(Batch(items(91)), delay_s=5.0), now=100.0)
    assert work.due_at == 105.0
    assert numbers(work.next(104.9, idle=False)) == [1, 2, 3]
    assert numbers(work.next(105.0, idle=False)) == [91]
    assert numbers(work.next(105.0, idle=False)) == [4]
    assert work.next(105.0, idle=True) is None
    assert work.due_at == math.inf


def test_retries_due_at_once_keep_their_order():
    work = backlog()
    for number in (7, 3, 5):
        work.put(Again(Batch(items(number))), now=1.0)
    assert [numbers(work.next(1.0, idle=True)) for _ in range(3)] == [[7], [3], [5]]


def test_a_batch_is_cut_to_what_its_next_call_can_carry():
    work = backlog()
    work.put(Again(Batch(items(1, 2, 3, 4, 5), tries=2)), now=0.0)
    work.put(Again(Batch(items(6, 7, 8), Mode.PROBE)), now=0.0)
    sent = [work.next(0.0, idle=True) for _ in range(4)]
    assert [(each.mode, numbers(each)) for each in sent] == [
        (Mode.SEND, [1, 2, 3]), (Mode.SEND, [4, 5]), (Mode.PROBE, [6, 7]), (Mode.PROBE, [8]),
    ]  # fmt: skip
    assert sent[1].tries == 2


def test_what_probes_give_back_waits_for_company_as_long_as_some_may_come():
    work = backlog()
    for number in (1, 2):
        work.put(Again(Batch(items(number), tries=1), regroup=True), now=0.0)
    assert work.next(0.0, idle=False) is None  # what is in flight may bring more
    work.put(Again(Batch(items(3), tries=1), regroup=True), now=0.0)
    assert numbers(work.next(0.0, idle=False)) == [1, 2, 3]
    work.put(Again(Batch(items(4), tries=2), regroup=True), now=0.0)
    last = work.next(0.0, idle=True)
    assert (numbers(last), last.tries) == ([4], 2)


def test_items_that_were_tried_differently_often_do_not_share_a_call():
    work = backlog()
    for number, tries in ((1, 1), (2, 2), (3, 1), (4, 2), (5, 1)):
        work.put(Again(Batch(items(number), tries=tries), regroup=True), now=0.0)
    assert numbers(work.next(0.0, idle=False)) == [1, 3, 5]
    assert work.next(0.0, idle=False) is None


def test_a_canary_is_sent_alone_and_the_rest_when_it_is_released():
    work = backlog(8, canary=4)
    assert [numbers(work.next(0.0, idle=True)) for _ in range(2)] == [[1, 2, 3], [4]]
    assert work.next(0.0, idle=True) is None
    assert work.release()
    assert numbers(work.next(0.0, idle=True)) == [5, 6, 7]
    assert not work.release()


@pytest.mark.parametrize("fresh", [0, 3])
def test_fewer_items_than_the_canary_hold_nothing_back(fresh):
    work = backlog(fresh, canary=4)
    while work.next(0.0, idle=True):
        pass
    assert not work.release()


def test_calls_narrowed_from_one_are_a_family():
    work = backlog()
    first = work.poisoned(Batch(items(1, 2)))
    other = work.poisoned(Batch(items(3, 4)))
    again = work.poisoned(first.of(items(1)))
    assert first.family == again.family != other.family
    assert (work.refusals(first), work.refusals(other), work.refusals(Batch(items(9)))) == (2, 1, 0)


@given(
    st.lists(st.tuples(st.floats(0, 9), st.integers(1, 7), st.booleans(), st.booleans()), max_size=20),
    st.integers(0, 20),
)
def test_nobody_is_lost_and_nobody_comes_twice(puts, fresh):
    """Hypothesis: whatever was put back, each item comes out once, and no retry before it is due."""
    work, number, wanted = backlog(fresh), 1000, list(range(1, fresh + 1))
    for delay_s, size, probe, regroup in puts:
        batch = Batch(items(*range(number, number + size)), Mode.PROBE if probe else Mode.SEND, tries=size)
        work.put(Again(batch, delay_s, regroup=regroup and not probe), now=0.0)
        wanted += range(number, number + size)
        number += size
    got, now = [], 0.0
    while True:
        batch = work.next(now, idle=True)
        if batch is None:
            if work.due_at == math.inf:
                break
            assert work.due_at > now
            now = work.due_at
            continue
        assert len(batch) <= (2 if batch.mode is Mode.PROBE else 3)
        got += numbers(batch)
    assert sorted(got) == sorted(wanted)


def test_what_is_being_taken_apart_is_counted():
    """Requests that were refused for one of their items, and the items of them that wait."""
    work = backlog()
    assert work.apart() == (0, 0)
    for numbers_of in ((1, 2, 3), (4, 5)):
        whole = work.poisoned(Batch(items(*numbers_of)))
        half = replace(whole, depth=1)
        work.put(Again(half), now=0.0)
    work.put(Again(Batch(items(9)), delay_s=1.0), now=0.0)
    assert work.apart() == (2, 5)
    work.next(0.0, idle=True)
    assert work.apart() == (1, 2)
