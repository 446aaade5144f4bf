"""The nouns. Frozen dataclasses and closed enums; the standard library only.

Vendor declarations (what an operation looks like on the wire) are in `bulkim.catalogue.shapes`.
Units stand last in names: `timeout_s`, `began_at` (Unix seconds, float), `latency_s`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from bulkim.window import Window

# --------------------------------------------------------------------------------------------- job


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials as the job file gives them, `${VAR}` expanded. `repr` never shows a secret."""

    kind: str  # one of the provider's forms, by the key of its secret (``client_secret``), or ``none``
    identity: str = ""  # beside the secret: a client id, an administrator's name
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """One app at one vendor; `root`, `app_name` and `target` follow from `app` by the catalogue's form (`App.connect`)."""

    provider: str
    base_url: str  # without a trailing slash
    auth: Auth
    app: Mapping[str, str] = field(default_factory=dict)  # what names the app: key of the connection -> value
    root: str = ""  # the path before an operation's own, percent-encoded
    app_name: str = ""  # what an operator types in ``--confirm APP:COUNT``
    target: str = ""  # the app as the vendor counts quotas: the owner of a quota pool, without the host
    account: str = ""  # the provider whose quota it is, where that is another one
    environment: str | None = None  # "production" demands --confirm for what destroys
    allow_http: bool = False  # plain http:// to other than loopback is wanted


@dataclass(frozen=True, slots=True)
class Where:
    """Narrows a listing."""

    match: str | None = None  # a regular expression that must match the whole username
    created_before: float | None = None  # Unix seconds
    created_after: float | None = None
    activated: bool | None = None
    written: Mapping[str, str] = field(
        default_factory=dict, compare=False
    )  # ages and dates as the job has them


@dataclass(frozen=True, slots=True)
class Source:
    """Where items come from. Exactly one of the kinds; a relative path is already resolved."""

    kind: Literal["csv", "text", "jsonl", "items", "listing", "run", "none"]
    path: Path | None = None  # None with kind csv, text, jsonl: standard input
    written: str | None = field(default=None, compare=False)  # the path as the job file has it
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> column
    called: str | None = None  # the column that is the username where there is none of that name
    encoding: str | None = None
    delimiter: str | None = None
    trim: bool = True  # blanks around a cell are no part of it
    items: Sequence[Mapping[str, Any]] = ()
    item_lines: Sequence[int] = ()  # the job file's line of each inline item
    listing: Literal["users", "mutes"] | None = None
    where: Where = Where()
    run: str | None = None
    outcome: Sequence[str] = ()
    code: Sequence[str] = ()

    @property
    def is_file(self) -> bool:
        """Rows are read from a file or from standard input."""
        return self.kind in {"csv", "text", "jsonl"}

    @property
    def is_stdin(self) -> bool:
        """Rows come from standard input, which can be read once only."""
        return self.is_file and self.path is None

    @property
    def is_given(self) -> bool:
        """The job itself has the rows or says which file has them: neither the vendor nor the journal is asked."""
        return self.is_file or self.kind == "items"

    @property
    def is_listing(self) -> bool:
        """The vendor lists them: nobody knows them before the run begins."""
        return self.kind == "listing"

    @property
    def is_earlier_run(self) -> bool:
        """The journal has them."""
        return self.kind == "run"


@dataclass(frozen=True, slots=True)
class Rate:
    """The job's wishes about quota. None: the vendor's documented limit."""

    limit: float | None = None  # calls a second in the operation's own pool
    share: float = 1.0  # the part of it that this job may use
    pools: Mapping[str, float] = field(default_factory=dict)  # limits of other pools by name


@dataclass(frozen=True, slots=True)
class Guard:
    """Safety limits."""

    protect: Sequence[str] = ()  # regular expressions that must match the whole id
    max_items: int | None = None
    max_failures: str | None = None  # a count ("25") or a percentage ("2%"); None: the default breaker
    canary: int | None = None  # send this many first, judge, then go on or stop


@dataclass(frozen=True, slots=True)
class Notify:
    """A webhook that is told of a run's end. `repr` does not show it: whoever knows the address may post there."""

    url: str = field(repr=False)
    format: str = "json"  # or a chat service's own: `bulkim.work.notices`


@dataclass(frozen=True, slots=True)
class Job:
    """A parsed job file."""

    name: str
    provider: str
    operation: str
    connection: Connection
    source: Source
    params: Mapping[str, Any] = field(default_factory=dict)
    rate: Rate = Rate()
    concurrency: int | None = None  # None: follows from rate x observed latency
    timeout_s: float = 10.0
    retries: int = 5
    batch: int | None = None  # items a request; None: the vendor's documented maximum
    guard: Guard = Guard()
    window: Window | None = None  # None: at any hour
    notify: Notify | None = None
    path: Path | None = None  # the file it came from
    text: str = ""  # the file's text with secrets masked, for the journal
    vendor_text: str | None = None  # of a provider that a file of one's own declares; None: a built-in one
    recorded: Mapping[str, Any] = field(default_factory=dict, compare=False)  # sections as written
    digest: str = field(default="", repr=False, compare=False)  # SHA-256 of the file, secrets included
    changes: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)  # --set pairs
    rehearsal: bool = False  # it goes to the sandbox instead of its own connection


# -------------------------------------------------------------------------------------------- items


class Status(StrEnum):
    """What the contract calls an item's outcome: where the item stands in the run."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    PENDING = "pending"


class Row(NamedTuple):  # like the two below: made by the million, in a third of a frozen dataclass' time
    """One row of a source, before an operation looked at it."""

    position: int  # 1-based, counts every row of the source
    line: int | None  # 1-based line in the file where the row starts
    values: Mapping[str, Any]  # field -> value for mapped fields, column -> value for all others


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

    def __repr__(self) -> str:
        """Without the fields: they may hold secrets."""
        return f"Item({self.ordinal}, {self.key!r}, attempts={self.attempts}, doubt_since={self.doubt_since})"


class Mode(StrEnum):
    """Why a batch is sent."""

    SEND = "send"  # to do the operation
    PROBE = "probe"  # to ask what an earlier, unanswered sending did


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


# ------------------------------------------------------------------------------------- HTTP as data


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request without credentials. `path` is percent-encoded and complete; `template` is its pattern."""

    method: str
    path: str
    template: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)  # may hold passwords
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # beside the usual ones


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a listing to ask for."""

    size: int  # rows wanted at most
    at: str | None = None  # the cursor or page number of an earlier `Page.next`; None: the first page


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who we are, ready for a request. `repr` shows nothing."""

    # Where the proof is of the request itself: it is made last.
    sign: Callable[[Call], Credentials] | None = field(default=None, repr=False, compare=False, kw_only=True)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    latency_s: float = 0.0
    line: int | None = field(default=None, compare=False)  # which of the transport's connections brought it


@dataclass(frozen=True, slots=True)
class Fault:
    """No complete answer. `sent` says whether bytes may have reached the vendor."""

    code: Literal["timeout", "connection", "bad_response"]
    reason: str
    sent: bool
    latency_s: float = 0.0


# ------------------------------------------------------------------------------------------ answers


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
