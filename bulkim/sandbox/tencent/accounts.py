"""Importing, deleting, checking and kicking accounts (Tencent: account management pages, read 2026-11)."""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.tencent.exchange import INFO, RefusedError, TencentExchange, user_id

BAD_PARAMETERS, BAD_BATCH, NOT_A_STRING, NO_SUCH_ACCOUNT = 70402, 70206, 60015, 70107
TOO_MANY_ACCOUNTS, RECENTLY_DELETED, DELETE_NOT_IN_PLAN = 70398, 70399, 71000


def account_import(x: TencentExchange) -> dict[str, Any]:
    document = x.document()
    names = ("Identifier",) if x.quirk("import-old-form") else ("UserID", "Identifier")
    account = _account(next((document[name] for name in names if name in document), None))
    if account not in x.app.users and x.app.full():
        raise RefusedError(TOO_MANY_ACCOUNTS)
    if _deleted_lately(x, account):
        raise RefusedError(RECENTLY_DELETED)
    x.app.register_sizes[1] += 1
    _import(x, account, document)
    return {}


def multiaccount_import(x: TencentExchange) -> dict[str, Any]:
    """Two forms: the old `Accounts` with bare ids, and `AccountList`. Who fails is named, but not why."""
    if "Accounts" in x.document() or x.quirk("import-old-form"):
        rows: list[Any] = [{"UserID": row} for row in _rows(x, "Accounts")]
    else:
        rows = _rows(x, "AccountList")
    if not all(isinstance(row, dict) for row in rows):
        raise RefusedError(BAD_PARAMETERS)
    ids = [row.get("UserID") for row in rows]
    if not all(isinstance(account, str) for account in ids):
        raise RefusedError(NOT_A_STRING)
    if x.app.full(len({account for account in ids if account not in x.app.users})):
        raise RefusedError(TOO_MANY_ACCOUNTS)
    failed = []
    for row in rows:
        account = row["UserID"]
        if user_id(account) is None or _deleted_lately(x, account) or x.verdict.item_fault(account):
            failed.append(account)
        else:
            _import(x, account, row)
    x.app.register_sizes[len(rows)] += 1
    return {"FailAccounts": failed}


def account_delete(x: TencentExchange) -> dict[str, Any]:
    if x.quirk("delete-not-in-plan"):
        raise RefusedError(DELETE_NOT_IN_PLAN)
    return {"ResultItem": [_delete(x, account) for account in _accounts(x, "DeleteItem")]}


def account_check(x: TencentExchange) -> dict[str, Any]:
    return {"ResultItem": [_check(x, account) for account in _accounts(x, "CheckItem")]}


def kick(x: TencentExchange) -> dict[str, Any]:
    """`UserID` on the newest page, `Identifier` on the oldest; unless a quirk says otherwise either will do."""
    names = [
        name
        for name, refused_by in (("UserID", "kick-identifier"), ("Identifier", "kick-user-id"))
        if not x.quirk(refused_by)
    ]
    document = x.document()
    account = _account(next((document[name] for name in names if name in document), None))
    user = x.app.users.get(account)
    if user is None:
        raise RefusedError(NO_SUCH_ACCOUNT)
    user.go_offline()
    x.app.effect(account, "disconnected")
    return {}


def _rows(x: TencentExchange, name: str) -> list[Any]:
    return x.rows(name, none=BAD_PARAMETERS, too_many=BAD_BATCH)


def _accounts(x: TencentExchange, name: str) -> list[str]:
    rows = _rows(x, name)
    if not all(isinstance(row, dict) and "UserID" in row for row in rows):
        raise RefusedError(BAD_PARAMETERS)
    return [_account(row["UserID"]) for row in rows]


def _account(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise RefusedError(NOT_A_STRING)
    account = user_id(value)
    if account is None:
        raise RefusedError(BAD_PARAMETERS)
    return account


def _import(x: TencentExchange, account: str, row: dict[str, Any]) -> None:
    """A second import makes no second account, but its nickname and picture replace the first one's."""
    nickname = None if row.get("Nick") is None else str(row["Nick"])
    user = x.app.users.get(account)
    if user is None:
        x.app.add(account, password=None, nickname=nickname, now_ms=x.world.now_ms())
        x.app.effect(account, "registered")
    else:
        user.nickname = user.nickname if nickname is None else nickname
        user.modified_ms = x.world.now_ms()
        x.app.effect(account, "overwritten")
    if row.get("FaceUrl") is not None:
        x.app.profiles.setdefault(account, {})["Tag_Profile_IM_Image"] = str(row["FaceUrl"])


def _deleted_lately(x: TencentExchange, account: str) -> bool:
    was_deleted = account not in x.app.users and account in x.app.effects.get("deleted", {})
    return was_deleted and x.quirk("reimport-refused")


def _delete(x: TencentExchange, account: str) -> dict[str, Any]:
    fault = x.verdict.item_fault(account)
    user = x.app.users.get(account)
    if fault is not None:
        return _result(account, fault.code, fault.reason)
    if user is None:
        return _result(account, NO_SUCH_ACCOUNT, INFO[NO_SUCH_ACCOUNT])
    x.app.delete(user)
    return _result(account, 0, "")


def _check(x: TencentExchange, account: str) -> dict[str, Any]:
    fault = x.verdict.item_fault(account)
    if fault is not None:
        return _result(account, fault.code, fault.reason)
    status = "Imported" if account in x.app.users else "NotImported"
    return {**_result(account, 0, ""), "AccountStatus": status}


def _result(account: str, code: int | str, info: str) -> dict[str, Any]:
    return {"ResultCode": code, "ResultInfo": info, "UserID": account}
