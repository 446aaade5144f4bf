"""How whoever calls proves who they are: a small closed set of shapes.

Templates hold keys as ``{key}``; a key is what a job file's `auth` is written with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class NoAuth:
    """``auth: none``: the vendor does these operations for everybody."""

    operations: tuple[str, ...] = ()
    identity: str = ""
    secret: str = ""
    help: str = "No credentials."
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A ready token in the header Authorization."""

    identity: str = ""
    secret: str = "token"  # noqa: S105 - a key's name
    help: str = "A ready app token."
    about: Mapping[str, str] = field(default_factory=lambda: {"token": "A ready app token."})


@dataclass(frozen=True, slots=True)
class Basic:
    """A name and a password, as HTTP has them since ever."""

    identity: str = "user"
    secret: str = "password"  # noqa: S105 - a key's name
    help: str = "A name and a password, sent with every request."
    about: Mapping[str, str] = field(
        default_factory=lambda: {"user": "The name.", "password": "The password, or the key."}
    )


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A ready key in a header or in a query parameter of its own; one of the two is named."""

    header: str = ""
    query: str = ""
    prefix: str = ""  # in the header before the key: ``SSWS ``, ``Bot ``
    identity: str = ""
    secret: str = "api_key"  # noqa: S105 - a key's name
    help: str = "A ready API key."
    about: Mapping[str, str] = field(default_factory=lambda: {"api_key": "The API key."})


@dataclass(frozen=True, slots=True)
class OAuth2Client:
    """Client credentials: a token is fetched with them, sent as a bearer's, and renewed."""

    path: str = "/token"  # below the app's root; may hold keys of the app
    body: Literal["json", "form"] = "json"
    basic: bool = False  # id and secret go in the header Authorization, not in the body
    scope: str = ""
    audience: str = ""
    life_s: float | None = None  # of a token whose answer does not say; None: it lasts until it is refused
    identity: str = "client_id"
    secret: str = "client_secret"  # noqa: S105 - a key's name
    help: str = "Client credentials: bulkim fetches a token and renews it."
    about: Mapping[str, str] = field(
        default_factory=lambda: {
            "client_id": "The app's client id.",
            "client_secret": "The app's client secret.",
        }
    )


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature made here, and renewed. `headers` and `query` hold the connection's keys, the identity's key,
    ``{signature}`` and ``{random}``, a number of 32 bits that is drawn for each request.
    """

    by: Literal["agora-access-token2", "tencent-usersig"]  # an algorithm of `bulkim.auth.signatures`
    identity: str
    secret: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    help: str = "A secret key: bulkim signs with it."
    about: Mapping[str, str] = field(default_factory=dict)


Part = Literal[
    "secret", "identity", "nonce", "timestamp", "timestamp-ms",
    "method", "path", "target", "body", "body-md5", "body-sha256",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest made here for each request. `headers` hold the identity's key, ``{nonce}``, ``{timestamp}`` (or
    ``{timestamp_ms}``) and ``{digest}``.
    """

    algorithm: Literal[
        "md5", "sha1", "sha256", "hmac-md5", "hmac-sha1", "hmac-sha256"
    ]  # hmac: keyed with the secret
    over: tuple[Part, ...]  # what is digested, in this order; `target` is the path with its query
    headers: Mapping[str, str]
    joined: str = ""  # between the parts
    encoding: Literal["hex", "base64"] = "hex"
    identity: str = "app_key"
    secret: str = "app_secret"  # noqa: S105 - a key's name
    help: str = "A key and its secret: bulkim digests each request with it."
    about: Mapping[str, str] = field(
        default_factory=lambda: {"app_key": "The app's key.", "app_secret": "The app's secret."}
    )


AuthForm = NoAuth | Bearer | Basic | ApiKey | OAuth2Client | Signed | Digest


def kind_of(form: AuthForm) -> str:
    """What tells an `auth` from the provider's others, as `model.Auth.kind`: the key of its secret, or ``none``."""
    return form.secret or "none"


def auth_keys(form: AuthForm) -> tuple[str, ...]:
    """The keys of a job file's `auth` in this form, the identity's first."""
    return tuple(filter(None, (form.identity, form.secret)))


def usual(provider: str, forms: tuple[AuthForm, ...]) -> dict[str, str]:
    """An `auth` to start from, each value a variable of the environment: a form that renews itself, where there is one."""
    with_secret = [each for each in forms if each.secret]
    form = next((each for each in with_secret if each.identity), with_secret[0])
    return {key: variable(provider, key) for key in auth_keys(form)}


def variable(provider: str, key: str) -> str:
    """The usual variable of a provider's key: ``${ACME_API_KEY}``."""
    return f"${{{re.sub(r'[^A-Za-z0-9]+', '_', provider).upper()}_{key.upper()}}}"


def written(form: AuthForm) -> str:
    """A form as a job file writes it: ``{client_id, client_secret}``."""
    return f"{{{', '.join(auth_keys(form))}}}" if form.secret else "none"
