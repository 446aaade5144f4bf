"""Items on their way into a file: kept beside memory, for there may be millions."""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

MEMORY_CHARS = 1 << 20  # what is longer goes into a temporary file without a name
FIRST_MAX = 1_000


class Spooled:
    """Items as JSON Lines: written once, read as often as wanted, one reading at a time."""

    def __init__(self) -> None:
        self.first: list[Mapping[str, Any]] = []  # the first `FIRST_MAX` items
        self._items = 0
        self._file = tempfile.SpooledTemporaryFile(MEMORY_CHARS, "w+", encoding="utf-8", newline="")  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._items

    def add(self, item: Mapping[str, Any]) -> None:
        """Put an item behind the others. Raises OSError."""
        self._items += 1
        if self._items <= FIRST_MAX:
            self.first.append(item)
        self._file.write(json.dumps(item, ensure_ascii=False) + "\n")

    def __iter__(self) -> Iterator[str]:
        self._file.seek(0)
        yield from self._file
