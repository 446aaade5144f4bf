"""What may be wrong with a fleet's database, and what to do about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bulkim.fleet import view
from bulkim.fleet.database import is_near
from bulkim.text import counted

CLOCK_S = 5.0  # that clocks may differ before it is said
FSYNC_S = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    ok: bool | None  # None: worth knowing, nothing wrong
    what: str
    hint: str = ""


def examine(connection: Any) -> Iterator[Finding]:
    """Look at a database that has a fleet."""
    info = connection.info
    where = f"{info.host or 'a socket'}, database {info.dbname}"
    yield Finding(True, f"PostgreSQL {info.server_version // 10000} at {where}")
    yield from _server(connection)
    if connection.pgconn.ssl_in_use or is_near(info.host):
        yield Finding(True, "the connection is secure")
    else:
        hint = "remove sslmode from BULKIM_FLEET: verify-full is the default"
        yield Finding(False, "the connection is in clear, across a network", hint)
    # a pooler invents the number of the server's process that it says at the door
    if _asked(connection, "SELECT pg_backend_pid()") == (info.backend_pid,):
        yield Finding(True, "no pooler stands in between")
    else:
        hint = "pgbouncer needs pool_mode = session for bulkim's database"
        yield Finding(None, "a pooler stands between here and the server", hint)
    yield _places(connection)
    yield from _references(connection)


def _asked(connection: Any, statement: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = connection.execute(statement).fetchone()
    return found


def _server(connection: Any) -> Iterator[Finding]:
    """What it promises of what it has written, its clock, and how long a write takes."""
    settings = ("fsync", "full_page_writes")
    off = [name for name in settings if _asked(connection, f"SELECT current_setting('{name}')") == ("off",)]
    if off:
        words = f"{' and '.join(off)} are off: a crash loses what was acknowledged"
        yield Finding(False, words, "switch them on")
    else:
        yield Finding(True, "what is acknowledged survives a crash of the server")
    rows = connection.execute("SELECT application_name, sync_state FROM pg_stat_replication").fetchall()
    if sync := [name for name, state in rows if state in {"sync", "quorum"}]:
        yield Finding(True, f"synchronous standby: {', '.join(sync)}")
    elif rows:
        hint = "a failover may repeat what was on its way: set synchronous_standby_names"
        yield Finding(False, f"{len(rows)} standbys, none of them synchronous", hint)
    else:
        yield Finding(None, "no standby that this user can see: while the server is down, nobody sends")
    before = time.time()
    (there,) = _asked(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    away = there - (before + time.time()) / 2
    if abs(away) < CLOCK_S:
        yield Finding(True, "the server's clock and this host's agree")
    else:
        words = f"the server's clock is {away:+.0f} s from this host's: times in journals differ by as much"
        yield Finding(None, words)
    taken = sorted(_written_in_s(connection) for _ in range(5))[2]
    slow = "slow: more calls will be in flight for the same rate"
    quick = taken < FSYNC_S
    yield Finding(quick or None, f"a durable write takes {taken * 1000:.1f} ms", "" if quick else slow)


def _written_in_s(connection: Any) -> float:
    began = time.perf_counter()
    connection.execute("UPDATE bulkim.meta SET version = version")
    return time.perf_counter() - began


def _places(connection: Any) -> Finding:
    alive = [each for each in view.workers(connection) if each["alive"]]
    places, busy = (sum(each[name] for each in alive) for name in ("places", "busy"))
    (queued,) = _asked(connection, "SELECT count(*) FROM bulkim.claim WHERE state = 'queued'")
    wait = f"{counted(queued, 'run')} {'is' if queued == 1 else 'are'} queued"
    if not alive:
        words = f"no worker is alive, and {wait}"
        return Finding(False if queued else None, words, "on each host: bulkim fleet worker")
    words = f"{counted(len(alive), 'worker')} alive, {busy:,} of {counted(places, 'place')} taken"
    if queued and busy >= places:
        return Finding(None, f"{words}, and {wait}", "start another worker, or one with more --runs")
    return Finding(True, words)


def _references(connection: Any) -> Iterator[Finding]:
    """What runs name, and no worker that has looked at them has."""
    lacking = connection.execute(
        "SELECT why, count(*), min(run.run) FROM bulkim.claim JOIN bulkim.run ON run.id = run_id"
        " WHERE claim.state = 'waiting' AND lacking <> '{}' GROUP BY why ORDER BY why"
    ).fetchall()
    for why, runs, first in lacking:
        which = f"{counted(runs, 'run')} ({first}{', …' if runs > 1 else ''})"
        hint = "give it to a worker's host and start that worker anew"
        yield Finding(False, f"{which} {why or 'waits'}: no worker that looked has it", hint)
    if not lacking:
        yield Finding(True, "no run waits for a secret or a file that its workers lack")


async def serve(address: str, port: int, vitals: Callable[[], Mapping[str, float]]) -> None:
    """Answer /healthz while the loop goes on, whatever the database does, and /metrics as Prometheus text. For ever."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, ValueError):
            path = (await asyncio.wait_for(reader.readline(), 5.0)).split(b" ")[1:2]
            found = path[:1] in ([b"/healthz"], [b"/metrics"])
            body = b"ok\n" if path == [b"/healthz"] else "".join(
                f"bulkim_fleet_worker_{name} {value:g}\n" for name, value in vitals().items()
            ).encode() if found else b"/healthz, /metrics\n"  # fmt: skip
            head = f"HTTP/1.1 {'200 OK' if found else '404 Not Found'}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, address, port) as server:
        await server.serve_forever()
