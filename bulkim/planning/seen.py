"""Which identity was seen where, in a few bytes each.

A Python set of ten million names costs over a gigabyte. Here a name costs its 64-bit hash, its place, and a slot in a
table that is at most five eighths full: 19 to 25 bytes. Two different names of ten million share a hash with a
probability of 3 in a million.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

_SLOTS_MIN = 1024
_SLOTS_AHEAD = 1 << 22  # 16 MB; more only when there are so many names


class Seen:
    """A set of strings that remembers where each was first seen.

    Open addressing over an array of indices: slot -> index + 1 into `_hashes` and `_places`, 0 where it is free.
    """

    __slots__ = ("_hashes", "_places", "_room", "_slots")

    def __init__(self, expected: int = 0) -> None:
        """`expected`: about how many names will come; a table that never grows costs half the time."""
        self._hashes = array("q")
        self._places = array("I")
        self._slots = _empty(_SLOTS_MIN)
        self._room = _room(_SLOTS_MIN)
        self._grow(min(expected, _room(_SLOTS_AHEAD)))

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, key: str, place: int) -> int | None:
        """Remembers `key` at `place` (1 to 2**32 - 1). Returns where it was seen first, None when it is new."""
        hashed = hash(key)
        slots, hashes = self._slots, self._hashes
        mask = len(slots) - 1
        slot = hashed & mask
        while index := slots[slot]:
            if hashes[index - 1] == hashed:
                return self._places[index - 1]
            slot = (slot + 1) & mask
        hashes.append(hashed)
        self._places.append(place)
        slots[slot] = len(hashes)
        self._grow(len(hashes) + 1)
        return None

    def add_new(self, keys: Iterable[str], place: int) -> int:
        """Remembers keys at `place` and those that follow, as long as they are new. Returns how many were."""
        hashes, new = self._hashes, list(map(hash, keys))
        count = before = len(hashes)
        self._grow(before + len(new))
        slots, mask = self._slots, len(self._slots) - 1
        hashes.extend(new)
        for hashed in new:
            slot = hashed & mask
            while (index := slots[slot]) and hashes[index - 1] != hashed:
                slot = (slot + 1) & mask
            if index:
                del hashes[count:]
                break
            count += 1
            slots[slot] = count
        self._places.extend(range(place, place + count - before))
        return count - before

    def find(self, key: str) -> int | None:
        """Where `key` was seen first; None: it was not."""
        index = self.index(key)
        return None if index is None else self._places[index]

    def index(self, key: str) -> int | None:
        """How many were new before `key` was; None: it was not seen."""
        hashed = hash(key)
        slots, hashes = self._slots, self._hashes
        mask = len(slots) - 1
        slot = hashed & mask
        while index := slots[slot]:
            if hashes[index - 1] == hashed:
                return index - 1
            slot = (slot + 1) & mask
        return None

    def _grow(self, names: int) -> None:
        """Until there is room for so many."""
        if names < self._room:
            return
        size = len(self._slots)
        while names >= _room(size):
            size *= 2
        self._slots = array("I")  # let go of the old table before the new one is made
        self._slots = slots = _empty(size)
        self._room, mask = _room(size), size - 1
        for index, hashed in enumerate(self._hashes, 1):
            slot = hashed & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = index


def _room(slots: int) -> int:
    """How many names a table takes."""
    return slots * 5 // 8


def _empty(size: int) -> array[int]:
    return array("I", [0]) * size
