"""POST /users: one user or up to 60 (Easemob: account system and batch register pages; Agora: user system
registration page; both read 2026-11)."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from bulkim.sandbox.usergrid.auth import authenticate
from bulkim.sandbox.usergrid.errors import Refusal, illegal
from bulkim.sandbox.usergrid.exchange import UsergridExchange, entity

BATCH_MAX = 60
USERNAME_BYTES_MAX = 64
PASSWORD_MAX = 64
NICKNAME_MAX = 100

_LEGAL = re.compile(r"[A-Za-z0-9_.-]+")
_LEGAL_WITHOUT_CAPITALS = re.compile(r"[a-z0-9_.-]+")


class _Newcomer(NamedTuple):  # cheaper than a frozen dataclass, and a batch makes sixty
    username: str  # folded
    password: str | None
    nickname: str | None


def register(x: UsergridExchange) -> dict[str, Any]:
    has_token = _authenticate(x)
    document = x.json()
    if not has_token and isinstance(document, list):
        raise _needs_token()  # open registration is for one user a request
    rows = document if isinstance(document, list) else [document]
    if len(rows) > BATCH_MAX:
        raise illegal(
            f"Request body array size[{len(rows)}] had almost reached or been greater than "
            f"the upper range value[{BATCH_MAX}]"
        )
    if not rows:
        raise illegal("Entity user requires a property named username")
    newcomers, repeated = _distinct(x, [_read(x, row) for row in rows])
    x.app.register_sizes[len(rows)] += 1
    entities, failed = _admit(x, newcomers)
    failed += [_failure(username) for username in repeated]
    return _answer(x, entities, failed if isinstance(document, list) else None)


def _authenticate(x: UsergridExchange) -> bool:
    """Whether there is a good token; none at all is a refusal only where registration is not open."""
    if "authorization" not in x.request.headers:
        if x.app.config.open_registration:
            return False
        raise _needs_token()
    try:
        authenticate(x.world, x.app, x.request)
    except Refusal:
        if x.quirk("register-token-wording"):
            description = "registration is not open, please contact the app admin"
            raise Refusal(401, "unauthorized", description) from None
        raise
    return True


def _needs_token() -> Refusal:
    return Refusal(401, "unauthorized", "Open registration doesn't allow, so register user need token")


def _read(x: UsergridExchange, row: object) -> _Newcomer:
    """One row, or the refusal that one bad row earns the whole call."""
    username = row.get("username") if isinstance(row, dict) else None
    if not isinstance(row, dict) or username in (None, ""):
        raise illegal("Entity user requires a property named username")
    check_username(x, username)
    password = row.get("password")
    if password:
        check_password(x, password)
    elif x.app.config.provider == "easemob" and not x.quirk("password-optional"):
        raise illegal("password or pin must provided")
    nickname = row.get("nickname")
    if nickname is not None:
        nickname = str(nickname)
        if len(nickname) > NICKNAME_MAX:
            raise illegal("NICKNAME_TOO_LONG")
    return _Newcomer(username.lower(), password, nickname)


def check_username(x: UsergridExchange, username: object) -> None:
    legal = _LEGAL_WITHOUT_CAPITALS if x.quirk("capitals-refused") else _LEGAL
    if isinstance(username, str) and legal.fullmatch(username) and len(username) <= USERNAME_BYTES_MAX:
        return
    if isinstance(username, str) and len(username.encode()) > USERNAME_BYTES_MAX:
        raise illegal("USERNAME_TOO_LONG")
    raise illegal(f"username [{username}] is not legal")


def check_password(x: UsergridExchange, password: object) -> None:
    """Easemob counts characters, Agora bytes. What either says about too long a one is not documented."""
    if not isinstance(password, str):
        raise illegal("password or pin must provided")
    size = len(password) if x.app.config.provider == "easemob" else len(password.encode())
    if size > PASSWORD_MAX:
        raise illegal("PASSWORD_TOO_LONG")


def _distinct(x: UsergridExchange, rows: list[_Newcomer]) -> tuple[list[_Newcomer], list[str]]:
    """Each id once, and the ids of its repetitions if they are to be reported."""
    by_name: dict[str, _Newcomer] = {}
    repeated: list[str] = []
    for row in rows:
        first = by_name.setdefault(row.username, row)
        if first is row:
            continue
        if first.password != row.password:
            raise Refusal(
                400,
                "duplicate_unique_property_exists",
                f"the same user {row.username} has a different password, "
                f"the passwords are [{first.password}, {row.password}]",
            )
        repeated.append(row.username)
    return list(by_name.values()), repeated if x.quirk("register-repeat-reported") else []


def _admit(
    x: UsergridExchange, newcomers: list[_Newcomer]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Register who is new; entities and failures."""
    existing = [row.username for row in newcomers if row.username in x.app.users]
    all_exist = len(existing) == len(newcomers)
    if all_exist and not x.quirk("register-all-exist-200"):
        raise _duplicate(x, existing[0])
    if existing and not all_exist and x.quirk("register-some-exist-400"):
        raise _duplicate(x, existing[0])
    if x.app.full(len(newcomers) - len(existing)):
        description = (
            "You have exceeded the limit of the community edition,Please upgrade to the enterprise edition"
        )
        raise Refusal(429, "resource_limited", description)
    entities: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = [_failure(username) for username in existing]
    now_ms = x.world.now_ms()
    for row in newcomers:
        if row.username in x.app.users:
            continue
        fault = x.verdict.item_fault(row.username)
        if fault is not None:
            failed.append(_failure(row.username, fault.reason or str(fault.code)))
            continue
        user = x.app.add(row.username, password=row.password, nickname=row.nickname, now_ms=now_ms)
        x.app.effect(row.username, "registered")
        entities.append(entity(user, with_nickname=False))
    return entities, failed


def _duplicate(x: UsergridExchange, username: str) -> Refusal:
    return Refusal(
        400,
        "duplicate_unique_property_exists",
        f"Application {x.app.uuid} Entity user requires that property named username be unique, "
        f"value of {username} exists",
    )


def _failure(username: str, reason: str | None = None) -> dict[str, Any]:
    return {"username": username, "registerUserFailReason": reason or f"the {username} already exists"}


def _answer(
    x: UsergridExchange, entities: list[dict[str, Any]], failed: list[dict[str, Any]] | None
) -> dict[str, Any]:
    """The page's answer; `data` only for an array, even an array of one."""
    return {
        "action": "post",
        "application": x.app.uuid,
        "path": "/users",
        "uri": x.uri("/users"),
        "entities": entities,
        "timestamp": x.world.now_ms(),
        **({} if failed is None else {"data": failed}),
        "duration": x.duration_ms(),
        **x.identity(),
    }
