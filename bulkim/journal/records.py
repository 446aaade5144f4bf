"""What goes into the journal and comes out of it. Nothing here is secret."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bulkim.model import Final

KEY_NAME = 4  # bytes of a digest that name its key


_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # dumps would make one each time


def to_json(value: Any) -> str | None:
    """Compact JSON; None stays None (NULL)."""
    return None if value is None else _ENCODE(value)


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
    digest: bytes | None = None  # keyed, of its secret fields


@dataclass(frozen=True, slots=True)
class InputChange:
    """What a run's input brought when it was read again."""

    rows: int  # how many rows it has now
    pending: int  # items that had never been sent
    new: int  # identities that the run did not know
    gone: int  # of the pending ones
    changed: int  # with other values than before
    changed_done: int  # of them, those that had ended
    back: int = 0  # of the new ones, those that an earlier reading had dropped


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
    rest_until: float | None = None  # Unix seconds: until when the vendor asked to rest
    asked_s: float | None = None  # how long it asked for


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked a session to do while it works. Times are Unix seconds."""

    id: int
    session_id: int
    verb: str  # rate, pause, resume or stop
    calls_per_s: float | None  # of rate
    asked_at: float
    obeyed_at: float | None = None  # None: not yet


@dataclass(frozen=True, slots=True)
class Listed:
    """One listed user."""

    entry: Entry
    data: Any = None  # what the listing says of it

    def added_to(self, before: str | None) -> str | None:
        """What two pages say of a user, as JSON; `before` is what the journal has."""
        if not isinstance(self.data, dict):
            return to_json(self.data)
        return to_json({**(json.loads(before) if before else {}), **self.data})


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

    def fresh(self, known: Container[str | None]) -> list[Listed]:
        """Rows that are not known yet: each identity once, those without one (invalid ones) all."""
        seen: set[str] = set()
        kept = []
        for row in self.rows:
            key = row.entry.key
            if key is None or (key not in known and key not in seen):
                kept.append(row)
                seen.add(key or "")
        return kept


# ------------------------------------------------------------------------------------- what is read


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A row of `run`, with JSON columns parsed. Times are Unix seconds."""

    id: int
    run: str
    name: str
    provider: str
    operation: str
    target: str
    state: str  # a run that a dead process left "running" is interrupted
    parent: str | None
    selection: Mapping[str, Any] | None
    job_path: str | None
    job_text: str | None
    params: Mapping[str, Any]
    input_name: str | None
    input_digest: str | None
    item_limit: int | None
    planned_at: float | None
    created_at: float
    finished_at: float | None
    items: int
    requests: int
    retries: int
    throttled: int
    stop_code: str | None
    stop_reason: str | None
    settings: Mapping[str, Any] | None  # None: a bulkim that did not keep them
    vendor_text: str | None  # a provider of one's own, as it was declared
    terms: Mapping[str, Any] | None
    rehearsal: bool

    @property
    def begun_with(self) -> Mapping[str, Any]:
        """Term -> value, as the run was begun or last continued; empty of an older bulkim's run."""
        found: Mapping[str, Any] = (self.terms or {}).get("terms") or {}
        return found


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a code ended an item, with one example."""

    outcome: str
    code: str
    items: int
    example: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """One item of a run, as `bulkim results` prints it."""

    ordinal: int
    username: str
    outcome: str
    code: str | None
    reason: str | None
    attempts: int
    http_status: int | None
    finished_at: str | None  # ISO 8601, UTC
    data: Any
    extra: Mapping[str, Any]
    line: int | None
    # What was sent with it, without constants and secrets.
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """An item of which the journal says that it is so, with what was sent but for constants and secrets."""

    ordinal: int
    key: str
    username: str
    outcome: str
    fields: Mapping[str, Any]
    finished_at: float
    looked_at: float | None = (
        None  # when it was read what was there before; None: it was not, or nobody asked
    )


@dataclass(frozen=True, slots=True)
class Before:
    """An item that succeeded, and what was there before."""

    done: Done
    image: Mapping[str, Any]  # data; or absent; or unknown and why


@dataclass(frozen=True, slots=True)
class Allowance:
    """From a moment on (Unix seconds), a session was allowed so many calls a second of a pool."""

    session_id: int
    at: float
    rate: PoolRate


@dataclass(frozen=True, slots=True)
class Worked:
    """A session: a process that worked on a run. Times are Unix seconds."""

    id: int
    pid: int
    host: str
    started_at: float
    until: float  # its end; of one that has none, its last sign of life
    ended: str | None  # finished, interrupted, stopped or lost; None: running, or died


@dataclass(frozen=True, slots=True)
class KindCount:
    """Calls of one mode whose answers meant the same."""

    mode: str
    kind: str
    calls: int
    items: int
    mean_ms: float | None
