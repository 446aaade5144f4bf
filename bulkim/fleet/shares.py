"""A holder's side of a limit that many hosts share: shares, leased for a while, and kept by this process' own limiters.

A beat a second carries all holdings of a process: what each keeps to, what it used, whether it would have sent more. The
answer is what it may send from now on, good until t0 + T - M by this process' own clock, t0 being when the beat left. Whoever
is told less says at once that they keep to it, so that others need not wait for it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from bulkim.fleet.database import AwayError, Line, address, connected, library
from bulkim.fleet.lease import ANSWER_S, BEAT_S, boottime
from bulkim.fleet.schema import usable
from bulkim.journal.lease import this_process
from bulkim.model import Connection
from bulkim.quota.ledger import owner_of
from bulkim.quota.pool import Limiter
from bulkim.quota.sliding_log import counted
from bulkim.quota.source import Sharing
from bulkim.text import CLOCK_WITH_ZONE, local

TAIL_S = 0.3  # beyond the vendor's window, in which what was given up still counts
TELLING_S = 0.7  # shorter than that says nothing, either
SILENT_S = 2.5  # without a beat: what was used since says nothing
HUNGRY = 0.85  # who used that part of a share would have used more
EARLY_S = 0.25  # between beats, while somebody has nothing yet
NUMBERS = count(1)


@dataclass(slots=True, eq=False)
class Holding:
    """One limiter's share of one pool."""

    pool: str
    holder: str
    limiter: Limiter
    until: float = 0.0  # by `clock`: nothing is sent from then on
    have: float = 0.0  # calls a second
    used: int = 0  # calls since it was judged last
    used_per_s: float = 0.0
    hungry: bool = True
    counted_from: float = 0.0
    rest_s: float = 0.0  # to be told: the vendor refused
    least: float = 0.0  # that it had since then

    def row(self, now: float, beat: int) -> dict[str, Any]:
        """As `bulkim.shares` reads it."""
        have = self.have if now < self.until else 0.0
        since_s = now - self.counted_from
        if since_s >= TELLING_S or not have:
            self.used_per_s = self.used / since_s
            resting = self.limiter.rest_until > asyncio.get_running_loop().time()
            self.hungry = (
                self.used_per_s >= HUNGRY * self.least or since_s > SILENT_S or (resting and self.hungry)
            )
            self.used, self.counted_from, self.least = 0, now, have
        _, seconds = counted(self.limiter.limit_per_s, self.limiter.burst_s)
        slowed = self.limiter.rate_per_s / max(self.limiter.granted_per_s, 1e-9)
        return {
            "pool": self.pool, "holder": self.holder, "limit": self.limiter.limit_per_s, "tail": TAIL_S + seconds, "beat": beat,
            "have": have, "used": self.used_per_s, "hungry": self.hungry, "rest": self.rest_s, "slowed": min(1.0, slowed),
        }  # fmt: skip

    def heard(self, share: float, until: float, left_s: float) -> None:
        """The answer to a beat: good until then, which is so many seconds from now."""
        self.have, self.until, self.least = share, until, min(self.least, share)
        self.limiter.grant(share, asyncio.get_running_loop().time() + left_s)


