"""What the sandbox remembers: apps, users, what was done to whom, and what was asked."""

from __future__ import annotations

import hashlib
import random
import string
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from bulkim.sandbox.config import App, SandboxConfig, check_latency
from bulkim.sandbox.faults import FaultBook
from bulkim.sandbox.player import Player
from bulkim.sandbox.quirks import check_quirks
from bulkim.sandbox.quota import Pool, check_limits, limit_for

FOREVER = -1  # a mute that does not end

#: What a user has lists of: ids of groups (as members, owners, mutes) and chat rooms, users, tags. Groups are not created: any id is one's.
LISTS = ("groups", "owned", "muted_in", "chatrooms", "contacts", "blocked", "tags")

#: A user's mutes: scope -> the wall time it ends at, FOREVER, or 0 once lifted.
Mutes = dict[str, float]


def mute_left_s(mutes: Mutes, scope: str, wall: float) -> int:
    """Seconds left, FOREVER, or 0: a mute that has run out looks like one that was lifted."""
    ends = mutes.get(scope, 0)
    return FOREVER if ends == FOREVER else max(0, round(ends - wall))


class Clock(Protocol):
    """Time as an input: tests bring their own."""

    def monotonic(self) -> float: ...

    def wall(self) -> float: ...


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


@dataclass(slots=True)
class User:
    """One registered account. A deleted one stays in the registration order with `exists` false."""

    username: str
    uuid: str
    sequence: int  # its place in the order of registration, and in cursors
    created_ms: int
    modified_ms: int
    password: str | None = None
    nickname: str | None = None
    activated: bool = True
    exists: bool = True
    dirty: bool = False  # listed, but not found by name: only its uuid works
    status: str = "Offline"  # Tencent's three: Online, PushOnline, Offline
    devices: tuple[dict[str, str], ...] = ()
    offline_count: int = 0

    @property
    def online(self) -> bool:
        return self.status == "Online"

    def go_offline(self) -> None:
        self.status = "Offline"
        self.devices = ()

    def password_sha256(self) -> str | None:
        return hashlib.sha256(self.password.encode()).hexdigest() if self.password is not None else None


