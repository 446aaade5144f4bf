"""A job: where it goes, whose rows it takes, how fast, and what holds it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bulkim.model.rows import Column, Condition
from bulkim.window import Window

FILE_KINDS = ("csv", "text", "jsonl")
"""Kinds of source whose rows are read from a file or from standard input."""


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
    paths: Sequence[Path] = ()  # several files, one after another; `path` is the first
    written: str | None = field(
        default=None, compare=False
    )  # the path, paths or pattern as the job file has them
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> column
    computed: Mapping[str, Column] = field(default_factory=dict)  # field -> how its value comes about
    only: Mapping[str, Condition] = field(
        default_factory=dict
    )  # column or field -> which rows; of a listing: `where`
    narrowed: Mapping[str, Any] = field(default_factory=dict)  # `only` as the job has it
    called: str | None = None  # the column that is the username where there is none of that name
    encoding: str | None = None
    delimiter: str | None = None
    trim: bool = True  # blanks around a cell are no part of it
    items: Sequence[Mapping[str, Any]] = field(default=(), repr=False)  # may hold passwords
    item_lines: Sequence[int] = field(default=(), repr=False)  # the job file's line of each inline item
    listing: Literal["users", "mutes"] | None = None
    where: Where = Where()
    run: str | None = None
    outcome: Sequence[str] = ()
    code: Sequence[str] = ()

    @property
    def files(self) -> Sequence[Path]:
        """All files that rows are read from; none for standard input and what is no file."""
        return (self.paths or (self.path,)) if self.is_file and self.path is not None else ()

    @property
    def is_shaped(self) -> bool:
        """Whether values are put together, or rows chosen."""
        return bool(self.computed or self.only)

    @property
    def is_file(self) -> bool:
        """Rows are read from a file or from standard input."""
        return self.kind in FILE_KINDS

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
    max_rest_s: float = 600.0  # the longest that is waited because the vendor asked for it

    @property
    def own(self) -> bool:
        """Whether the job is to be slower than the vendor allows."""
        return self.limit is not None or self.share < 1 or bool(self.pools)


@dataclass(frozen=True, slots=True)
class Guard:
    """Safety limits."""

    protect: Sequence[str] = ()  # regular expressions that must match the whole id
    max_items: int | None = None
    max_failures: str | None = None  # a count ("25") or a percentage ("2%"); None: the default breaker
    canary: int | None = None  # send this many first, judge, then go on or stop


@dataclass(frozen=True, slots=True)
class Notify:
    """A webhook that is told of a run's end. `repr` does not show where: whoever knows the address may post there."""

    url: str = field(repr=False)
    format: str = "json"  # or a chat service's own: `bulkim.work.notices`
    secret: str = field(default="", repr=False)  # what the robot's messages are signed with


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
    notify: Sequence[Notify] = ()
    path: Path | None = None  # the file it came from
    text: str = field(default="", repr=False)  # the file's text with secrets masked, for the journal
    vendor_text: str | None = field(
        default=None, repr=False
    )  # of a provider that a file of one's own declares; None: a built-in one
    recorded: Mapping[str, Any] = field(
        default_factory=dict, repr=False, compare=False
    )  # sections as written
    digest: str = field(default="", repr=False, compare=False)  # SHA-256 of the file, secrets included
    changes: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)  # --set pairs
    snapshot: bool | None = None  # read what is there before writing; None: where `undo` can restore it
    rehearsal: bool = False  # it goes to the sandbox instead of its own connection
    unset: tuple[str, ...] = ()  # variables of its connection that are not set: it can be looked at, not sent