class Shares:
    """All holdings of a process. One task runs `beat` for ever."""

    def __init__(
        self, line: Line, holder: str, *, lease_s: float, margin_s: float, clock: Callable[[], float] = boottime
    ) -> None:  # fmt: skip
        self.away_since: float | None = None  # Unix seconds: since then the database does not answer
        self._line, self._holder = line, holder
        self._lease_s, self._margin_s, self._clock = lease_s, margin_s, clock
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._wake = asyncio.Event()

    @asynccontextmanager
    async def drawing(self, owner: str, limiters: Mapping[str, Limiter]) -> AsyncIterator[Drawing]:
        """Draw on these pools of an app, as one holder. Until the first share arrives nothing is sent."""
        holder = f"{self._holder}/{next(NUMBERS)}"
        mine = [Holding(f"{owner} {name}", holder, limiter) for name, limiter in limiters.items()]
        for each in mine:
            each.limiter.grant(0.0, 0.0)
            self._holdings[each.pool, holder] = each
        self._wake.set()
        try:
            yield Drawing(self, mine, self._clock)
        finally:
            for each in mine:
                del self._holdings[each.pool, holder]
                each.limiter.grant(0.0, 0.0)
            with suppress(AwayError, library().Error):  # then it is others' when its lease is over
                await self._line.rows("SELECT bulkim.leave(%s)", (holder,), within_s=1.0)

    def sharing(
        self, connection: Connection, limiters: Mapping[str, Limiter]
    ) -> AbstractAsyncContextManager[Drawing]:
        """The same, as a `Sharing`."""
        return self.drawing(owner_of(connection), limiters)

    async def close(self) -> None:
        """Hang up."""
        await self._line.close()

    def hurry(self) -> None:
        """Something is to be told before the next second."""
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            pause_s = BEAT_S
            try:
                while await self.beat():
                    pass  # who was told less says that they keep to it
                self.away_since = None
                if any(not each.have for each in self._holdings.values()):
                    pause_s = EARLY_S
            except (AwayError, library().Error):
                self.away_since = self.away_since or time.time()
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause_s)

    async def beat(self) -> bool:
        """Tell and hear of all holdings, once; returns whether a share has become less. Raises AwayError."""
        asked = dict(self._holdings)
        if not asked:
            return False
        now, number = self._clock(), int(self._clock() * 1e6)
        rows = [each.row(now, number) for each in asked.values()]
        found = await self._line.rows(
            "SELECT pool, holder, share, rest_s, slowed_to FROM bulkim.shares(%s::json, %s)",
            (json.dumps(rows), self._lease_s), within_s=ANSWER_S,
        )  # fmt: skip
        less, until = False, now + self._lease_s - self._margin_s
        for pool, holder, share, rest_s, slowed in found:
            each = asked[pool, holder]
            if share is None or (pool, holder) not in self._holdings:
                continue
            less = less or share < each.have
            if rest_s > 0 and not each.rest_s:
                each.limiter.told(rest_s, slowed or 1.0)
            each.rest_s = 0.0
            each.heard(share, until, until - self._clock())
        return less


class Drawing:
    """A run's hand in its app's quota: a `bulkim.quota.source.Source`, and a gate."""

    def __init__(self, shares: Shares, holdings: Sequence[Holding], clock: Callable[[], float]) -> None:
        self._shares, self._clock = shares, clock
        self._by_limiter = {id(each.limiter): each for each in holdings}

    async def place(self, limiters: Sequence[Limiter]) -> None:
        now, holdings = self._clock(), self._by_limiter.values()
        if any(
            each.have and now >= each.until for each in holdings
        ):  # the machine has slept, and a loop's clock with it
            for each in holdings:
                each.limiter.grant(0.0, 0.0)
        for limiter in limiters:
            self._by_limiter[id(limiter)].used += 1

    def refused(self, limiter: Limiter) -> None:
        holding = self._by_limiter[id(limiter)]
        holding.rest_s = max(0.0, limiter.rest_until - asyncio.get_running_loop().time())
        self._shares.hurry()

    def forgotten(self, limiters: Sequence[Limiter]) -> Sequence[Limiter]:  # noqa: ARG002 - a rest there is the database's
        return ()

    @property
    def waiting_for(self) -> str:
        """What keeps a call waiting, in words."""
        if self._shares.away_since is None:
            return "quota"
        return f"quota (the fleet's database is away since {local(self._shares.away_since, CLOCK_WITH_ZONE)})"


def across_hosts(env: Mapping[str, str]) -> Sharing:
    """What the fleet's database shares. Raises BulkimError when it cannot be used."""
    dsn = address(env)
    with connected(dsn) as connection:
        meta = usable(connection)

    @asynccontextmanager
    async def sharing(connection: Connection, limiters: Mapping[str, Limiter]) -> AsyncIterator[Drawing]:
        me = this_process()
        name = f"{me.host}/{me.pid}-{secrets.token_hex(4)}"  # two containers may look like one: the token tells them apart
        shares = Shares(Line(dsn), name, lease_s=meta.lease_s, margin_s=meta.margin_s)
        beating = asyncio.ensure_future(shares.run())
        try:
            async with shares.sharing(connection, limiters) as drawing:
                yield drawing
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            await shares.close()

    return sharing
