"""Between a worker and its database: passes everything on, until it swallows what goes one way, or both."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

WAYS = {"both": {"to", "from"}, "to": {"to"}, "from": {"from"}}  # the database


class Proxy:
    def __init__(self, port: int, *, host: str = "127.0.0.1", delay_s: float = 0.0) -> None:
        """Listens at `host`; what passes takes `delay_s`."""
        self.server = socket.create_server((host, 0))
        self.port, self.target, self.delay_s = self.server.getsockname()[1], port, delay_s
        self._swallowed: set[str] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, way: str = "both") -> None:
        """What is sent waits, as in a network that loses everything: connections stay open, new ones come up."""
        self._swallowed = WAYS[way]

    def heal(self) -> None:
        self._swallowed = set()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self.server.accept()
            except OSError:
                return  # closed
            try:
                there = socket.create_connection(("127.0.0.1", self.target))
            except OSError:  # the database is down: it may come back
                here.close()
                continue
            for way, one, other in (("to", here, there), ("from", there, here)):
                threading.Thread(target=self._pass, args=(way, one, other), daemon=True).start()

    def _pass(self, way: str, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                time.sleep(self.delay_s)
                while way in self._swallowed:
                    time.sleep(0.05)
                other.sendall(data)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        self.heal()
        self.server.close()
