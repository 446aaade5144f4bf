"""Which proxy the environment names for a host: the same variables, forms and exceptions as curl.

`http_proxy` counts in lower case only (a CGI server sets HTTP_PROXY from a header of the request); the others in both, lower
case first; `all_proxy` stands in for what is not set. Never a proxy for this host itself.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from bulkim.errors import BulkimError

PORTS = {"http": 1080, "https": 443, "socks5": 1080, "socks5h": 1080}  # curl's defaults
# What desktops write for a port that speaks every version; SOCKS 5 is the one that all of them know.
ALIASES = {"socks": "socks5"}
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class ProxyVariableError(BulkimError):
    """A variable of the environment names a proxy that cannot be used; nothing was sent."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, its variable's value taken apart."""

    scheme: str  # http, https, socks5, socks5h
    host: str
    port: int
    auth: tuple[str, str] | None = field(default=None, repr=False)
    variable: str = ""  # that named it

    @property
    def url(self) -> str:
        """Its address without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def proxy_for(scheme: str, host: str, port: int, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy for a URL's scheme, host (no brackets) and port. Raises ProxyVariableError: it names one that is none."""
    if _is_here(host):
        return None
    names = ("http_proxy",) if scheme == "http" else (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    for name in (*names, "all_proxy", "ALL_PROXY"):
        if value := environment.get(name, "").strip():
            excepted = environment.get("no_proxy", "") or environment.get("NO_PROXY", "")
            return None if _excepts(excepted, host, port) else _taken_apart(name, value)
    return None


def _is_here(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address else host.lower().rstrip(".") == "localhost"


def _address(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


# ------------------------------------------------------------------------------------- a proxy's address


def _taken_apart(variable: str, value: str) -> Proxy:
    parts = _split(variable, value)
    scheme = ALIASES.get(parts.scheme.lower(), parts.scheme.lower())
    if scheme in {"socks4", "socks4a"}:
        raise _unusable(variable, f"bulkim does not speak {scheme}", "write socks5h://HOST:PORT")
    if scheme not in PORTS:
        raise _unusable(
            variable, f"{parts.scheme}:// is no kind of proxy", "http, https, socks5 and socks5h are"
        )
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _unusable(variable, "its port is not a number from 1 to 65535") from None
    if not host or re.search(r"[\s/\\]", host):
        raise _unusable(variable, "it names no host")
    if port == 0:
        raise _unusable(variable, "its port is not a number from 1 to 65535")
    if scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise _unusable(variable, "a SOCKS proxy needs one more library", "pip install 'bulkim[socks]'")
    auth = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
    return Proxy(scheme, host, port or PORTS[scheme], auth, variable)


def _split(variable: str, value: str) -> SplitResult:
    try:
        return urlsplit(value if "://" in value else f"http://{value}")
    except ValueError:
        raise _unusable(variable, "it is no address") from None


def _unusable(variable: str, why: str, hint: str = "") -> ProxyVariableError:
    """Never with the value: it may hold a password."""
    forms = "HOST:PORT, http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT"
    return ProxyVariableError(
        f"the environment's {variable} is not usable as a proxy: {why}",
        hint=hint or f"write {forms}, or unset {variable}",
    )


# ------------------------------------------------------------------------------------------- exceptions


def _excepts(excepted: str, host: str, port: int) -> bool:
    """Whether `no_proxy` names the host: itself, a domain above it, a network that it lies in, or `*`; with a port, only there."""
    if excepted.strip() == "*":
        return True
    return any(
        _fits(entry, host.lower().rstrip("."), port) for entry in re.split(r"[\s,]+", excepted) if entry
    )


def _fits(entry: str, host: str, port: int) -> bool:
    address = _address(host)
    if address and "/" in entry:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, at = _with_port(entry)
    if at is not None and at != port:
        return False
    if address:
        return _address(name) == address
    name = name.strip(".").lower()
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _with_port(entry: str) -> tuple[str, int | None]:
    """An entry's name, and its port where it has one. An IPv6 address is only one with a port in brackets."""
    found = re.fullmatch(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:]*))(?::(?P<port>\d+))?", entry)
    if found is None:
        return entry, None
    return found["v6"] or found["name"] or "", int(found["port"]) if found["port"] else None
