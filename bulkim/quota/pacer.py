"""Keeping to a vendor's quota: aiolimiter's bucket, composed so that the limit holds in every sliding second.

A leaky bucket of capacity B that leaks r calls a second lets N calls through in a window of T seconds only if
N < B + r*T: before the last of them the level was at most B - 1, and N - 1 others minus what leaked lie below it. So a
limit of L calls in any second needs B + r <= L + 1. ``AsyncLimiter(100, 1)`` has B + r = 200: 199 calls in its first
second. Spacing (B = 1, r = L) is exact but loses what every timer oversleeps, about 6% at 100/s, more on a busy
machine. A bucket alone must choose; two rules need not:

    the window   at most L calls in any 1.014 s, counted call by call: what is proven
    the bucket   r = 0.986 L, so that L calls take 1.014 s and the window seldom says no; and
                 B = 1 + 0.03 L, which makes up for 30 ms of oversleeping: only as far as the window has room

The 14 ms are for what happens between our sending and the vendor's counting. What happens there beyond that (a stall
of ours, of the network or of the vendor, after which many calls arrive at once) shows in answers that are later than
usual: such a call stays in the window longer by as much. The bucket starts full, so that a process that starts where
another has just died does not get a burst on top. A limit that is no whole number a second (90 a minute) is counted
over the fewest seconds in which it is one (3 in 2.028 s).

After a 429 the pool rests a moment (longer when another follows soon) and goes on at what the vendor took in the second
before: that is its limit. It keeps to that for some seconds, tries a little more, and recovers by a twentieth of the
limit each second where that went well, never above the limit. Where the vendor took all that was sent, the rate says
nothing of the limit: it is cut a little, and halved if the next is refused, too. Refusals of calls that were on their
way are no new event, but each bounds the limit by what was taken before it, and nothing is sent while they come in: the
vendor is full. Soon after a refusal, a call counts until one second after its *answer*: the vendor counted it somewhere
in between, so whatever the jitter, no second at the vendor can hold more. That costs a latency's share of the rate, so
it is not the rule.

Where others draw on the same pool, a `Source` comes before the limiters: the host's ledger, which hands out places in
time one after another, or shares of the limit, which are granted to each limiter for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import anyio

from bulkim.log.events import log
from bulkim.quota.ledger import QuotaUnavailable
from bulkim.quota.pool import Limiter
from bulkim.quota.sliding_log import Mark
from bulkim.quota.source import Source

NONE: Mapping[str, float] = {}
Marks = Sequence[tuple[Limiter, Mark]]
"""One call's places."""


class Pacer:
    """The limiters of one app's pools, behind what others leave of its quota."""

    def __init__(
        self,
        limits: Mapping[str, float],
        source: Source | None = None,
        *,
        bursts_s: Mapping[str, float] = NONE,
    ) -> None:
        """`limits`: pool name -> calls a second; `bursts_s`: pool name -> seconds for which it may make up at once.

        `source`: None when nobody else draws on them.
        """
        self.limiters = {
            name: Limiter(name, limit, bursts_s.get(name, 0.0)) for name, limit in limits.items()
        }
        self._source = source

    def draw_on(self, source: Source | None) -> None:
        """Others draw on these pools, too."""
        self._source = source

    @property
    def waiting_for(self) -> str:
        """What keeps a call from its place, in words."""
        return self._source.waiting_for if self._source else "quota"

    def hold(self, held: bool) -> None:
        """Nothing takes a place while it is held; it goes on without a burst."""
        for limiter in self.limiters.values():
            limiter.hold(held)

    @property
    def held(self) -> bool:
        """Whether somebody asked to pause."""
        return any(limiter.held for limiter in self.limiters.values())

    def limit_to(self, name: str, limit_per_s: float) -> None:
        """From now on so many calls a second of this pool; without a burst, and never a second above."""
        self.limiters[name].limit_to(limit_per_s)

    def look(self) -> None:
        """Take over what others know of rests: called about once a second."""
        resting = [
            each for each in self.limiters.values() if each.asked_s is not None and each.rest_until > _now()
        ]
        if self._source and resting:
            with suppress(QuotaUnavailable):
                for limiter in self._source.forgotten(resting):
                    limiter.wake()

    async def start(self) -> None:
        """Drain every pool."""
        for limiter in self.limiters.values():
            await limiter.drain()

    async def acquire(self, names: Sequence[str]) -> None:
        """Wait for a place in every one of the pools (the operation's own first, then those around it)."""
        limiters = [self.limiters[name] for name in names]
        if self._source:
            try:
                await self._source.place(limiters)
            except QuotaUnavailable as error:
                log.warning("quota.not_shared", reason=str(error.__cause__ or error))
                self._source = None
        for limiter in limiters:
            await limiter.acquire()
        while True:
            for limiter in limiters:
                await limiter.ready()
            now = _now()
            wait_s = max((limiter.wait_s(now) for limiter in limiters), default=0.0)
            if wait_s <= 0:
                return
            await anyio.sleep(wait_s)

    def sent(self, names: Sequence[str]) -> Marks:
        """Note a sending in the pools; the marks are for the methods below."""
        return tuple((limiter, limiter.sent()) for limiter in map(self.limiters.__getitem__, names))

    @staticmethod
    def leaving(marks: Marks) -> None:
        """Note that the bytes leave only now: the journal had to be durable first."""
        now = _now()
        for _, mark in marks:
            mark.sent_at = now

    @staticmethod
    def answered(marks: Marks) -> None:
        """Note that the call was answered."""
        for limiter, mark in marks:
            limiter.answered(mark)

    @staticmethod
    def give_back(marks: Marks) -> None:
        """Note that the call will not be sent: its places are taken anew when it is."""
        for limiter, mark in marks:
            limiter.unsent(mark)

    @staticmethod
    def age_s(marks: Marks) -> float:
        """How long ago these places were taken."""
        return _now() - marks[0][1].sent_at

    def refused(self, names: Sequence[str], wait_s: float | None, marks: Marks = ()) -> float:
        """The vendor refused a call for its quota: slow the operation's own pool, for every worker and process.

        `wait_s` is how long the vendor asked for; None: it did not say. `marks` are the call's, which was answered. Returns
        how many seconds the pool rests.
        """
        limiter = self.limiters[names[0]]
        rest_s = limiter.refused(wait_s, next((mark for each, mark in marks if each is limiter), None))
        self._tell(limiter)
        return rest_s

    def rest(self, names: Sequence[str], wait_s: float) -> float:
        """The vendor is busy or broken, and asks everybody to come back after so long: no reason to be slower then."""
        limiter = self.limiters[names[0]]
        limiter.rest(_now() + wait_s, wait_s)
        self._tell(limiter)
        return limiter.rest_until - _now()

    def _tell(self, limiter: Limiter) -> None:
        if self._source:
            with suppress(QuotaUnavailable):
                self._source.refused(limiter)


def _now() -> float:
    return asyncio.get_running_loop().time()
