"""What goes into the journal and comes out of it. Nothing here is secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is recorded about a run when it is created."""

    name: str
    provider: str
    operation: str
    target: str
    params: Mapping[str, Any]
    job_path: str | None = None
    job_text: str = ""
    parent: str | None = None
    selection: Mapping[str, Any] | None = None
    item_limit: int | None = None


class Entry(NamedTuple):  # a tuple is made five times as fast as a frozen dataclass, and there are millions
    """One row of an input, ready for the journal: nothing in it is secret."""

    position: int
    line: int | None
    key: str | None  # None: not to be sent
    username: str
    fields: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] | None = None
    skip_code: str | None = None
    skip_reason: str | None = None


class Pending(NamedTuple):
    """An item that has no outcome yet, without its secrets."""

    ordinal: int
    position: int | None
    key: str
    username: str
    line: int | None
    fields: Mapping[str, Any]
    attempts: int
    doubt_since: float | None


@dataclass(frozen=True, slots=True)
class Closing:
    """How an attempt ended."""

    ended_at: float
    kind: str
    http_status: int | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How many calls a second a pool lets a session send."""

    pool: str
    limit_per_s: float  # what the job allows itself
    allowed_per_s: float  # what refusals left of that; 0: resting after one
