"""Members of groups and tags of users (Tencent: adding group members, adding, removing and getting user tags; read 2026-11).

The sandbox creates no groups: any id is a group's, with nobody in it. Tags need no account, as attributes need none.
"""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.tencent.exchange import RefusedError, TencentExchange

BAD_GROUP_BODY, BAD_BODY, NOT_A_STRING, TOO_MANY, BAD_TAG = 10004, 90001, 90003, 90018, 90032
TAGS_A_REQUEST, TAG_BYTES_MAX = 10, 50
FAILED, ADDED, WAS_MEMBER = 0, 1, 2


def add_group_member(x: TencentExchange) -> dict[str, Any]:
    place = x.document().get("GroupId")
    if not isinstance(place, str) or not place:
        raise RefusedError(BAD_GROUP_BODY)
    rows = x.rows("MemberList", none=BAD_GROUP_BODY, too_many=BAD_GROUP_BODY)
    names = [row.get("Member_Account") if isinstance(row, dict) else None for row in rows]
    if not all(isinstance(name, str) for name in names):
        raise RefusedError(BAD_GROUP_BODY)
    members = x.app.members.setdefault(("group", place), {})
    return {"MemberList": [{"Member_Account": name, "Result": _add(x, members, str(name))} for name in names]}


def _add(x: TencentExchange, members: dict[str, None], name: str) -> int:
    if name not in x.app.users or x.verdict.item_fault(name) is not None:
        return FAILED
    if name in members:
        return WAS_MEMBER
    members[name] = None
    x.app.effect(name, "group_joined")
    return ADDED


def add_tags(x: TencentExchange) -> dict[str, Any]:
    return _change_tags(x, "tags_added", add=True)


def remove_tags(x: TencentExchange) -> dict[str, Any]:
    return _change_tags(x, "tags_removed", add=False)


def _change_tags(x: TencentExchange, effect: str, *, add: bool) -> dict[str, Any]:
    wanted = [_tags_of(row) for row in x.rows("UserTags", none=BAD_BODY, too_many=TOO_MANY)]
    for account, tags in wanted:
        kept = x.app.tags.setdefault(account, {})
        for tag in tags:
            kept.pop(tag, None)
            if add:
                kept[tag] = None
        x.app.effect(account, effect)
    return {}


def _tags_of(row: Any) -> tuple[str, list[str]]:
    account = row.get("To_Account") if isinstance(row, dict) else None
    if not isinstance(account, str) or not account:
        raise RefusedError(NOT_A_STRING)
    tags = row.get("Tags")
    if not isinstance(tags, list) or not 1 <= len(tags) <= TAGS_A_REQUEST:
        raise RefusedError(BAD_TAG)
    if not all(isinstance(tag, str) and 0 < len(tag.encode()) <= TAG_BYTES_MAX for tag in tags):
        raise RefusedError(BAD_TAG)
    return account, tags


def get_tags(x: TencentExchange) -> dict[str, Any]:
    accounts = x.rows("To_Account", none=BAD_BODY, too_many=TOO_MANY)
    if not all(isinstance(account, str) for account in accounts):
        raise RefusedError(NOT_A_STRING)
    return {"UserTags": [{"To_Account": each, "Tags": list(x.app.tags.get(each, ()))} for each in accounts]}
