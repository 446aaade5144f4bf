"""What a sandbox is made of: the apps it serves and how they behave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Provider = Literal["easemob", "agora", "tencent"]

#: `ttl` of an Easemob token when neither the request nor the console says otherwise (app token page, read 2026-11).
TOKEN_TTL_S = 60 * 24 * 3600


@dataclass(frozen=True, slots=True)
class App:
    """One app of one vendor, with the credentials that open it."""

    provider: Provider
    org: str = ""  # Easemob, Agora
    app: str = ""
    app_id: str | None = None  # Agora: also served at /app-id/{app_id}/
    app_certificate: str | None = None  # Agora: verifies "007" tokens
    client_id: str | None = None  # Easemob, Agora: POST /token
    client_secret: str | None = None
    tokens: tuple[str, ...] = ()  # ready app tokens that never expire
    token_ttl_s: int = TOKEN_TTL_S  # of tokens fetched without a `ttl`
    open_registration: bool = False  # Easemob: one user a request, no Authorization header
    sdk_app_id: int | None = None  # Tencent
    admin: str | None = None  # None: every identifier is an administrator
    secret_key: str | None = None  # None: signatures are read but not verified
    max_users: int | None = None  # the plan's cap; None is no cap

    @property
    def key(self) -> str:
        """How stats and control calls name the app: `org/app` or the SDKAppID."""
        return str(self.sdk_app_id) if self.provider == "tencent" else f"{self.org}/{self.app}"


DEFAULT_APPS: tuple[App, ...] = (
    App(
        provider="easemob",
        org="sandbox",
        app="demo",
        client_id="sandbox-client",
        client_secret="sandbox-secret",  # noqa: S106 - a published credential of an emulator
        tokens=("sandbox-token",),
    ),
    # The id and certificate of the test vector in Agora's own token library.
    App(
        provider="agora",
        org="sandbox",
        app="agora",
        app_id="970CA35de60c44645bbae8a215061b33",
        app_certificate="5CFd2fd1755d40ecb72977518be15d3b",
        tokens=("sandbox-token",),
    ),
    App(provider="tencent", sdk_app_id=1400000000, admin="administrator", secret_key="sandbox-secret-key"),  # noqa: S106
)


def connection(provider: str, url: str) -> dict[str, Any]:
    """The published app of a vendor in the sandbox at `url`, as a job file's `connection` writes it. Raises KeyError."""
    app = next((each for each in DEFAULT_APPS if each.provider == provider), None)
    if app is None:
        raise KeyError(provider)
    place = {"base_url": url, "environment": "sandbox"}
    if app.sdk_app_id is not None:
        auth = {"identifier": app.admin, "secret_key": app.secret_key}
        return {**place, "sdk_app_id": app.sdk_app_id, "auth": auth}
    signed = {"app_id": app.app_id, "app_certificate": app.app_certificate}
    return {
        **place,
        "org": app.org,
        "app": app.app,
        "auth": signed if app.app_id else {"token": app.tokens[0]},
    }


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """How the sandbox starts; limits, quirks, faults and latency can be changed while it runs."""

    apps: tuple[App, ...] = DEFAULT_APPS
    any_app: bool = False  # serve every app, and take any credential that cannot be checked and is not empty
    limits: Mapping[str, float | None] = field(default_factory=dict)  # calls a second by pool name
    quirks: frozenset[str] = frozenset()  # names from `quirks.QUIRKS` that are switched on
    faults: Sequence[Mapping[str, Any]] = ()  # rules as in a faults file, see `faults`
    latency: float | tuple[float, float] = 0.0  # seconds between a call's effect and its answer, or a range
    seed: int = 0  # of latency within its range
    signature_failures_max: int = 10  # Tencent: bad UserSigs in a minute before 70050
    request_log_max: int = 10_000  # requests that GET /_sandbox/requests remembers


def check_latency(latency: object) -> tuple[float, float]:
    """`seconds` or `(least, most)` as a range."""
    pair = latency if isinstance(latency, list | tuple) else (latency, latency)
    if len(pair) != 2 or not all(_is_duration(value) for value in pair) or pair[0] > pair[1]:
        raise ValueError(f"latency: expected seconds or [least, most], got {latency!r}")
    return (float(pair[0]), float(pair[1]))


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
