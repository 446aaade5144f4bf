"""The ASGI entry: read, recognise, count, go wrong if asked to, carry out, answer.

Raw ASGI: the sandbox has one catch-all and no middleware, and it must answer faster than its clients ask.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from bulkim.sandbox import control
from bulkim.sandbox.config import SandboxConfig
from bulkim.sandbox.connections import Connections
from bulkim.sandbox.exchange import Exchange
from bulkim.sandbox.fault_rules import Fault
from bulkim.sandbox.faults import CallFacts, Verdict
from bulkim.sandbox.http import Request, Response, split_path
from bulkim.sandbox.quota import admit
from bulkim.sandbox.state import Clock, LogEntry, World
from bulkim.sandbox.tencent.routes import open_exchange as open_tencent
from bulkim.sandbox.usergrid.routes import open_exchange as open_usergrid

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_GATEWAY_PAGE = (
    "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
)
_REASONS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """What the client gets: an answer, whole or cut, or a closed connection, or nothing at all."""

    response: Response | None
    close: bool = False
    reset: bool = False
    cut: bool = False
    hang: bool = False


class SandboxApp:
    """All vendors behind one port."""

    def __init__(self, config: SandboxConfig, clock: Clock | None = None) -> None:
        self.world = World(config, clock)
        self.connections = Connections()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # the sandbox has no lifespan and no websockets
        request = await self._read(scope, receive)
        if request is None:
            return
        if request.segments[:1] == (control.PREFIX,):
            await _send(send, control.answer(self.world, request, self.connections.counts()))
            return
        ending = await self._handle(request)
        await self._finish(ending, scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> Request | None:
        """The whole request, or None if its sender left halfway: half a request has no effect."""
        arrived = self.world.clock.monotonic()
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return Request(
            method=scope["method"],
            path=scope["path"],
            segments=split_path(scope["raw_path"].decode("latin-1").partition("?")[0]),
            query_string=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            arrived=arrived,
        )

    async def _handle(self, request: Request) -> Ending:
        """One vendor call from arrival to ending, and its line in the request log."""
        world = self.world
        world.requests_total += 1
        if world.player is not None:
            response = world.player.answer(request)
            self._log(request, None, (), response.status, None)
            return Ending(response)
        opener = open_tencent if request.segments[:1] == ("v4",) else open_usergrid
        exchange = opener(world, request)
        if isinstance(exchange, Response):
            self._log(request, None, (), exchange.status, None)
            return Ending(exchange)
        users = exchange.users()
        exchange.app.operations[exchange.operation] += 1
        if not admit([world.pool(exchange.app, name) for name in exchange.pools], request.arrived):
            response = exchange.throttled(None)
            self._log(request, exchange, users, response.status, None)
            return Ending(response)
        facts = CallFacts(
            request.method,
            request.path,
            exchange.operation,
            exchange.app.key,
            exchange.app.config.provider,
            users,
        )
        verdict = world.faults.judge(facts)
        ending = await self._carry_out(exchange, verdict)
        fault = verdict.end.name if verdict.end else None
        if fault is not None:
            world.fault_counts[fault] += 1
        self._log(request, exchange, users, ending.response.status if ending.response else None, fault)
        latency_s = verdict.delay_after_s + world.latency_s()
        if latency_s > 0:
            await asyncio.sleep(latency_s)
        return ending

    async def _carry_out(self, exchange: Exchange, verdict: Verdict) -> Ending:
        if verdict.delay_before_s > 0:
            await asyncio.sleep(verdict.delay_before_s)
        fault = verdict.end
        if fault is None:
            return Ending(exchange.run(verdict))
        if fault.when == "before":
            return _spoil(fault, exchange, None)
        return _spoil(fault, exchange, exchange.run(verdict))

    async def _finish(self, ending: Ending, scope: Scope, receive: Receive, send: Send) -> None:
        if ending.response is not None:
            await _send(send, ending.response, cut=ending.cut)
        if ending.close:
            self.connections.close(scope["client"], flush=ending.response is not None, reset=ending.reset)
        if ending.close or ending.hang:
            await _until_disconnect(receive)

    def _log(
        self, request: Request, exchange: Exchange | None, users: Any, status: int | None, fault: str | None
    ) -> None:
        self.world.requests.append(
            LogEntry(
                arrived=request.arrived,
                method=request.method,
                path=request.path,
                app=exchange.app.key if exchange else None,
                operation=exchange.operation if exchange else None,
                items=len(users),
                status=status,
                fault=fault,
            )
        )


def _spoil(fault: Fault, exchange: Exchange, response: Response | None) -> Ending:
    """The ending that a fault makes of a call; `response` is its real answer if the effect was carried out."""
    endings: dict[str, Callable[[], Ending]] = {
        "drop": lambda: Ending(None, close=True, reset=fault.reset),
        "hang": lambda: Ending(None, hang=True),
        "truncate": lambda: Ending(response, close=True, cut=True),
        "garbage": lambda: Ending(Response(200, b"<!-- upstream says: \xff\xfe OK -->", "text/html")),
        "throttle": lambda: Ending(exchange.throttled(fault.retry_after)),
        "error": lambda: Ending(exchange.error(fault)),
        "status": lambda: Ending(_gateway_answer(fault)),
    }
    return endings[fault.kind]()


def _gateway_answer(fault: Fault) -> Response:
    """A status from in front of the vendor: a page, or a scrap of JSON that is not the vendor's envelope."""
    title = f"{fault.status} {_REASONS.get(fault.status, 'Error')}"
    if fault.html:
        return Response(fault.status, _GATEWAY_PAGE.format(title).encode(), "text/html")
    return Response(fault.status, json.dumps({"status": fault.status, "message": title}).encode())


async def _send(send: Send, response: Response, *, cut: bool = False) -> None:
    headers = [("content-type", response.content_type), ("content-length", str(len(response.body)))]
    encoded = [(name.encode(), value.encode()) for name, value in (*headers, *response.headers)]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    body = response.body[: len(response.body) // 2] if cut else response.body
    await send({"type": "http.response.body", "body": body, "more_body": cut})


async def _until_disconnect(receive: Receive) -> None:
    """Wait until the connection is gone, so that the server does not take silence for a bug of ours."""
    while (await receive())["type"] != "http.disconnect":
        pass
