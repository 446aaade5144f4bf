"""Keeping to a vendor's quota: aiolimiter's bucket, composed so that the limit holds in every sliding second.

A leaky bucket of capacity B that leaks r calls a second lets N calls through in a window of T seconds only if
N < B + r*T: before the last of them the level was at most B - 1, and N - 1 others minus what leaked lie below it. So a
limit of L calls in any second needs B + r <= L + 1. ``AsyncLimiter(100, 1)`` has B + r = 200: 199 calls in its first
second. Spacing (B = 1, r = L) is exact but loses what every timer oversleeps, about 6 % at 100/s, more on a busy
machine. A bucket alone must choose; two rules need not:

    the window   at most L calls in any 1.014 s, counted call by call: what is proven
    the bucket   r = 0.986 L, so that L calls take 1.014 s and the window seldom says no; and
                 B = 1 + 0.03 L, which makes up for 30 ms of oversleeping: only as far as the window has room

The 14 ms are for what happens between our sending and the vendor's counting. What happens there beyond that (a stall
of ours, of the network or of the vendor, after which many calls arrive at once) shows in answers that are later than
usual: such a call stays in the window longer by as much. The bucket starts full, so that a process that starts where
another has just died does not get a burst on top. A limit that is no whole number a second (90 a minute) is counted
over the fewest seconds in which it is one (3 in 2.028 s).

After a 429 the pool rests a moment (longer when another follows soon) and goes on slower: a little, or at what the
vendor took in the last second. It gains a twentieth of the limit each second, a hundredth near the rate that was
refused, never above the limit. While it recovers, a call counts until one second after its *answer*: the vendor
counted it somewhere in between, so whatever the jitter, no second at the vendor can hold more. That costs a latency's
share of the rate, so it is not the rule.

Processes of one host that draw on the same pool take turns from a ledger (`bulkim.quota.ledger`) before the bucket.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import sqlite3
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio
from aiolimiter import AsyncLimiter

from bulkim.quota.ledger import BLOCK_S, Ledger

LEAK = 0.986  # of the limit
SLACK_S, SLACK_SLOWED_S = 0.03, 0.004  # oversleeping that the bucket makes up for
WINDOW_S = 1.014  # any such window holds at most the limit
LATENCIES, USUAL = 200, 0.9  # of so many answers, this part is no later than usual
JUDGED_EVERY, JUDGED_S = 10, 0.5  # answers or seconds
LATE_S_MAX = 0.2  # an answer that is later than usual holds its place at most this much longer
LATE_TURN_S = 0.03  # what the smaller rate of several processes forgives: 0.95 L * 1.03 s + 1 < L
TURNS_MAX = 20  # let pass, before a process on a busy machine goes anyway
SHARED = 0.96  # of that, when other processes draw on the pool: nobody sees the others' stalls
REST_S, REST_S_MAX = 0.1, 8.0  # after a refusal that does not say how long; doubled by each that follows soon
SOON_S = 2.0
CUT, CUT_MAX = 0.95, 0.5  # what a refusal leaves of the rate: this, or what was taken in the last second
FLOOR = 0.1  # of the limit: refusals never slow a pool below this
GAIN_PER_S, CAREFUL_PER_S = 0.05, 0.01  # of the limit: how fast a pool recovers, and near what was refused
NEAR = 0.95  # of the rate last refused
CALM_S = 10.0  # without a refusal: then that rate is forgotten


def whole(limit_per_s: float) -> tuple[int, float]:
    """A limit as whole calls in a few seconds: 100/s is (100, 1), 90 a minute (3, 2), 5 a minute (1, 12)."""
    for seconds in range(1, 61):
        calls = round(limit_per_s * seconds)
        if calls and math.isclose(calls, limit_per_s * seconds, rel_tol=1e-9):
            return calls, seconds
    return (int(limit_per_s * 60), 60) if limit_per_s >= 1 else (1, 1 / limit_per_s)


@dataclass(slots=True, eq=False)
class Mark:
    """One sending, in the loop's time."""

    sent_at: float
    gone: bool = False  # answered, or given up


