"""The control endpoints under /_sandbox/: what happened, and how it should go on. They count in no quota."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bulkim.sandbox.config import check_latency
from bulkim.sandbox.faults import FaultBook
from bulkim.sandbox.http import Request, Response, json_response, parse_json
from bulkim.sandbox.player import Player
from bulkim.sandbox.quirks import QUIRKS, check_quirks
from bulkim.sandbox.quota import check_limits
from bulkim.sandbox.state import LISTS, AppState, User, World, mute_left_s

PREFIX = "_sandbox"


class ControlError(ValueError):
    """A control request that cannot be done, in words for whoever wrote it."""


def answer(world: World, request: Request, connections: Mapping[str, int]) -> Response:
    name = "/".join(request.segments[1:])
    handlers = _HANDLERS.get(name)
    if handlers is None:
        return json_response(
            {"error": f"no such control endpoint; there are {', '.join(sorted(_HANDLERS))}"}, 404
        )
    handler = handlers.get(request.method)
    if handler is None:
        return json_response({"error": f"/{PREFIX}/{name} takes {', '.join(sorted(handlers))}"}, 405)
    try:
        document = handler(world, request)
    except ValueError as error:
        return json_response({"error": str(error)}, 400)
    if name == "stats":
        document["connections"] = dict(connections)
    return json_response(document)


def _stats(world: World, _: Request) -> dict[str, Any]:
    return {
        "now": world.clock.monotonic(),
        "requests": world.requests_total,
        "faults": dict(world.fault_counts),
        "apps": {key: _app_stats(app) for key, app in world.apps.items()},
    }


def _app_stats(app: AppState) -> dict[str, Any]:
    return {
        "provider": app.config.provider,
        "users": len(app.users),
        "operations": dict(app.operations),
        "errors": dict(app.refusals),
        "pools": {name: pool.describe() for name, pool in app.pools.items()},
        "effects": {kind: sum(times.values()) for kind, times in app.effects.items()},
        "register_sizes": {str(size): times for size, times in sorted(app.register_sizes.items())},
        "token_fetches": app.token_fetches,
    }


def _users(world: World, request: Request) -> dict[str, Any]:
    app = _app(world, request.query_value("app"))
    wall = world.clock.wall()
    latest = {user.username: user for user in app.order}
    return {"app": app.key, "users": [_user(app, name, latest.get(name), wall) for name in app.seen_users()]}


def _user(app: AppState, username: str, user: User | None, wall: float) -> dict[str, Any]:
    """One id: its effects, deleted or not, and the state of its last account."""
    mutes = app.mutes.get(username, {})
    shown: dict[str, Any] = {
        "username": username,
        "exists": user is not None and user.exists,
        "effects": app.effects_on(username),
        "mutes": {scope: mute_left_s(mutes, scope, wall) for scope in mutes},
        "attributes": app.attributes.get(username, {}),
        "profile": app.profiles.get(username, {}),
        **{kind: list(app.lists.get(kind, {}).get(username, ())) for kind in LISTS},
    }
    if user is not None:
        shown |= {
            "uuid": user.uuid,
            "created": user.created_ms,
            "modified": user.modified_ms,
            "nickname": user.nickname,
            "activated": user.activated,
            "status": user.status,
            "devices": user.devices,
            "password_sha256": user.password_sha256(),
        }
    return shown


def _seed_users(world: World, request: Request) -> dict[str, Any]:
    """{"app", "count", "prefix", "start"} or {"app", "users": [name or {"username", ...}]}; seeding is no effect."""
    document = _mapping(request)
    app = _app(world, document.get("app"))
    users = document.get("users")
    if users is None:
        count, start = document.get("count"), document.get("start", 0)
        if not isinstance(count, int) or not isinstance(start, int):
            raise ControlError("users: expected `count` (and `start`) as whole numbers, or a list `users`")
        prefix = document.get("prefix", "u")
        users = [{"username": f"{prefix}{number}"} for number in range(start, start + count)]
    shared = {name: value for name, value in document.items() if name in _SEED_FIELDS}
    for user in users:
        given = {"username": user} if isinstance(user, str) else user
        if not isinstance(given, dict) or not isinstance(given.get("username"), str):
            raise ControlError(f"users: a user needs a `username`, got {user!r}")
        _seed(world, app, {**shared, **given})
    return {"app": app.key, "users": len(app.users)}


_SEED_FIELDS: dict[str, type] = {
    "password": str,
    "nickname": str,
    "created": int,  # milliseconds
    "activated": bool,
    "dirty": bool,
    "status": str,  # Online, PushOnline, Offline
    "online": bool,  # short for status: Online
    "devices": list,  # of {"res", "device_uuid", "device_name"}
    "offline_count": int,
    "messages": dict,  # id -> delivered / undelivered
    "attributes": dict,
    "mutes": dict,  # scope -> seconds
    "profile": dict,
    **dict.fromkeys(LISTS, list),
}


def _seed(world: World, app: AppState, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name != "username" and (name not in _SEED_FIELDS or not isinstance(value, _SEED_FIELDS[name])):
            known = ", ".join(f"{known}: {kind.__name__}" for known, kind in _SEED_FIELDS.items())
            raise ControlError(f"users: {name}={value!r} cannot be seeded; known: username: str, {known}")
    username = app.fold(given["username"])
    if username in app.users:
        raise ControlError(f"users: {username} exists already")
    created = given.get("created", world.now_ms())
    user = app.add(username, password=given.get("password"), nickname=given.get("nickname"), now_ms=created)
    for name in ("activated", "dirty", "status", "offline_count"):
        if name in given:
            setattr(user, name, given[name])
    user.devices = tuple(given.get("devices", ()))
    if given.get("online"):
        user.status = "Online"
    _seed_beside(app, username, given)
    for scope, seconds in given.get("mutes", {}).items():
        app.mute(username, scope, seconds, world.clock.wall())


def _seed_beside(app: AppState, username: str, given: Mapping[str, Any]) -> None:
    """What stands beside the user: maps, and lists."""
    for name, maps in (("messages", app.messages), ("attributes", app.attributes), ("profile", app.profiles)):
        if name in given:
            maps[username] = dict(given[name])
    for kind in LISTS:
        users = kind in {"contacts", "blocked"}
        for entry in given.get(kind, ()):
            app.listed(kind, username)[app.fold(str(entry)) if users else str(entry)] = None


def _reset(world: World, _: Request) -> dict[str, Any]:
    world.reset()
    return {"reset": True}


def _set_limits(world: World, request: Request) -> dict[str, Any]:
    world.set_limits(check_limits(_document(request)))
    return {"limits": world.limits}


def _set_faults(world: World, request: Request) -> dict[str, Any]:
    rules = _document(request)
    world.faults = FaultBook(rules)
    notes = world.faults.notes()
    return {"rules": len(rules), **({"notes": notes} if notes else {})}


def _get_quirks(world: World, _: Request) -> dict[str, Any]:
    return {
        "quirks": {
            quirk.name: {
                "on": quirk.name in world.quirks,
                "does": quirk.does,
                "instead_of": quirk.instead_of,
                "source": quirk.source,
            }
            for quirk in QUIRKS
        }
    }


def _set_quirks(world: World, request: Request) -> dict[str, Any]:
    for name, on in _mapping(request).items():
        check_quirks([name])
        if not isinstance(on, bool):
            raise ControlError(f"quirks.{name}: expected true or false, got {on!r}")
        (world.quirks.add if on else world.quirks.discard)(name)
    return {"on": sorted(world.quirks)}


def _set_latency(world: World, request: Request) -> dict[str, Any]:
    world.latency = check_latency(_mapping(request).get("seconds"))
    return {"seconds": list(world.latency)}


def _requests(world: World, request: Request) -> dict[str, Any]:
    last = request.query_value("last")
    if last is not None and not last.isdigit():
        raise ControlError(f"last: expected a whole number, got {last!r}")
    entries = list(world.requests)
    if last is not None:
        entries = entries[max(0, len(entries) - int(last)) :]
    return {"requests": [entry.describe() for entry in entries]}


def _set_script(world: World, request: Request) -> dict[str, Any]:
    """From now on requests of the script are played, whatever vendor they look like."""
    given = _mapping(request)
    if not isinstance(given.get("operations"), list):
        raise ControlError("a script is a mapping with a list of operations")
    world.player = Player(given)
    return {"operations": len(given["operations"])}


def _seed_script(world: World, request: Request) -> dict[str, Any]:
    given = _mapping(request)
    if world.player is None:
        raise ControlError("there is no script whose users these could be")
    world.player.seed([str(each) for each in given.get("users", ())])
    return {"users": len(world.player.users)}


def _app(world: World, key: object) -> AppState:
    app = world.apps.get(str(key))
    if app is None:
        wrong = f"no app is called {key!r}" if key else "name one"
        raise ControlError(f"app: {wrong}; there are {', '.join(world.apps)}")
    return app


def _document(request: Request) -> Any:
    try:
        return parse_json(request.body)
    except ValueError as error:
        raise ControlError(f"the body is not JSON: {error}") from None


def _mapping(request: Request) -> Mapping[str, Any]:
    document = _document(request)
    if not isinstance(document, dict):
        raise ControlError("the body must be a JSON object")
    return document


_HANDLERS: dict[str, dict[str, Callable[[World, Request], dict[str, Any]]]] = {
    "stats": {"GET": _stats},
    "users": {"GET": _users, "POST": _seed_users},
    "requests": {"GET": _requests},
    "reset": {"POST": _reset},
    "limits": {"PUT": _set_limits},
    "faults": {"PUT": _set_faults},
    "quirks": {"GET": _get_quirks, "PUT": _set_quirks},
    "latency": {"PUT": _set_latency},
    "script": {"PUT": _set_script, "POST": _seed_script},
}
