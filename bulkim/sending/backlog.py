"""What a run still has to send, in the order in which it is sent: due retries, what probes gave back, fresh items.

Pure but for the items, which come from the journal and the input as they are taken. Times are the event loop's.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import count

from bulkim.model import Again, Batch, Item, Mode
from bulkim.planning.pending import PendingItems


class Backlog:
    """Batches to send, and when. Beyond what the journal has it holds what was in flight or in doubt, no more."""

    def __init__(self, fresh: PendingItems, *, batch_max: int, probe_max: int, canary: int | None) -> None:
        """`batch_max` and `probe_max` are the most items of one call; `canary` fresh items are held apart at first."""
        self._fresh, self._canary_left = fresh, canary
        self._sizes = {Mode.SEND: batch_max, Mode.PROBE: probe_max}
        self._heap: list[tuple[float, int, Batch]] = []
        self._order = count()
        self._loose: defaultdict[int, list[Item]] = defaultdict(list)  # tries -> items for new calls
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
        size = batch_max if self._canary_left is None else min(batch_max, self._canary_left)
        if items := self._fresh.take(size) if size else ():
            if self._canary_left is not None:
                self._canary_left -= len(items)
            return Batch(items)
        return self._regrouped(1) if idle and not self._heap else None

    def put(self, again: Again, now: float) -> None:
        """Take back a batch, cut to what its next call can carry."""
        batch = again.batch
        if again.regroup:
            self._loose[batch.tries] += batch.items
            return
        size = self._sizes[batch.mode]
        for start in range(0, len(batch), size):
            part = batch.of(batch.items[start : start + size])
            heapq.heappush(self._heap, (now + again.delay_s, next(self._order), part))

    def poisoned(self, batch: Batch) -> Batch:
        """Note that a call was refused because of one of its items; returns the batch as one of a family."""
        batch = replace(batch, family=batch.family or next(self._families))
        self._refused[batch.family] += 1
        return batch

    def refusals(self, batch: Batch) -> int:
        """How many calls of the batch's family were refused because of one item."""
        return self._refused[batch.family]

    def release(self) -> bool:
        """The canary has ended: let the rest follow. False when none was held back."""
        held, self._canary_left = self._canary_left == 0, None
        return held

    def _regrouped(self, least: int) -> Batch | None:
        batch_max = self._sizes[Mode.SEND]
        for tries, items in self._loose.items():
            if len(items) >= least:
                taken, self._loose[tries] = items[:batch_max], items[batch_max:]
                return Batch(tuple(taken), tries=tries)
        return None
