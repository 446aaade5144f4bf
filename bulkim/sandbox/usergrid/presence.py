"""Who is online and on what device, what waits for them, and sending them away (Easemob: account system page and
the pages of each method; Agora: user system registration page; read 2026-11)."""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.state import User
from bulkim.sandbox.usergrid.errors import illegal, no_such_user
from bulkim.sandbox.usergrid.exchange import UsergridExchange

STATUS_BATCH_MAX = 100


def status(x: UsergridExchange) -> dict[str, Any]:
    user = x.app.find(x.args[0])
    if user is None and not x.quirk("status-missing-offline"):
        raise no_such_user()
    return _about_user(x, {x.app.fold(x.args[0]): _word(user)})


def status_batch(x: UsergridExchange) -> dict[str, Any]:
    """Ids are not checked: whoever does not exist is offline."""
    usernames = x.json_object().get("usernames")
    if not isinstance(usernames, list) or not all(isinstance(username, str) for username in usernames):
        raise illegal("usernames is required")
    if len(usernames) > STATUS_BATCH_MAX:
        raise illegal(f"request body exceeds maximum limit, maximum limit is {STATUS_BATCH_MAX}")
    data = [{x.app.fold(username): _word(x.app.find(username))} for username in usernames]
    return {"action": "get batch user status", "data": data, **x.timing()}


def devices(x: UsergridExchange) -> dict[str, Any]:
    user = x.user()
    return {"path": f"/users/{user.username}/resources", **_about_app(x, list(user.devices))}


def disconnect(x: UsergridExchange) -> dict[str, Any]:
    """A GET with an effect. A missing user is no error."""
    user = x.app.find(x.args[0])
    was_online = user is not None and user.online
    if user is not None:
        user.go_offline()
        x.app.effect(user.username, "disconnected")
    result = was_online or not x.quirk("disconnect-offline-false")
    if x.app.config.provider == "easemob":
        return _about_user(x, {"result": result})
    return _about_app(x, {"result": result})


def disconnect_device(x: UsergridExchange) -> dict[str, Any]:
    user = x.user()
    kept = tuple(device for device in user.devices if device["res"] != x.args[1])
    gone = len(kept) < len(user.devices)
    user.devices = kept
    if not kept:
        user.go_offline()
    x.app.effect(user.username, "device_disconnected")
    return _about_app(x, {"result": gone or not x.quirk("disconnect-offline-false")})


def offline_count(x: UsergridExchange) -> dict[str, Any]:
    user = x.user()
    return _about_user(x, {user.username: user.offline_count})


def offline_message_status(x: UsergridExchange) -> dict[str, Any]:
    """A message that is not waiting has been delivered."""
    message = x.args[1]
    waiting = x.app.messages.get(x.user().username, {})
    return _about_user(x, {message: waiting.get(message, "delivered")})


def _word(user: User | None) -> str:
    return "online" if user is not None and user.online else "offline"


def _about_user(x: UsergridExchange, data: dict[str, Any]) -> dict[str, Any]:
    return {"action": "get", "uri": x.uri(), "entities": [], "data": data, **x.timing(), "count": 0}


def _about_app(x: UsergridExchange, data: Any) -> dict[str, Any]:
    return {
        "uri": x.uri(),
        "timestamp": x.world.now_ms(),
        "organization": x.app.config.org,
        "application": x.app.uuid,
        "entities": [],
        "action": x.request.method.lower(),
        "data": data,
        "duration": x.duration_ms(),
        "applicationName": x.app.config.app,
    }
