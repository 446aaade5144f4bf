"""What a run still has to send, in the order in which it is sent: due retries, what probes gave back, fresh items.

Pure but for the items, which come from the journal and the input as they are taken. Times are the event loop's.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from itertools import count
from typing import Protocol

from bulkim.model import Again, Batch, Item, Mode

Parting = Callable[[Item], Hashable]


class Fresh(Protocol):
    """Items that nobody has sent yet, in the order in which they are sent."""

    def take(self, count: int, /) -> Sequence[Item]:
        """The next ones that can go in one call, at most `count`; empty when there are no more."""


class Backlog:
    """Batches to send, and when. Beyond what the journal has it holds what was in flight or in doubt, no more."""

    def __init__(
        self, fresh: Fresh, *, batch_max: int, probe_max: int, canary: int | None,
        part: Parting | None = None, probe_part: Parting | None = None, fresh_max: int = 1,
    ) -> None:  # fmt: skip
        """`batch_max` and `probe_max` are the most items of one call; `canary` fresh items are held apart at first.

        Fresh items come as many together as `fresh_max` where that is more: to be asked about in one call, before they are put back.
        `part` and `probe_part` tell items apart that cannot go in one call; `fresh` gives those that can.
        """
        self._fresh, self._canary_left, self._fresh_max = fresh, canary, max(fresh_max, batch_max)
        self._sizes = {Mode.SEND: batch_max, Mode.PROBE: probe_max}
        self._parts = {Mode.SEND: part or _together, Mode.PROBE: probe_part or _together}
        self._heap: list[tuple[float, int, Batch]] = []
        self._order = count()
        # (tries, shared fields) -> items for new calls
        self._loose: defaultdict[tuple[int, Hashable], list[Item]] = defaultdict(list)
        self._families = count(1)
        self._refused: Counter[int] = Counter()  # family -> calls of it refused for one item

    @property
    def due_at(self) -> float:
        """When the next retry is due; infinite when there is none."""
        return self._heap[0][0] if self._heap else math.inf

    def next(self, now: float, *, idle: bool) -> Batch | None:
        """What is to be sent now; None: nothing yet, or nothing any more.

        `idle`: nothing is in flight, so nothing will join the items that wait for company.
        """
        if self.due_at <= now:
            return heapq.heappop(self._heap)[2]
        batch_max = self._sizes[Mode.SEND]
        if full := self._regrouped(batch_max):
            return full
        wanted = self._fresh_max
        size = wanted if self._canary_left is None else min(wanted, self._canary_left)
        if items := self._fresh.take(size) if size else ():
            if self._canary_left is not None:
                self._canary_left -= len(items)
            return Batch(tuple(items))
        return self._regrouped(1) if idle and not self._heap else None

    def put(self, again: Again, now: float) -> None:
        """Take back a batch, cut to what its next call can carry."""
        batch = again.batch
        if again.regroup:  # these will be sent, whatever told that they must be
            for key, items in self._parted(batch).items():
                self._loose[batch.tries, key] += items
            return
        size = self._sizes[batch.mode]
        for items in self._parted(batch).values():
            for start in range(0, len(items), size):
                part = batch.of(items[start : start + size])
                heapq.heappush(self._heap, (now + again.delay_s, next(self._order), part))

    def _parted(self, batch: Batch) -> dict[Hashable, list[Item]]:
        """The batch's items by the calls that have room for them: a probe's may part others than a sending's."""
        part = self._parts[batch.mode]
        by_key: dict[Hashable, list[Item]] = {}
        for item in batch.items:
            by_key.setdefault(part(item), []).append(item)
        return by_key

    def poisoned(self, batch: Batch) -> Batch:
        """Note that a call was refused because of one of its items; returns the batch as one of a family."""
        batch = replace(batch, family=batch.family or next(self._families))
        self._refused[batch.family] += 1
        return batch

    def refusals(self, batch: Batch) -> int:
        """How many calls of the batch's family were refused because of one item."""
        return self._refused[batch.family]

    def apart(self) -> tuple[int, int]:
        """How many refused calls are being taken apart, and the items of them that wait to be sent again."""
        parts = [batch for _, _, batch in self._heap if batch.depth] if self._refused else []
        return len({batch.family for batch in parts}), sum(map(len, parts))

    def release(self) -> bool:
        """The canary has ended: let the rest follow. False when none was held back."""
        held, self._canary_left = self._canary_left == 0, None
        return held

    def _regrouped(self, least: int) -> Batch | None:
        batch_max = self._sizes[Mode.SEND]
        for key, items in self._loose.items():
            if len(items) >= least:
                taken, left = items[:batch_max], items[batch_max:]
                if left:
                    self._loose[key] = left
                else:
                    del self._loose[key]
                return Batch(tuple(taken), tries=key[0])
        return None


def _together(_: Item) -> Hashable:
    return None
