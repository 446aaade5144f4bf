"""Call -> Reply | Fault. The only importer of httpx: its exceptions end here, and every one is either
"nothing was sent" or "it may have been done".

Each call in flight has a transport of its own with exactly one connection, so nothing ever waits in a pool: httpx's
pool looks through all connections and all waiting requests at every event, which costs quadratically. The transport
is `http1.Http1`; where the environment names a proxy for the host, `proxied.Proxied`, which is httpx's own.
"""

from __future__ import annotations

from bulkim.transport import lean  # noqa: F401 - before httpx

# isort: split
import os
import re
import ssl
import time
from collections.abc import Callable, Collection
from functools import partial
from types import TracebackType
from typing import Any, Self

import anyio
import httpx

from bulkim.errors import BulkimError
from bulkim.model import Call, Credentials, Fault, Reply
from bulkim.transport.coding import decoded
from bulkim.transport.http1 import Gate, Http1
from bulkim.transport.proxied import Proxied
from bulkim.transport.proxies import Proxy, proxy_for
from bulkim.version import __version__

__all__ = ["Gate", "RefusedUrlError", "Transport", "environment_proxy", "fills"]

KEPT_HEADERS = frozenset((b"content-type", b"date", b"link", b"location", b"retry-after"))
CODINGS = frozenset((b"content-encoding", b"transfer-encoding"))
KEEPALIVE_S = (
    4.0  # below the idle time-out of common servers, so that we seldom write into a closing connection
)
BODY_BYTES_MAX = 32 * 1024 * 1024
CONNECT_S_MAX = 5.0


class RefusedUrlError(BulkimError):
    """A URL is not its operation's template filled with one id. Nothing was sent."""


Line = Http1 | Proxied  # one connection, one call at a time


class Transport:
    """HTTP for one base URL. An async context manager; `send` never raises for what the network does.

    `gate` is asked between a live connection and the first byte of each request. It returns, or it raises: then nothing was
    sent, the connection stays, and `send` raises the same. `user_timeout_s` is how long the kernel may go on trying
    to deliver what was written (TCP_USER_TIMEOUT, Linux), for this process when it is stopped or dead.

    `heard`: headers of answers that are wanted beside the usual ones. Raises ProxyVariableError for a proxy that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float,
        gate: Gate | None = None,
        user_timeout_s: float | None = None,
        heard: Collection[str] = (),
    ) -> None:
        self._heard = KEPT_HEADERS | {each.lower().encode() for each in heard}
        self._base = httpx.URL(base_url)
        self._headers = [("User-Agent", f"bulkim/{__version__}"), ("Accept", "application/json")]
        self._phases = {"connect": min(CONNECT_S_MAX, timeout_s * 0.9)}
        self._phases |= dict.fromkeys(("read", "write", "pool"), timeout_s)
        self._idle: list[Line] = []
        self._all: list[Line] = []
        self._proxy = environment_proxy(base_url)
        # One context for all: making one costs 20 to 50 ms. Plain HTTP gets one that trusts nobody.
        secure = self._base.scheme == "https" or (self._proxy and self._proxy.scheme == "https")
        self._tls = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        kind: Callable[..., Line] = partial(Proxied, self._proxy) if self._proxy else Http1
        self._make = partial(
            kind,
            tls=self._tls,
            keepalive_s=KEEPALIVE_S,
            body_bytes_max=BODY_BYTES_MAX,
            gate=gate,
            user_timeout_s=user_timeout_s,
        )
        self._prefix = self._base.path.rstrip("/")
        self.silent = 0  # calls in a row that were sent and never answered, whatever became of them

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            for each in self._all:
                await each.aclose()

    async def send(self, call: Call, credentials: Credentials = Credentials()) -> Reply | Fault:  # noqa: B008
        """Send once, never again. Raises RefusedUrlError before anything is sent, and what the gate raises."""
        request = self._request(call, credentials.sign(call) if credentials.sign else credentials)
        line = self._idle.pop() if self._idle else self._new()
        began = time.monotonic()
        try:
            reply = await self._exchange(line, request, began)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            if line.sent:
                self.silent += 1
            self._distrust_older(line, began)
            return _fault(error, sent=line.sent, latency_s=time.monotonic() - began)
        finally:
            self._idle.append(line)
        self.silent = 0
        return reply

    def distrust(self, reply: Reply) -> None:
        """The reply is no answer to what was asked: nothing more goes over the connection that brought it."""
        if reply.line is not None:
            self._all[reply.line].drop()

    async def _exchange(self, line: Line, request: httpx.Request, began: float) -> Reply:
        response = await line.handle_async_request(request)
        assert isinstance(response.stream, httpx.ByteStream)
        body = b"".join([part async for part in response.stream])
        kept: dict[str, str] = {}
        coded = False
        for name, value in response.headers.raw:
            low = name.lower()
            if low in self._heard:
                key, text = low.decode(), value.decode("latin-1")
                kept[key] = f"{kept[key]}, {text}" if key == "link" and key in kept else text
            coded = coded or low in CODINGS
        if coded:
            body = decoded(body, response.headers.raw, bytes_max=BODY_BYTES_MAX)
        return Reply(response.status_code, body, kept, time.monotonic() - began, line.number)

    def _distrust_older(self, line: Line, began: float) -> None:
        """A connection that had been in use broke: those that have been idle for longer may be as dead.

        So the next try goes over a new one, and not over the next of the same kind.
        """
        if line.reused:
            for each in self._idle:
                if each.used_at < began:
                    each.drop()

    def _new(self) -> Line:
        line = self._make()
        line.number = len(self._all)
        self._all.append(line)
        return line

    def _request(self, call: Call, credentials: Credentials) -> httpx.Request:
        if not fills(call.template, call.path):
            raise RefusedUrlError(f"refused to send {call.method} {call.path!r}: it is not {call.template}")
        target = self._prefix + call.target(credentials.query)
        headers = [*self._headers, *call.headers, *credentials.headers]
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


def environment_proxy(base_url: str) -> Proxy | None:
    """The proxy that the environment names for a base URL. Raises ProxyVariableError when it names one that is none."""
    url = httpx.URL(base_url)
    port = url.port if url.port is not None else {"https": 443}.get(url.scheme, 80)
    return proxy_for(url.scheme, url.host, port, os.environ)


_CLOSED = re.compile("disconnected|closed connection")  # which httpx calls a breach of the protocol, too


def _fault(error: Exception, *, sent: bool, latency_s: float) -> Fault:
    """What went wrong, in words without the URL (it may hold a signature)."""
    sent = sent and not isinstance(
        error, httpx.LocalProtocolError
    )  # which is found before anything is written
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        reason = "no answer in time" if sent else "could not connect in time"
        return Fault("timeout", reason, sent=sent, latency_s=latency_s)
    words = _words(error)
    if not sent:
        return Fault("connection", f"could not connect: {words}", sent=False, latency_s=latency_s)
    if isinstance(error, httpx.DecodingError):
        return Fault("bad_response", f"the answer cannot be decoded: {words}", sent=True, latency_s=latency_s)
    if isinstance(error, httpx.RemoteProtocolError) and not _CLOSED.search(words):
        return Fault("bad_response", f"the answer is not HTTP: {words}", sent=True, latency_s=latency_s)
    return Fault("connection", f"the connection broke: {words}", sent=True, latency_s=latency_s)


def _words(error: BaseException) -> str:
    """The innermost cause that says something."""
    cause = error.__cause__ or error.__context__
    text = str(error) or (_words(cause) if cause else "")
    return text or type(error).__name__
