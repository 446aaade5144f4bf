"""Items on their way into a file: as they were put in, as often as wanted, whatever their number."""

from __future__ import annotations

import json
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from bulkim.journal.records import Before, Done
from bulkim.vendors import PROVIDERS
from bulkim.work.restoring import NAMED_MAX, restoring
from bulkim.work.spooled import FIRST_MAX, Spooled

ITEMS = st.lists(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.text('a\n\r\u2028é"', max_size=5)))  # fmt: skip


@given(ITEMS)
def test_what_was_put_in_comes_out(items):
    spooled = Spooled()
    for each in items:
        spooled.add(each)
    assert [list(map(json.loads, spooled)) for _ in range(2)] == [items, items]
    assert len(spooled) == len(items)
    assert spooled.first == items[:FIRST_MAX]


def before(users):
    """Muted users; of every tenth nobody knows what was there."""
    for n in range(users):
        done = Done(n, f"u{n}", f"u{n}", "succeeded", {}, 5.0, 4.0)
        yield Before(
            done,
            {"data": {"chat": 77, "groupchat": 0, "chatroom": 0}} if n % 10 else {"unknown": "no answer"},
        )


def test_what_restores_many_users_takes_no_more_memory(monkeypatch):
    monkeypatch.setattr("bulkim.work.spooled.MEMORY_CHARS", 1 << 15)
    mute, peaks = PROVIDERS["easemob"].operation("mute"), {}
    for users in (3_000, 12_000):
        tracemalloc.start()
        found = restoring(mute, before(users), {"chat": 600}, by=mute, lifting=False, now=6.0)
        lines = sum(1 for _ in found.sets)
        peaks[users] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert lines == len(found.sets) == users * 9 // 10
        assert (found.unknown.number, len(found.unknown.first)) == (users // 10, NAMED_MAX)
    assert peaks[12_000] < 1.2 * peaks[3_000], peaks
