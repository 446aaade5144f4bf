"""A server on loopback that answers as a test says: threads and plain sockets, so that nothing of it shares the client's loop."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Answer = Callable[
    [socket.socket, int, bytes], bool
]  # connection, how many requests so far, the request -> stay?


class Answering:
    """Its port, the requests that it got, and how many connections brought them."""

    def __init__(
        self, answer: Answer, family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1"
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answer = answer
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server((host, 0), family=family, backlog=128)
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        threads = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with self._lock:
                    self.connections += 1
                    self._open.add(connection)
                threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                threads[-1].start()
        for each in threads:
            each.join(10)

    def _serve(self, connection: socket.socket) -> None:
        rest = b""
        with connection, contextlib.suppress(OSError):
            while True:
                request, rest = read_request(connection, rest)
                if request is None:
                    break
                with self._lock:
                    self.requests.append(request)
                    number = len(self.requests)
                if not self._answer(connection, number, request):
                    break
        with self._lock:
            self._open.discard(connection)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)


def read_request(connection: socket.socket, rest: bytes) -> tuple[bytes | None, bytes]:
    """One request, and what came behind it; None when the client has left."""
    while b"\r\n\r\n" not in rest:
        data = connection.recv(65536)
        if not data:
            return None, rest
        rest += data
    end = rest.index(b"\r\n\r\n") + 4
    length = re.search(rb"(?i)content-length: *(\d+)", rest[:end])
    end += int(length[1]) if length else 0
    while len(rest) < end:
        data = connection.recv(65536)
        if not data:
            return None, rest
        rest += data
    return rest[:end], rest[end:]


def reset(connection: socket.socket) -> bool:
    """Ends the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


@contextlib.contextmanager
def answering(answer: Answer, **place: object) -> Iterator[Answering]:
    server = Answering(answer, **place)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.close()
