"""User attributes for pushes, and the names an app gives them (Tencent: push to all users pages, read 2026-11).

The whole call succeeds or fails; a fault of one user is told in `ErrorList`, as the pages of the timpush twins do.
"""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.tencent.exchange import RefusedError, TencentExchange

BAD_BODY, NOT_A_STRING, TOO_MANY, BAD_ATTRIBUTE, BAD_USER = 90001, 90003, 90018, 90033, 90035
VALUE_BYTES_MAX = 50
NAMES = frozenset("0123456789")  # an app has ten attributes, numbered


def set_attributes(x: TencentExchange) -> dict[str, Any]:
    wanted = _user_attributes(x, dict)
    for _, attributes in wanted:
        for name, value in attributes.items():
            _check_name(x, name)
            if not isinstance(value, str) or len(value.encode()) > VALUE_BYTES_MAX:
                raise RefusedError(BAD_ATTRIBUTE)
    failed = _failed(x, wanted)
    for account, attributes in wanted:
        if account not in failed:
            x.app.attributes.setdefault(account, {}).update(attributes)
            x.app.effect(account, "attributes_set")
    return _answer(failed)


def remove_attributes(x: TencentExchange) -> dict[str, Any]:
    wanted = _user_attributes(x, list)
    for _, names in wanted:
        for name in names:
            _check_name(x, name)
    failed = _failed(x, wanted)
    for account, names in wanted:
        if account in failed:
            continue
        attributes = x.app.attributes.get(account, {})
        for name in names:
            attributes.pop(name, None)
        x.app.effect(account, "attributes_removed")
    return _answer(failed)


def get_attributes(x: TencentExchange) -> dict[str, Any]:
    accounts = x.accounts("To_Account", none=BAD_BODY, too_many=TOO_MANY, not_text=NOT_A_STRING)
    shown = [{"To_Account": account, "Attrs": x.app.attributes.get(account, {})} for account in accounts]
    return {"UserAttrs": shown}


def set_attribute_names(x: TencentExchange) -> dict[str, Any]:
    names = x.document().get("AttrNames")
    if not isinstance(names, dict) or not names or not NAMES.issuperset(names):
        raise RefusedError(BAD_BODY)
    if not all(
        isinstance(name, str) and 0 < len(name.encode()) <= VALUE_BYTES_MAX for name in names.values()
    ):
        raise RefusedError(BAD_BODY)
    x.app.attribute_names.update(names)
    return {}


def get_attribute_names(x: TencentExchange) -> dict[str, Any]:
    return {"AttrNames": dict(sorted(x.app.attribute_names.items()))}


def _user_attributes(x: TencentExchange, kind: type) -> list[tuple[str, Any]]:
    """(account, attributes) pairs, all of them well-formed before any takes effect."""
    rows = x.rows("UserAttrs", none=BAD_BODY, too_many=TOO_MANY)
    wanted = []
    for row in rows:
        account = row.get("To_Account") if isinstance(row, dict) else None
        if not isinstance(account, str) or not account:
            raise RefusedError(NOT_A_STRING)
        if not isinstance(row.get("Attrs"), kind):
            raise RefusedError(BAD_ATTRIBUTE)
        if account not in x.app.users and x.quirk("attributes-need-account"):
            raise RefusedError(BAD_USER)
        wanted.append((account, row["Attrs"]))
    return wanted


def _failed(x: TencentExchange, wanted: list[tuple[str, Any]]) -> dict[str, int | str]:
    """Account -> code, of those that fail alone."""
    faults = {account: x.verdict.item_fault(account) for account, _ in wanted}
    return {account: fault.code for account, fault in faults.items() if fault is not None}


def _answer(failed: dict[str, int | str]) -> dict[str, Any]:
    rows = [{"To_Account": account, "ErrorCode": code} for account, code in failed.items()]
    return {"ErrorList": rows} if rows else {}


def _check_name(x: TencentExchange, name: object) -> None:
    """A name must be one of the app's, unless the app has none: then it was named elsewhere, in the console."""
    names = x.app.attribute_names.values()
    if not isinstance(name, str):
        raise RefusedError(BAD_ATTRIBUTE)
    if (names or x.quirk("attribute-names-required")) and name not in names:
        raise RefusedError(BAD_ATTRIBUTE)
