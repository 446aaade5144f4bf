"""The journal against a model: whatever happens in whatever order, every item is there once and the numbers add up."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bulkim.journal.records import Closing, Entry
from bulkim.model import Batch, Final, Item, Mode, Status

from .backends import BACKENDS

NAMES = [f"u{n}" for n in range(12)]
ENDS = [Status.SUCCEEDED, Status.UNCHANGED, Status.FAILED, Status.UNKNOWN]


class Machine(RuleBasedStateMachine):
    """One run, its input and its calls. Outside a loop every write is durable when it returns."""

    kind = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.backend = BACKENDS[self.kind](self.folder)
        self.now = 1.0
        self.ended: dict[str, str] = {}
        self.doubt: set[str] = set()
        self.names: list[str] = []
        self.ever: set[str] = set()  # whom any reading named
        self.open: dict[int, list[Item]] = {}
        self.reads = 0

    @property
    def session(self):
        return self.backend.session

    def teardown(self) -> None:
        self.backend.close()
        shutil.rmtree(self.folder)

    def tick(self) -> float:
        self.now += 1
        return self.now

    @precondition(lambda self: not self.open)
    @rule(names=st.lists(st.sampled_from(NAMES), unique=True), invalid=st.integers(0, 2))
    def read(self, names, invalid):
        """The input is read (again): edited, shuffled, shortened."""
        entries = [Entry(place, place, name, name, {"nickname": name}) for place, name in enumerate(names, 1)]
        entries += [
            Entry(len(names) + n, None, None, "?", None, None, "invalid", "no") for n in range(1, invalid + 1)
        ]
        self.backend.read_input(entries)
        self.reads += 1
        # One who was removed stays so until named again; one in doubt that was removed stays, to be asked about.
        self.names = names
        self.ever |= set(names)

    @precondition(lambda self: self.reads)
    @rule(count=st.integers(1, 4))
    def begin(self, count):
        busy = {item.ordinal for batch in self.open.values() for item in batch}
        taken = [each for each in self.session.pending() if each.ordinal not in busy][:count]
        if taken:
            self.open[self.session.begin(Batch(tuple(taken)), now=self.tick())] = taken

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def settle(self, data):
        attempt = data.draw(st.sampled_from(sorted(self.open)))
        items = self.open.pop(attempt)
        finals, touched = [], []
        for item in items:
            end = data.draw(st.sampled_from([*ENDS, None, "doubt"]))
            if isinstance(end, Status):
                finals.append(Final(item, end, "c", "why"))
                self.ended[item.key] = end
            else:
                touched.append(
                    item._replace(attempts=item.attempts + 1, doubt_since=self.now if end else None)
                )
                if end:
                    self.doubt.add(item.key)
        self.session.settle(attempt, Closing(self.tick(), "x", 200), finals=finals, touched=touched)

    @precondition(lambda self: self.doubt - self.ended.keys())
    @rule(end=st.sampled_from(ENDS))
    def probed(self, end):
        item = self.session.doubtful()[0]
        attempt = self.session.begin(Batch((item,), Mode.PROBE), now=self.tick())
        self.session.settle(attempt, Closing(self.tick(), "x", 200), finals=[Final(item, end)], touched=[])
        self.ended[item.key] = end

    @rule()
    def crash(self):
        """The process dies and another takes the run: what was open is in doubt."""
        assert self.backend.die() == len(self.open)
        self.doubt |= {item.key for items in self.open.values() for item in items}
        self.open = {}

    @invariant()
    def numbers_add_up(self):
        counts = self.session.counts()
        there = Counter(each["outcome"] or "pending" for each in self.backend.items())
        assert {str(status): number for status, number in counts.items() if number} == there
        assert self.backend.summary()["items"] == sum(there.values())

    @invariant()
    def every_identity_is_there_once_and_ends_once(self):
        rows = [each for each in self.backend.items() if each["key"] is not None]
        found = {each["key"]: each["outcome"] for each in rows}
        assert len(found) == len(rows)
        assert {key: found[key] for key in self.ended} == self.ended, "what has ended stays so"
        assert self.ever == found.keys(), "nobody whom an input has named is forgotten"
        removed = {each["key"] for each in rows if each["code"] == "removed"}
        assert removed == self.ever - set(self.names) - self.ended.keys() - self.doubt
        in_doubt = {each["key"] for each in rows if each["doubt_since"] is not None and not each["outcome"]}
        assert in_doubt == self.doubt - self.ended.keys(), (
            "doubt is never lost, whatever becomes of the input"
        )


@pytest.mark.parametrize("kind", BACKENDS)
def test_whatever_happens_the_numbers_add_up(kind):
    machine = type(f"Machine of {kind}", (Machine,), {"kind": kind})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=25))
