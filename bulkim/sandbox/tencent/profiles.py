"""Profiles (Tencent: setting and pulling profiles, pages of 2024-10-10, read 2026-11).

What pulling says of an account that was never imported is not printed: a row with a code of its own, and its name in
Invalid_Account, as the pages of friends and block lists show it.
"""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.state import User
from bulkim.sandbox.tencent.exchange import INFO, RefusedError, TencentExchange

BAD_PARAMETERS, NO_SUCH_ACCOUNT, NO_SUCH_TAG, TOO_LONG, WRONG_TYPE = 40001, 40003, 40009, 40601, 40610
VALUE_BYTES_MAX = 500
NICK, CUSTOM = "Tag_Profile_IM_Nick", "Tag_Profile_Custom_"
_TEXT = ("Nick", "Gender", "Location", "SelfSignature", "AllowType", "Image", "AdminForbidType")
_NUMBERS = ("BirthDay", "Language", "MsgSettings", "Level", "Role")
STANDARD: dict[str, type] = {
    **{f"Tag_Profile_IM_{name}": str for name in _TEXT},
    **{f"Tag_Profile_IM_{name}": int for name in _NUMBERS},
}


def portrait_set(x: TencentExchange) -> dict[str, Any]:
    document = x.document()
    account, items = document.get("From_Account"), document.get("ProfileItem")
    if not isinstance(account, str) or not isinstance(items, list) or not items:
        raise RefusedError(BAD_PARAMETERS)
    user = x.app.users.get(account)
    if user is None:
        raise RefusedError(NO_SUCH_ACCOUNT)
    given = dict(_checked(item) for item in items)
    x.app.profiles.setdefault(account, {}).update(given)
    if NICK in given:
        user.nickname = str(given[NICK])
    x.app.effect(account, "profile_set")
    return {"ErrorDisplay": ""}


def _checked(item: Any) -> tuple[str, Any]:
    if not isinstance(item, dict) or not isinstance(item.get("Tag"), str):
        raise RefusedError(BAD_PARAMETERS)
    tag, value = item["Tag"], item.get("Value")
    if not tag.startswith(CUSTOM) and tag not in STANDARD:
        raise RefusedError(NO_SUCH_TAG)
    wanted = STANDARD.get(tag)
    if isinstance(value, bool) or not isinstance(value, wanted or (str, int)):
        raise RefusedError(WRONG_TYPE)
    if isinstance(value, str) and len(value.encode("utf-8", "replace")) > VALUE_BYTES_MAX:
        raise RefusedError(TOO_LONG)
    return tag, value


def portrait_get(x: TencentExchange) -> dict[str, Any]:
    accounts = x.accounts("To_Account", none=BAD_PARAMETERS, too_many=BAD_PARAMETERS, not_text=BAD_PARAMETERS)
    tags = x.document().get("TagList")
    if not isinstance(tags, list) or not tags or not all(isinstance(tag, str) for tag in tags):
        raise RefusedError(BAD_PARAMETERS)
    if not all(tag in STANDARD or tag.startswith(CUSTOM) for tag in tags):
        raise RefusedError(NO_SUCH_TAG)
    rows = [_row(x, account, tags) for account in accounts]
    missing = [account for account in accounts if account not in x.app.users]
    return {
        "UserProfileItem": rows,
        "Fail_Account": [r["To_Account"] for r in rows if r["ResultCode"] and r["To_Account"] not in missing],
        "Invalid_Account": missing,
        "ErrorDisplay": "",
    }


def _row(x: TencentExchange, account: str, tags: list[str]) -> dict[str, Any]:
    fault, user = x.verdict.item_fault(account), x.app.users.get(account)
    if fault is not None or user is None:
        code = NO_SUCH_ACCOUNT if fault is None else fault.code
        info = INFO[NO_SUCH_ACCOUNT] if fault is None else fault.reason
        return {"To_Account": account, "ResultCode": code, "ResultInfo": info}
    profile = profile_of(x, user)
    items = [{"Tag": tag, "Value": profile[tag]} for tag in tags if tag in profile]
    return {"To_Account": account, "ProfileItem": items, "ResultCode": 0, "ResultInfo": ""}


def profile_of(x: TencentExchange, user: User) -> dict[str, Any]:
    """What was set, and the nickname that importing gave."""
    nick = {} if user.nickname is None else {NICK: user.nickname}
    return {**nick, **x.app.profiles.get(user.username, {})}
