"""Reading the journal: sessions, calls and what was allowed, as reports and whoever follows a run want them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import Any

from bulkim.journal import lease
from bulkim.journal.records import Allowance, KindCount, Order, PoolRate, Worked
from bulkim.journal.sqlite.database import Database
from bulkim.journal.sqlite.session import ORDERS
from bulkim.model import Status
from bulkim.text import utc


class Calls:
    """Questions about how a run went. Runs are named by their row ids; all raise JournalError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------------------------------ sessions

    def holder(self, run_id: int) -> lease.Holder | None:
        """The living process that works on the run, if there is one."""
        row = self._database.row(
            "SELECT pid, host, process, seen_at FROM session WHERE run_id = ? AND ended_at IS NULL", (run_id,)
        )
        if row is None:
            return None
        found = lease.Holder(*row[:3])
        return found if lease.alive(found, seen_at=row[3], now=time.time()) else None

    def sessions(self, run_id: int) -> list[Worked]:
        """All of a run's, in order. One that was killed may have called after its last sign of life."""
        rows = self._database.rows(
            "SELECT id, pid, host, started_at, coalesce(ended_at, max(seen_at, coalesce((SELECT max(began_at) FROM attempt"
            " WHERE run_id = session.run_id AND session_id = session.id), 0))), ended FROM session WHERE run_id = ?"
            " ORDER BY started_at, id",
            (run_id,),
        )
        return [Worked(*row) for row in rows]

    def ended_before(self, run_id: int, moment: float) -> dict[Status, int]:
        """Items by status that had ended before a moment."""
        rows = self._database.rows(
            "SELECT outcome, count(*) FROM item WHERE run_id = ? AND finished_at < ? GROUP BY outcome",
            (run_id, moment),
        )
        return dict.fromkeys(Status, 0) | {Status(outcome): items for outcome, items in rows}

    # --------------------------------------------------------------------------------------- calls

    def calls(self, run_id: int) -> Iterator[tuple[int, float, float | None, str | None, str]]:
        """(session, began, ended, kind, mode) of each call, in order of time, streaming."""
        return self._database.rows(
            "SELECT session_id, began_at, ended_at, kind, mode FROM attempt WHERE run_id = ? ORDER BY began_at",
            (run_id,),
        )

    def kinds(self, run_id: int) -> list[KindCount]:
        """Calls by mode and by what their answers meant, the most frequent first."""
        rows = self._database.rows(
            "SELECT mode, coalesce(kind, 'in flight'), count(*), sum(size),"
            " avg((ended_at - began_at) * 1000) FILTER (WHERE kind <> 'lost') FROM attempt"
            " WHERE run_id = ? GROUP BY 1, 2 ORDER BY 3 DESC",
            (run_id,),
        )
        return [KindCount(*row) for row in rows]

    def largest_call(self, run_id: int) -> int:
        """Items in the largest call that was to do something; 1 where there was none."""
        row = self._database.row(
            "SELECT max(size) FROM attempt WHERE run_id = ? AND mode = 'send'", (run_id,)
        )
        return int(row[0] or 1)

    def in_flight(self, run_id: int) -> int:
        """Calls without an end."""
        row = self._database.row(
            "SELECT count(*) FROM attempt WHERE run_id = ? AND ended_at IS NULL", (run_id,)
        )
        return int(row[0])

    def calls_since(self, run_id: int, moment: float, *, but: Collection[str] = ()) -> int:
        """Calls that began after a moment; none of the modes `but`."""
        row = self._database.row(
            "SELECT count(*) FROM attempt WHERE run_id = ? AND began_at > ?"
            f" AND mode NOT IN ({', '.join('?' * len(but))})",
            (run_id, moment, *but),
        )
        return int(row[0])

    def calls_after(self, run_id: int, newest: int, *, but: Collection[str] = ()) -> tuple[int, int]:
        """(the newest call's id, how many came after the call `newest`); none of the modes `but`."""
        last, found = self._database.row(
            "SELECT max(id), count(*) FROM attempt WHERE +run_id = ? AND id > ?"  # by id: the index has all of the run
            f" AND mode NOT IN ({', '.join('?' * len(but))})",
            (run_id, newest, *but),
        )
        return last or newest, found

    def latency_s(self, run_id: int, *, calls: int) -> float | None:
        """The mean of the last answered calls."""
        row = self._database.row(
            "SELECT avg(took) FROM (SELECT ended_at - began_at AS took FROM attempt WHERE run_id = ?"
            " AND kind <> 'lost' ORDER BY began_at DESC LIMIT ?)",
            (run_id, calls),
        )
        found: float | None = row[0]
        return found

    def latencies(self, target: str, operation: str, *, calls: int) -> list[float]:
        """Of the latest answered calls of runs with that target, in seconds: of this operation, or of others where it had none."""
        for condition in ("operation = ?2", "operation <> ?2"):
            rows = self._database.rows(
                "SELECT ended_at - began_at FROM attempt WHERE run_id IN (SELECT id FROM run WHERE target = ?1"
                f" AND {condition} ORDER BY id DESC LIMIT 20) AND kind NOT IN ('lost', 'throttled') ORDER BY id DESC LIMIT ?3",
                (target, operation, calls),
            )
            if found := [took for (took,) in rows if took is not None and took >= 0]:
                return found
        return []

    def attempts(self, run_id: int, ordinal: int) -> list[dict[str, Any]]:
        """Every call that carried the item, in order."""
        rows = self._database.rows(
            "SELECT id, mode, size, began_at, ended_at, http_status, kind, code, reason FROM attempt"
            " WHERE run_id = ? AND EXISTS (SELECT 1 FROM json_each(attempt.items) WHERE value = ?) ORDER BY id",
            (run_id, ordinal),
        )
        return [
            {
                "attempt": number, "mode": mode, "size": size, "began_at": utc(began),
                "latency_ms": None if ended is None else round((ended - began) * 1000, 1),
                "http_status": status, "kind": kind or "in flight", "code": code, "reason": reason,
            }
            for number, mode, size, began, ended, status, kind, code, reason in rows
        ]  # fmt: skip

    # ------------------------------------------------------------------------------ what was allowed

    def allowances(self, run_id: int) -> list[Allowance]:
        """What the run's sessions were allowed, in order of time; nothing in an older bulkim's journal."""
        if not self._columns_of("pace"):
            return []
        rows = self._database.rows(
            f"SELECT session_id, at, pool, limit_per_s, allowed_per_s, {self._rest} FROM pace"
            " WHERE session_id IN (SELECT id FROM session WHERE run_id = ?) ORDER BY at",
            (run_id,),
        )
        return [Allowance(session_id, at, PoolRate(*rate)) for session_id, at, *rate in rows]

    def rates(self, run_id: int) -> list[PoolRate]:
        """What the run's newest session is allowed now, of each pool; nothing in an older bulkim's journal."""
        if not self._columns_of("pace"):
            return []
        rows = self._database.rows(
            f"SELECT pool, limit_per_s, allowed_per_s, {self._rest}, max(at) FROM pace"
            " WHERE session_id = (SELECT max(id) FROM session WHERE run_id = ?) GROUP BY pool",
            (run_id,),
        )
        return [PoolRate(*rate) for *rate, _ in rows]

    def orders(self, run_id: int) -> list[Order]:
        """What people asked the run's sessions to do, in order of time; nothing in an older bulkim's journal."""
        if not self._columns_of("control"):
            return []
        rows = self._database.rows(
            f"{ORDERS} WHERE session_id IN (SELECT id FROM session WHERE run_id = ?) ORDER BY id", (run_id,)
        )
        return [Order(*row) for row in rows]

    def paused(self, run_id: int) -> bool:
        """Whether the run's newest session has paused."""
        newest = self._database.row("SELECT max(id) FROM session WHERE run_id = ?", (run_id,))[0]
        said = [each.verb for each in self.orders(run_id) if each.session_id == newest and each.obeyed_at]
        return [verb for verb in said if verb in {"pause", "resume"}][-1:] == ["pause"]

    @property
    def _rest(self) -> str:
        there = self._columns_of("pace")
        return ", ".join(name if name in there else "NULL" for name in ("rest_until", "asked_s"))

    def _columns_of(self, table: str) -> frozenset[str]:
        return frozenset(
            name for (name,) in self._database.rows("SELECT name FROM pragma_table_info(?)", (table,))
        )
