"""Documented exchanges of an operation: what is sent for these items, and what an answer means for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """The request that the page shows. What is not said is not compared; of `json`, `form` and `text`, one at most."""

    method: str
    path: str  # whole, or below the app's root; percent-encoded
    query: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # those that must be there, credentials aside
    json: Any = None
    form: Mapping[str, Any] | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer that the page shows."""

    status: int
    json: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One exchange. A listing's has no items: `at` is the page that was asked for, `listed` and `next` what it brings."""

    items: tuple[Any, ...] = ()
    request: Sent | None = None
    reply: Answered | None = None
    outcomes: tuple[str, ...] = ()  # an item each: succeeded, already, absent, rejected, throttled, ...
    codes: tuple[str, ...] = ()
    app: Mapping[str, str] = field(default_factory=dict)  # of the connection; what is not given is made up
    at: str | None = None
    listed: tuple[str, ...] | None = None
    next: str | None = None
    source: str = ""  # the page, and when it was read
