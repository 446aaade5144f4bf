"""Contacts, block lists and the push nickname (Easemob: contact, block list and push pages; Agora: contact management and
push pages; read 2026-11)."""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.state import User
from bulkim.sandbox.usergrid.errors import illegal, no_such_user
from bulkim.sandbox.usergrid.exchange import UsergridExchange, entity
from bulkim.sandbox.usergrid.register import NICKNAME_MAX

BLOCKS_MAX, IMPORTS_MAX, NICKNAMES_MAX = 50, 10, 50


def set_nickname(x: UsergridExchange) -> dict[str, Any]:
    """What else the address takes (display style, do not disturb) is not kept here."""
    nickname = x.json_object().get("nickname")
    if not isinstance(nickname, str):
        raise illegal("nickname is required")
    if len(nickname) > NICKNAME_MAX:
        raise illegal("NICKNAME_TOO_LONG")
    user = x.user()
    user.nickname, user.modified_ms = nickname, x.world.now_ms()
    x.app.effect(user.username, "nickname_set")
    return _answer(x, "put", [user], path="/users", uri=x.uri("/users"))


def push_nickname(x: UsergridExchange) -> dict[str, Any]:
    """Many at a time. What is answered of users who do not exist is not printed: they are left out here."""
    rows = x.json()
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise illegal("put user push nicknames illegal empty request body")
    if len(rows) > NICKNAMES_MAX:
        raise illegal("put user push nicknames exceeds the limit")
    for row in rows:
        name, nickname = row.get("username"), row.get("push_nickname")
        if not isinstance(name, str) or not isinstance(nickname, str):
            raise illegal("put user push nicknames illegal empty request body")
        if len(nickname) > NICKNAME_MAX:
            raise illegal(f"{name} push nickname length exceeds the limit")
    set_now = []
    for row in rows:
        user = x.app.find(row["username"])
        if user is not None:
            user.nickname, user.modified_ms = row["push_nickname"], x.world.now_ms()
            x.app.effect(user.username, "nickname_set")
            set_now.append({"push_nickname": user.nickname, "username": user.username})
    answer = _answer(x, "put", [], path="/push", uri=x.uri("/push"))
    return {**answer, "entities": set_now}


def add_contact(x: UsergridExchange) -> dict[str, Any]:
    """Both get the other; adding again changes nothing and says the same."""
    return _contact(x, "post", add=True)


def remove_contact(x: UsergridExchange) -> dict[str, Any]:
    return _contact(x, "delete", add=False)


def _contact(x: UsergridExchange, action: str, *, add: bool) -> dict[str, Any]:
    owner, other = x.user(), _other(x)
    for one, two in ((owner, other), (other, owner)):
        contacts = x.app.listed("contacts", one.username)
        contacts.pop(two.username, None)
        if add:
            contacts[two.username] = None
    x.app.effect(owner.username, "contact_added" if add else "contact_removed")
    place = f"/users/{owner.uuid}/contacts"
    return _answer(x, action, [other], path=place, uri=x.uri(place))


def get_contacts(x: UsergridExchange) -> dict[str, Any]:
    return _listing(x, "contacts")


def get_blocks(x: UsergridExchange) -> dict[str, Any]:
    """The newest first."""
    return _listing(x, "blocked")


def _listing(x: UsergridExchange, kind: str) -> dict[str, Any]:
    names = list(reversed(x.app.listed(kind, x.user().username)))
    uri = x.uri(f"/users/{x.args[0]}/{'contacts' if kind == 'contacts' else 'blocks'}/users")
    return {"action": "get", "uri": uri, "entities": [], "data": names, **x.timing(), "count": len(names)}


def import_contacts(x: UsergridExchange) -> dict[str, Any]:
    """Each name ends in one of four lists."""
    names = x.usernames(IMPORTS_MAX, f"request user over flow limit:{IMPORTS_MAX}.")
    owner = x.user()
    data: dict[str, list[str]] = {
        "UnKnowFailed": [],
        "success": [],
        "NotExistFailed": [],
        "maxLimitFailed": [],
    }
    for name in names:
        other, fault = x.app.find(name), x.verdict.item_fault(name)
        if fault is not None and fault.code in data:
            data[str(fault.code)].append(name)
        elif other is None:
            data["NotExistFailed"].append(name)
        else:
            x.app.listed("contacts", owner.username)[other.username] = None
            data["success"].append(other.username)
    x.app.effect(owner.username, "contacts_imported")
    return {"status": "ok", "action": "post", "data": data, **x.timing()}


def block(x: UsergridExchange) -> dict[str, Any]:
    names = x.usernames(BLOCKS_MAX, f"usernames size is more than max limit {BLOCKS_MAX}")
    owner = x.user()
    if any(x.app.find(name) is None for name in names):
        raise no_such_user()
    blocked = [x.app.fold(name) for name in names]
    x.app.listed("blocked", owner.username).update(dict.fromkeys(blocked))
    x.app.effect(owner.username, "blocked")
    return {
        "action": "post",
        "application": x.app.uuid,
        "uri": x.uri(f"/users/{x.args[0]}/blocks/users"),
        "entities": [],
        "data": blocked,
        **x.timing(),
        **x.identity(),
    }


def unblock(x: UsergridExchange) -> dict[str, Any]:
    owner, other = x.user(), _other(x)
    x.app.listed("blocked", owner.username).pop(other.username, None)
    x.app.effect(owner.username, "unblocked")
    place = f"/users/{owner.uuid}/blocks"
    return _answer(x, "delete", [other], path=place, uri=x.uri(place))


def _other(x: UsergridExchange) -> User:
    other = x.app.find(x.args[1])
    if other is None:
        raise no_such_user()
    return other


def _answer(x: UsergridExchange, action: str, users: list[User], *, path: str, uri: str) -> dict[str, Any]:
    return {
        "action": action,
        "application": x.app.uuid,
        "path": path,
        "uri": uri,
        "entities": [entity(user) for user in users],
        **x.timing(),
        **x.identity(),
    }
