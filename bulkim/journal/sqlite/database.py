"""One journal file, opened: one connection of one owner, its transactions, and SQLite's errors as ours.

Every write is one `BEGIN IMMEDIATE` transaction with ``synchronous=FULL``: when `transaction` is left, what was written
in it survives a crash of the machine; where it is a part of a turn's (see `turns`), when that ends.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from bulkim.errors import GuardError, JournalError, JournalLostError
from bulkim.journal.sqlite.applied import APPLICATION_ID, KNOWN, applied


def of_keys(number: int) -> str:
    """The part of a query that chooses so many of a run's items by their keys; its values are the run's row id and the keys.

    Left to itself, SQLite reads all items of the run for a list of keys.
    """
    if not number:
        return "FROM item WHERE run_id = ? AND 0"
    return f"FROM item INDEXED BY item_identity WHERE run_id = ? AND key IN ({','.join('?' * number)})"


class Database:
    """An open journal file. Not thread-safe: one owner."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self._file = _file(path)

    # ------------------------------------------------------------------------------------- opening

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create. Raises JournalError for a file that is not a journal, is newer, locked or read-only."""
        try:
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            opened = cls(path, sqlite3.connect(path, isolation_level=None, timeout=10))
            opened._prepare()
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from error
        return opened

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open a file that must be there, and never write it: an older bulkim's stays as it is. Raises JournalError."""
        try:
            if not path.exists():
                raise JournalError(
                    f"there is no journal at {path}.",
                    hint="run a job first, or name the journal with --journal PATH (or BULKIM_JOURNAL)",
                )
            opened = cls(path, sqlite3.connect(_reading(path), uri=True, isolation_level=None, timeout=10))
            opened.connection.execute("PRAGMA query_only = ON")
            if not opened._recognise():
                raise JournalError(
                    f"the journal {path} is empty.",
                    hint="run a job first, or name another file with --journal PATH",
                )
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from error
        return opened

    @classmethod
    def in_memory(cls) -> Self:
        """A journal that nobody else sees, and that ends with this."""
        opened = cls(Path(":memory:"), sqlite3.connect(":memory:", isolation_level=None))
        opened._prepare()
        return opened

    def _prepare(self) -> None:
        there = self._recognise()
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        if there < KNOWN:
            from bulkim.journal.sqlite import schema

            with self.transaction():
                schema.migrate(self.connection)

    def _recognise(self) -> frozenset[str]:
        """The migrations that it has. Raises JournalError for another program's file, and for a newer bulkim's."""
        execute = self.connection.execute
        owner = execute("PRAGMA application_id").fetchone()[0]
        if owner != APPLICATION_ID and execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise JournalError(
                f"{self.path} is an SQLite database of another program, not a journal of bulkim.",
                hint="name another file with --journal PATH",
            )
        there = applied(self.connection)
        if newer := there - KNOWN:
            raise JournalError(
                f"{self.path} was written by a newer bulkim (it has {', '.join(sorted(newer))}).",
                hint="upgrade bulkim, or name another file with --journal PATH",
            )
        return there

    def close(self) -> None:
        """Close the file; everything was already durable."""
        self.connection.close()

    # ----------------------------------------------------------------------------- whether it is there

    def present(self) -> None:
        """Raises JournalLostError where the file is not under its name any more: nobody would find what is written."""
        try:
            now = _file(self.path)
        except PermissionError:
            return  # whoever opened it need not be able to do so again
        if now != self._file:
            what = "was removed or moved" if now is None else "was replaced by another file"
            raise JournalLostError(
                f"the journal {self.path} {what} while the run went on.",
                hint="put it back, then run the same command again: it continues",
            )

    def save_beside(self, name: str) -> Path | None:
        """Where the whole journal is now, after it was lost: where it was moved to, or a copy under a name that is free.

        None where there is no room for one, or no folder any more.
        """
        if self._file is not None and (moved := _open_as(self._file)) is not None:
            return moved
        target = self.path.with_name(f"{self.path.name}.{name}")
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self.connection.execute("VACUUM INTO ?", (str(target),))
        except (OSError, sqlite3.Error):
            return None
        return target

    # ------------------------------------------------------------------------------------- reading

    def rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Iterator[Any]:
        """What a query finds, streaming. Raises JournalError when the file cannot be read."""
        try:
            yield from self.connection.execute(query, values)
        except sqlite3.Error as error:
            raise _unreadable(self.path, error) from error

    def row(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """The first row that a query finds, or None. Raises JournalError when the file cannot be read."""
        try:
            return self.connection.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise _unreadable(self.path, error) from error

    # ------------------------------------------------------------------------------------- writing

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction, or a part of one that is open.

        A full disk ends the run (GuardError: resumable), nothing is half-written.
        """
        joined = self.connection.in_transaction
        try:
            if not joined:
                self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection
            if not joined:
                self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise self._unwritten(error) from error
        except BaseException:
            self._roll_back()
            raise

    def begin_transaction(self) -> None:
        """Every `transaction` from here to `commit` is a part of one. Raises GuardError."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._unwritten(error) from error

    def commit(self) -> None:
        """Make durable what was written since `begin_transaction`. Raises GuardError: then nothing of it is there."""
        try:
            self.connection.execute("COMMIT")  # fails, too, when a part has failed and took the rest with it
        except sqlite3.Error as error:
            self._roll_back()
            raise self._unwritten(error) from error

    def _unwritten(self, error: sqlite3.Error) -> GuardError:
        message = f"the journal {self.path} cannot be written: {error}"
        return GuardError(message, hint=_way_on(error), code="journal_unwritten")

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


def _way_on(error: sqlite3.Error) -> str:
    """What to do about a journal that cannot be written."""
    again = "then run the same command again: it continues where it stopped"
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return (
                "the file is damaged: keep a copy, try `sqlite3 FILE .recover`, and begin with another --journal;"
                " `bulkim verify` tells what was done"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"end the program that holds the file, {again}"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return f"make the file and its folder writable, {again}"
        case _:
            return f"make room, {again}"


def _file(path: Path) -> tuple[int, int] | None:
    """Which file a name stands for; None: there is none, or only in memory. Raises PermissionError."""
    try:
        found = path.stat()
    except PermissionError:
        raise
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _open_as(file: tuple[int, int]) -> Path | None:
    """The present name of a file that this process has open; None: it has none, or the system does not tell."""
    with suppress(OSError):
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                found = descriptor.stat()
                name = descriptor.readlink()
                if (found.st_dev, found.st_ino) == file and found.st_nlink and _file(name) == file:
                    return name
    return None


def _reading(path: Path) -> str:
    """How SQLite is asked for a file that may be on a medium, or in a folder, that cannot be written."""
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    # Where nobody can write it, SQLite need not lock.
    still = not writable and not Path(f"{path}-wal").exists()
    mode = "rw" if writable else "ro&immutable=1" if still else "ro"
    return f"{path.absolute().as_uri()}?mode={mode}"


def _unusable(path: Path, error: Exception) -> JournalError:
    return JournalError(
        f"the journal {path} cannot be opened: {error}",
        hint="check the path and its permissions, or name another file with --journal PATH",
    )


def _unreadable(path: Path, error: Exception) -> JournalError:
    return JournalError(
        f"the journal {path} cannot be read: {error}",
        hint="check the file, or name another with --journal PATH",
    )
