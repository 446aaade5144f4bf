"""The journal: the truth about every run, and the only writer of it.

Every write is one `BEGIN IMMEDIATE` transaction on one connection of one owner, with ``synchronous=FULL``: when a method
returns, what it wrote survives a crash of the machine; between `begin_transaction` and `commit`, when that returns. `begin`
is durable before a call's bytes leave and `settle` follows its answer, so an attempt without an end is one whose effect
is in doubt.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlite_utils import Database

from bulkim.errors import BusyError, GuardError, JournalError
from bulkim.journal import lease
from bulkim.journal.records import Closing, NewRun, Pace, Pending
from bulkim.journal.sqlite.schema import APPLICATION_ID, known, migrations
from bulkim.journal.sqlite.tally import close_attempt, finish_items, to_json
from bulkim.model import Batch, Final, Item, Mode, Status

PAGE = 2_000  # pending items read at once
ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"  # no look-alikes


class Journal:
    """An open journal. Not thread-safe: one owner."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    # ------------------------------------------------------------------------------------- opening

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create. Raises JournalError for a file that is not a journal, is newer, locked or read-only."""
        try:
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            journal = cls(path, connection)
            journal._prepare()
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from error
        return journal

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open a file that is there, and never write it: an older bulkim's stays as it is. Raises JournalError."""
        try:
            connection = sqlite3.connect(_reading(path), uri=True, isolation_level=None, timeout=10)
            connection.execute("PRAGMA query_only = ON")
            journal = cls(path, connection)
            if not migrations.applied(journal._recognise()):
                raise JournalError(
                    f"the journal {path} is empty.",
                    hint="run a job first, or name another file with --journal PATH",
                )
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from error
        return journal

    def _prepare(self) -> None:
        db = self._recognise()
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        if migrations.pending(db):
            with self.transaction():
                migrations.apply(db)

    def _recognise(self) -> Database:
        """Raises JournalError for another program's file, and for a newer bulkim's."""
        execute = self.connection.execute
        owner = execute("PRAGMA application_id").fetchone()[0]
        if owner != APPLICATION_ID and execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise JournalError(
                f"{self.path} is an SQLite database of another program, not a journal of bulkim.",
                hint="name another file with --journal PATH",
            )
        db = Database(self.connection, execute_plugins=False)
        newer = {each.name for each in migrations.applied(db)} - known()
        if newer:
            raise JournalError(
                f"{self.path} was written by a newer bulkim (it has {', '.join(sorted(newer))}).",
                hint="upgrade bulkim, or name another file with --journal PATH",
            )
        return db

    def close(self) -> None:
        """Close the file; everything was already durable."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction, or a part of one that is open (see `bulkim.journal.sqlite.turns`).

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
        return GuardError(
            f"the journal {self.path} cannot be written: {error}",
            hint="make room (or free the lock) and run the same command again: it continues where it stopped",
        )

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    # ---------------------------------------------------------------------------------------- runs

    def create_run(self, new: NewRun, *, now: float) -> int:
        """Record a run; returns its row id."""
        with self.transaction() as tx:
            identity = "".join(secrets.choice(ALPHABET) for _ in range(8))
            cursor = tx.execute(
                "INSERT INTO run (run, name, provider, operation, target, state, parent, selection, job_path,"
                " job_text, params, item_limit, created_at) VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?)",
                (identity, new.name, new.provider, new.operation, new.target, new.parent, to_json(new.selection),
                 new.job_path, new.job_text, to_json(new.params or {}), new.item_limit, now),
            )  # fmt: skip
            return int(cursor.lastrowid or 0)

    def begin_session(self, run_id: int, *, now: float) -> int:
        """Take the run. Raises BusyError when a living process holds it; a dead one's session is closed as lost."""
        me = lease.this_process()
        with self.transaction() as tx:
            held = tx.execute(
                "SELECT id, pid, host, process, seen_at FROM session WHERE run_id = ? AND ended_at IS NULL",
                (run_id,),
            ).fetchall()
            for session_id, pid, host, process, seen_at in held:
                holder = lease.Holder(pid=pid, host=host, process=process)
                if lease.alive(holder, seen_at=seen_at, now=now):
                    raise BusyError(
                        f"process {pid} on {host} is running this run.",
                        hint=f"watch it with `bulkim show {self.run_name(run_id)}`, or stop it first",
                    )
                tx.execute(
                    "UPDATE session SET ended = 'lost', ended_at = max(seen_at, coalesce((SELECT"
                    " max(coalesce(ended_at, began_at)) FROM attempt WHERE session_id = session.id), 0)) WHERE id = ?",
                    (session_id,),
                )
            tx.execute(
                "UPDATE run SET state = 'running', finished_at = NULL, stop_code = NULL, stop_reason = NULL"
                " WHERE id = ?",
                (run_id,),
            )
            cursor = tx.execute(
                "INSERT INTO session (run_id, pid, host, process, started_at, seen_at) VALUES (?, ?, ?, ?, ?, ?)",
                (run_id, me.pid, me.host, me.process, now, now),
            )
            return int(cursor.lastrowid or 0)

    def heartbeat(self, session_id: int, *, now: float, paces: Sequence[Pace] = ()) -> None:
        """Say that the session lives, and what it may send from now on, where that changed."""
        with self.transaction() as tx:
            tx.execute("UPDATE session SET seen_at = ? WHERE id = ?", (now, session_id))
            tx.executemany(
                "INSERT OR REPLACE INTO pace (session_id, pool, at, limit_per_s, allowed_per_s)"
                " VALUES (?, ?, ?, ?, ?)",
                [(session_id, each.pool, now, each.limit_per_s, each.allowed_per_s) for each in paces],
            )

    def end_session(
        self, run_id: int, session_id: int, state: str, *, now: float, stop: tuple[str, str] | None = None
    ) -> None:
        """The session ends and leaves the run in `state`; `stop` is why, as (code, reason)."""
        code, reason = stop or (None, None)
        with self.transaction() as tx:
            tx.execute(
                "UPDATE session SET ended_at = ?, seen_at = ?, ended = ? WHERE id = ?",
                (now, now, state, session_id),
            )
            tx.execute(
                "UPDATE run SET state = ?, finished_at = ?, stop_code = ?, stop_reason = ? WHERE id = ?",
                (state, now, code, reason, run_id),
            )

    def discard(self, run_id: int) -> bool:
        """Forget a run in which nothing was done, listings apart; False when something was."""
        with self.transaction() as tx:
            done = "SELECT 1 FROM attempt WHERE run_id = ? AND mode <> 'page' LIMIT 1"
            if tx.execute(done, (run_id,)).fetchone():
                return False
            tx.execute(
                "DELETE FROM pace WHERE session_id IN (SELECT id FROM session WHERE run_id = ?)", (run_id,)
            )
            for table in ("item", "tally", "session", "attempt"):
                tx.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
            tx.execute("DELETE FROM run WHERE id = ?", (run_id,))
        return True

    def session_run(self, session_id: int) -> int:
        """The row id of the run that a session works on."""
        return int(
            self.connection.execute("SELECT run_id FROM session WHERE id = ?", (session_id,)).fetchone()[0]
        )

    def run_name(self, run_id: int) -> str:
        """The id that people type."""
        return str(self.connection.execute("SELECT run FROM run WHERE id = ?", (run_id,)).fetchone()[0])

    # -------------------------------------------------------------------------------------- sending

    def recover(self, run_id: int, *, now: float) -> int:
        """Attempts that a dead session left without an end put their items in doubt. Returns how many attempts."""
        with self.transaction() as tx:
            left = tx.execute(
                "SELECT id, mode, items, began_at FROM attempt WHERE run_id = ? AND ended_at IS NULL",
                (run_id,),
            ).fetchall()
            for attempt_id, mode, items, began_at in left:
                if mode == "send":
                    tx.executemany(
                        "UPDATE item SET doubt_since = coalesce(doubt_since, ?), attempts = attempts + 1"
                        " WHERE run_id = ? AND ordinal = ? AND outcome IS NULL",
                        [(began_at, run_id, ordinal) for ordinal in json.loads(items)],
                    )
                tx.execute(
                    "UPDATE attempt SET ended_at = ?, kind = 'lost', reason = 'the process ended before the answer'"
                    " WHERE id = ?",
                    (now, attempt_id),
                )
        return len(left)

    def begin(self, run_id: int, session_id: int, batch: Batch, *, now: float) -> int:
        """Write ahead: after this, the batch may be sent. Returns the attempt's id."""
        again = batch.mode is Mode.SEND and any(item.attempts for item in batch.items)
        ordinals = [item.ordinal for item in batch.items]
        return self._begin(run_id, session_id, batch.mode, ordinals, again=again, now=now)

    def begin_page(self, run_id: int, session_id: int, *, now: float) -> int:
        """Write ahead that a page of a listing is asked for. Returns the attempt's id."""
        return self._begin(run_id, session_id, "page", [], again=False, now=now)

    def _begin(
        self, run_id: int, session_id: int, mode: str, ordinals: Sequence[int], *, again: bool, now: float
    ) -> int:
        with self.transaction() as tx:
            cursor = tx.execute(
                "INSERT INTO attempt (run_id, session_id, mode, size, items, began_at) VALUES (?, ?, ?, ?, ?, ?)",
                (run_id, session_id, mode, len(ordinals), to_json(ordinals), now),
            )
            tx.execute(
                "UPDATE run SET requests = requests + 1, retries = retries + ? WHERE id = ?",
                (int(again), run_id),
            )
            return int(cursor.lastrowid or 0)

    def settle(
        self,
        run_id: int,
        attempt_id: int,
        closing: Closing,
        *,
        finals: Sequence[Final],
        touched: Sequence[Item],
    ) -> None:
        """Close an attempt: `finals` end now, `touched` stay pending with the attempts and doubt that they carry."""
        with self.transaction() as tx:
            close_attempt(tx, attempt_id, closing)
            finish_items(tx, run_id, finals, http_status=closing.http_status, now=closing.ended_at)
            if touched:
                tx.executemany(
                    "UPDATE item SET attempts = ?, doubt_since = ? WHERE run_id = ? AND ordinal = ?",
                    [(item.attempts, item.doubt_since, run_id, item.ordinal) for item in touched],
                )

    def finish(self, run_id: int, finals: Sequence[Final], *, now: float) -> None:
        """End items without a call."""
        with self.transaction() as tx:
            finish_items(tx, run_id, finals, http_status=None, now=now)

    def pending(self, run_id: int, *, after: int = 0, limit: int = PAGE) -> list[Pending]:
        """The next items to send, in the input's order, those in doubt left out."""
        return self._pending(
            "position > ? AND doubt_since IS NULL ORDER BY position LIMIT ?", (run_id, after, limit)
        )

    def doubtful(self, run_id: int) -> list[Pending]:
        """Items that may have been done by an attempt that was never answered."""
        return self._pending("doubt_since IS NOT NULL ORDER BY ordinal", (run_id,))

    def expected(self, run_id: int) -> list[Pending]:
        """Pending items that no input names (see `bulkim.sending.listing`), those in doubt left out."""
        return self._pending("doubt_since IS NULL ORDER BY ordinal", (run_id,))

    def _pending(self, condition: str, values: tuple[Any, ...]) -> list[Pending]:
        rows = self.connection.execute(
            "SELECT ordinal, position, key, username, line, fields, attempts, doubt_since FROM item"
            f" WHERE run_id = ? AND outcome IS NULL AND {condition}",
            values,
        )
        return [
            Pending(
                ordinal, position, key, username, line, json.loads(fields) if fields else {}, attempts, doubt
            )
            for ordinal, position, key, username, line, fields, attempts, doubt in rows
        ]

    def counts(self, run_id: int) -> dict[Status, int]:
        """Items by status; they add up to the run's items."""
        counts = dict.fromkeys(Status, 0)
        for outcome, items in self.connection.execute(
            "SELECT outcome, sum(items) FROM tally WHERE run_id = ? GROUP BY outcome", (run_id,)
        ):
            counts[Status(outcome)] = items
        total = self.connection.execute("SELECT items FROM run WHERE id = ?", (run_id,)).fetchone()[0]
        counts[Status.PENDING] = total - sum(counts.values())
        return counts


def _reading(path: Path) -> str:
    """How SQLite is asked for a file that may be on a medium, or in a folder, that cannot be written."""
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    still = (
        not writable and not Path(f"{path}-wal").exists()
    )  # then nobody writes it, and SQLite need not lock
    mode = "rw" if writable else "ro&immutable=1" if still else "ro"
    return f"{path.absolute().as_uri()}?mode={mode}"


def _unusable(path: Path, error: Exception) -> JournalError:
    return JournalError(
        f"the journal {path} cannot be opened: {error}",
        hint="check the path and its permissions, or name another file with --journal PATH",
    )