class Window:
    """The calls that may still count at the vendor: a sliding log, which no call enters that would overfill it."""

    def __init__(self, limit_per_s: float) -> None:
        self._limit, self._period_s = whole(limit_per_s)
        self._unanswered: deque[Mark] = (
            deque()
        )  # in order of sending; answered ones leave when they come first
        self._waiting = 0  # of those, not answered
        self._leaving: list[float] = []  # heap: when each answered call leaves
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._answers: deque[float] = deque(maxlen=self._limit)
        self._refusals: deque[float] = deque(maxlen=self._limit)
        self._usual_s = 0.0  # nearly all answers take no longer; 0 until there are enough to tell
        self._fresh, self._judged_at = 0, math.inf

    def sent(self, now: float) -> Mark:
        """Note a sending."""
        self._judged_at = min(self._judged_at, now)
        mark = Mark(now)
        self._unanswered.append(mark)
        self._waiting += 1
        return mark

    def answered(self, mark: Mark, now: float, *, strict: bool) -> None:
        """Note its answer."""
        self._waiting -= not mark.gone
        mark.gone = True
        self._answers.append(now)
        latency_s = now - mark.sent_at
        late_s = latency_s if strict else min(LATE_S_MAX, max(0.0, latency_s - self._usual_s))
        heapq.heappush(self._leaving, mark.sent_at + self._length_s + late_s)
        self._latencies.append(latency_s)
        self._fresh += 1
        if self._fresh >= JUDGED_EVERY or now - self._judged_at >= JUDGED_S:
            self._fresh, self._judged_at = 0, now
            self._usual_s = sorted(self._latencies)[int(len(self._latencies) * USUAL)]

    def refused(self, now: float) -> None:
        """Note that a call which was answered had been refused."""
        self._refusals.append(now)

    def accepted(self, now: float) -> float:
        """The part of the limit that the vendor took in the last period."""
        since = now - self._period_s
        taken = sum(moment > since for moment in self._answers) - sum(
            moment > since for moment in self._refusals
        )
        return taken / self._limit

    def wait_s(self, now: float) -> float:
        """How long until one more call is admitted; 0 or less: now."""
        while self._leaving and self._leaving[0] <= now:
            heapq.heappop(self._leaving)
        latest = now - self._length_s - LATE_S_MAX
        while self._unanswered and (self._unanswered[0].gone or self._unanswered[0].sent_at <= latest):
            gone = self._unanswered.popleft()
            self._waiting -= not gone.gone
            gone.gone = True
        if len(self._leaving) + self._waiting < self._limit:
            return 0.0
        leaves = [self._leaving[0]] if self._leaving else []
        if self._unanswered:
            leaves.append(self._unanswered[0].sent_at + self._length_s + LATE_S_MAX)
        return max(0.001, min(leaves) - now)

    @property
    def _length_s(self) -> float:
        return WINDOW_S * self._period_s


class Pool:
    """One quota. `acquire` waits for a place, `sent` notes that it was used, `answered` that the vendor counted it."""

    def __init__(self, name: str, limit_per_s: float) -> None:
        self.name = name
        self.limit_per_s = limit_per_s
        self.rest_until = 0.0
        self.window = Window(limit_per_s)
        self._share = 1.0  # of the limit, lowered by refusals
        self._share_since = 0.0
        self._refused_at = -math.inf
        self._refused_share = 1.0
        self._cut_at = -math.inf
        self._streak = 0
        self._bucket = self._new_bucket()

    def _new_bucket(self) -> AsyncLimiter:
        burst = 1 + (SLACK_SLOWED_S if self.slowed else SLACK_S) * self.limit_per_s * self._share
        return AsyncLimiter(burst, burst / self.rate_per_s)

    @property
    def rate_per_s(self) -> float:
        """What it lets through now."""
        return LEAK * self.limit_per_s * self._share

    @property
    def slowed(self) -> bool:
        """Whether refusals still hold it below its limit."""
        return self._share < 1.0

    async def drain(self) -> None:
        """Start without a burst: a process that died here may just have used it."""
        await self._bucket.acquire(self._bucket.max_rate)

    async def acquire(self) -> None:
        """Wait until the pool has rested and the bucket has room."""
        await self._rest()
        self._recover()
        await self._bucket.acquire()
        await self._rest()

    async def _rest(self) -> None:
        while (wait_s := self.rest_until - _now()) > 0:
            await anyio.sleep(wait_s)

    def refused(self, wait_s: float | None) -> float:
        """The vendor said that the limit was passed: rest, then go on slower. Returns how many seconds it rests.

        `wait_s` is how long the vendor asked for; None: it did not say. Calls refused together count once.

        For a second after a cut the vendor still counts what was sent before it: a refusal then only means more rest.
        """
        now = _now()
        self.window.refused(now)
        if now >= self.rest_until:
            self._streak = self._streak + 1 if now - self._refused_at < SOON_S else 0
            if now - self._refused_at >= SOON_S or now - self._cut_at >= 1.0:
                self._cut_at, self._refused_share = now, self._share
                accepted = self.window.accepted(now)
                self._set_share(max(FLOOR, self._share * CUT_MAX, min(self._share * CUT, accepted)))
            self._refused_at = now
        rest_s = min(REST_S_MAX, REST_S * 2**self._streak) if wait_s is None else wait_s
        self.rest_until = max(self.rest_until, now + rest_s)
        return self.rest_until - now

    def _recover(self) -> None:
        now = _now()
        since_s = now - max(self._share_since, self.rest_until)
        if not self.slowed or since_s < 0.5:
            return
        careful = self._share >= NEAR * self._refused_share and now - self._refused_at < CALM_S
        self._set_share(min(1.0, self._share + (CAREFUL_PER_S if careful else GAIN_PER_S) * since_s))

    def _set_share(self, share: float) -> None:
        self._share, self._share_since = share, _now()
        level_kept = self._bucket
        self._bucket = self._new_bucket()
        self._bucket._level = min(level_kept._level, self._bucket.max_rate)  # noqa: SLF001 - it cannot be re-rated
        self._bucket._last_check = level_kept._last_check  # noqa: SLF001


