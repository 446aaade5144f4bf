"""The quota that all bulkim processes of a user on this host share, as a `Source`: places in time, from the host's `ledger`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import anyio

from bulkim.log.events import log
from bulkim.model import Connection
from bulkim.quota.ledger import REST_S_MAX, Ledger, QuotaUnavailable, ledger_path, owner_of
from bulkim.quota.pool import SLACK_S, Limiter

LATE_TURN_S = 0.03  # what the smaller rate of several processes forgives: 0.95 L * 1.03 s + 1 < L
TURNS_MAX = 20  # let pass, before a process on a busy machine goes anyway
SHARED = 0.96  # of a rate, when other processes draw on the pool: nobody sees the others' stalls
BLOCK_S = 0.01  # places are taken for this long at once, so that high rates do not cost a transaction a call


class HostPlaces:
    """A `Source`: places in time, taken from the host's ledger in blocks."""

    def __init__(self, quota: Ledger) -> None:
        self._quota = quota
        self._places: dict[tuple[str, ...], deque[float]] = {}
        self._shared = False  # whether other processes take places, too

    @property
    def waiting_for(self) -> str:
        """What a call waits for that has no place yet."""
        return "quota"

    async def place(self, limiters: Sequence[Limiter]) -> None:
        """Wait for this process's turn. Among several, whoever wakes too late lets it pass: turns must not bunch up."""
        places = self._places.setdefault(tuple(each.name for each in limiters), deque())
        for _ in range(TURNS_MAX):
            if self._shared:
                late = _now() - LATE_TURN_S
                while places and places[0] < late:
                    places.popleft()
            while not places:
                for limiter in limiters:
                    await limiter.ready()
                self._take_block(limiters, places)
            turn = places.popleft()
            if (wait_s := turn - _now()) > 0:
                await anyio.sleep(wait_s)
            if not self._shared or _now() - turn <= LATE_TURN_S:
                return

    def refused(self, limiter: Limiter) -> None:
        """All processes rest, but not for as long as somebody may mistype."""
        until = min(limiter.rest_until, _now() + REST_S_MAX)
        self._quota.refused([limiter.name], until, limiter.asked_s)

    def forgotten(self, limiters: Sequence[Limiter]) -> Sequence[Limiter]:
        """As `bulkim quota --forget` says it."""
        names = self._quota.forgotten({each.name: each.limit_per_s for each in limiters})
        return [each for each in limiters if each.name in names]

    def _take_block(self, limiters: Sequence[Limiter], places: deque[float]) -> None:
        rates = {each.name: (each.limit_per_s, each.rate_per_s) for each in limiters}
        count = max(1, int(min(rate for _, rate in rates.values()) * BLOCK_S))
        slack_s = max(SLACK_S, *(each.burst_s for each in limiters))
        block = self._quota.take(rates, count, shared=SHARED, slack_s=slack_s, now=_now())
        self._shared = block.shared
        if not block.rests:
            places.extend(block.start + place * block.gap_s for place in range(count))
        for limiter in limiters:
            if limiter.name in block.rests:
                limiter.rest(*block.rests[limiter.name])


@asynccontextmanager
async def on_this_host(
    connection: Connection, _limiters: Mapping[str, Limiter]
) -> AsyncIterator[HostPlaces | None]:
    """What this host's processes share (a `Sharing`); None where it cannot be used: then this process keeps the limit alone."""
    try:
        quota = Ledger(ledger_path(), owner_of(connection))
    except (QuotaUnavailable, OSError) as error:
        log.warning("quota.not_shared", reason=str(error.__cause__ or error))
        yield None
        return
    if quota.aside:
        log.warning("quota.put_aside", file=str(quota.aside))
    try:
        yield HostPlaces(quota)
    finally:
        with suppress(QuotaUnavailable):
            quota.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
