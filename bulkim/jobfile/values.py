"""Single values of a job file. Each check returns the value, put in order, or raises ValueError with its reason."""

from __future__ import annotations

import ipaddress
import re
import warnings
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bulkim import window

_RATE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*/\s*(s|min|h)")
_RATE_S = {"s": 1, "min": 60, "h": 3600}
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
        raise ValueError("is not an address like https://api.example.com") from None
    if parts.scheme not in {"https", "http"} or not host or not value.isascii() or not value.isprintable():
        raise ValueError("is not an address like https://api.example.com")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or password: credentials stand under auth")
    if parts.path not in {"", "/"} or "?" in value or "#" in value:
        raise ValueError("must end after the host: what names the app has keys of its own")
    if not host.startswith("[") and not (_HOST.fullmatch(host) and _is_dns_name(host)):
        raise ValueError("is not an address like https://api.example.com")
    if port == 0:
        raise ValueError("has port 0, which nobody can listen on")
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def _is_dns_name(host: str) -> bool:
    return len(host) <= 253 and all(1 <= len(label) <= 63 for label in host.split("."))


def is_plain_and_remote(address: str) -> bool:
    """Whether an address that `base_url` passed sends in clear to another machine."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost" or host.endswith(".localhost")
    return parts.scheme == "http" and not loopback


def webhook(value: str) -> str:
    """An address with any path; its scheme and host are as a base URL's."""
    parts = urlsplit(value)
    if not value.isascii() or not value.isprintable() or " " in value or "#" in value:
        raise ValueError("is not an address like https://hooks.example.com/bulkim")
    base_url(f"{parts.scheme}://{parts.netloc}")
    return value


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


_PART = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[^{}]+")


def parts(text: str) -> tuple[tuple[str, bool], ...]:
    """Text with ``{column}`` in it as (text, whether it names a column). Without one it is a column's name. Raises ValueError."""
    if not re.search(r"\{[^{}]+\}", text):
        return ((text, True),)
    found, at = list[tuple[str, bool]](), 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError("has a brace that belongs to no pair; write {{ for one that is meant")
        found.append((part[1], True) if part[1] else (part[0].replace("{{", "{").replace("}}", "}"), False))
        at = part.end()
    return tuple(found)


def template(value: str) -> str:
    """A column's name, or text with ``{column}`` in it."""
    parts(value)
    return value


def file(value: str) -> str:
    """One of several files."""
    if value == "-":
        raise ValueError("is standard input, which cannot be one of several")
    return value


def printable(value: str) -> str:
    """Text without control characters that is not blank."""
    if not value.isprintable() or not value.strip():
        raise ValueError("must be printable text")
    return value


def regex(value: str) -> str:
    """A regular expression that every supported Python reads in the same way."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(value)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


def delimiter(value: str) -> str:
    """What separates cells: one character, or `tab` by its name."""
    value = {"tab": "\t", r"\t": "\t"}.get(value, value)
    if len(value) != 1 or value.isalnum() or value in '"\r\n \0':
        raise ValueError("must be one character, such as , ; | or tab")
    return value


def max_failures(value: Any) -> str:
    """A count, or a percentage with its sign, as text."""
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,12}|\d{1,3}(\.\d{1,6})?%", text):
        raise ValueError('must be a count like 25 or a percentage like "2%"')
    if text.endswith("%") and float(text[:-1]) > 100:
        raise ValueError("must not be more than 100%")
    return text


def concurrency(value: Any) -> Any:
    """`auto`, or a number of requests."""
    if value != "auto" and (type(value) is not int or not 1 <= value <= 1000):
        raise ValueError("must be auto, or a whole number from 1 to 1000")
    return value


def calls_per_s(value: Any) -> Any:
    """Calls a second of text like ``1200/min``; anything but text as it is."""
    if not isinstance(value, str):
        return value
    found = _RATE.fullmatch(value.strip())
    if found is None:
        raise ValueError('must be calls a second, such as 100, or text such as "20/s", "1200/min" or "500/h"')
    return float(found[1]) / _RATE_S[found[2]]


def time_span(value: Any) -> Any:
    """Seconds of text like ``10m``; anything but text as it is."""
    if not isinstance(value, str):
        return value
    found = _AGE.fullmatch(value.strip())
    if found is None:
        raise ValueError('must be seconds, such as 90, or text with its unit, such as "90s", "10m" or "2h"')
    return float(int(found[1]) * _UNIT_S[found[2]])


def hours(value: str) -> str:
    """Hours of the day: ``01:00-05:30``."""
    window.minutes(value)
    return value


def hours_and_zone(value: str) -> str:
    """Hours of the day, and perhaps a time zone, which is looked up elsewhere."""
    hours(window.split(value)[0])
    return value


def digits(value: Any) -> Any:
    """A number that was written as text, as a number; anything else as it is."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value) else value
