"""Single values of a job file: addresses, moments, encodings. Each check returns the value or raises ValueError."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

_AGE = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def base_url(value: str) -> str:
    """An address without path, query, user or trailing slash."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
        if ":" in host:
            host = f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:
        raise ValueError("is not an address like https://a1.easemob.com") from None
    if parts.scheme not in {"https", "http"} or not host or not value.isascii() or not value.isprintable():
        raise ValueError("is not an address like https://a1.easemob.com")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or password: credentials stand under auth")
    if parts.path not in {"", "/"} or "?" in value or "#" in value:
        raise ValueError("must end after the host: org, app and the rest have keys of their own")
    if not host.startswith("[") and not _HOST.fullmatch(host):
        raise ValueError("is not an address like https://a1.easemob.com")
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def is_plain_and_remote(address: str) -> bool:
    """Whether an address that `base_url` passed sends in clear to another machine."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost" or host.endswith(".localhost")
    return parts.scheme == "http" and not loopback


def moment(value: str) -> str:
    """An age or a date that `when` understands."""
    when(value, now=0.0)
    return value


def when(value: str, *, now: float) -> float:
    """The moment that an age (``7d``: that long before `now`) or an ISO date means, in Unix seconds."""
    if age := _AGE.fullmatch(value):
        return now - int(age[1]) * _UNIT_S[age[2]]
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be an age like 7d or 12h, or a date like 2024-05-01") from None
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        raise ValueError("is a date out of reach") from None


def text_encoding(value: str) -> str:
    """The name of a text encoding that Python knows."""
    try:
        "a\n".encode(value)
    except (LookupError, ValueError):
        raise ValueError("is not the name of an encoding; try utf-8, gb18030, utf-16 or latin-1") from None
    return value
