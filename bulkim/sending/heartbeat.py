"""Signs of life: what a session leaves in the journal of itself while it works."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from bulkim.journal.port import Writer
from bulkim.journal.records import PoolRate
from bulkim.model import Stop
from bulkim.quota.pool import Limiter
from bulkim.sending import guard
from bulkim.sending.supervise import BEAT_S
from bulkim.sending.telemetry import Telemetry

UNCHANGED_S = 5.0  # between two writes when nothing has changed
NOTICEABLE = 0.02  # of the limit


class Heartbeat:
    """One session's. Called about once a second; writes when a pool's rate changed, or every few seconds."""

    def __init__(
        self, journal: Writer, pools: Iterable[Limiter], telemetry: Telemetry, *, max_rest_s: float = math.inf
    ) -> None:
        self._journal, self._max_rest_s = journal, max_rest_s
        self._pools, self._telemetry = tuple(pools), telemetry
        self._told: dict[str, PoolRate] = {}
        self._seen_at: float | None = None
        self._met = False  # the vendor, whose clock is known since

    def beat(self, *, now: float, loop_now: float, vendor_ahead_s: float | None = None) -> Stop | None:
        """Tell the journal (`now` in Unix seconds) and the telemetry. `vendor_ahead_s` is as in `Writer.beat`.

        Returns why nothing more is to be sent: a pool rests for longer than the job waits, because another process was asked to.

        Raises GuardError when it cannot be written, JournalLostError when it is not there any more.
        """
        self._journal.present()
        paces = {pool.name: _pace(pool, now, loop_now) for pool in self._pools}
        rests = [
            (each.rest_until, each.asked_s) for each in paces.values() if each.rest_until and each.asked_s
        ]
        self._telemetry.resting = max(rests, default=None)
        held = [each.allowed_per_s for each in paces.values() if each.allowed_per_s < each.limit_per_s]
        self._telemetry.allowed_per_s = min([self._telemetry.limit_per_s, *held])
        changed = {name: pace for name, pace in paces.items() if _noticeable(self._told, pace)}
        met = vendor_ahead_s is not None and not self._met
        if changed or met or self._seen_at is None or not 0 <= now - self._seen_at < UNCHANGED_S:
            self._journal.beat(list(changed.values()), now=now, vendor_ahead_s=vendor_ahead_s)
            self._told |= changed
            self._met = self._met or met
            self._seen_at = now
        until, asked_s = self._telemetry.resting or (now, 0.0)
        return guard.rest(asked_s, self._max_rest_s) if until - now > self._max_rest_s else None


def _pace(pool: Limiter, now: float, loop_now: float) -> PoolRate:
    asked_s = pool.asked_s if pool.rest_until > loop_now else None
    until = None if asked_s is None else now + pool.rest_until - loop_now
    if pool.rest_until - loop_now > BEAT_S / 2:
        allowed = 0.0
    else:
        # Rounded, so that not each step of a recovery is news; a limit that nothing has lowered stays what it is.
        allowed = float(f"{pool.rate_per_s:.3g}") if pool.slowed else pool.limit_per_s
    return PoolRate(pool.name, pool.limit_per_s, allowed, until, asked_s)


def _noticeable(told: Mapping[str, PoolRate], pace: PoolRate) -> bool:
    """Whether it differs from what was told last; being back at the limit, or resting, always does."""
    last = told.get(pace.pool)
    if last is None or pace.limit_per_s != last.limit_per_s or pace.asked_s != last.asked_s:
        return True
    if pace.rest_until and last.rest_until and abs(pace.rest_until - last.rest_until) > BEAT_S:
        return True
    if pace.allowed_per_s == last.allowed_per_s:
        return False
    change = abs(pace.allowed_per_s - last.allowed_per_s)
    return pace.allowed_per_s in {0.0, pace.limit_per_s} or change >= NOTICEABLE * pace.limit_per_s
