"""Rows, the items that they become, and the batches that are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple


class Status(StrEnum):
    """What the contract calls an item's outcome: where the item stands in the run."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    PENDING = "pending"


class Row(NamedTuple):  # as all that is made by the million: in a third of the time of a frozen dataclass
    """One row of a source, before an operation looked at it."""

    position: int  # 1-based, counts every row of the source
    line: int | None  # 1-based line in the file where the row starts
    values: Mapping[str, Any]  # field -> value for mapped fields, column -> value for all others

    def __repr__(self) -> str:
        """Without the values: they may be secrets."""
        return f"Row(position={self.position}, line={self.line}, values of {list(self.values)})"


KEY_SEPARATOR = "\x1f"  # between the parts of an identity; the username is the first


class Item(NamedTuple):
    """One row, the unit of outcome. `fields` may hold secrets: it lives in memory only."""

    ordinal: int  # place at which the item first appeared in the run, 1-based; its id in the journal
    key: str  # identity, folded as the vendor folds it
    username: str  # as the source writes it
    fields: Mapping[str, Any] = MappingProxyType({})
    line: int | None = None
    attempts: int = 0  # sendings so far, probes not counted
    doubt_since: float | None = None  # start of our first sending that never got a trustworthy answer
    position: int | None = 0  # its row in the input as last read; None: it is no longer there
    doubt_clock: Literal["vendor", "none"] | None = None  # that `doubt_since` is by; None: the session's

    @property
    def removed(self) -> bool:
        """No longer in the input: it may be asked about, but not sent again."""
        return self.position is None

    def sent(self) -> Item:
        """The same after one more sending; as `_replace`, in a fourth of the time."""
        return tuple.__new__(Item, (*self[:5], self.attempts + 1, *self[6:]))

    def __repr__(self) -> str:
        """Without the fields: they may hold secrets."""
        return f"Item({self.ordinal}, {self.key!r}, attempts={self.attempts}, doubt_since={self.doubt_since})"


class Mode(StrEnum):
    """Why a batch is sent."""

    SEND = "send"  # to do the operation
    PROBE = "probe"  # to ask what an earlier, unanswered sending did
    LOOK = "look"  # to ask what is there before it is written over


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of one HTTP call. Counters are the batch's own; a resumed run starts them afresh."""

    items: tuple[Item, ...]
    mode: Mode = Mode.SEND
    tries: int = 0  # sendings that cost an attempt
    probes: int = 0  # askings in a row that got no answer
    refreshed: bool = False  # credentials were renewed for it once
    depth: int = 0  # how often it was narrowed down
    family: int = 0  # the call it was narrowed from; 0: none

    def __len__(self) -> int:
        return len(self.items)

    def of(self, items: Sequence[Item], **changes: Any) -> Batch:
        """The same batch with other items and what else changed."""
        return replace(self, items=tuple(items), **changes)
