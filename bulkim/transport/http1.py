"""HTTP/1.1 on one connection, behind httpx's own transport interface.

httpx's default transport goes through a pool, locks and streams that cost ten times what parsing does. One call at a time on
one connection needs none of it: an asyncio protocol, and httptools for the parsing. What stays as it was: TLS
verification (the context is handed in), time-outs, limits for the answer, and httpx's exceptions. There are no proxies
here: for those, `bulkim.transport.proxied` takes httpx's own.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import httptools
import httpx

from bulkim.transport.tidy import may_be_http, tidied

OVERHEAD_BYTES_MAX = 256 * 1024  # status lines, headers, trailers, interim answers; browsers take as much
OVERHEAD_PER_BODY_BYTE = 8  # and what chunks of one byte each would need
HAPPY_EYEBALLS_S = 0.25  # RFC 8305: then the next address is tried beside the first

LENIENCIES = {
    "lenient_headers": True,  # folded lines and control characters in values: nobody here acts on those headers
    "lenient_chunked_length": True,  # both Transfer-Encoding and Content-Length: the first decides (RFC 9112, 6.3)
    "lenient_optional_cr_before_lf": True,  # lines that end with LF alone (RFC 9112, 2.2)
    "lenient_spaces_after_chunk_size": True,  # padded chunk sizes: old servers allot them a fixed width
}

Gate = Callable[[], None]


class Connection(asyncio.Protocol):
    """One connection, at most one exchange at a time."""

    def __init__(self, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._wire: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[httpx.Response] | None = None
        self.used_at = time.monotonic()

    def fresh(self) -> bool:
        """Whether another request may be written: it is open, and nothing lies in the socket that was not asked for.

        The kernel is asked, because the loop may not have looked yet: at a server that has just closed, at an answer too
        many. Windows has no poll; there the loop finds out.
        """
        if self._wire is None or self._wire.is_closing():
            return False
        if not hasattr(select, "poll"):
            return True
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._wire.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    async def exchange(self, head: bytes, body: bytes, timeout_s: float | None) -> httpx.Response:
        """Write a request and wait for its answer. Raises httpx errors that mean "it may have been done"."""
        assert self._wire is not None
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        self._begin()
        self._timer = None
        try:
            self._wire.write(head + body)
            if timeout_s is not None:
                self._timer = loop.call_later(timeout_s, self._expire, loop, -1)
            return await self._done
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if not self._done.done() or self._done.cancelled() or self._done.exception():
                self.close()
            self._done = None
            self.used_at = time.monotonic()

    def close(self) -> None:
        """Drop the connection."""
        if self._wire is not None:
            self._wire.abort()

    def _begin(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._received = 0  # bytes of all kinds
        self._head: bytearray | None = bytearray()  # all that came until the answer's headers have been read
        self._untidy = False  # the parser refused its headers
        self._identity = False  # as a transfer coding: the parser would read "until it closes"

    def _expire(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        """The time is over, by a clock that went on while this process was stopped or the machine slept.

        So what lies in the socket is read first: as long as each turn of the loop brings bytes, there is one more. The
        first turn does not count: a select that a signal interrupted returns when its time is over, without having looked.
        """
        if self._done is None or self._done.done():
            return
        if self._received > seen:
            self._timer = loop.call_later(0, self._expire, loop, self._received)
        else:
            self._fail(httpx.ReadTimeout("no answer in time"))

    # ------------------------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport
        self._parser = _parser(self)

    def data_received(self, data: bytes) -> None:
        if self._done is None or self._done.done():
            self.close()  # it speaks without being asked
            return
        self._received += len(data)
        if self._head is not None:
            self._head += data
        if self._untidy and self._head is not None:
            self._tidy_up()
        else:
            self._feed(data)
        if self._received - OVERHEAD_PER_BODY_BYTE * len(self._body) > OVERHEAD_BYTES_MAX:
            self._fail(httpx.RemoteProtocolError(f"more than {OVERHEAD_BYTES_MAX} bytes of it are no body"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is None or self._done.done():
            return
        if exc is None and self._ends_with_the_connection():
            self.on_message_complete()
        else:
            self._fail(
                httpx.ReadError(str(exc) if exc else "the server closed the connection before it answered")
            )

    def _ends_with_the_connection(self) -> bool:
        if self._head is not None:  # no headers yet, or only those of an interim answer
            return False
        return not any(
            name == b"content-length" or (name == b"transfer-encoding" and b"chunked" in value.lower())
            for name, value in self._headers
        )

    # ------------------------------------------------------------------------------------------- parsing

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(httpx.RemoteProtocolError("it switches to another protocol (101)"))
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, httpx.HTTPError):
                self._fail(cause)
            elif self._head is None or self._untidy:
                self._fail(httpx.RemoteProtocolError(str(error)))
            else:
                self._untidy = True
                self._tidy_up()

    def _tidy_up(self) -> None:
        """Read the answer again, its headers put into order; they are waited for until all of them are there."""
        begun = bytes(self._head or b"")
        if not may_be_http(begun):
            self._fail(httpx.RemoteProtocolError("it does not begin with HTTP/1."))
            return
        try:
            whole = tidied(begun)
        except httpx.RemoteProtocolError as error:
            self._fail(error)
            return
        if whole is not None:
            self._parser, self._headers = _parser(self), []
            self._feed(whole)

    def on_message_begin(self) -> None:
        if self._done is None or self._done.done():
            self.close()  # a second answer behind the first

    def on_header(self, name: bytes, value: bytes) -> None:
        low = name.lower()
        self._headers.append((low, value))
        if low == b"transfer-encoding":
            self._identity = self._identity or b"identity" in value.lower()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 100:
            raise httpx.RemoteProtocolError(f"its status is {status:03}")
        if status < 200:
            return  # an interim answer: the real one follows
        if self._identity and not self._untidy:
            raise ValueError("Transfer-Encoding: identity")
        self._head = None

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > self._body_bytes_max:
            raise httpx.DecodingError(f"the answer is larger than {self._body_bytes_max} bytes")

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._headers, self._body = [], bytearray()
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


def _parser(connection: Connection) -> httptools.HttpResponseParser:
    parser = httptools.HttpResponseParser(connection)
    parser.set_dangerous_leniencies(**LENIENCIES)
    return parser


class Http1(httpx.AsyncBaseTransport):
    """A transport with a single connection, made when it is needed and kept while the server may still have it."""

    number = 0  # among its owner's
    sent = False  # whether bytes of the last request may have left
    reused = False  # whether it went over a connection that had been used before

    def __init__(
        self,
        *,
        tls: ssl.SSLContext,
        keepalive_s: float,
        body_bytes_max: int,
        gate: Gate | None = None,
        user_timeout_s: float | None = None,
    ) -> None:
        self._tls = tls
        self._keepalive_s = keepalive_s
        self._body_bytes_max = body_bytes_max
        self._gate = gate
        self._user_timeout_s = user_timeout_s
        self._connection: Connection | None = None

    @property
    def used_at(self) -> float:
        """When its connection was last in use, by the monotonic clock."""
        return self._connection.used_at if self._connection else math.inf

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once. Raises ConnectError or ConnectTimeout while nothing was sent, and what the gate raises."""
        self.sent = False
        timeouts: dict[str, Any] = request.extensions.get("timeout", {})
        timeout_s: float | None = timeouts.get("read")
        connection = self._connection
        self.reused = (
            connection is not None
            and time.monotonic() - connection.used_at <= self._keepalive_s
            and connection.fresh()
        )
        if connection is None or not self.reused:
            self.drop()
            began = time.monotonic()
            connection = self._connection = await self._connect(request, timeouts.get("connect"))
            if timeout_s is not None:
                timeout_s = max(0.0, timeout_s - (time.monotonic() - began))
        head = _head(request)
        if self._gate is not None:
            self._gate()
        self.sent = True
        return await connection.exchange(head, request.content, timeout_s)

    async def aclose(self) -> None:
        """Drop the connection."""
        self.drop()

    def drop(self) -> None:
        """Drop the connection. A call that is on it ends as one whose connection broke."""
        if self._connection:
            self._connection.close()
            self._connection = None

    async def _connect(self, request: httpx.Request, timeout_s: float | None) -> Connection:
        url = request.url
        secure = url.scheme == "https"
        host = url.raw_host.decode("ascii")
        try:
            async with asyncio.timeout(timeout_s):
                wire, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._body_bytes_max),
                    host,
                    url.port if url.port is not None else (443 if secure else 80),
                    ssl=self._tls if secure else None,
                    server_hostname=host if secure else None,
                    happy_eyeballs_delay=HAPPY_EYEBALLS_S,
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout("could not connect in time", request=request) from error
        # Refused, unreachable, no such host, every TLS failure; a name that DNS cannot have; a port that is none.
        except (OSError, UnicodeError, OverflowError) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if self._user_timeout_s is not None:
            for option in user_timeout(self._user_timeout_s):
                wire.get_extra_info("socket").setsockopt(*option)
        return connection


def user_timeout(seconds: float) -> list[tuple[int, int, int]]:
    """Socket options by which the kernel gives up what it could not deliver; none where the platform has no such thing."""
    name = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    return [] if name is None else [(socket.IPPROTO_TCP, name, max(1, round(seconds * 1000)))]


def _head(request: httpx.Request) -> bytes:
    target = request.extensions.get("target", request.url.raw_path)
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), target)]
    lines += [b"%s: %s" % (name, value) for name, value in request.headers.raw]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise httpx.LocalProtocolError("a header holds a line break")
    return b"\r\n".join([*lines, b"", b""])
