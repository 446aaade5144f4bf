"""The limit of one pool, held in every sliding second: aiolimiter's bucket and the sliding log, slower after a refusal.

The arithmetic stands in `bulkim.quota.pacer`.
"""

from __future__ import annotations

import asyncio
import math

import anyio
from aiolimiter import AsyncLimiter

from bulkim.quota.sliding_log import LEAK, Mark, SlidingLog

SLACK_S, SLACK_SLOWED_S = 0.03, 0.012  # oversleeping that the bucket makes up for
REST_S, REST_S_MAX = 0.1, 8.0  # after a refusal that does not say how long; doubled by each that follows soon
HEED_S_MAX = 60.0  # of a rest for which the vendor only said that nothing is left
CUT, CUT_MAX = 0.95, 0.5  # what a refusal leaves of the rate at most, and at least
FLOOR = 0.05  # of the limit: refusals never slow a pool below this
TOLD_LEAST = 0.2  # of the limit: nor do those of calls that were on their way below this
GAIN_PER_S = 0.05  # of the limit: how fast a pool recovers
CAREFUL_PER_S = 0.025  # of what was measured: near that
NEAR, BEYOND = 0.95, 1.1  # of the rate at which it was refused
CALM_S = 8.0  # without a refusal: then more is tried than was measured
STRICT_S = 3.0  # after a refusal: so long a call counts until one second after its answer


