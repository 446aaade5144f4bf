"""What an answer means, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from bulkim.model.items import Batch, Item, Status


class Kind(StrEnum):
    """An item's end in one attempt. Matched exhaustively; what a decoder does not know is UNKNOWN."""

    SUCCEEDED = "succeeded"  # the vendor did it
    ALREADY = "already"  # it was so before
    ABSENT = "absent"  # the user is not there
    REJECTED = "rejected"  # refused for this item's own sake
    POISONED = "poisoned"  # the call was refused because of one item, and it is not known to be this one
    THROTTLED = "throttled"  # not done; the pool is over its limit
    TRANSIENT = "transient"  # not done; may be tried again
    UNKNOWN = "unknown"  # no trustworthy answer: it may have been done
    UNAUTHORIZED = "unauthorized"  # not done; credentials refused
    EXHAUSTED_PLAN = "exhausted_plan"  # not done; the plan's allowance is used up
    FATAL = "fatal"  # not done; no item of this run can succeed
    GATEWAY = "gateway"  # not done; refused by something before the vendor, which knows nothing of users


class Speaker(StrEnum):
    """Who an answer comes from."""

    VENDOR = "vendor"
    GATEWAY = "gateway"  # something else: it lacks what all of the vendor's answers have, or is no HTTP
    ASTRAY = "astray"  # it is about somebody who was not asked about: another call's
    NOBODY = "nobody"  # there was none


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt says of one item."""

    kind: Kind
    code: str | None = None  # the vendor's own, or one of bulkim's
    reason: str | None = None
    data: Any = None  # the vendor's answer for the item (read operations, and what a probe needs)
    retry_after_s: float | None = None  # the vendor asked for at least this much


@dataclass(frozen=True, slots=True)
class Answer:
    """A decoded call: one outcome an item, in the order of the batch."""

    outcomes: tuple[Outcome, ...]
    http_status: int | None = None
    server_time: float | None = None  # Unix seconds by the vendor's clock, when it told
    speaker: Speaker = Speaker.VENDOR


@dataclass(frozen=True, slots=True)
class Page:
    """A decoded page of a listing."""

    outcome: Outcome  # how the call went; unless it succeeded, `rows` is empty
    rows: tuple[tuple[str, Any], ...] = ()  # username as the vendor writes it, and what was said of it
    next: str | None = None  # for the next `PageRequest.at`; None: this was the last page
    http_status: int | None = None
    server_time: float | None = None
    speaker: Speaker = Speaker.VENDOR


class Final(NamedTuple):
    """How an item ends."""

    item: Item
    status: Status
    code: str | None = None
    reason: str | None = None
    data: Any = None


@dataclass(frozen=True, slots=True)
class Again:
    """A batch goes back to the heap."""

    batch: Batch
    delay_s: float = 0.0
    regroup: bool = False  # may be put into one call with others like it


@dataclass(frozen=True, slots=True)
class Stop:
    """The run ends early. Items that are not final stay pending."""

    exit_code: int  # 4: breaker; 6: refused
    code: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Rest:
    """A pool is to rest: its vendor is over the limit."""

    seconds: float | None = None  # None: the vendor did not say how long
    quota: bool = True  # False: the vendor is busy or broken, and the rate is not what is wrong


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an answer. Every item of the batch is in exactly one of `final`, `again`, or left pending."""

    final: tuple[Final, ...] = ()
    again: tuple[Again, ...] = ()
    # Items that may have been done: the journal notes it before anything follows.
    doubtful: tuple[Item, ...] = ()
    cool_down: Rest | None = None
    renew: bool = False  # the credentials were refused
    stop: Stop | None = None
