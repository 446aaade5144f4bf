"""What goes into the journal and comes out of it. Nothing here is secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bulkim.model import Final


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
    settings: Mapping[str, Any] | None = None  # as `run.settings` has them
    vendor_text: str | None = None  # a provider of one's own, as it was declared
    terms: Mapping[str, Any] | None = None  # as `run.terms` has them
    rehearsal: bool = False


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


@dataclass(frozen=True, slots=True)
class Closing:
    """How an attempt ended."""

    ended_at: float
    kind: str
    http_status: int | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PoolRate:
    """How many calls a second a pool lets a session send."""

    pool: str
    limit_per_s: float  # what the job allows itself
    allowed_per_s: float  # what refusals left of that; 0: resting after one


@dataclass(frozen=True, slots=True)
class Listed:
    """One listed user."""

    entry: Entry
    data: Any = None  # what the listing says of it


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page of a listing, to be taken in.

    `ended`: being listed is the result (list-users), and a user listed again adds to its data. Otherwise new users
    become pending items, and one listed again is left as it is.
    """

    rows: Sequence[Listed]
    ended: bool
    cursor: str | None = None  # where the listing goes on
    done: bool = False  # this was the last page
    finals: Sequence[Final] = ()  # items that end with it, though they were not learned from it
