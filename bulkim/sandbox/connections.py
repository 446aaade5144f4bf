"""The live connections, so that a fault can close one for real.

ASGI has no way to close a connection without an answer. The server's protocol classes (see `server`) report each
transport here, keyed by the client's address, which is what an ASGI scope knows of its connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct

Address = tuple[str, int]

_LINGER_ZERO = struct.pack("ii", 1, 0)  # close sends an RST


class Connections:
    def __init__(self) -> None:
        self._open: dict[Address, asyncio.Transport] = {}
        self._total = 0

    def opened(self, transport: asyncio.Transport) -> None:
        self._open[_peer(transport)] = transport
        self._total += 1

    def lost(self, transport: asyncio.Transport) -> None:
        self._open.pop(_peer(transport), None)

    def close(self, client: Address, *, flush: bool, reset: bool) -> None:
        """Close one connection: after what is written has left, at once, or at once and rudely."""
        transport = self._open.get((client[0], client[1]))
        if transport is None:
            return
        if reset:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        if flush:
            transport.close()
        else:
            transport.abort()

    def close_all(self) -> None:
        for transport in list(self._open.values()):
            transport.abort()

    def counts(self) -> dict[str, int]:
        return {"open": len(self._open), "total": self._total}


def _peer(transport: asyncio.Transport) -> Address:
    host, port = transport.get_extra_info("peername")[:2]
    return (str(host), int(port))
