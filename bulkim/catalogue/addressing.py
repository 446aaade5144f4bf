"""How a connection names an app, and how a vendor tells usernames apart.

Templates hold keys as ``{key}``. A key is what a job file's `connection` is written with, so the forms say what a job file
may hold, what its messages offer and what the published schema describes.
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
    """One way to name an app in a connection; one without keys where the address and the credentials say it all."""

    keys: tuple[str, ...] = ()
    name: str = ""  # what is typed in ``--confirm APP:COUNT``; empty: the host
    # whose quota it is, without the host: two connections with one target share their pools; empty: the host
    target: str = ""
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
            app_name=filled(self.name, app) or urlsplit(base_url).netloc,
            target=filled(self.target, app) or urlsplit(base_url).netloc,
            **others,
        )

    def read(self, target: str) -> dict[str, str] | None:
        """The keys' values of an app's target, the way back from `connect`; None where it is of another form."""
        if not self.keys:
            return {}
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

    def named(self, text: str) -> str:
        """A text about ``username``, in the vendor's own word for it."""
        return text if self.name == "username" else re.sub(r"\busername\b", lambda _: self.name, text)


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


def app_keys(apps: tuple[App, ...]) -> Iterator[str]:
    """The keys of all forms, each once."""
    yield from dict.fromkeys(key for form in apps for key in form.keys)
