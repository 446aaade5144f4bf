"""What executes a run sees of its journal: narrow, so that another back end can stand behind it.

A back end is bound to one session of one run. It hears of everything before it happens (`begin`) and right after it did
(`settle`), and says when what it heard would survive a crash (`durable`). How many writes share a transaction is its own
business. Numbers of attempts are the back end's to count, at once: who begins a call does not wait for a database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from bulkim.journal.records import Closing, ListedPage, Order, PoolRate
from bulkim.model import Batch, Final, Item, Status

PAGE = 2_000  # pending items read at once


class Work(Protocol):
    """What is left to do. Items are without params and secrets: the journal does not hold them."""

    def pending(self, *, after: int = 0, limit: int = PAGE) -> Sequence[Item]:
        """The next items to send, in the input's order from position `after` on, those in doubt left out."""

    def doubtful(self) -> Sequence[Item]:
        """Items that may have been done by an attempt that was never answered, in the order of their ordinals."""

    def counts(self) -> dict[Status, int]:
        """Items by status, what was written just now included; they add up to the run's items."""


class Writer(Protocol):
    """A session's hand. Only awaiting `durable` waits for the disk.

    Every method raises GuardError when the journal cannot be written. Once something that it had taken is lost, all
    that follow raise, too: a session never goes on from what the journal does not hold.
    """

    def begin(self, batch: Batch, *, now: float) -> int:
        """Write ahead: once this is durable, the batch may be sent. Returns the attempt's number, for `settle`."""

    def settle(
        self, attempt: int, closing: Closing, *, finals: Sequence[Final], touched: Sequence[Item]
    ) -> None:
        """Close an attempt: `finals` end now, `touched` stay pending with the attempts and doubt that they carry."""

    def finish(self, finals: Sequence[Final], *, now: float) -> None:
        """End items without a call."""

    def beat(self, rates: Sequence[PoolRate], *, now: float, vendor_ahead_s: float | None = None) -> None:
        """The session lives, and may send so much from now on, where that changed.

        `vendor_ahead_s` is the vendor's clock less the session's, where it is known.
        """

    def present(self) -> None:
        """Called once a second. Raises JournalLostError where nobody else can find any longer what is written here."""

    def durable(self) -> Awaitable[None]:
        """What was written until now, as something to await: done when it survives a crash. Awaiting raises GuardError.

        It may be dropped without being awaited.
        """


@runtime_checkable
class Remembering(Protocol):
    """Of a back end that keeps what was there before a run wrote it. What is kept once is never written over."""

    def unseen(self, items: Sequence[Item]) -> Sequence[Item]:
        """Those of whom it is not known what was there before."""

    def remember(
        self, attempt: int | None, closing: Closing, images: Mapping[int, Mapping[str, Any]]
    ) -> None:
        """Close an attempt that asked, and keep what it found: ordinal -> ``data``; or ``absent``; or ``unknown`` and why."""


class Executing(Work, Writer, Protocol):
    """What the executor needs."""


class Listing(Executing, Protocol):
    """What an operation needs whose items are learned from the vendor, one call at a time."""

    def begin_page(self, *, now: float) -> int:
        """Write ahead that a page of a listing is asked for. Returns the attempt's number."""

    def take_in(self, attempt: int, closing: Closing, page: ListedPage) -> None:
        """Close a page's attempt, take in its rows and where the listing goes on: all or nothing."""

    def cursor(self) -> str | None:
        """Where the listing continues; None: at its beginning."""

    def expected(self) -> Sequence[Item]:
        """Pending items that no input names, those in doubt left out."""

    def drop_unsent(self) -> None:
        """Forget pending items that were only expected: they were never touched."""

    def forget_doubt(self, ordinals: Sequence[int]) -> None:
        """These items were asked about, and nothing had been done to them."""


class RunJournal(Listing, Protocol):
    """All of it: what a back end gives to a session."""


class Steered(Protocol):
    """Where a session hears of what it is asked to do."""

    def orders(self, *, after: int = 0) -> Sequence[Order]:
        """What this session was asked to do, in order, after the order with that id. Raises JournalError."""

    def obeyed(self, order: int, *, now: float) -> None:
        """It is done. Only the first time counts. Raises GuardError."""


class SteeredJournal(RunJournal, Steered, Protocol):
    """A run's journal whose session listens, too."""
