"""Members of groups (Tencent: the pages of the group commands, read 2026-11).

The sandbox creates no groups: any id is a group's, with nobody in it.
"""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.tencent.exchange import RefusedError, TencentExchange

BAD_GROUP_BODY = 10004
FAILED, ADDED, WAS_MEMBER = 0, 1, 2


def add_group_member(x: TencentExchange) -> dict[str, Any]:
    place = x.document().get("GroupId")
    if not isinstance(place, str) or not place:
        raise RefusedError(BAD_GROUP_BODY)
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
