"""The compact set of identities does what a dict does, in a fraction of its memory."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from bulkim.planning import Seen


@given(st.lists(st.text(max_size=3) | st.integers(0, 50).map(str), max_size=200))
def test_it_remembers_as_a_dict_does(keys):
    seen, first = Seen(), {}
    for place, key in enumerate(keys, 1):
        assert seen.add(key, place) == first.get(key)
        first.setdefault(key, place)
    assert len(seen) == len(first)


@given(st.lists(st.lists(st.integers(0, 400).map(str), max_size=60), max_size=12), st.integers(0, 3_000))
def test_many_at_once_are_as_one_after_another(blocks, expected):
    """Of a block, those up to the first who was there before."""
    seen, first, place = Seen(expected), {}, 1
    for keys in blocks:
        taken = seen.add_new(keys, place)
        for at, key in enumerate(keys[:taken], place):
            assert first.setdefault(key, at) == at
        assert taken == len(keys) or keys[taken] in first
        place += max(taken, 1)
    assert {key: seen.find(key) for key in first} == first
    assert sorted(seen.index(key) for key in first) == list(range(len(seen)))


def test_it_grows():
    seen = Seen()
    for place in range(1, 50_001):
        assert seen.add(f"user_{place}", place) is None
    assert [seen.add(f"user_{place}", 1) for place in (1, 777, 50_000)] == [1, 777, 50_000]
    assert len(seen) == 50_000


def test_a_name_costs_few_bytes():
    seen = Seen()
    for place in range(1, 200_001):
        seen.add(str(place), place)
    size = sum(sys.getsizeof(getattr(seen, name)) for name in ("_hashes", "_places", "_slots"))
    assert size / len(seen) < 27


def test_places_may_be_large():
    seen = Seen()
    assert seen.add("a", 2**32 - 1) is None
    assert seen.add("a", 1) == 2**32 - 1
