"""Who is online (Tencent: account online status page, read 2026-11)."""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.state import User
from bulkim.sandbox.tencent.exchange import TencentExchange

NO_ACCOUNTS, NOT_A_STRING, TOO_MANY, NO_SUCH_ACCOUNT = 90001, 90003, 90011, 70107


def query_online_status(x: TencentExchange) -> dict[str, Any]:
    accounts = x.accounts("To_Account", none=NO_ACCOUNTS, too_many=TOO_MANY, not_text=NOT_A_STRING)
    with_detail = x.document().get("IsNeedDetail") == 1
    found: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for account in accounts:
        fault = x.verdict.item_fault(account)
        user = x.app.users.get(account)
        if fault is not None:
            errors.append({"To_Account": account, "ErrorCode": fault.code})
        elif user is None:
            errors.append({"To_Account": account, "ErrorCode": NO_SUCH_ACCOUNT})
        else:
            found.append(_shown(x, user, with_detail=with_detail))
    return {"QueryResult": found, "ErrorList": errors}


def _shown(x: TencentExchange, user: User, *, with_detail: bool) -> dict[str, Any]:
    field = "State" if x.quirk("online-status-state") else "Status"
    shown: dict[str, Any] = {"To_Account": user.username, field: user.status}
    if with_detail and user.status != "Offline":
        platforms = [device.get("platform", "Web") for device in user.devices]
        shown["Detail"] = [{"Platform": platform, "Status": user.status} for platform in platforms]
    return shown