class Pacer:
    """The pools of one app, shared with the host's other processes through a ledger where there is one."""

    def __init__(self, limits: Mapping[str, float], ledger: Ledger | None = None) -> None:
        """`limits`: pool name -> calls a second."""
        self.pools = {name: Pool(name, limit) for name, limit in limits.items()}
        self._ledger = ledger
        self._places: dict[tuple[str, ...], deque[float]] = {}
        self._shared = False  # whether other processes take places, too

    async def start(self) -> None:
        """Drain every pool."""
        for pool in self.pools.values():
            await pool.drain()

    async def acquire(self, names: Sequence[str]) -> None:
        """Wait for a place in every one of the pools (the operation's own first, then those around it)."""
        pools = [self.pools[name] for name in names]
        if self._ledger:
            await self._take_place(self._ledger, tuple(names))
        for pool in pools:
            await pool.acquire()
        while (wait_s := max((pool.window.wait_s(_now()) for pool in pools), default=0.0)) > 0:
            await anyio.sleep(wait_s)

    async def _take_place(self, ledger: Ledger, names: tuple[str, ...]) -> None:
        """Wait for this process's turn. Among several, whoever wakes too late lets it pass: turns must not bunch up."""
        places = self._places.setdefault(names, deque())
        for _ in range(TURNS_MAX):
            if self._shared:
                late = _now() - LATE_TURN_S
                while places and places[0] < late:
                    places.popleft()
            if not places and not self._take_block(ledger, names, places):
                return
            turn = places.popleft()
            if (wait_s := turn - _now()) > 0:
                await anyio.sleep(wait_s)
            if not self._shared or _now() - turn <= LATE_TURN_S:
                return

    def _take_block(self, ledger: Ledger, names: tuple[str, ...], places: deque[float]) -> bool:
        """The next places. A ledger that cannot be used any more is done without (False)."""
        rates = {name: (self.pools[name].limit_per_s, self.pools[name].rate_per_s) for name in names}
        count = max(1, int(min(rate for _, rate in rates.values()) * BLOCK_S))
        try:
            block = ledger.take(rates, count, shared=SHARED, slack_s=SLACK_S, now=_now())
        except sqlite3.Error:
            self._ledger = None
            return False
        places.extend(block.start + place * block.gap_s for place in range(count))
        self._shared = block.shared
        return True

    def sent(self, names: Sequence[str]) -> tuple[tuple[Pool, Mark], ...]:
        """Note a sending in the pools; the marks are for `answered`."""
        return tuple((self.pools[name], self.pools[name].window.sent(_now())) for name in names)

    @staticmethod
    def leaving(marks: Sequence[tuple[Pool, Mark]]) -> None:
        """Note that the bytes leave only now: the journal had to be durable first."""
        for _, mark in marks:
            mark.sent_at = _now()

    @staticmethod
    def answered(marks: Sequence[tuple[Pool, Mark]]) -> None:
        """Note that the call was answered."""
        for pool, mark in marks:
            pool.window.answered(mark, _now(), strict=pool.slowed)

    def refused(self, names: Sequence[str], wait_s: float | None) -> float:
        """The vendor refused a call for its quota: slow the operation's own pool, for every worker and process.

        Returns how many seconds it rests.
        """
        pool = self.pools[names[0]]
        rest_s = pool.refused(wait_s)
        if self._ledger:
            with suppress(sqlite3.Error):
                self._ledger.refused(names[:1], pool.rest_until)
        return rest_s


def _now() -> float:
    return asyncio.get_running_loop().time()
