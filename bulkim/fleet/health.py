"""What may be wrong with a fleet's database, and what to do about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

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


def examine(connection: Any) -> list[Finding]:
    """Look at a database that has a fleet."""
    info = connection.info
    found = [
        Finding(
            True,
            f"PostgreSQL {info.server_version // 10000} at {info.host or 'a socket'}, database {info.dbname}",
        )
    ]
    found += [_durable(connection), _standby(connection), _clock(connection), _quick(connection)]
    secure = connection.pgconn.ssl_in_use or is_near(info.host)
    found.append(Finding(secure, "the connection is " + ("secure" if secure else "in clear, across a network"),
                         "" if secure else "remove sslmode from BULKIM_FLEET: verify-full is the default"))  # fmt: skip
    return [*found, _direct(connection), _places(connection), *_references(connection)]


def _direct(connection: Any) -> Finding:
    """A pooler invents the number of the server's process that it says at the door."""
    there = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
    if there == connection.info.backend_pid:
        return Finding(True, "no pooler stands in between")
    hint = "pgbouncer needs pool_mode = session for bulkim's database"
    return Finding(None, "a pooler stands between here and the server", hint)


def _places(connection: Any) -> Finding:
    workers, places, busy = connection.execute(
        "SELECT count(*), coalesce(sum(places), 0), coalesce(sum(busy), 0) FROM bulkim.worker"
        " WHERE seen_at > clock_timestamp() - make_interval(secs => (SELECT lease_s FROM bulkim.meta))"
    ).fetchone()
    queued = connection.execute("SELECT count(*) FROM bulkim.claim WHERE state = 'queued'").fetchone()[0]
    wait = f"{counted(queued, 'run')} {'is' if queued == 1 else 'are'} queued"
    if not workers:
        return Finding(
            False if queued else None, f"no worker is alive, and {wait}", "on each host: bulkim fleet worker"
        )
    words = f"{counted(workers, 'worker')} alive, {busy:,} of {counted(places, 'place')} taken"
    if queued and busy >= places:
        return Finding(None, f"{words}, and {wait}", "start another worker, or one with more --runs")
    return Finding(True, words)


def _references(connection: Any) -> list[Finding]:
    """What runs name, and no worker that has looked at them has."""
    lacking = connection.execute(
        "SELECT why, count(*), min(run.run) FROM bulkim.claim JOIN bulkim.run ON run.id = run_id"
        " WHERE claim.state = 'waiting' AND lacking <> '{}' GROUP BY why ORDER BY why"
    ).fetchall()
    if not lacking:
        return [Finding(True, "no run waits for a secret or a file that its workers lack")]
    hint = "give it to a worker's host and start that worker anew"
    return [
        Finding(
            False,
            f"{counted(runs, 'run')} ({first}{', …' if runs > 1 else ''}) {why or 'waits'}: no worker that looked has it",
            hint,
        )
        for why, runs, first in lacking
    ]


def _setting(connection: Any, name: str) -> str:
    return str(connection.execute("SELECT current_setting(%s)", (name,)).fetchone()[0])


def _durable(connection: Any) -> Finding:
    off = [name for name in ("fsync", "full_page_writes") if _setting(connection, name) == "off"]
    if off:
        return Finding(
            False, f"{' and '.join(off)} are off: a crash loses what was acknowledged", "switch them on"
        )
    return Finding(True, "what is acknowledged survives a crash of the server")


def _standby(connection: Any) -> Finding:
    rows = connection.execute("SELECT application_name, sync_state FROM pg_stat_replication").fetchall()
    sync = [name for name, state in rows if state in {"sync", "quorum"}]
    if sync:
        return Finding(True, f"synchronous standby: {', '.join(sync)}")
    if rows:
        hint = "a failover may repeat what was on its way: set synchronous_standby_names"
        return Finding(False, f"{len(rows)} standbys, none of them synchronous", hint)
    return Finding(None, "no standby that this user can see: while the server is down, nobody sends")


def _clock(connection: Any) -> Finding:
    before = time.time()
    there = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()[0]
    away = there - (before + time.time()) / 2
    if abs(away) < CLOCK_S:
        return Finding(True, "the server's clock and this host's agree")
    return Finding(
        None, f"the server's clock is {away:+.0f} s from this host's: times in journals differ by as much"
    )


def _quick(connection: Any) -> Finding:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        connection.execute("UPDATE bulkim.meta SET version = version")
        times.append(time.perf_counter() - began)
    taken = sorted(times)[2]
    words = f"a durable write takes {taken * 1000:.1f} ms"
    if taken < FSYNC_S:
        return Finding(True, words)
    return Finding(None, words, "slow: more calls will be in flight for the same rate")


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
