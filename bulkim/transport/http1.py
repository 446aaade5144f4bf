"""HTTP/1.1 on one connection, behind httpx's own transport interface.

httpx's default transport goes through a pool, locks and streams that cost ten times what parsing does. One call at a time on
one connection needs none of it: an asyncio protocol, and httptools for the parsing. What stays as it was: TLS
verification (the context is handed in), a connect time-out, a limit for the answer, and httpx's exceptions, by which
the caller knows whether anything was sent. There are no proxies here: for those, `bulkim.transport` takes httpx's own.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any

import httptools
import httpx

HEADER_BYTES_MAX = 64 * 1024


class Connection(asyncio.Protocol):
    """One connection, at most one exchange at a time."""

    def __init__(self, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._wire: asyncio.Transport | None = None
        self._done: asyncio.Future[httpx.Response] | None = None
        self.used_at = time.monotonic()

    @property
    def open(self) -> bool:
        """Whether another request may be written."""
        return self._wire is not None and not self._wire.is_closing()

    async def exchange(self, head: bytes, body: bytes) -> httpx.Response:
        """Write a request and wait for its answer. Raises httpx errors that mean "it may have been done"."""
        assert self._wire is not None
        self._done = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = 0
        self._body = bytearray()
        self._in_body = False
        try:
            self._wire.write(head + body)
            return await self._done
        finally:
            if not self._done.done() or self._done.cancelled() or self._done.exception():
                self.close()
            self._done = None
            self.used_at = time.monotonic()

    def close(self) -> None:
        """Drop the connection."""
        if self._wire is not None:
            self._wire.abort()

    # ------------------------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport

    def data_received(self, data: bytes) -> None:
        if self._done is None or self._done.done():
            self.close()  # it speaks without being asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            cause = error.__context__ if isinstance(error.__context__, httpx.HTTPError) else None
            self._fail(cause or httpx.RemoteProtocolError(f"not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is None or self._done.done():
            return
        ends_with_it = self._in_body and not {b"content-length", b"transfer-encoding"} & {
            name for name, _ in self._headers
        }
        if ends_with_it and exc is None:
            self.on_message_complete()
        else:
            self._fail(
                httpx.ReadError(str(exc) if exc else "the server closed the connection before it answered")
            )

    # ------------------------------------------------------------------------------------ httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES_MAX:
            raise httpx.DecodingError(f"the answer's headers are larger than {HEADER_BYTES_MAX} bytes")
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_body = True

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > self._body_bytes_max:
            raise httpx.DecodingError(f"the answer is larger than {self._body_bytes_max} bytes")

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200:  # an interim answer: the real one follows
            self._headers, self._body, self._in_body = [], bytearray(), False
            return
        if self._done is not None and not self._done.done():
            body = httpx.ByteStream(bytes(self._body))
            self._done.set_result(httpx.Response(status, headers=self._headers, stream=body))
        if not self._parser.should_keep_alive():
            self.close()

    def _fail(self, error: Exception) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)
        self.close()


class Http1(httpx.AsyncBaseTransport):
    """A transport with a single connection, made when it is needed and kept while the server may still have it."""

    def __init__(self, *, tls: ssl.SSLContext, keepalive_s: float, body_bytes_max: int) -> None:
        self._tls = tls
        self._keepalive_s = keepalive_s
        self._body_bytes_max = body_bytes_max
        self._connection: Connection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once. Raises ConnectError or ConnectTimeout while nothing was sent."""
        connection = self._connection
        idle_s = time.monotonic() - connection.used_at if connection else 0.0
        if connection is None or not connection.open or idle_s > self._keepalive_s:
            await self.aclose()
            connection = self._connection = await self._connect(request)
        return await connection.exchange(_head(request), request.content)

    async def aclose(self) -> None:
        """Drop the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    async def _connect(self, request: httpx.Request) -> Connection:
        url = request.url
        secure = url.scheme == "https"
        timeouts: dict[str, Any] = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(timeouts.get("connect")):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._body_bytes_max),
                    url.host,
                    url.port or (443 if secure else 80),
                    ssl=self._tls if secure else None,
                    server_hostname=url.host if secure else None,
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout("could not connect in time", request=request) from error
        except OSError as error:  # refused, unreachable, no such host, and every TLS failure
            raise httpx.ConnectError(str(error), request=request) from error
        return connection


def _head(request: httpx.Request) -> bytes:
    target = request.extensions.get("target", request.url.raw_path)
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), target)]
    lines += [b"%s: %s" % (name, value) for name, value in request.headers.raw]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise httpx.LocalProtocolError("a header holds a line break")
    return b"\r\n".join([*lines, b"", b""])
