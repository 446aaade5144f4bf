"""Friends and block lists (Tencent: the pages of importing, deleting and verifying friends, and of the block list; read 2026-11).

Friends are one-way here: being on a list says nothing of the other's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulkim.sandbox.tencent.exchange import INFO, RefusedError, TencentExchange

BAD_PARAMETERS, OTHER_APP, NO_SUCH_ACCOUNT = 30001, 30002, 30003
SOURCE = "AddSource_Type_"
KEPT = ("Remark", "AddWording", "AddSource")
FRIENDS_A_PAGE = 100
ALREADY_BLOCKED = "Err_SNS_BlackListAdd_Already_Exist"

Row = dict[str, Any]


def friend_import(x: TencentExchange) -> Row:
    owner = _owner(x)
    rows = x.rows("AddFriendItem", none=BAD_PARAMETERS, too_many=BAD_PARAMETERS)
    if not all(isinstance(row, dict) and isinstance(row.get("To_Account"), str) for row in rows):
        raise RefusedError(BAD_PARAMETERS)
    if not all(str(row.get("AddSource", "")).startswith(SOURCE) for row in rows):
        raise RefusedError(BAD_PARAMETERS)
    given = {row["To_Account"]: row for row in rows}

    def add(friend: str) -> Row:
        said = given[friend]
        x.app.listed("contacts", owner)[friend] = {name: said[name] for name in KEPT if name in said}
        return {}

    answer = _each(x, list(given), "ResultItem", add)
    x.app.effect(owner, "friends_imported")
    return answer


def friend_delete(x: TencentExchange) -> Row:
    owner = _owner(x)
    both = x.document().get("DeleteType", "Delete_Type_Single") == "Delete_Type_Both"

    def remove(friend: str) -> Row:
        x.app.listed("contacts", owner).pop(friend, None)
        if both:
            x.app.listed("contacts", friend).pop(owner, None)
        return {}

    answer = _each(x, _others(x), "ResultItem", remove)
    x.app.effect(owner, "friend_removed")
    return answer


def friend_delete_all(x: TencentExchange) -> Row:
    owner = _owner(x)
    x.app.listed("contacts", owner).clear()
    x.app.effect(owner, "friends_removed")
    return {"ErrorDisplay": ""}


def friend_check(x: TencentExchange) -> Row:
    return _check(x, "contacts", "InfoItem", "CheckResult_Type", "NoRelation")


def friend_get(x: TencentExchange) -> Row:
    owner, start = _owner(x), x.document().get("StartIndex")
    if not isinstance(start, int) or isinstance(start, bool):
        raise RefusedError(BAD_PARAMETERS)
    friends = x.app.listed("contacts", owner)
    return {
        "UserDataItem": [
            {"To_Account": name, "ValueItem": []} for name in [*friends][start : start + FRIENDS_A_PAGE]
        ],
        "FriendNum": len(friends),
        "CompleteFlag": int(start + FRIENDS_A_PAGE >= len(friends)),
        "NextStartIndex": start + FRIENDS_A_PAGE,
        "ErrorDisplay": "",
    }


def black_list_add(x: TencentExchange) -> Row:
    owner = _owner(x)

    def block(other: str) -> Row:
        blocked = x.app.listed("blocked", owner)
        if other in blocked:
            return {"ResultCode": BAD_PARAMETERS, "ResultInfo": ALREADY_BLOCKED}
        blocked[other] = None
        for one, two in ((owner, other), (other, owner)):  # friends are friends no longer
            x.app.listed("contacts", one).pop(two, None)
        x.app.effect(owner, "blocked")
        return {}

    return _each(x, _others(x), "ResultItem", block)


def black_list_delete(x: TencentExchange) -> Row:
    owner = _owner(x)

    def unblock(other: str) -> Row:
        x.app.listed("blocked", owner).pop(other, None)
        return {}

    answer = _each(x, _others(x), "ResultItem", unblock)
    x.app.effect(owner, "unblocked")
    return answer


def black_list_check(x: TencentExchange) -> Row:
    return _check(x, "blocked", "BlackListCheckItem", "BlackCheckResult_Type", "NO")


def _check(x: TencentExchange, kind: str, items: str, prefix: str, neither: str) -> Row:
    """A has B, B has A, both, or neither; asked one way, only what A has."""
    owner, wanted = _owner(x), x.document().get("CheckType")
    both = wanted == f"{prefix}_Both"
    if not both and wanted != f"{prefix}_Single":
        raise RefusedError(BAD_PARAMETERS)

    def relation(other: str) -> Row:
        here = other in x.app.listed(kind, owner)
        there = both and owner in x.app.listed(kind, other)
        words = {(True, True): "BothWay", (True, False): "AWithB", (False, True): "BWithA"}
        return {"Relation": f"{prefix}_{words.get((here, there), neither)}"}

    return _each(x, _others(x), items, relation, failed={"Relation": f"{prefix}_{neither}"})


def _owner(x: TencentExchange) -> str:
    owner = x.document().get("From_Account")
    if not isinstance(owner, str):
        raise RefusedError(BAD_PARAMETERS)
    if owner not in x.app.users:
        raise RefusedError(NO_SUCH_ACCOUNT)
    return owner


def _others(x: TencentExchange) -> list[str]:
    return x.accounts("To_Account", none=BAD_PARAMETERS, too_many=BAD_PARAMETERS, not_text=BAD_PARAMETERS)


def _each(
    x: TencentExchange, others: list[str], items: str, does: Callable[[str], Row], failed: Row | None = None
) -> Row:
    """A row for each of the others; those that failed and those that are not the app's are listed once more."""
    rows = [_row(x, other, does, failed or {}) for other in others]
    strangers = [row["To_Account"] for row in rows if row["ResultCode"] in {OTHER_APP, NO_SUCH_ACCOUNT}]
    failed_too = [row["To_Account"] for row in rows if row["ResultCode"]]
    lists = {
        "Fail_Account": [account for account in failed_too if account not in strangers],
        "Invalid_Account": strangers,
    }
    return {items: rows, **{name: names for name, names in lists.items() if names}, "ErrorDisplay": ""}


def _row(x: TencentExchange, other: str, does: Callable[[str], Row], failed: Row) -> Row:
    fault = x.verdict.item_fault(other)
    if fault is not None:
        said: Row = {**failed, "ResultCode": fault.code, "ResultInfo": fault.reason}
    elif other not in x.app.users:
        said = {**failed, "ResultCode": NO_SUCH_ACCOUNT, "ResultInfo": INFO[NO_SUCH_ACCOUNT]}
    else:
        said = does(other)
    return {"To_Account": other, "ResultCode": 0, "ResultInfo": "", **said}
