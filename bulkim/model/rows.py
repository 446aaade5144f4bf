"""What a job makes of a source's rows: values that are put together, and which rows it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """How a field's value comes about where it is not a column as it is."""

    parts: Sequence[tuple[str, bool]] = ()  # text, and whether it names a column
    default: Any = None  # where that gives nothing
    generate: int | None = None  # characters of a secret that is made
    into: Path | None = None  # the file that keeps the secrets
    written: Any = None  # as the job has it, for the terms

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it takes from."""
        return tuple(text for text, is_name in self.parts if is_name)

    @property
    def is_plain(self) -> bool:
        """One column as it is, perhaps with a default."""
        return len(self.parts) == 1 and self.parts[0][1]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a value must be; all that is said must hold."""

    equals: str | None = None
    among: Sequence[str] | None = None
    match: str | None = None  # a regular expression that must match the whole value
    empty: bool | None = None
    unless: Condition | None = None  # this must not hold
