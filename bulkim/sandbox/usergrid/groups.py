"""Members of groups and chat rooms (Easemob and Agora: group and chat room member pages, read 2026-11).

The sandbox creates no groups: any id is a group's, with nobody in it.
"""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.usergrid.errors import Refusal, illegal
from bulkim.sandbox.usergrid.exchange import UsergridExchange

MEMBERS_MAX = 60
ROOM_REMOVALS_MAX = 100
ROOMS_MAX = 500


def add_to_group(x: UsergridExchange) -> dict[str, Any]:
    return _add(x, "group", "groupid")


def add_to_room(x: UsergridExchange) -> dict[str, Any]:
    return _add(x, "chatroom", "id")


def remove_from_group(x: UsergridExchange) -> dict[str, Any]:
    return _remove(x, "group", "groupid", MEMBERS_MAX)


def remove_from_room(x: UsergridExchange) -> dict[str, Any]:
    return _remove(x, "chatroom", "id", ROOM_REMOVALS_MAX)


def _add(x: UsergridExchange, kind: str, id_name: str) -> dict[str, Any]:
    """Who is a member already is not mentioned, unless nobody else is there to add."""
    names = x.usernames(MEMBERS_MAX, f"usernames size is more than max limit {MEMBERS_MAX}")
    place = x.args[0]
    for name in names:
        if x.app.find(name) is None:
            raise illegal(f"group member {name} doesn't exist")
    new = [
        name for name in dict.fromkeys(map(x.app.fold, names)) if place not in x.app.listed(f"{kind}s", name)
    ]
    if not new:
        description = f"can not join this group, reason:user: {names[0]} already in group: {place}\n"
        raise Refusal(403, "forbidden_op", description)
    for name in new:
        x.app.listed(f"{kind}s", name)[place] = None
        x.app.effect(name, f"{kind}_joined")
    return _answer(x, "post", {"newmembers": new, id_name: place, "action": "add_member"})


def _remove(x: UsergridExchange, kind: str, id_name: str, most: int) -> dict[str, Any]:
    """One by itself is refused or done; several have a row each."""
    place, names = x.args[0], x.args[1].split(",")
    if len(names) > most:
        raise illegal(f"usernames size is more than max limit {most}")
    rows = [_row(x, kind, place, name, id_name) for name in names]
    if len(rows) > 1:
        return _answer(x, "delete", rows)
    if not rows[0]["result"]:
        if x.app.find(names[0]) is None:
            raise Refusal(404, "resource_not_found", f"username {names[0]} doesn't exist")
        raise Refusal(403, "forbidden_op", f"users [{names[0]}] are not members of this group!")
    return _answer(x, "delete", rows[0])


def _row(x: UsergridExchange, kind: str, place: str, name: str, id_name: str) -> dict[str, Any]:
    row = {"result": False, "action": "remove_member", "user": x.app.fold(name), id_name: place}
    if x.app.find(name) is None:
        return {**row, "reason": f"user {name} doesn't exist."}
    if x.app.listed(f"{kind}s", x.app.fold(name)).pop(place, row) is row:
        return {**row, "reason": f"user: {name} doesn't exist in group: {place}"}
    x.app.effect(x.app.fold(name), f"{kind}_left")
    return {**row, "result": True}


def get_group_member(x: UsergridExchange) -> dict[str, Any]:
    """Whom there is not, is no member: the page names no error for it."""
    joined = x.args[0] in x.app.listed("groups", x.app.fold(x.args[1]))
    about = {"application": x.app.uuid, "organization": x.app.config.org}
    return {"action": "get", "data": joined, **about, **x.timing()}


def get_rooms(x: UsergridExchange) -> dict[str, Any]:
    """The newest first; without parameters at most 500."""
    rooms = list(reversed(x.app.listed("chatrooms", x.user().username)))[:ROOMS_MAX]
    data = [{"id": room, "name": room, "disabled": "false"} for room in rooms]
    return {**_answer(x, "get", data), "params": {}, "properties": {}, "count": len(rooms)}


def _answer(x: UsergridExchange, action: str, data: Any) -> dict[str, Any]:
    return {
        "action": action,
        "application": x.app.uuid,
        "uri": x.uri(),
        "entities": [],
        "data": data,
        **x.timing(),
        **x.identity(),
    }
