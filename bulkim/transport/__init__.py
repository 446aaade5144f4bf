"""Call -> Reply | Fault. The only importer of httpx: its exceptions end here, and every one is either
"nothing was sent" or "it may have been done".

Each call in flight has a transport of its own with exactly one connection, so nothing ever waits in a pool: httpx's
pool looks through all connections and all waiting requests at every event, which costs quadratically. The transport
is `http1.Http1`; where the environment names a proxy for the host, httpx's own.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import getproxies, proxy_bypass

import anyio
import httpx

from bulkim.errors import BulkimError
from bulkim.model import Call, Credentials, Fault, Reply
from bulkim.transport.http1 import Http1
from bulkim.version import __version__

KEPT_HEADERS = frozenset((b"content-type", b"date", b"retry-after"))
KEEPALIVE_S = (
    4.0  # below the idle time-out of common servers, so that we seldom write into a closing connection
)
BODY_BYTES_MAX = 32 * 1024 * 1024
CONNECT_S_MAX = 5.0

# What httpx raises before a byte of the request can have left. Everything else that it raises is ambiguous.
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class RefusedUrlError(BulkimError):
    """A URL is not its operation's template filled with one id. Nothing was sent."""


class Transport:
    """HTTP for one base URL. An async context manager; `send` never raises for what the network does."""

    def __init__(self, base_url: str, *, timeout_s: float) -> None:
        self._base = httpx.URL(base_url)
        self._headers = [("User-Agent", f"bulkim/{__version__}"), ("Accept", "application/json")]
        self._timeout_s = timeout_s
        self._phases = {"connect": min(CONNECT_S_MAX, timeout_s * 0.9)}
        self._phases |= dict.fromkeys(("read", "write", "pool"), timeout_s)
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._all: list[httpx.AsyncBaseTransport] = []
        # One context for all: making one costs 20 to 50 ms. Plain HTTP gets one that trusts nobody.
        secure = self._base.scheme == "https"
        self._tls = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._proxy = proxy_for(self._base)
        self._prefix = self._base.path.rstrip("/")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            for each in self._all:
                await each.aclose()

    async def send(self, call: Call, credentials: Credentials = Credentials()) -> Reply | Fault:  # noqa: B008
        """Send once, never again. Raises RefusedUrlError before anything is sent."""
        request = self._request(call, credentials)
        one = self._idle.pop() if self._idle else self._new()
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                status, headers, body = await _exchange(one, request)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ssl.SSLError, OSError) as error:
            return _fault(error, time.perf_counter() - began)
        finally:
            self._idle.append(one)
        return Reply(status, body, headers, time.perf_counter() - began)

    def _new(self) -> httpx.AsyncBaseTransport:
        one: httpx.AsyncBaseTransport
        if self._proxy is None:
            one = Http1(tls=self._tls, keepalive_s=KEEPALIVE_S, body_bytes_max=BODY_BYTES_MAX)
        else:
            limits = httpx.Limits(
                max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_S
            )
            one = httpx.AsyncHTTPTransport(verify=self._tls, proxy=self._proxy, limits=limits)
        self._all.append(one)
        return one

    def _request(self, call: Call, credentials: Credentials) -> httpx.Request:
        if not fills(call.template, call.path):
            raise RefusedUrlError(f"refused to send {call.method} {call.path!r}: it is not {call.template}")
        pairs = (*credentials.query, *call.query)
        target = self._prefix + call.path + (f"?{urlencode(pairs)}" if pairs else "")
        headers = [*self._headers, *credentials.headers]
        if call.content_type:
            headers.append(("Content-Type", call.content_type))
        url, extensions = self._addressed(target.encode("ascii"))
        return httpx.Request(call.method, url, headers=headers, content=call.body, extensions=extensions)

    def _addressed(self, target: bytes) -> tuple[httpx.URL, dict[str, Any]]:
        """Where a request goes: URL and extensions. `Http1` sends the target as it stands here, not as a URL is written.

        A proxy needs the URL (for CONNECT, too): then that must not come out different.
        """
        if self._proxy is None:
            return self._base, {"timeout": self._phases, "target": target}
        url = self._base.copy_with(raw_path=target)
        if url.raw_path != target or url.host != self._base.host:
            path = target.partition(b"?")[0].decode()  # what follows may be a signature
            raise RefusedUrlError(f"refused to send {path!r}: the URL came out different")
        return url, {"timeout": self._phases}


def fills(template: str, path: str) -> bool:
    """Whether `path` is `template` with each ``{placeholder}`` filled by exactly one harmless segment."""
    pattern, filled = template.split("/"), path.split("/")
    if len(pattern) != len(filled):
        return False
    return all(
        re.fullmatch(r"(?!(?:\.|%2[eE]){1,2}$)[A-Za-z0-9_.~%-]+", segment) is not None
        if part.startswith("{")
        else part == segment
        for part, segment in zip(pattern, filled, strict=True)
    )


def proxy_for(url: httpx.URL) -> str | None:
    """The proxy that the environment (HTTPS_PROXY, NO_PROXY ...) names for a URL; never one for this host itself."""
    if url.host == "localhost" or url.host.startswith("127.") or url.host == "::1" or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


async def _exchange(
    one: httpx.AsyncBaseTransport, request: httpx.Request
) -> tuple[int, dict[str, str], bytes]:
    response = await one.handle_async_request(request)
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    body = bytearray()
    try:
        async for part in stream:
            body += part
            if len(body) > BODY_BYTES_MAX:
                raise httpx.DecodingError(f"the answer is larger than {BODY_BYTES_MAX} bytes")
    finally:
        if not isinstance(stream, httpx.ByteStream):  # which has nothing to close
            with anyio.CancelScope(shield=True), suppress(httpx.HTTPError):
                await stream.aclose()
    kept = {
        low.decode(): value.decode("latin-1")
        for name, value in response.headers.raw
        if (low := name.lower()) in KEPT_HEADERS
    }
    return response.status_code, kept, bytes(body)


def _fault(error: Exception, latency_s: float) -> Fault:
    """What went wrong, in words without the URL (it may hold a signature)."""
    sent = not isinstance(error, NOT_SENT)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        reason = "no answer in time" if sent else "could not connect in time"
        return Fault("timeout", reason, sent=sent, latency_s=latency_s)
    if isinstance(error, httpx.DecodingError):
        return Fault("bad_response", "the answer cannot be decoded", sent=True, latency_s=latency_s)
    if not sent:
        return Fault("connection", f"could not connect: {_words(error)}", sent=False, latency_s=latency_s)
    return Fault("connection", f"the connection broke: {_words(error)}", sent=True, latency_s=latency_s)


def _words(error: BaseException) -> str:
    """The innermost cause that says something."""
    cause = error.__cause__ or error.__context__
    text = str(error) or (_words(cause) if cause else "")
    return text or type(error).__name__
