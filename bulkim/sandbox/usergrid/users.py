"""Users one by one and in order: get, list, delete, password, ban (Easemob: account system page and the pages of
each method; Agora: user system registration page; read 2026-11)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from bulkim.sandbox.state import User
from bulkim.sandbox.usergrid.errors import Refusal, illegal, no_such_user
from bulkim.sandbox.usergrid.exchange import UsergridExchange, entity
from bulkim.sandbox.usergrid.register import check_password

LIMIT_DEFAULT = 10
LIMIT_MAX = 100


def get_user(x: UsergridExchange) -> dict[str, Any]:
    user = x.user()
    return {
        "action": "get",
        "path": "/users",
        "uri": x.uri(),
        "entities": [entity(user)],
        **x.timing(),
        "count": 1,
    }


def list_users(x: UsergridExchange) -> dict[str, Any]:
    page, cursor = _page(x)
    return {
        "action": "get",
        **_params(x),
        "path": "/users",
        "uri": x.uri("/users"),
        "entities": [entity(user) for user in page],
        **x.timing(),
        **cursor,
        "count": len(page),
    }


def delete_oldest(x: UsergridExchange) -> dict[str, Any]:
    """DELETE /users: whoever registered first goes, named or not."""
    page, cursor = _page(x)
    entities = [_farewell(x, user) for user in page]
    return {
        "action": "delete",
        "application": x.app.uuid,
        **_params(x),
        "path": "/users",
        "uri": x.uri("/users"),
        "entities": entities,
        **x.timing(),
        **x.identity(),
        **cursor,
    }


def delete_user(x: UsergridExchange) -> dict[str, Any]:
    """By name or by uuid; only the uuid reaches a user whose data is dirty."""
    user = x.app.find(x.args[0]) or x.app.find_by_uuid(x.args[0])
    if user is None:
        if x.quirk("delete-missing-400"):
            description = f"User with id null does not exist in app {x.app.config.app}"
            raise Refusal(400, "management", description)
        raise no_such_user()
    return {
        "action": "delete",
        "application": x.app.uuid,
        "path": "/users",
        "uri": x.uri("/users"),
        "entities": [_farewell(x, user)],
        **x.timing(),
        **x.identity(),
    }


def set_password(x: UsergridExchange) -> dict[str, Any]:
    """Every call logs the user out everywhere, the same password or not."""
    password = x.json_object().get("newpassword")
    if password in (None, ""):
        raise illegal("newpassword is required")
    check_password(x, password)
    if x.quirk("password-min-6") and len(password) < 6:
        raise illegal("password length must be at least 6")
    user = x.app.find(x.args[0])
    if user is None:
        if x.quirk("password-missing-400"):
            raise Refusal(
                400, "required_property_not_found", "Entity user requires a property named username"
            )
        raise Refusal(404, "entity_not_found", "User null not found")
    user.password = password
    user.modified_ms = x.world.now_ms()
    user.go_offline()
    x.app.effect(user.username, "password_set")
    return {"action": "set user password", **x.timing()}


def ban(x: UsergridExchange) -> dict[str, Any]:
    user = x.user()
    user.activated = False
    user.modified_ms = x.world.now_ms()
    user.go_offline()
    x.app.effect(user.username, "banned")
    return {"action": "Deactivate user", "entities": [entity(user)], **x.timing()}


def unban(x: UsergridExchange) -> dict[str, Any]:
    user = x.user()
    user.activated = True
    user.modified_ms = x.world.now_ms()
    x.app.effect(user.username, "unbanned")
    return {"action": "activate user", **x.timing()}


def _farewell(x: UsergridExchange, user: User) -> dict[str, Any]:
    x.app.delete(user)
    shown = entity(user)
    if x.quirk("delete-answers-inactive"):
        shown["activated"] = False
    return shown


def _params(x: UsergridExchange) -> dict[str, Any]:
    """The page echoes the query's parameters as lists, and nothing when there are none."""
    asked = {
        name: values for name, values in sorted(x.request.query().items()) if name in ("cursor", "limit")
    }
    return {"params": asked} if asked else {}


def _page(x: UsergridExchange) -> tuple[list[User], dict[str, str]]:
    """A page of users, oldest first, and `cursor` if there is another (or, by the quirk, the one that was sent)."""
    limit = x.whole_number("limit", LIMIT_DEFAULT, LIMIT_MAX)
    sent = x.request.query_value("cursor")
    ahead = x.app.oldest(_read_cursor(sent), limit + 1)
    page = ahead[:limit]
    if len(ahead) > limit:
        return page, {"cursor": _write_cursor(page[-1].sequence + 1)}
    return page, {"cursor": sent} if sent and x.quirk("cursor-on-last-page") else {}


def _write_cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"-8:{place:08d}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return int(base64.urlsafe_b64decode(padded).decode().removeprefix("-8:"))
    except (ValueError, binascii.Error):
        raise illegal(f"cursor [{cursor}] is not legal") from None
