"""Latencies counted in buckets of four per cent, so that a million calls cost no memory."""

from __future__ import annotations

import math
from collections import Counter

FINE = 16  # buckets an octave
COARSE = 3  # bars an octave in a drawing


class Latencies:
    """Counts latencies; percentiles are right to two per cent."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0

    def add(self, milliseconds: float) -> None:
        """One more call."""
        self._buckets[math.floor(math.log2(max(milliseconds, 0.1)) * FINE)] += 1
        self.count += 1

    def merge(self, other: Latencies) -> None:
        """Those of another count, too."""
        self._buckets += other._buckets
        self.count += other.count

    def copy(self) -> Latencies:
        """The same count, to be added to."""
        found = Latencies()
        found.merge(self)
        return found

    def percentile(self, share: float) -> float | None:
        """Milliseconds that this share of the calls stayed within."""
        if not self.count:
            return None
        wanted, seen = share * self.count, 0
        for bucket in sorted(self._buckets):
            here = self._buckets[bucket]
            if seen + here >= wanted:
                return float(2 ** ((bucket + (wanted - seen) / here) / FINE))
            seen += here
        raise AssertionError("the buckets hold fewer than were counted")

    def bars(self) -> list[tuple[float, float, int]]:
        """(from, to, calls) in milliseconds, without holes."""
        coarse: Counter[int] = Counter()
        for bucket, number in self._buckets.items():
            coarse[math.floor(bucket * COARSE / FINE)] += number
        if not coarse:
            return []
        return [
            (2 ** (place / COARSE), 2 ** ((place + 1) / COARSE), coarse[place])
            for place in range(min(coarse), max(coarse) + 1)
        ]
