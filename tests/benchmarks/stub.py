"""A server that costs little: it answers registrations and deletions as the vendor's pages do, and notes when calls came.

`python stub.py LATENCY_S` prints its port. Answers wait a random part of the latency. `GET /arrivals` gives the times
at which calls came since it was asked last; after `GET /stop-after/N` the next N calls are answered, and then none is
authorised any more.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import httptools

_UUID = "0ffe2d80-ed76-11e8-8d66-279e3e1c214b"
_USER = {
    "uuid": _UUID,
    "type": "user",
    "created": 1542795196504,
    "modified": 1542795196504,
    "activated": True,
}
_ENVELOPE = {
    "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
    "path": "/users",
    "uri": "http://127.0.0.1/sandbox/demo/users",
    "timestamp": 1542795196515,
    "duration": 0,
    "organization": "sandbox",
    "applicationName": "demo",
}
REFUSED = b'{"error":"unauthorized","error_description":"Unable to authenticate due to expired access token"}'


def answer(method: str, path: bytes, body: bytes) -> bytes:
    """The body of the page's answer."""
    if method == "POST":
        rows = json.loads(body)
        names = [row["username"] for row in rows] if isinstance(rows, list) else [rows["username"]]
        failed = {"data": []} if isinstance(rows, list) else {}
    else:
        names, failed = [path.rpartition(b"/")[2].decode()], {}
    entities = [{**_USER, "username": name.lower()} for name in names]
    return json.dumps({"action": method.lower(), **_ENVELOPE, "entities": entities, **failed}).encode()


class Session(asyncio.Protocol):
    """One connection."""

    arrivals: list[float] = []  # noqa: RUF012 - of all connections
    latency_s = 0.0
    left = -1  # calls that are answered; -1: all

    def connection_made(self, transport) -> None:
        self.transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._path, self._body = b"", bytearray()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"expect":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        method, path, body = self._parser.get_method().decode(), self._path, bytes(self._body)
        self._body.clear()
        if path == b"/arrivals":
            self._send(json.dumps(self.arrivals).encode())
            self.arrivals.clear()
            return
        if path.startswith(b"/stop-after/"):
            Session.left = int(path[12:])
            self._send(b"{}")
            return
        self.arrivals.append(time.perf_counter())
        if Session.left == 0:
            self._send(REFUSED, b"401 Unauthorized")
            return
        Session.left -= Session.left > 0
        if self.latency_s:
            delay_s = random.random() * self.latency_s
            asyncio.get_running_loop().call_later(delay_s, self._send, answer(method, path, body))
        else:
            self._send(answer(method, path, body))

    def _send(self, body: bytes, status: bytes = b"200 OK") -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head % (status, len(body)) + body)


async def serve(latency_s: float) -> None:
    Session.latency_s = latency_s
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - it is what the caller waits for
    await server.serve_forever()


class Stub:
    """The running server, for whoever measures."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def arrivals(self) -> list[float]:
        with urllib.request.urlopen(f"{self.url}/arrivals") as reply:
            return json.load(reply)

    def stop_after(self, calls: int) -> None:
        """Answer so many more calls (-1: all), then refuse."""
        urllib.request.urlopen(f"{self.url}/stop-after/{calls}").close()


@contextmanager
def running(latency_s: float = 0.0) -> Iterator[Stub]:
    process = subprocess.Popen([sys.executable, __file__, str(latency_s)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield Stub(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
