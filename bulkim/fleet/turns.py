"""What a session writes, turn by turn, and what the database says of each turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

from bulkim.errors import GuardError
from bulkim.fleet.claims import Taken
from bulkim.fleet.database import AwayError, UnwritableError
from bulkim.fleet.lease import HistoryError, LostError
from bulkim.journal.records import Closing, PoolRate, to_json
from bulkim.model import Batch, Final, Item, Mode, Status

UNWRITABLE_S = 60.0  # a database that is full or read-only: the run ends
DONE, DONE_BEFORE, FENCED_OFF = 1, 2, 0  # what the database says of a turn; -1: it has gone back in time


@dataclass(slots=True, eq=False)
class Turn:
    """What a run writes at once, as something to await: done when it survives a crash. Raises GuardError when it never will."""

    n: int
    begun: list[Any] = field(default_factory=list)
    closed: list[Any] = field(default_factory=list)
    stretches: list[Any] = field(default_factory=list)
    touched: list[Any] = field(default_factory=list)
    rates: list[Any] = field(default_factory=list)
    tally: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)  # of listings
    finals: int = 0
    again: int = 0
    throttled: int = 0
    lowest: int = 0
    seen_at: float | None = None
    ahead_s: float | None = None
    _waiters: list[asyncio.Future[None]] = field(default_factory=list)
    _done: bool = False
    _error: GuardError | None = None

    def __await__(self) -> Generator[Any, None, None]:
        if not self._done:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            yield from waiter
        if self._error:
            raise self._error

    def close(self, error: GuardError | None = None) -> None:
        """It is on disk, or never will be."""
        self._done, self._error = True, error
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def frame(self, journal: Hand) -> dict[str, Any]:
        """As `bulkim.turns` reads it."""
        return {
            "r": journal.run_id, "e": journal.lease.epoch, "n": self.n, "l": self.lowest, "s": journal.session_id,
            "b": self.begun, "a": self.again, "c": self.closed, "q": self.throttled, "f": self.stretches, "z": self.finals,
            "t": self.touched, "y": [[*key, *rest] for key, rest in self.tally.items()], "v": self.seen_at, "w": self.ahead_s, "p": self.rates,
            **self.more,
        }  # fmt: skip


class Patience:
    """How long a database may refuse to write before a run ends."""

    def __init__(self) -> None:
        self._since: float | None = None  # monotonic

    def over(self, error: AwayError) -> bool:
        """Whether it has refused for too long, after this error. One that is away is waited for without end."""
        now = time.monotonic()
        self._since = (self._since or now) if isinstance(error, UnwritableError) else None
        return self._since is not None and now - self._since >= UNWRITABLE_S


class Carrier(Protocol):
    """Whoever sees to it that turns are written."""

    def dirty(self, journal: Hand) -> None:
        """It has something to write."""


class Hand:
    """What a session writes: `bulkim.journal.port.Writer`, turn by turn."""

    def __init__(self, carrier: Carrier, taken: Taken) -> None:
        lease = taken.lease
        self.lease, self.run_id, self.session_id = lease, lease.run_id, taken.session_id
        self._carrier, self._taken, self._attempt = carrier, taken, taken.last_attempt
        self._open: dict[int, None] = {}
        self._turn = self._last = Turn(0)
        self._last.close()
        self._n = taken.turns
        self._error: GuardError | None = None
        self._counts = dict.fromkeys(Status, 0)

    def begin(self, batch: Batch, *, now: float) -> int:
        again = batch.mode is Mode.SEND and any(item.attempts for item in batch.items)
        return self._begin(batch.mode, [item.ordinal for item in batch.items], again=again, now=now)

    def _begin(self, mode: str, ordinals: Sequence[int], *, again: bool, now: float) -> int:
        turn = self._join()
        self._attempt = self._taken.last_attempt = self._attempt + 1
        self._open[self._attempt] = None
        turn.begun.append((self._attempt, mode, len(ordinals), to_json(ordinals), now))
        turn.again += again
        return self._attempt

    def settle(
        self, attempt: int, closing: Closing, *, finals: Sequence[Final], touched: Sequence[Item]
    ) -> None:
        self._settled(attempt, closing, finals=finals, touched=touched)

    def _settled(
        self, attempt: int, closing: Closing, *, finals: Sequence[Final], touched: Sequence[Item]
    ) -> Turn:
        turn = self._join()
        self._open.pop(attempt, None)
        turn.closed.append(
            (attempt, closing.ended_at, closing.http_status, closing.kind, closing.code, closing.reason)
        )
        turn.throttled += closing.kind == "throttled"
        turn.touched += [(item.ordinal, item.attempts, item.doubt_since) for item in touched]
        self._finish(turn, finals, closing.http_status, closing.ended_at)
        return turn

    def finish(self, finals: Sequence[Final], *, now: float) -> None:
        self._finish(self._join(), finals, None, now)

    def beat(self, rates: Sequence[PoolRate], *, now: float, vendor_ahead_s: float | None = None) -> None:
        turn = self._join()
        turn.seen_at, turn.ahead_s = now, vendor_ahead_s
        turn.rates += [(each.pool, each.limit_per_s, each.allowed_per_s) for each in rates]

    def present(self) -> None:
        """A database that is gone says so when the next turn is written."""

    def durable(self) -> Awaitable[None]:
        return self._last

    def _join(self) -> Turn:
        if self._error:
            raise self._error
        if self._turn.n != self._n or self._turn.n == 0:
            self._n = self._taken.turns = self._n + 1
            self._turn = self._last = Turn(self._n)
            self._carrier.dirty(self)
        return self._turn

    def _finish(self, turn: Turn, finals: Sequence[Final], http_status: int | None, now: float) -> None:
        for ended, group in groupby(finals, key=_ending):
            outcome, code, reason, data, attempts, doubt_since = ended
            alike = list(group)
            rest = (outcome, code, reason, attempts, http_status, now, data, doubt_since)
            stretch: list[Any] = [0, -2]  # from, to
            for each in alike:
                if each.item.ordinal != stretch[1] + 1:
                    stretch = [each.item.ordinal, each.item.ordinal, *rest]
                    turn.stretches.append(stretch)
                stretch[1] = each.item.ordinal
            turn.tally.setdefault((outcome, code or ""), [0, alike[0].item.username, reason])[0] += len(alike)
            turn.finals += len(alike)
            self._counts[outcome] += len(alike)
            self._counts[Status.PENDING] -= len(alike)

    def depart(self) -> Turn | None:
        """The turn so far leaves; what is written from now on belongs to the next one."""
        turn = self._turn
        if turn.n != self._n or self._error:
            return None
        self._turn = Turn(0)
        turn.lowest = next(
            iter(self._open), self._attempt + 1
        )  # no attempt below is open, once this turn is written
        return turn

    def fail(self, error: GuardError) -> None:
        """Nothing is written any more."""
        self._error = self._error or error
        self._last.close(self._error)

    def counts(self) -> dict[Status, int]:
        return dict(self._counts)


def _ending(final: Final) -> tuple[Any, ...]:
    item = final.item
    return (final.status, final.code, final.reason, to_json(final.data), item.attempts, item.doubt_since)


TURNS = "SELECT bulkim.turns(%s::json)"


def frame(flight: Iterable[tuple[Hand, Turn]]) -> str | None:
    """What `TURNS` is given."""
    return to_json([turn.frame(journal) for journal, turn in flight])


def refused(journal: Hand, turn: Turn, error: Exception) -> None:
    """The database does not take a turn: its run ends here."""
    words = unwritten(error)
    journal.fail(words)
    turn.close(words)


def unwritten(error: Exception) -> GuardError:
    """What the database refuses."""
    words = str(error).strip().partition("\n")[0]
    return GuardError(
        f"the journal cannot be written: {words}",
        hint="make room (or the database writable), then `bulkim fleet resume RUN`",
    )


def answered(journal: Hand, turn: Turn, answer: int) -> None:
    """The database has said something of a turn."""
    error: GuardError | None = None
    if answer == FENCED_OFF:
        journal.lease.lose()
        error = LostError()
    elif answer not in {DONE, DONE_BEFORE}:
        error = HistoryError(
            "the database went back in time: it has lost what it had acknowledged.",
            hint="look into it, then `bulkim fleet pull RUN` and `bulkim verify RUN` before `bulkim fleet resume RUN`",
        )
    if error:
        journal.fail(error)
    turn.close(error)
