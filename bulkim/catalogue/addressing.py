"""How a connection names an app, and how whoever calls proves who they are: two small closed sets of shapes.

Templates hold keys as ``{key}``. A key is what a job file's `connection` or its `auth` is written with, so the forms
say what a job file may hold, what its messages offer and what the published schema describes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urlsplit

from bulkim.model import Auth, Connection

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with each ``{key}`` replaced. Raises KeyError for a key without a value."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def keys_in(template: str) -> tuple[str, ...]:
    """The keys that a template holds, in order."""
    return tuple(_PLACEHOLDER.findall(template))


@dataclass(frozen=True, slots=True)
class App:
    """One way to name an app in a connection."""

    keys: tuple[str, ...]
    name: str  # what is typed in ``--confirm APP:COUNT``
    target: str  # whose quota it is, without the host: two connections with one target share their pools
    root: str = ""  # the path before an operation's own; values are percent-encoded
    numbers: tuple[str, ...] = ()  # keys whose value is a whole number above 0; all others are text
    about: Mapping[str, str] = field(default_factory=dict)  # key -> what it is, for editors and docs
    examples: Mapping[str, str] = field(default_factory=dict)  # key, or base_url -> a value to start from

    def connect(
        self, provider: str, base_url: str, app: Mapping[str, str], auth: Auth, **others: Any
    ) -> Connection:
        """The connection to the app that `app` names by this form's keys. Raises KeyError when one is missing.

        `others` are fields that do not follow from them: environment, allow_http.
        """
        return Connection(
            provider=provider,
            base_url=base_url,
            auth=auth,
            app={key: app[key] for key in self.keys},
            root=filled(self.root, {key: quote(value, safe="") for key, value in app.items()}),
            app_name=filled(self.name, app),
            target=filled(self.target, app),
            **others,
        )

    def read(self, target: str) -> dict[str, str] | None:
        """The keys' values of an app's target, the way back from `connect`; None where it is of another form."""
        parts = _PLACEHOLDER.split(self.target)
        pattern = "".join(
            f"(?P<{part}>[A-Za-z0-9_.-]+)" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
        found = re.fullmatch(pattern, target)
        values = found.groupdict() if found else {}
        return {key: values[key] for key in self.keys} if set(self.keys) <= set(values) else None


@dataclass(frozen=True, slots=True)
class Identity:
    """How the vendor calls what tells its users apart. In a declaration ``username`` means the same."""

    name: str = "username"
    fold: Literal["lower", "exact"] = "exact"  # how the vendor compares them
    pattern: str | None = None  # of the field that every operation has which names it without declaring it
    bytes_max: int | None = None
    chars_max: int | None = None


def may_lead(hosts: Collection[str], address: str) -> bool:
    """Whether a base_url is one of a declaration's hosts, or this machine. ``*`` is any name, or any before the rest."""
    found = urlsplit(address)
    return _is_here(found.hostname or "") or any(_fits(each, found) for each in hosts)


def _is_here(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _fits(host: str, found: SplitResult) -> bool:
    scheme, _, rest = host.partition("://")
    wanted, _, port = rest.partition(":")
    name = found.hostname or ""
    if wanted == "*":
        named, anywhere = bool(name), not port
    elif wanted.startswith("*."):
        named, anywhere = name.endswith(wanted[1:].lower()) and name != wanted[2:].lower(), False
    else:
        named, anywhere = name == wanted.lower(), False
    usual = {"https": 443, "http": 80}.get(scheme, 0)
    return named and found.scheme == scheme and (anywhere or (found.port or usual) == int(port or usual))


# ------------------------------------------------------------------------------------- credentials


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
class ApiKey:
    """A ready key in a header or in a query parameter of its own; one of the two is named."""

    header: str = ""
    query: str = ""
    identity: str = ""
    secret: str = "api_key"  # noqa: S105 - a key's name
    help: str = "A ready API key."
    about: Mapping[str, str] = field(default_factory=lambda: {"api_key": "The API key."})


@dataclass(frozen=True, slots=True)
class OAuth2Client:
    """Client credentials: a token is fetched with them, sent as a bearer's, and renewed."""

    path: str = "/token"  # below the app's root; the wish is sent as JSON
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

    by: str  # an algorithm of `bulkim.auth.signatures`
    identity: str
    secret: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    help: str = "A secret key: bulkim signs with it."
    about: Mapping[str, str] = field(default_factory=dict)


AuthForm = NoAuth | Bearer | ApiKey | OAuth2Client | Signed


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


def app_keys(apps: tuple[App, ...]) -> Iterator[str]:
    """The keys of all forms, each once."""
    yield from dict.fromkeys(key for form in apps for key in form.keys)
