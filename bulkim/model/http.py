"""HTTP as data: what is asked, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode


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

    def target(self, first: tuple[tuple[str, str], ...] = ()) -> str:
        """Path and query as they are sent, with these pairs before its own."""
        pairs = (*first, *self.query)
        return self.path + (f"?{urlencode(pairs)}" if pairs else "")


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
