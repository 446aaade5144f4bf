"""Quota pools: a sliding-window log a pool, and what the pool has seen.

The vendors document a number of calls a second and nothing about the window. The sandbox takes the strictest
reading: a call is accepted only if fewer than `limit` calls were accepted in the second before it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


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


# Easemob and Agora. Which of these a call counts in differs: at Easemob all user methods share `users`, with the
# narrower `delete-oldest` inside it (call limits page, read 2026-11); at Agora each method has its own (user system
# registration page, read 2026-11), as it had at Easemob before 2023.
_USERGRID = {
    "users": 100.0,
    "delete-oldest": 30,
    "register": 100,  # one user and many: one address, so one pool
    "get-user": 100,
    "list-users": 100,
    "delete": 100,
    "set-password": 100,
    "ban": 100,
    "unban": 100,
    "disconnect": 100,
    "disconnect-device": 100,
    "online-status": 100,
    "online-status-batch": 50,
    "devices": 100,
    "offline-count": 100,
    "offline-message-status": 100,
    "mute": 100,
    "get-mute": 100,
    "list-mutes": 100,
    "set-attributes": 100,
    "get-attributes": 100,
    "get-attributes-batch": 100,
    "remove-attributes": 100,
    "attributes-size": 100,
    "set-nickname": 100,
    "add-contact": 100,
    "remove-contact": 100,
    "block": 50,
    "unblock": 50,
    "add-to-group": 100,
    "remove-from-group": 100,
    "add-to-room": 100,
    "remove-from-room": 100,
    "token": 300,
}

# What the vendors document, by provider and pool, in calls a second and app.
DOCUMENTED_LIMITS: dict[str, dict[str, float]] = {
    "easemob": _USERGRID,
    "agora": _USERGRID,
    # Tencent: each command's own page, read 2026-11.
    "tencent": {
        "account_import": 200,
        "multiaccount_import": 100,
        "account_delete": 100,
        "account_check": 100,
        "kick": 200,
        "query_online_status": 200,
        "setnospeaking": 100,
        "getnospeaking": 100,
        "im_set_attr": 100,
        "im_get_attr": 100,
        "im_remove_attr": 100,
        "im_set_attr_name": 100,
        "im_get_attr_name": 100,
        "add_group_member": 200,
        "im_add_tag": 100,
        "im_remove_tag": 100,
        "im_get_tag": 100,
    },
}


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
