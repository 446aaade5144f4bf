"""Global mutes, in seconds (Easemob: account system page and global mute page, read 2026-11)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from bulkim.sandbox.state import FOREVER, Mutes, User, mute_left_s
from bulkim.sandbox.usergrid.errors import Refusal, illegal
from bulkim.sandbox.usergrid.exchange import UsergridExchange

SCOPES = ("chat", "groupchat", "chatroom")
SECONDS_MAX = 2147483647
PAGE_SIZE_DEFAULT = 10
PAGE_SIZE_MAX = 50


def set_mute(x: UsergridExchange) -> dict[str, Any]:
    """Seconds, -1 for ever, 0 to lift. Without any scope it succeeds and does nothing."""
    document = x.json_object()
    user = _user(x, str(document.get("username", "")))
    wanted = {
        scope: _seconds(x, scope, document[scope]) for scope in SCOPES if document.get(scope) is not None
    }
    wanted = {scope: seconds for scope, seconds in wanted.items() if seconds >= FOREVER}
    for scope, seconds in wanted.items():
        x.app.mute(user.username, scope, seconds, x.world.clock.wall())
    if wanted:
        x.app.effect(user.username, "mute_set" if any(wanted.values()) else "mute_lifted")
    return _answer(x, {"result": "ok"})


def get_mute(x: UsergridExchange) -> dict[str, Any]:
    user = _user(x, x.args[0])
    wall = x.world.clock.wall()
    mutes = x.app.mutes.get(user.username, {})
    left = {scope: mute_left_s(mutes, scope, wall) for scope in SCOPES}
    userid = f"{x.app.config.org}#{x.app.config.app}_{user.username}"
    return _answer(x, {"userid": userid, **left, "unixtime": int(wall)}, f"/{user.username}")


def list_mutes(x: UsergridExchange) -> dict[str, Any]:
    """One row a user and scope; lifted ones stay, with 0."""
    page = x.whole_number("pageNum", 1, SECONDS_MAX)
    size = x.whole_number("pageSize", PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
    start = (page - 1) * size
    muted = iter(x.app.mutes.items())
    if x.quirk("mutes-page-by-user"):
        rows = list(_rows(x, itertools.islice(muted, start, start + size)))
    else:
        rows = list(itertools.islice(_rows(x, muted), start, start + size))
    unit = 1000 if x.quirk("mutes-unixtime-ms") else 1
    return _answer(x, {"data": rows, "unixtime": int(x.world.clock.wall() * unit)})


def _rows(x: UsergridExchange, muted: Iterator[tuple[str, Mutes]]) -> Iterator[dict[str, Any]]:
    wall = x.world.clock.wall()
    for username, mutes in muted:
        for scope in mutes:
            yield {"username": username, scope: mute_left_s(mutes, scope, wall)}


def _user(x: UsergridExchange, username: str) -> User:
    user = x.app.find(username)
    if user is None:
        raise Refusal(400, "required_property_not_found", "Entity user requires a property named username")
    return user


def _seconds(x: UsergridExchange, scope: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value > SECONDS_MAX:
        raise illegal(f"{scope} [{value}] is not legal")
    if value < FOREVER and x.quirk("mute-negative-400"):
        raise illegal(f"{scope} [{value}] is not legal")
    return value


def _answer(x: UsergridExchange, data: dict[str, Any], tail: str = "") -> dict[str, Any]:
    return {
        "path": "/mutes",
        "uri": x.uri(f"/mutes{tail}"),
        "timestamp": x.world.now_ms(),
        "organization": x.app.config.org,
        "application": x.app.uuid,
        "action": x.request.method.lower(),
        "data": data,
        "duration": x.duration_ms(),
        "applicationName": x.app.config.app,
    }