@dataclass(slots=True)
class AppState:
    """One app while the sandbox runs."""

    config: App
    uuid: str
    users: dict[str, User] = field(default_factory=dict)  # by folded id; only those that exist
    order: list[User] = field(default_factory=list)  # everyone ever registered, oldest first
    first_alive: int = 0  # nobody before this place in `order` exists: mass deletes stay cheap
    # What few users have stands beside the users, by folded id, so that a user is cheap to make.
    mutes: dict[str, Mutes] = field(default_factory=dict)  # in the order of the first mute
    messages: dict[str, dict[str, str]] = field(default_factory=dict)  # offline message -> delivery state
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)  # needs no account
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)  # Tencent: tag -> value
    lists: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=dict
    )  # one of LISTS -> user -> entries
    # What was done to whom: kind -> folded id -> times; kept when the user goes.
    effects: dict[str, dict[str, int]] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)  # answers that were not a success, by code
    register_sizes: Counter[int] = field(default_factory=Counter)
    tokens: dict[str, float] = field(default_factory=dict)  # fetched token -> monotonic time it expires at
    token_fetches: int = 0
    pools: dict[str, Pool] = field(default_factory=dict)
    bad_signatures: deque[float] = field(default_factory=deque)
    attribute_names: dict[str, str] = field(default_factory=dict)  # Tencent: number -> name

    @property
    def key(self) -> str:
        return self.config.key

    def fold(self, username: str) -> str:
        """An id as the vendor compares it: Easemob and Agora ignore case, Tencent does not."""
        return username if self.config.provider == "tencent" else username.lower()

    def find(self, username: str) -> User | None:
        user = self.users.get(self.fold(username))
        return None if user is None or user.dirty else user

    def effect(self, username: str, kind: str) -> None:
        """Count one effect on one user: exactly when something changed, or was done again."""
        times = self.effects.setdefault(kind, {})
        times[username] = times.get(username, 0) + 1

    def effects_on(self, username: str) -> dict[str, int]:
        return {kind: times[username] for kind, times in self.effects.items() if username in times}

    def listed(self, kind: str, username: str) -> dict[str, Any]:
        """What a user has of one of LISTS, to be changed in place: entry -> what is kept of it."""
        return self.lists.setdefault(kind, {}).setdefault(username, {})

    def mute(self, username: str, scope: str, seconds: int, wall: float) -> None:
        mutes = self.mutes.setdefault(username, {})
        mutes[scope] = wall + seconds if seconds > 0 else seconds

    def add(self, username: str, *, password: str | None, nickname: str | None, now_ms: int) -> User:
        """A new user at the end of the order. Counting the effect is up to who caused it."""
        sequence = len(self.order)
        # A uuid that begins with the sequence is ordered by time, like Usergrid's, and needs no index.
        user = User(username, f"{sequence:08x}{self.uuid[8:]}", sequence, now_ms, now_ms, password, nickname)
        self.order.append(user)
        self.users[username] = user
        return user

    def find_by_uuid(self, uuid: str) -> User | None:
        place = uuid.removesuffix(self.uuid[8:])
        if len(place) != 8 or not all(digit in string.hexdigits for digit in place):
            return None
        sequence = int(place, 16)
        user = self.order[sequence] if sequence < len(self.order) else None
        return user if user is not None and user.exists else None

    def delete(self, user: User) -> None:
        user.exists = False
        user.go_offline()
        del self.users[user.username]
        for beside in (self.mutes, self.messages, self.attributes, self.profiles):
            beside.pop(user.username, None)
        for of_users in self.lists.values():
            of_users.pop(user.username, None)
        self.effect(user.username, "deleted")

    def oldest(self, start: int, limit: int) -> list[User]:
        """Up to `limit` existing users from place `start` in the order of registration."""
        while self.first_alive < len(self.order) and not self.order[self.first_alive].exists:
            self.first_alive += 1
        found: list[User] = []
        place = max(start, self.first_alive)
        while place < len(self.order) and len(found) < limit:
            if self.order[place].exists:
                found.append(self.order[place])
            place += 1
        return found

    def full(self, new: int = 1) -> bool:
        """Whether `new` more users would pass the plan's cap."""
        return self.config.max_users is not None and len(self.users) + new > self.config.max_users

    def seen_users(self) -> Iterator[str]:
        """Everyone who exists or was ever touched, in the order of first sight."""
        seen = [user.username for user in self.order]
        for times in self.effects.values():
            seen += times
        yield from dict.fromkeys(seen)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One request, without anything secret: no query, no headers, no body."""

    arrived: float
    method: str
    path: str
    app: str | None
    operation: str | None
    items: int
    status: int | None  # None: the connection was closed instead
    fault: str | None

    def describe(self) -> dict[str, Any]:
        return {
            "arrived": self.arrived,
            "method": self.method,
            "path": self.path,
            "app": self.app,
            "operation": self.operation,
            "items": self.items,
            "status": self.status,
            "fault": self.fault,
        }


class World:
    """Everything behind one port."""

    def __init__(self, config: SandboxConfig, clock: Clock | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.reset()

    def reset(self) -> None:
        """As it was when the sandbox started: users, counters, limits, quirks, faults, latency."""
        self.quirks: set[str] = set(check_quirks(self.config.quirks))
        self.limits = check_limits(dict(self.config.limits))
        self.latency = check_latency(self.config.latency)
        self.faults = FaultBook(self.config.faults)
        self.random = random.Random(self.config.seed)
        self.requests: deque[LogEntry] = deque(maxlen=self.config.request_log_max)
        self.requests_total = 0
        self.fault_counts: Counter[str] = Counter()
        self.player: Player | None = None  # of a script that was given
        self.apps: dict[str, AppState] = {}
        self.by_app_id: dict[str, AppState] = {}
        for app in self.config.apps:
            self.add_app(app)

    def add_app(self, app: App) -> AppState:
        state = AppState(app, str(uuid.uuid5(uuid.NAMESPACE_URL, app.key)))
        self.apps[app.key] = state
        if app.app_id is not None:
            self.by_app_id[app.app_id] = state
        return state

    def pool(self, app: AppState, name: str) -> Pool:
        pool = app.pools.get(name)
        if pool is None:
            pool = app.pools[name] = Pool(name, limit_for(app.config.provider, name, self.limits))
        return pool

    def set_limits(self, limits: dict[str, float | None]) -> None:
        self.limits.update(limits)
        for app in self.apps.values():
            for pool in app.pools.values():
                pool.limit = limit_for(app.config.provider, pool.name, self.limits)

    def now_ms(self) -> int:
        return int(self.clock.wall() * 1000)

    def latency_s(self) -> float:
        least, most = self.latency
        return least if least == most else self.random.uniform(least, most)
