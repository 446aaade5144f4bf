"""What others write in ten minutes, as scripts of their own: `python loops.py httpx|pace ...`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

IN_FLIGHT = 64


def people(request: int) -> list[dict[str, str]]:
    numbers = range(request * 60, request * 60 + 60)
    return [{"username": f"user_{n:08d}", "password": f"pw-{n:08d}"} for n in numbers]


async def plain_httpx(url: str, operation: str, calls: int, pool: str) -> None:
    """One shared client, 64 workers, nothing kept but the status."""
    import httpx

    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    chosen = {"limits": limits} if pool == "pool" else {}
    numbers = iter(range(calls))
    async with httpx.AsyncClient(headers={"Authorization": "Bearer token"}, **chosen) as client:

        async def worker() -> None:
            for number in numbers:
                if operation == "register":
                    reply = await client.post(f"{url}/sandbox/demo/users", json=people(number))
                else:
                    reply = await client.delete(f"{url}/sandbox/demo/users/user_{number:08d}")
                reply.raise_for_status()

        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def pace(url: str, limiter: str, rate: float, seconds: float) -> None:
    """64 workers at a limit, over bulkim's transport: only the limiter differs."""
    from bulkim.model import Call
    from bulkim.transport import Transport

    until = time.monotonic() + seconds
    async with Transport(url, timeout_s=10) as transport:
        call = Call("DELETE", "/sandbox/demo/users/anybody", "/sandbox/demo/users/{username}")

        async def send() -> None:
            await transport.send(call)

        once = await LIMITERS[limiter](rate, send)

        async def worker() -> None:
            while time.monotonic() < until:
                await once()

        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


Send = Callable[[], Awaitable[None]]


async def with_bulkim(rate: float, send: Send) -> Send:
    from bulkim.quota.pacer import Pacer

    pacer = Pacer({"users": rate})
    await pacer.start()
    one_at_a_time = asyncio.Lock()  # as the dispatcher is the only one that takes quota

    async def once() -> None:
        async with one_at_a_time:
            await pacer.acquire(("users",))
            marks = pacer.sent(("users",))
        await send()
        pacer.answered(marks)

    return once


async def with_aiolimiter(rate: float, send: Send) -> Send:
    from aiolimiter import AsyncLimiter

    limiter = AsyncLimiter(rate, 1)

    async def once() -> None:
        async with limiter:
            await send()

    return once


async def with_pyrate(rate: float, send: Send) -> Send:
    from pyrate_limiter import Duration, Limiter, Rate

    limiter = Limiter(Rate(int(rate), Duration.SECOND))

    async def once() -> None:
        await limiter.try_acquire_async("users")
        await send()

    return once


LIMITERS = {"bulkim": with_bulkim, "aiolimiter": with_aiolimiter, "pyrate-limiter": with_pyrate}


if __name__ == "__main__":
    what, url, first, second, third = sys.argv[1:]
    if what == "httpx":
        asyncio.run(plain_httpx(url, first, int(second), third))
    else:
        asyncio.run(pace(url, first, float(second), float(third)))
