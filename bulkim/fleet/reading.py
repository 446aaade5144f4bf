"""A run's journal in PostgreSQL, as the live block reads it: as much of `bulkim.journal.Reader` as that asks for."""

from __future__ import annotations

import json
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

from bulkim.fleet.journal import COUNTS, by_status
from bulkim.fleet.pull import row_of
from bulkim.journal.records import CodeCount, PoolRate, RunRecord
from bulkim.model import Status


class Books:
    """One run of a fleet, through one connection: whatever it is asked about, it answers for that."""

    def __init__(self, connection: Any, run: str) -> None:
        self._connection, self._run = connection, run

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(statement, values).fetchall())

    def get(self, _run_id: int) -> RunRecord:
        row = row_of(self._connection, self._run)
        values: dict[str, Any] = {name: row.get(name) for name in RunRecord.__slots__}
        for name in ("params", "selection", "settings", "terms"):
            values[name] = json.loads(values[name]) if values[name] else None
        return RunRecord(**values)

    def counts(self, run_id: int) -> dict[Status, int]:
        return by_status(self._connection.execute(COUNTS, {"run": run_id}))

    def code_counts(self, run_id: int) -> list[CodeCount]:
        rows = self._rows(
            "SELECT outcome, code, items, example, reason FROM bulkim.tally WHERE run_id = %s AND code NOT IN ('', '0')"
            " ORDER BY items DESC, outcome, code", run_id,
        )  # fmt: skip
        return [CodeCount(*row) for row in rows]

    def rates(self, run_id: int) -> list[PoolRate]:
        rows = self._rows(
            "SELECT DISTINCT ON (pool) pool, limit_per_s, allowed_per_s FROM bulkim.pace"
            " WHERE session_id = (SELECT max(id) FROM bulkim.session WHERE run_id = %s) ORDER BY pool, at DESC", run_id,
        )  # fmt: skip
        return [PoolRate(*row) for row in rows]

    def paused(self, run_id: int) -> bool:
        return self._rows("SELECT state = 'paused' FROM bulkim.claim WHERE run_id = %s", run_id) == [(True,)]

    def in_flight(self, run_id: int) -> int:
        ((calls,),) = self._rows(
            "SELECT count(*) FROM bulkim.attempt AS a JOIN bulkim.claim AS c USING (run_id)"
            " WHERE run_id = %s AND a.id >= c.low AND a.ended_at IS NULL", run_id,
        )  # fmt: skip
        return int(calls)

    def _last(self, run_id: int, what: str, condition: str, *values: Any, calls: int) -> Any:
        """Of the last calls: never a look at all of them."""
        newest = "SELECT * FROM bulkim.attempt WHERE run_id = %s ORDER BY id DESC LIMIT %s"
        ((found,),) = self._rows(
            f"SELECT {what} FROM ({newest}) AS _ WHERE {condition}", run_id, calls, *values
        )
        return found

    def latency_s(self, run_id: int, *, calls: int) -> float | None:
        took: float | None = self._last(run_id, "avg(ended_at - began_at)", "kind <> 'lost'", calls=2 * calls)
        return took

    def calls_since(self, run_id: int, moment: float, *, but: Collection[str] = ()) -> int:
        asked = "began_at > %s AND mode <> ALL(%s)"
        return int(self._last(run_id, "count(*)", asked, moment, list(but), calls=2_000))

    def calls_after(self, run_id: int, newest: int, *, but: Collection[str] = ()) -> tuple[int, int]:
        ((last, found),) = self._rows(
            "SELECT max(id), count(*) FROM bulkim.attempt WHERE run_id = %s AND id > %s AND mode <> ALL(%s)",
            run_id, newest, list(but),
        )  # fmt: skip
        return last or newest, found

    def sessions(self, run_id: int) -> list[SimpleNamespace]:
        rows = self._rows("SELECT started_at FROM bulkim.session WHERE run_id = %s ORDER BY id", run_id)
        return [SimpleNamespace(started_at=at) for (at,) in rows]

    def ended_before(self, run_id: int, moment: float) -> dict[Status, int]:
        ended = "SELECT outcome, count(*) FROM bulkim.item WHERE run_id = %s AND finished_at < %s GROUP BY 1"
        return by_status(self._rows(ended, run_id, moment))
