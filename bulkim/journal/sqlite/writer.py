"""The journal of runs in SQLite: who runs what, taking a run and leaving it. What a session writes is `session`'s."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from bulkim import uptime
from bulkim.errors import BusyError
from bulkim.journal import lease
from bulkim.journal.records import Entry, InputChange, NewRun, to_json
from bulkim.journal.sqlite import doubts, intake
from bulkim.journal.sqlite.database import Database
from bulkim.journal.sqlite.reader import Reader
from bulkim.journal.sqlite.session import Session
from bulkim.journal.sqlite.turns import Turns

ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"  # no look-alikes


class Journal:
    """An open journal. Not thread-safe: one owner."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = Turns(database)
        self.reader = Reader(database)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create. Raises JournalError for a file that is not a journal, is newer, locked or read-only."""
        return cls(Database.open(path))

    @classmethod
    def in_memory(cls) -> Self:
        """One that nobody else sees, and that ends with this."""
        return cls(Database.in_memory())

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def close(self) -> None:
        """Close the file; everything was already durable."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------- runs

    def inherit(self, run_id: int, parent: int) -> None:
        """What was there before the run that this one retries was there before this one.

        Whom the parent sent to without having looked, nobody can look at any more. Who was not there, or
        unknown, and was refused at the first sending, is looked at anew: they may have been made since.
        """
        with self._database.transaction() as tx:
            tx.execute(
                "INSERT OR IGNORE INTO before (run_id, ordinal, read_at, image)"
                " SELECT new.run_id, new.ordinal, coalesce(kept.read_at, new_run.created_at), coalesce(kept.image, ?)"
                " FROM item AS new JOIN run AS new_run ON new_run.id = new.run_id"
                " JOIN item AS old ON old.run_id = ? AND old.key = new.key"
                " LEFT JOIN before AS kept ON kept.run_id = old.run_id AND kept.ordinal = old.ordinal"
                " WHERE new.run_id = ? AND new.key IS NOT NULL AND (kept.image IS NOT NULL OR old.attempts > 0)"
                " AND NOT (old.outcome = 'failed' AND old.attempts <= 1"
                " AND coalesce(json_extract(kept.image, '$.unknown'), json_extract(kept.image, '$.absent')) IS NOT NULL)",
                (to_json({"unknown": "it was sent to before anybody looked"}), parent, run_id),
            )

    def create_run(self, new: NewRun, *, now: float) -> int:
        """Record a run; returns its row id."""
        with self._database.transaction() as tx:
            identity = "".join(secrets.choice(ALPHABET) for _ in range(8))
            cursor = tx.execute(
                "INSERT INTO run (run, name, provider, operation, target, state, parent, selection, job_path,"
                " job_text, params, item_limit, settings, vendor_text, terms, rehearsal, created_at)"
                " VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (identity, new.name, new.provider, new.operation, new.target, new.parent, to_json(new.selection),
                 new.job_path, new.job_text, to_json(new.params or {}), new.item_limit, to_json(new.settings),
                 new.vendor_text, to_json(new.terms), int(new.rehearsal) or None, now),
            )  # fmt: skip
            return int(cursor.lastrowid or 0)

    def begin_session(self, run_id: int, *, now: float) -> int:
        """Take the run. Raises BusyError when a living process holds it; a dead one's session is closed as lost."""
        me = lease.this_process()
        with self._database.transaction() as tx:
            held = tx.execute(
                "SELECT id, pid, host, process, seen_at FROM session WHERE run_id = ? AND ended_at IS NULL",
                (run_id,),
            ).fetchall()
            for session_id, pid, host, process, seen_at in held:
                holder = lease.Holder(pid=pid, host=host, process=process)
                if lease.alive(holder, seen_at=seen_at, now=now):
                    raise BusyError(
                        f"process {pid} on {host} is running this run.",
                        hint=f"watch it with `bulkim watch {self.run_name(run_id)}`, or stop it with `bulkim ctl {self.run_name(run_id)} stop`",
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
                "INSERT INTO session (run_id, pid, host, process, started_at, seen_at, boot, clock_zero)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (run_id, me.pid, me.host, me.process, now, now, uptime.boot() or None, uptime.zero()),
            )
            return int(cursor.lastrowid or 0)

    def end_session(
        self, run_id: int, session_id: int, state: str, *, now: float, stop: tuple[str, str] | None = None
    ) -> None:
        """The session ends and leaves the run in `state`; `stop` is why, as (code, reason)."""
        code, reason = stop or (None, None)
        self._turns.commit()  # of a loop that ended in the middle of a turn
        with self._database.transaction() as tx:
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
        with self._database.transaction() as tx:
            done = "SELECT 1 FROM attempt WHERE run_id = ? AND mode <> 'page' LIMIT 1"
            if tx.execute(done, (run_id,)).fetchone():
                return False
            forget_run(tx, run_id)
        return True

    def ask(self, run_id: int, verb: str, calls_per_s: float | None, *, now: float) -> int:
        """Ask the session that works on a run to do something (see `records.Order`). Returns the order's id."""
        with self._database.transaction() as tx:
            cursor = tx.execute(
                "INSERT INTO control (session_id, verb, calls_per_s, asked_at)"
                " SELECT max(id), ?, ?, ? FROM session WHERE run_id = ?",
                (verb, calls_per_s, now, run_id),
            )
            return int(cursor.lastrowid or 0)

    def present(self) -> None:
        """Raises JournalLostError where the file is not under its name any more."""
        self._database.present()

    def save_beside(self, name: str) -> Path | None:
        """Where the journal is now, after it was lost: moved there, or a copy of it; None: it could not be saved."""
        return self._database.save_beside(name)

    def run_name(self, run_id: int) -> str:
        """The id that people type."""
        return str(self._database.row("SELECT run FROM run WHERE id = ?", (run_id,))[0])

    # ------------------------------------------------------------------------------------- sessions

    def session(self, run_id: int, session_id: int) -> Session:
        """A session's hand: what executes the run writes with it."""
        return Session(self._database, self._turns, run_id, session_id)

    def read_input(
        self, run_id: int, entries: Iterable[Entry], *, name: str, digest: str | None, now: float,
        judge: Callable[[InputChange], None] = lambda _: None,
    ) -> InputChange | None:  # fmt: skip
        """Bring the run's items in step with an input: new identities are added, known ones keep what they have.

        Pending items that are no longer there end as skipped (`removed`), and are pending again when they are back.
        Interrupted anywhere, it is done again. Where the run has items already, `judge` sees the change before it is taken
        over; if it raises, nothing is. None for a first reading.
        """
        return intake.read_input(
            self._database, run_id, entries, name=name, digest=digest, now=now, judge=judge
        )

    def withhold(self, run_id: int, protects: Callable[[str], str | None], *, now: float) -> int:
        """Whoever is pending and protected is not sent any more (`protects` says why). Returns how many."""
        return intake.withhold(self._database, run_id, protects, now=now)

    def write_terms(self, run_id: int, terms: Mapping[str, Any]) -> None:
        """What the run goes by from now on."""
        with self._database.transaction() as tx:
            tx.execute("UPDATE run SET terms = ? WHERE id = ?", (to_json(terms), run_id))

    def recover(self, run_id: int, *, now: float) -> int:
        """Attempts that a dead session left without an end put their items in doubt. Returns how many attempts."""
        return doubts.recover(self._database, run_id, now=now)


def forget_run(tx: sqlite3.Connection, run_id: int) -> None:
    """A run and all that belongs to it."""
    for table in ("pace", "control"):
        tx.execute(
            f"DELETE FROM {table} WHERE session_id IN (SELECT id FROM session WHERE run_id = ?)", (run_id,)
        )
    for table in ("item", "before", "tally", "attempt", "session"):
        tx.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
    tx.execute("DELETE FROM run WHERE id = ?", (run_id,))
