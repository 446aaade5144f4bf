"""A call through a proxy: httpx's own transport, and an account of whether the request itself has left."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import httpx

from bulkim.transport.http1 import Gate, user_timeout
from bulkim.transport.proxies import Proxy

TURNS_MAX = 50  # of the loop, for an answer that lies in the socket when the time is over


class Proxied(httpx.AsyncBaseTransport):
    """One connection through a proxy, with what `Http1` tells of itself."""

    number = 0  # among its owner's
    sent = False  # whether bytes of the last request may have left; a tunnel's CONNECT is none of them
    reused = False  # whether it went over a connection that had been used before

    def __init__(
        self,
        proxy: Proxy,
        *,
        tls: ssl.SSLContext,
        keepalive_s: float,
        body_bytes_max: int,
        gate: Gate | None = None,
        user_timeout_s: float | None = None,
    ) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=keepalive_s)
        secure = tls if proxy.scheme == "https" else None
        self._make: Callable[[], httpx.AsyncHTTPTransport] = lambda: httpx.AsyncHTTPTransport(
            verify=tls,
            proxy=httpx.Proxy(proxy.url, auth=proxy.auth, ssl_context=secure),
            limits=limits,
            socket_options=None if user_timeout_s is None else user_timeout(user_timeout_s),
        )
        self._inner = self._make()
        self._gate = gate
        self._body_bytes_max = body_bytes_max
        self._used = self._stale = False
        self.used_at = math.inf  # when its connection was last in use, by the monotonic clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once. Raises httpx's errors, and what the gate raises."""
        if self._stale:
            await self._anew()
        self.sent, self.reused = False, self._used
        timeouts: dict[str, Any] = request.extensions.get("timeout", {})
        request.extensions = {"trace": self._trace, "timeout": {**timeouts, "read": None}}
        task = asyncio.ensure_future(self._whole(request))
        try:
            await asyncio.wait({task}, timeout=timeouts.get("read"))
            for _ in range(TURNS_MAX):  # the clock went on while nobody read: see `Connection._expire`
                if task.done():
                    break
                await asyncio.sleep(0)
        finally:
            if not task.done():
                task.cancel()
                with anyio.CancelScope(shield=True):
                    await asyncio.wait({task})
            failed = task.cancelled() or task.exception() is not None
            self._stale, self._used, self.used_at = failed or self._leftover(), not failed, time.monotonic()
        if task.cancelled():
            late = httpx.ReadTimeout if self.sent else httpx.ConnectTimeout
            raise late("no answer in time")
        return task.result()

    async def aclose(self) -> None:
        """Drop the connection."""
        await self._inner.aclose()

    def drop(self) -> None:
        """Drop the connection before the next call."""
        self._stale = True

    async def _anew(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._inner.aclose()
        self._inner, self._used, self._stale = self._make(), False, False

    def _leftover(self) -> bool:
        """Whether more came than was asked for, which httpcore would take for the next answer.

        It has no question for that; where its insides are others than those of today, the connection is not used again.
        """
        try:
            return any(_parser_of(each).trailing_data[0] for each in self._inner._pool.connections)  # noqa: SLF001
        except AttributeError:
            return True

    async def _whole(self, request: httpx.Request) -> httpx.Response:
        """The answer with its body, as it came."""
        response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = bytearray()
        try:
            async for part in response.stream:
                body += part
                if len(body) > self._body_bytes_max:
                    raise httpx.DecodingError(f"the answer is larger than {self._body_bytes_max} bytes")
        finally:
            with anyio.CancelScope(shield=True), suppress(httpx.HTTPError):
                await response.stream.aclose()
        stream = httpx.ByteStream(bytes(body))
        return httpx.Response(response.status_code, headers=response.headers.raw, stream=stream)

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        """The moment between a live connection and its first byte; a tunnel's CONNECT is not the request."""
        if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            if self._gate is not None:
                self._gate()
            self.sent = True


def _parser_of(connection: Any) -> Any:
    """What reads the answers, under the layers of proxy and tunnel."""
    while not hasattr(connection, "_h11_state"):
        connection = connection._connection  # noqa: SLF001
    return connection._h11_state  # noqa: SLF001
