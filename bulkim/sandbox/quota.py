"""Quota pools: a sliding-window log a pool, and what the pool has seen.

The vendors document a number of calls a second and nothing about the window. The sandbox takes the strictest
reading: a call is accepted only if fewer than `limit` calls were accepted in the second before it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from bulkim.sandbox.endpoints import DOCUMENTED_LIMITS


@dataclass(slots=True)
class SlidingWindow:
    """The times of the last window, oldest first. Time is an input and must not run backwards."""

    window_s: float = 1.0
    times: deque[float] = field(default_factory=deque)

    def count(self, now: float) -> int:
        """How many recorded times lie in (now - window, now]."""
        horizon = now - self.window_s
        times = self.times
        while times and times[0] <= horizon:
            times.popleft()
        return len(times)

    def record(self, now: float) -> int:
        """Record `now`; the count of the window that ends with it."""
        self.times.append(now)
        return self.count(now)


@dataclass(slots=True)
class Pool:
    """One quota of one app. Calls that share it share `limit` a second; None is no limit."""

    name: str
    limit: float | None
    accepted: int = 0
    refused: int = 0
    worst_second: int = 0  # most arrivals, accepted and refused, in any sliding second
    first_arrival: float | None = None
    last_arrival: float | None = None
    _accepted_times: SlidingWindow = field(default_factory=SlidingWindow)
    _arrival_times: SlidingWindow = field(default_factory=SlidingWindow)

    @property
    def arrivals(self) -> int:
        return self.accepted + self.refused

    def has_room(self, now: float) -> bool:
        return self.limit is None or self._accepted_times.count(now) < self.limit

    def record(self, now: float, *, accepted: bool) -> None:
        if self.first_arrival is None:
            self.first_arrival = now
        self.last_arrival = now
        self.worst_second = max(self.worst_second, self._arrival_times.record(now))
        if accepted:
            self.accepted += 1
            self._accepted_times.record(now)
        else:
            self.refused += 1

    def describe(self) -> dict[str, float | int | None]:
        return {
            "limit": self.limit,
            "arrivals": self.arrivals,
            "accepted": self.accepted,
            "refused": self.refused,
            "worst_second": self.worst_second,
            "first_arrival": self.first_arrival,
            "last_arrival": self.last_arrival,
        }


def admit(pools: Sequence[Pool], now: float) -> bool:
    """Whether a call that belongs to all of these pools is accepted; a refusal takes nothing from any of them."""
    accepted = all(pool.has_room(now) for pool in pools)
    for pool in pools:
        pool.record(now, accepted=accepted)
    return accepted


class UnknownPoolError(ValueError):
    """A limit was given for a pool that does not exist."""


def check_limits(limits: object) -> dict[str, float | None]:
    """Limits by pool name, plain (`users`, at every provider that has it) or qualified (`easemob.users`)."""
    if not isinstance(limits, dict):
        raise UnknownPoolError("limits: expected a mapping from pool name to calls a second")
    checked: dict[str, float | None] = {}
    for name, limit in limits.items():
        if not _known(name):
            raise UnknownPoolError(
                f"limits: no pool is called {name!r}; known pools: {', '.join(_known_names())}"
            )
        if limit is not None and (not isinstance(limit, int | float) or isinstance(limit, bool) or limit < 0):
            raise UnknownPoolError(
                f"limits.{name}: expected a number of calls a second or null, got {limit!r}"
            )
        checked[name] = None if limit is None or math.isinf(limit) else limit
    return checked


def limit_for(provider: str, pool: str, limits: dict[str, float | None]) -> float | None:
    """A qualified name wins over a plain one, and both over what the vendor documents."""
    for name in (f"{provider}.{pool}", pool):
        if name in limits:
            return limits[name]
    return DOCUMENTED_LIMITS[provider][pool]


def _known(name: object) -> bool:
    return isinstance(name, str) and name in set(_known_names())


def _known_names() -> list[str]:
    plain = {pool for pools in DOCUMENTED_LIMITS.values() for pool in pools}
    qualified = {f"{provider}.{pool}" for provider, pools in DOCUMENTED_LIMITS.items() for pool in pools}
    return sorted(plain) + sorted(qualified)
