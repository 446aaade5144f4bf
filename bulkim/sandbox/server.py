"""Serving the sandbox: in the foreground, or embedded in a thread of the calling program. Loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bulkim.sandbox.config import SandboxConfig, connection

if TYPE_CHECKING:
    import uvicorn

    from bulkim.sandbox.app import SandboxApp

START_TIMEOUT_S = 10.0


class PortTakenError(OSError):
    """The port cannot be listened on."""


def serve(
    config: SandboxConfig | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted. Prints one line with the address once it listens, and tells `ready` the address."""
    app = _make_app(config)
    listener = _listen(host, port)
    server = _make_server(app)
    sys.stdout.write(f"sandbox listening on {_url(listener)}\n")
    sys.stdout.flush()
    if ready is not None:
        ready(_url(listener))
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn re-raises the signal it has already obeyed
        server.run(sockets=[listener])


class Embedded:
    """A sandbox in a daemon thread with its own event loop.

    >>> with Embedded() as sandbox:                        # doctest: +SKIP
    ...     httpx.get(f"{sandbox.control}/stats")
    """

    def __init__(
        self, config: SandboxConfig | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._config = config
        self._host = host
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self.base_url = ""

    @property
    def control(self) -> str:
        return f"{self.base_url}/_sandbox"

    def connection(self, provider: str) -> dict[str, Any]:
        """A vendor's published app here, as a job file's `connection` writes it. Raises KeyError."""
        return connection(provider, self.base_url)

    def start(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("the sandbox is running already")
        app = _make_app(self._config)
        listener = _listen(self._host, self._port)
        self.base_url = _url(listener)
        started = threading.Event()
        self._server = _make_server(app, started)
        self._thread = threading.Thread(
            target=self._run, args=(self._server, listener, started), name="bulkim-sandbox", daemon=True
        )
        self._thread.start()
        if not started.wait(START_TIMEOUT_S) or self._failure is not None:
            self.stop()
            raise RuntimeError("the sandbox did not start") from self._failure
        return self

    def stop(self) -> None:
        """Close every connection and wait until the thread is gone."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(START_TIMEOUT_S)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, server: uvicorn.Server, listener: socket.socket, started: threading.Event) -> None:
        try:
            asyncio.run(server.serve(sockets=[listener]))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits in `start`
            self._failure = error
        finally:
            listener.close()
            started.set()


def _make_app(config: SandboxConfig | None) -> SandboxApp:
    from bulkim.sandbox.app import SandboxApp

    return SandboxApp(config or SandboxConfig())


def _make_server(app: SandboxApp, started: threading.Event | None = None) -> uvicorn.Server:
    """A uvicorn server that knows its connections, and closes them all when it stops."""
    import uvicorn

    protocol = _protocol_class()

    class Protocol(protocol):  # type: ignore[misc, valid-type]  # one of uvicorn's two, chosen at run time
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            app.connections.opened(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            app.connections.lost(self.transport)
            super().connection_lost(exc)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if started is not None:
                started.set()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.connections.close_all()  # or a call that hangs on request would keep the server up
            await super().shutdown(sockets)

    return Server(
        uvicorn.Config(
            app,
            http=Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=60,
        )
    )


def _protocol_class() -> Any:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        return H11Protocol
    return HttpToolsProtocol


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, or at once a clear reason why not."""
    if not _is_loopback(host):
        raise ValueError(f"the sandbox listens on loopback only (127.0.0.1, ::1, localhost), not on {host!r}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming the protocol matters: asyncio turns Nagle's algorithm off only for sockets that say they are TCP,
    # and with it on, every answer (head and body are two writes) waits 40 ms for the client's delayed ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
