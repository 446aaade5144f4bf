"""Who may call: ready and fetched tokens, and Agora's signed ones (app token pages of both, read 2026-11)."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from bulkim.sandbox.access_token import SignedTokenError, verify_app_token
from bulkim.sandbox.http import Request
from bulkim.sandbox.state import AppState, World
from bulkim.sandbox.usergrid.errors import Refusal

if TYPE_CHECKING:
    from bulkim.sandbox.usergrid.exchange import UsergridExchange

NEVER = float("inf")


def authenticate(world: World, app: AppState, request: Request) -> None:
    """Raise the documented 401 unless the request carries a good app token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "unauthorized", "Unable to authenticate (OAuth)")
    if token in app.config.tokens or (world.config.any_app and _cannot_check(app, token)):
        return
    expires = app.tokens.get(token)
    if expires is not None:
        if world.clock.monotonic() < expires:
            return
        raise _expired()
    if token.startswith("007") and app.config.app_id and app.config.app_certificate:
        try:
            verify_app_token(token, app.config.app_id, app.config.app_certificate, now=world.clock.wall())
        except SignedTokenError as problem:
            raise _expired() if problem.expired else _bad(world, str(problem)) from None
        return
    if any(token in other.tokens or token in other.config.tokens for other in world.apps.values()):
        raise _bad(world, "Unable to authenticate")  # a good token, of another app
    raise _bad(world, "Unable to authenticate due to corrupt access token")


def _cannot_check(app: AppState, token: str) -> bool:
    return not token.startswith("007") or app.config.app_certificate is None


def _expired() -> Refusal:
    return Refusal(401, "unauthorized", "Unable to authenticate due to expired access token")


def _bad(world: World, description: str) -> Refusal:
    if "bad-token-unauthorized" in world.quirks:
        return Refusal(401, "unauthorized", "Unable to authenticate (OAuth)")
    return Refusal(401, "auth_bad_access_token", description)


def fetch_token(x: UsergridExchange) -> dict[str, Any]:
    """POST /token with client credentials (Easemob: app token page, read 2026-11)."""
    asked = _token_request(x)
    if asked.get("grant_type") != "client_credentials":
        raise Refusal(400, "invalid_grant", "invalid username or password")
    _check_credentials(x, asked)
    unit = 1000 if x.quirk("ttl-milliseconds") else 1
    ttl = _ttl(asked, default=x.app.config.token_ttl_s * unit)
    token = "YWMt" + base64.urlsafe_b64encode(os.urandom(48)).decode()
    x.app.tokens[token] = NEVER if ttl == 0 else x.world.clock.monotonic() + ttl / unit
    x.app.token_fetches += 1
    return {"access_token": token, "expires_in": ttl, "application": x.app.uuid}


def _check_credentials(x: UsergridExchange, asked: dict[str, Any]) -> None:
    app = x.app.config
    if (
        app.client_id is None
        and x.world.config.any_app
        and asked.get("client_id")
        and asked.get("client_secret")
    ):
        return
    if app.client_id is None or asked.get("client_id") != app.client_id:
        raise Refusal(400, "invalid_grant", "client_id does not match")
    if asked.get("client_secret") != app.client_secret:
        raise Refusal(400, "invalid_grant", "client_secret does not match")


def _token_request(x: UsergridExchange) -> dict[str, Any]:
    """The credentials: JSON whatever it is called, or a form, as OAuth clients send it."""
    if (
        x.request.media_type() == "application/x-www-form-urlencoded"
        and not x.request.body.lstrip().startswith(b"{")
    ):
        return {name: values[0] for name, values in parse_qs(x.request.body.decode(errors="replace")).items()}
    return x.json_object()


def _ttl(asked: dict[str, Any], default: int) -> int:
    """0 is a token that never expires (and says so with 0)."""
    ttl = asked.get("ttl", default)
    try:
        return max(0, int(ttl))
    except (TypeError, ValueError):
        raise Refusal(400, "illegal_argument", f"ttl [{ttl}] is not a number") from None
