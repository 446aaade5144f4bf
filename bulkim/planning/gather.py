"""Rows that share what a call has room for once, gathered from wherever they stand in the input.

Pure but for the source. Held in memory is what is not yet enough for a call, and no more than `HELD_MAX`: an input whose
groups are spread wider than that costs calls that are not full, never a wrong one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

HELD_MAX = 100_000  # some 60 MB of items
READ = 64  # at a time

T = TypeVar("T")


class Gathered(Generic[T]):
    """Takes from a source and gives what can go in one call together: full calls first, then what is left of each group.

    `take` of the source gives the next so many, and nothing at its end. `part` tells apart what cannot go together.
    """

    def __init__(
        self, take: Callable[[int], Sequence[T]], part: Callable[[T], Hashable], *, held_max: int = HELD_MAX
    ) -> None:
        self._source, self._part, self._held_max = take, part, held_max
        self._groups: dict[Hashable, deque[T]] = {}  # the one that began first stands first
        self._full: deque[Hashable] = (
            deque()
        )  # groups that had enough for a call when they were last added to
        self._held = 0
        self._at_end = False

    def take(self, count: int) -> tuple[T, ...]:
        """The next that can go in one call, at most `count`; empty when there are no more."""
        while True:
            while self._full:
                if len(self._groups.get(self._full[0], ())) >= count:
                    return self._taken(self._full[0], count)
                self._full.popleft()
            if self._at_end or self._held >= self._held_max:
                break
            self._read(count)
        return self._taken(next(iter(self._groups)), count) if self._groups else ()

    def _read(self, count: int) -> None:
        """Take in some more."""
        more = self._source(READ)
        self._at_end = not more
        self._held += len(more)
        for each in more:
            group = self._groups.setdefault(key := self._part(each), deque())
            group.append(each)
            if len(group) % count == 0:
                self._full.append(key)

    def _taken(self, key: Hashable, count: int) -> tuple[T, ...]:
        group = self._groups[key]
        taken = tuple(group.popleft() for _ in range(min(count, len(group))))
        self._held -= len(taken)
        if not group:
            del self._groups[key]
        return taken