class Limiter:
    """Keeps one pool's limit. `acquire` waits for a place, `sent` notes that it was used, `answered` that the vendor counted it."""

    def __init__(self, name: str, limit_per_s: float, burst_s: float = 0.0) -> None:
        """`burst_s`: the seconds for which it may make up at once."""
        self.name, self.burst_s = name, burst_s
        self.limit_per_s = limit_per_s
        self.granted_per_s = limit_per_s  # what others leave of it; see `grant`
        self.rest_until = 0.0  # in the loop's time, like all moments here
        self.asked_s: float | None = None  # how long the vendor asked for that rest; None: it did not say
        self.held = False  # somebody asked to pause
        self._granted_until = math.inf
        self._changed = anyio.Event()  # of what `ready` waits for
        self._log = SlidingLog(limit_per_s, burst_s)
        self._share = 1.0  # of what is granted, lowered by refusals
        self._share_since = 0.0
        self._refused_at = -math.inf
        self._refused_share = 1.0
        self._cut_at = -math.inf
        self._streak = 0
        self._measured = False  # the last cut was to what the vendor took
        self._full = False  # nothing was taken between the last two refusals
        self._alone = False  # one call at a time, until one is taken
        self._bucket = AsyncLimiter(*self._bucket_size())

    @property
    def rate_per_s(self) -> float:
        """What it lets through now."""
        return LEAK * self.granted_per_s * self._share

    @property
    def slowed(self) -> bool:
        """Whether refusals still hold it below its limit."""
        return self._share < 1.0

    async def drain(self) -> None:
        """Start without a burst: a process that died here may just have used it."""
        await self._bucket.acquire(self._bucket.max_rate)

    async def acquire(self) -> None:
        """Wait until the pool may be used and the bucket has room."""
        await self.ready()
        self._recover()
        await self._bucket.acquire()

    async def ready(self) -> None:
        """Wait until the pool has rested and something is granted."""
        while True:
            now = _now()
            if self.held or now >= self._granted_until or not self.granted_per_s:
                await self._changed.wait()
            elif now < self.rest_until:
                with anyio.move_on_at(self.rest_until):
                    await self._changed.wait()
            elif self._alone and self._log.waiting:
                await self._changed.wait()
            else:
                return

    def wait_s(self, now: float) -> float:
        """How long until one more call may be sent, as far as the vendor's counting goes; 0 or less: now."""
        return self._log.wait_s(now)

    def grant(self, limit_per_s: float, until: float) -> None:
        """Allow so much of the limit until then: others draw on the rest. Nothing is sent after it, nor when it is 0."""
        self._granted_until = until
        if limit_per_s != self.granted_per_s:
            self.granted_per_s = limit_per_s
            if limit_per_s:
                self._log.limit_to(limit_per_s)
                self._rerate()
        self._awake()

    def limit_to(self, limit_per_s: float) -> None:
        """From now on so much is the limit. What is in the log and in the bucket stays there: no burst follows."""
        leased = self._granted_until < math.inf  # then whoever grants hears of it, and grants anew
        self.limit_per_s = limit_per_s
        self.granted_per_s = min(limit_per_s, self.granted_per_s) if leased else limit_per_s
        self._log.limit_to(self.granted_per_s or limit_per_s)
        self._rerate()

    def hold(self, held: bool) -> None:
        """Nothing is sent while it is held."""
        self.held = held
        self._awake()

    def _awake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    # ------------------------------------------------------------------------------------- what happens

    def sent(self) -> Mark:
        """Note a sending."""
        return self._log.sent(_now())

    def unsent(self, mark: Mark) -> None:
        """That sending did not take place."""
        self._log.forget(mark)

    def answered(self, mark: Mark) -> None:
        """Note its answer. Soon after a refusal, a call counts until one second after it."""
        now = _now()
        self._log.answered(mark, now, strict=now - self._refused_at < STRICT_S)
        if self._alone:
            self._alone = False
            self._awake()

    def refused(self, wait_s: float | None, mark: Mark | None = None) -> float:
        """The vendor said that the limit was passed: rest, then go on slower. Returns how many seconds it rests.

        `wait_s` is how long the vendor asked for; None: it did not say. `mark` is the sending that was refused, whose answer
        has been noted. Calls refused together count once; those that were on their way tell the limit the better. For a
        second after a cut the vendor still counts what was sent before it: a refusal then only means more rest. While nothing
        is taken, one call goes at a time.
        """
        now = _now()
        accepted = self._log.refused(mark, now)
        if mark is not None and mark.sent_at <= self._refused_at:  # it was on its way when that was heard
            rest_s = self._refused_too(mark, accepted)
        else:
            if now >= self.rest_until:
                self._refused_anew(now, accepted)
            rest_s = min(REST_S_MAX, REST_S * 2**self._streak)
        self._alone = self._full
        self.rest(now + (rest_s if wait_s is None else wait_s), wait_s)
        return self.rest_until - now

    def _refused_anew(self, now: float, accepted: float) -> None:
        """A call that left since the last refusal was heard of is refused, or the first one ever."""
        taken = self._refused_at == -math.inf or self._log.taken_since(self._refused_at)
        if taken and now - self._cut_at >= 1.0:
            self._cut(now, accepted)
        else:
            self._streak += 1
            if self._streak == 1 and not self._measured:  # another limit, which a later refusal tells
                self._set_share(max(FLOOR, self._share * CUT_MAX))
        self._refused_at, self._full = now, not taken

    def _refused_too(self, mark: Mark, accepted: float) -> float:
        """The limit is no more than was taken in the second before this call, either. Returns how long to rest for it: until
        one is taken that left after it, the vendor is full.
        """
        share = max(TOLD_LEAST, accepted * CUT)
        if share < self._share:
            self._measured = True
            self._set_share(share)
        return 0.0 if self._log.taken_since(mark.sent_at) else REST_S

    def _cut(self, now: float, accepted: float) -> None:
        """Go on at what the vendor took in the second before: that is its limit, unless it took all that was sent."""
        self._cut_at, self._streak = now, 0
        self._measured = accepted < self._share * CUT
        least = max(FLOOR, self._share * CUT_MAX)
        share = max(least, min(self._share * CUT, accepted))
        self._refused_share = share if accepted >= least else 1.0  # what so little was taken of is not known
        self._set_share(share)

    def rest(self, until: float, asked_s: float | None) -> None:
        """Send nothing before then. `asked_s` is how long the vendor asked for; None: it did not say."""
        if until > self.rest_until:
            self.rest_until, self.asked_s = until, asked_s

    def wake(self) -> None:
        """The rest is forgotten."""
        self.rest_until = _now()
        self._awake()

    def told(self, rest_s: float, part: float) -> None:
        """Another holder was refused: rest as long, and go on no faster than at that part of the limit."""
        self.rest(_now() + rest_s, None)
        if part < self._share:
            self._refused_at, self._refused_share = _now(), part
            self._set_share(max(FLOOR, part))

    def heed(self, left: float, seconds: float) -> None:
        """The vendor says that so many calls are left for so long: go no faster, and rest where none is. Never speeds up."""
        if left < 1:
            self.told(min(seconds, HEED_S_MAX), self._share)
        elif self.granted_per_s:
            self.told(0.0, left / seconds / self.granted_per_s)

    def _recover(self) -> None:
        """Fast to what was measured; there nothing is tried for a while, then a little; fast again where that went well."""
        now = _now()
        since_s = now - max(self._share_since, self.rest_until)
        if not self.slowed or since_s < 0.5:
            return
        if not NEAR * self._refused_share <= self._share < BEYOND * self._refused_share:
            gain = GAIN_PER_S
        elif now - self._refused_at < CALM_S:
            return
        else:
            gain = CAREFUL_PER_S * self._refused_share
            since_s = min(since_s, 1.0)
        self._set_share(min(1.0, self._share + gain * since_s))

    def _set_share(self, share: float) -> None:
        self._share, self._share_since = share, _now()
        self._rerate()

    def _rerate(self) -> None:
        self._bucket = rerated(self._bucket, *self._bucket_size())

    def _bucket_size(self) -> tuple[float, float]:
        """Capacity, and the seconds in which it drains."""
        slack_s = SLACK_SLOWED_S if self.slowed else max(SLACK_S, self.burst_s)
        burst = 1 + slack_s * self.granted_per_s * self._share
        return burst, burst / self.rate_per_s


def rerated(bucket: AsyncLimiter, capacity: float, seconds: float) -> AsyncLimiter:
    """A bucket of that capacity, drained in so many seconds, as full as `bucket`: aiolimiter cannot change one."""
    fresh = AsyncLimiter(capacity, seconds)
    fresh._level = min(bucket._level, capacity)  # noqa: SLF001
    fresh._last_check = bucket._last_check  # noqa: SLF001
    return fresh


def _now() -> float:
    return asyncio.get_running_loop().time()
