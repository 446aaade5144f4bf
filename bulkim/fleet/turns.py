"""What a session writes, turn by turn, and what the database says of each turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from bulkim.errors import GuardError
from bulkim.fleet.lease import HistoryError, Lease, LostError
from bulkim.journal.records import Closing, PoolRate, to_json
from bulkim.model import Batch, Final, Item, Mode, Status

DONE, DONE_BEFORE, FENCED_OFF = 1, 2, 0  # what the database says of a turn; -1: it has gone back in time
WENT_BACK = "the database went back in time: it has lost what it had acknowledged."
LOOK_INTO = (
    "look into it, then `bulkim fleet pull RUN` and `bulkim verify RUN` before `bulkim fleet resume RUN`"
)


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
    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    _error: GuardError | None = None

    def __await__(self) -> Generator[Any, None, None]:
        yield from self._closed.wait().__await__()
        if self._error:
            raise self._error

    def close(self, error: GuardError | None = None) -> None:
        """It is on disk, or never will be."""
        self._error = error
        self._closed.set()

    def frame(self, journal: Hand) -> dict[str, Any]:
        """As `bulkim.turns` reads it."""
        return {
            "r": journal.run_id, "e": journal.lease.epoch, "n": self.n, "l": self.lowest, "s": journal.lease.session_id,
            "b": self.begun, "a": self.again, "c": self.closed, "q": self.throttled, "f": self.stretches, "z": self.finals,
            "t": self.touched, "y": [[*key, *rest] for key, rest in self.tally.items()], "v": self.seen_at, "w": self.ahead_s, "p": self.rates,
            **self.more,
        }  # fmt: skip


class Hand:
    """What a session writes: `bulkim.journal.port.Writer`, turn by turn."""

    def __init__(self, dirty: Callable[[Hand], None], lease: Lease) -> None:
        """`dirty` is told that there is something to write."""
        self.lease, self.run_id = lease, lease.run_id
        self._dirty = dirty
        self._open: dict[int, None] = {}
        self._turn = self._last = Turn(0)
        self._last.close()
        self._error: GuardError | None = None
        self._counts = dict.fromkeys(Status, 0)

    def begin(self, batch: Batch, *, now: float) -> int:
        again = batch.mode is Mode.SEND and any(item.attempts for item in batch.items)
        return self._begin(batch.mode, [item.ordinal for item in batch.items], again=again, now=now)

    def _begin(self, mode: str, ordinals: Sequence[int], *, again: bool, now: float) -> int:
        turn = self._join()
        self.lease.last_attempt = attempt = self.lease.last_attempt + 1
        self._open[attempt] = None
        turn.begun.append((attempt, mode, len(ordinals), to_json(ordinals), now))
        turn.again += again
        return attempt

    def settle(
        self, attempt: int, closing: Closing, *, finals: Sequence[Final], touched: Sequence[Item]
    ) -> None:
        turn = self._join()
        self._open.pop(attempt, None)
        turn.closed.append(
            (attempt, closing.ended_at, closing.http_status, closing.kind, closing.code, closing.reason)
        )
        turn.throttled += closing.kind == "throttled"
        turn.touched += [(item.ordinal, item.attempts, item.doubt_since) for item in touched]
        self._finish(turn, finals, closing.http_status, closing.ended_at)

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
        if not self._turn.n:
            self.lease.turns += 1
            self._turn = self._last = Turn(self.lease.turns)
            self._dirty(self)
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
        if not turn.n or self._error:
            return None
        self._turn = Turn(0)
        # No attempt below is open, once this turn is written.
        turn.lowest = next(iter(self._open), self.lease.last_attempt + 1)
        return turn

    def answered(self, turn: Turn, answer: int) -> None:
        """The database has said something of a turn."""
        if answer in {DONE, DONE_BEFORE}:
            turn.close()
        elif answer == FENCED_OFF:
            self.lease.lose()
            self.fail(turn, LostError())
        else:
            self.fail(turn, HistoryError(WENT_BACK, hint=LOOK_INTO))

    def fail(self, turn: Turn, error: GuardError) -> None:
        """It will never be on disk, and nothing is written any more."""
        self._error = self._error or error
        self._last.close(self._error)
        turn.close(error)

    def counts(self) -> dict[Status, int]:
        return dict(self._counts)


def _ending(final: Final) -> tuple[Any, ...]:
    item = final.item
    return (final.status, final.code, final.reason, to_json(final.data), item.attempts, item.doubt_since)
