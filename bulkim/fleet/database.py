"""The fleet's database: where it is, and how it is reached. Every other module gets its connections here."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from bulkim import redact
from bulkim.errors import JournalError, UsageError

VARIABLE = "BULKIM_FLEET"
CONNECT_S = 5  # to wait for a connection
LOCAL = ("", "localhost", "127.0.0.1", "::1")
SERVER_MIN = 150000
SAFE = ("invalid connection option", "invalid URI query parameter")  # what names an option, and no value


def address(env: Mapping[str, str] = os.environ) -> str:
    """The database that the environment names, as libpq writes it. Raises UsageError when it names none."""
    text = env.get(VARIABLE, "").strip()
    if not text:
        raise UsageError(
            f"no fleet is named: {VARIABLE} is not set.",
            hint=f"export {VARIABLE}=postgresql://bulkim@db.example/bulkim; the password goes into PGPASSFILE",
        )
    psycopg = library()
    try:
        parts = psycopg.conninfo.conninfo_to_dict(text)
    except psycopg.Error as error:
        said = in_words(error)  # it may quote what it could not read, and that may be a password
        why = f": {said}" if said.startswith(SAFE) else ""
        raise UsageError(
            f"{VARIABLE} is no address of a PostgreSQL database{why}.",
            hint="it looks like postgresql://bulkim@db.example/bulkim; the password goes into PGPASSFILE",
        ) from None
    redact.hide([str(parts.get("password", ""))])
    if "@" in f"{parts.get('host', '')}{parts.get('dbname', '')}" or re.search(
        "[^0-9,]", str(parts.get("port", ""))
    ):
        raise UsageError(
            f"{VARIABLE} is no address of a PostgreSQL database: host, port or name are not where they should be.",
            hint="the password goes into PGPASSFILE; in an address its @ is written %40, its : %3A, its / %2F",
        )
    hosts = str(parts.get("host") or env.get("PGHOST", "")).split(",")
    if not all(map(is_near, hosts)) and "sslmode" not in parts and "PGSSLMODE" not in env:
        parts["sslmode"] = (
            "verify-full"  # what is written holds usernames, and what is read makes workers send
        )
    return str(psycopg.conninfo.make_conninfo(**parts))


def is_near(host: str) -> bool:
    """Whether the way to it is on this host: then nobody listens."""
    return host in LOCAL or host.startswith("/")


def library() -> Any:
    """psycopg. Raises UsageError without the extra."""
    try:
        import psycopg
        import psycopg.conninfo
    except ImportError:
        raise UsageError(
            "this needs a driver for PostgreSQL, which is not installed.", hint="pip install 'bulkim[fleet]'"
        ) from None
    return psycopg


@contextmanager
def connected(dsn: str) -> Iterator[Any]:
    """A connection for a command. Raises JournalError when the database cannot be reached, or refuses."""
    psycopg = library()
    try:
        with psycopg.connect(dsn, **settings()) as connection:
            yield connection
    except psycopg.Error as error:
        raise unusable(error) from error


def documents(connection: Any, statement: str, values: Any = ()) -> list[dict[str, Any]]:
    """Rows as mappings; keys are the names of their columns."""
    cursor = connection.cursor(row_factory=library().rows.dict_row)
    return list(cursor.execute(statement, values).fetchall())


class AwayError(Exception):
    """The database did not answer in time, or could not be reached. What was asked may have been done."""


class UnwritableError(AwayError):
    """It answers, and will not write: its disk is full, or it is a standby."""


class Line:
    """One connection that is made again when it is needed. One question at a time: others wait."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._lock = asyncio.Lock()
        self._psycopg = library()
        self._connection: Any = None
        self._over = False

    async def rows(self, statement: str, values: Any = (), *, within_s: float) -> list[tuple[Any, ...]]:
        """Ask once, `within_s` of being the one to ask. Raises AwayError; psycopg.Error for what the database refuses."""
        async with self._lock:
            if self._over:  # a session may outlive its worker: a connection that is made now would stay open
                raise AwayError("hung up")
            return await self._answer(statement, values, within_s)

    async def _answer(self, statement: str, values: Any, within_s: float) -> list[tuple[Any, ...]]:
        asking = asyncio.ensure_future(self._ask(statement, values))
        try:
            await asyncio.wait({asking}, timeout=within_s)
        finally:
            if not asking.done():
                self.hang_up()
                asking.add_done_callback(partial(_heard, self._connection))
                asking.cancel() if self._connection is None else None
                self._connection = None
        if not asking.done():
            raise AwayError(f"no answer within {within_s:g} s")
        try:
            return asking.result()
        except self._psycopg.Error as error:
            if (gone := away(error)) is None:
                raise
            if self._connection is not None:
                self._connection.pgconn.finish()
                self._connection = None
            raise gone from error

    async def _ask(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = await self._psycopg.AsyncConnection.connect(
                self.dsn, prepare_threshold=3, **settings()
            )
        cursor = await self._connection.execute(statement, values)
        return list(await cursor.fetchall()) if cursor.description else []

    def hang_up(self) -> None:
        """End the connection at once: what waits for it hears of it. Its descriptor stays with libpq, which closes it."""
        if self._connection is not None and not self._connection.closed:
            with suppress(OSError), socket.socket(fileno=os.dup(self._connection.pgconn.socket)) as one:
                one.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Say goodbye: nothing more is asked."""
        self._over = True
        if self._connection is not None:
            await self._connection.close()


_FULL = {"53100", "25006"}  # disk full, read-only


def _heard(connection: Any, asking: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more, and nobody else has its connection."""
    if not asking.cancelled():
        asking.exception()
    if connection is not None:
        connection.pgconn.finish()


# A database that is cut off must be noticed within seconds: what has no answer is said again on another connection.
_KEPT = {"keepalives_idle": 3, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5000}


def settings(*, connect_s: int | None = None) -> dict[str, Any]:
    """What every connection is made with. What it writes is durable whatever the server's default is."""
    options = {"search_path": "bulkim", "synchronous_commit": "on", "statement_timeout": "60s", "client_encoding": "UTF8"}  # fmt: skip
    return {
        "autocommit": True,
        "connect_timeout": connect_s or CONNECT_S,
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        **_KEPT,
    }


def away(error: Exception) -> AwayError | None:
    """What is to be asked again, after this; None: the database refuses what was asked."""
    psycopg = library()
    passing = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
    if not isinstance(error, passing):
        return None
    kind = UnwritableError if getattr(error, "sqlstate", None) in _FULL else AwayError
    return kind(in_words(error))


def in_words(error: Exception) -> str:
    """What a database says, in one line."""
    lines = (" ".join(line.split()) for line in str(error).splitlines())
    return "; ".join(filter(None, lines)) or type(error).__name__


def unusable(error: Exception) -> JournalError:
    """What went wrong with the database, in words."""
    state = getattr(error, "sqlstate", None)
    if state in {"3F000", "42P01", "42883"}:
        return JournalError(
            "this database has no fleet, or an older one.", hint="`bulkim fleet init` makes it ready"
        )
    hint = "check BULKIM_FLEET, the network and PGPASSFILE, then type `bulkim fleet doctor`"
    return JournalError(f"the fleet's database cannot be used: {in_words(error)}", hint=hint)
