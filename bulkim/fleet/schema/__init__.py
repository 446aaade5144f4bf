"""The fleet's tables and functions, as numbered SQL files, and bringing a database up to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bulkim.errors import JournalError
from bulkim.fleet.database import SERVER_MIN, address, connected

KNOWN = 2  # the newest version; the n-th script makes version n
FIRST = f"INSERT INTO bulkim.meta (version, minimum) VALUES ({KNOWN}, 1);"  # the lease and its margin are the table's
LOCK = 0x62_6C_6B_6D  # of whoever migrates; others wait


@dataclass(frozen=True, slots=True)
class Meta:
    """What a database says of itself."""

    version: int  # 0: it has no fleet
    minimum: int  # programs that know less than this must not work here
    lease_s: float  # whoever was not heard of for so long has lost what they held
    margin_s: float  # and stops sending so much earlier, by their own clock


def scripts() -> list[str]:
    """The migrations, in order; the n-th makes version n."""
    found = sorted(
        (each for each in files(__name__).iterdir() if each.name.endswith(".sql")), key=lambda each: each.name
    )
    return [each.read_text(encoding="utf-8") for each in found]


def script() -> str:
    """All of it, for somebody else to run."""
    return "\n".join(["BEGIN;", "CREATE SCHEMA bulkim;", *scripts(), FIRST, "COMMIT;"])


def migrate(
    connection: Any, *, lease_s: float | None = None, margin_s: float | None = None
) -> tuple[int, int]:
    """Make or renew the schema in one transaction: (version before, version now). Raises JournalError for one that is too new."""
    if connection.info.server_version < SERVER_MIN:
        version = connection.info.server_version // 10000
        raise JournalError(
            f"PostgreSQL {version} is too old for a fleet.", hint="it needs PostgreSQL 15 or newer"
        )
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        before = read(connection)
        _not_newer(before)
        if not before.version:
            connection.execute("CREATE SCHEMA IF NOT EXISTS bulkim")
        for each in scripts()[before.version :]:
            connection.execute(each)
        if not before.version:
            connection.execute(FIRST)
        now = max(KNOWN, before.version)
        connection.execute(
            "UPDATE bulkim.meta SET version = %s, lease_s = coalesce(%s, lease_s), margin_s = coalesce(%s, margin_s)",
            (now, lease_s, margin_s),
        )
    return before.version, now


def read(connection: Any) -> Meta:
    """What the database says of itself; version 0 where there is no fleet."""
    if connection.execute("SELECT to_regclass('bulkim.meta')").fetchone()[0] is None:
        return Meta(0, 0, 10.0, 3.0)
    return Meta(*connection.execute("SELECT version, minimum, lease_s, margin_s FROM bulkim.meta").fetchone())


def usable(connection: Any) -> Meta:
    """The same, of a database that this program can work with. Raises JournalError for an older one, or one that is too new."""
    meta = read(connection)
    _not_newer(meta)
    if meta.version < KNOWN:
        what = "has no fleet" if not meta.version else f"is at version {meta.version} of {KNOWN}"
        raise JournalError(f"this database {what}.", hint="`bulkim fleet init` makes it ready")
    return meta


@contextmanager
def reached() -> Iterator[Any]:
    """A connection to the fleet's database, for a command. Raises BulkimError for one that this program cannot work with."""
    with connected(address()) as connection:
        usable(connection)
        yield connection


def _not_newer(meta: Meta) -> None:
    if meta.minimum > KNOWN:
        raise JournalError(
            f"a newer bulkim has made this fleet (version {meta.version}; this program knows {KNOWN}).",
            hint="upgrade bulkim on this host",
        )
