"""Members of groups (Tencent: the pages of the group commands, read 2026-11).

The sandbox creates no groups: any id is a group's, with nobody in it.
"""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.tencent.exchange import UINT32_MAX, RefusedError, TencentExchange

BAD_GROUP_BODY = 10004
FAILED, ADDED, WAS_MEMBER = 0, 1, 2


def add_group_member(x: TencentExchange) -> dict[str, Any]:
    place = _group(x)
    rows = x.rows("MemberList", none=BAD_GROUP_BODY, too_many=BAD_GROUP_BODY)
    names = [row.get("Member_Account") if isinstance(row, dict) else None for row in rows]
    if not all(isinstance(name, str) for name in names):
        raise RefusedError(BAD_GROUP_BODY)
    return {"MemberList": [{"Member_Account": name, "Result": _add(x, place, str(name))} for name in names]}


def _add(x: TencentExchange, place: str, name: str) -> int:
    if name not in x.app.users or x.verdict.item_fault(name) is not None:
        return FAILED
    groups = x.app.listed("groups", name)
    if place in groups:
        return WAS_MEMBER
    groups[place] = None
    x.app.effect(name, "group_joined")
    return ADDED


def delete_group_member(x: TencentExchange) -> dict[str, Any]:
    """Who is no member is no error."""
    place = _group(x)
    for name in _names(x, "MemberToDel_Account"):
        if place in x.app.listed("groups", name):
            del x.app.listed("groups", name)[place]
            x.app.effect(name, "group_left")
    return {}


def forbid_send_msg(x: TencentExchange) -> dict[str, Any]:
    """Whom there is not, nobody misses: the page names no error for it."""
    place, seconds = _group(x), x.document().get("MuteTime")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= UINT32_MAX:
        raise RefusedError(BAD_GROUP_BODY)
    for name in _names(x, "Members_Account"):
        if name not in x.app.users:
            continue
        muted = x.app.listed("muted_in", name)
        muted.pop(place, None)
        if seconds:
            muted[place] = seconds if seconds == UINT32_MAX else int(x.world.clock.wall()) + seconds
        x.app.effect(name, "group_muted" if seconds else "group_unmuted")
    return {}


def get_group_muted_account(x: TencentExchange) -> dict[str, Any]:
    place, now = _group(x), x.world.clock.wall()
    muted = x.app.lists.get("muted_in", {}).items()
    until = {name: entries[place] or UINT32_MAX for name, entries in muted if place in entries}
    listed = [
        {"Member_Account": name, "MutedUntil": moment} for name, moment in until.items() if moment > now
    ]
    return {"GroupId": place, "MutedAccountList": listed}


def get_role_in_group(x: TencentExchange) -> dict[str, Any]:
    place = _group(x)
    names = _names(x, "User_Account")
    return {"UserIdList": [{"Member_Account": name, "Role": _role(x, place, name)} for name in names]}


def _role(x: TencentExchange, place: str, name: str) -> str:
    roles = (("owned", "Owner"), ("groups", "Member"))
    return next((role for kind, role in roles if place in x.app.listed(kind, name)), "NotMember")


def _group(x: TencentExchange) -> str:
    place = x.document().get("GroupId")
    if not isinstance(place, str) or not place:
        raise RefusedError(BAD_GROUP_BODY)
    return place


def _names(x: TencentExchange, field: str) -> list[str]:
    return x.accounts(field, none=BAD_GROUP_BODY, too_many=BAD_GROUP_BODY, not_text=BAD_GROUP_BODY)
