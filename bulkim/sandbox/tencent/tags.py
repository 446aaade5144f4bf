"""Tags of users (Tencent: adding, removing and getting user tags, read 2026-11). They need no account, as attributes need none."""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.tencent.exchange import RefusedError, TencentExchange

BAD_BODY, NOT_A_STRING, TOO_MANY, BAD_TAG = 90001, 90003, 90018, 90032
TAGS_A_REQUEST, TAG_BYTES_MAX = 10, 50


def add_tags(x: TencentExchange) -> dict[str, Any]:
    return _change_tags(x, "tags_added", add=True)


def remove_tags(x: TencentExchange) -> dict[str, Any]:
    return _change_tags(x, "tags_removed", add=False)


def _change_tags(x: TencentExchange, effect: str, *, add: bool) -> dict[str, Any]:
    wanted = [_tags_of(row) for row in x.rows("UserTags", none=BAD_BODY, too_many=TOO_MANY)]
    for account, tags in wanted:
        kept = x.app.listed("tags", account)
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
    accounts = x.accounts("To_Account", none=BAD_BODY, too_many=TOO_MANY, not_text=NOT_A_STRING)
    return {"UserTags": [{"To_Account": each, "Tags": list(x.app.listed("tags", each))} for each in accounts]}
