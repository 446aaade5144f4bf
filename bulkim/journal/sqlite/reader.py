"""Reading the journal: runs, one run's summary, its items. Never writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from bulkim.errors import UsageError
from bulkim.journal.records import CodeCount, Done, Result, RunRecord
from bulkim.journal.sqlite.calls import Calls
from bulkim.journal.sqlite.database import Database
from bulkim.journal.sqlite.session import pending
from bulkim.journal.sqlite.tally import counts
from bulkim.model import KEY_SEPARATOR, Item, Status
from bulkim.text import utc

_RUN_COLUMNS = (
    "id, run, name, provider, operation, target, state, parent, selection, job_path, job_text, params, input_name,"
    " input_digest, item_limit, planned_at, created_at, finished_at, items, requests, retries, throttled, stop_code,"
    " stop_reason"
)
_LATER_COLUMNS = ("settings", "vendor_text", "terms", "rehearsal")  # an older journal may lack them
_AFTER_SEPARATOR = chr(ord(KEY_SEPARATOR) + 1)


class Reader(Calls):
    """Questions to a journal. A run is named by its row id, once it was found; all raise JournalError."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a journal that must be there, to read it only. Raises JournalError."""
        return cls(Database.open_to_read(path))

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------- runs

    def runs(self, *, limit: int | None = None) -> list[RunRecord]:
        """All runs, the newest first."""
        return self._runs("1 ORDER BY created_at DESC, id DESC LIMIT ?", (-1 if limit is None else limit,))

    def find(self, wanted: str) -> RunRecord:
        """The run that a person means: its id, a unique prefix of it, a job's name (its newest run) or `last`.

        Raises UsageError when there is none, or more than one.
        """
        if wanted == "last":
            found = self.runs(limit=1)
        else:
            found = self._runs("run = ?", (wanted,)) or self._runs(
                "name = ? ORDER BY created_at DESC, id DESC LIMIT 1", (wanted,)
            )
            found = found or self._runs("substr(run, 1, length(?1)) = ?1", (wanted,))
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(record.run for record in found[:5])
            raise UsageError(
                f"{wanted!r} is the beginning of {len(found)} runs: {ids}.", hint="type one letter more"
            )
        raise UsageError(f"the journal {self.path} has no run {wanted!r}.", hint="`bulkim runs` lists them")

    def get(self, run_id: int) -> RunRecord:
        """The run with that row id."""
        return self._runs("id = ?", (run_id,))[0]

    def unfinished(self, *, name: str, provider: str, operation: str, target: str) -> RunRecord | None:
        """The newest run of this job that has not finished, retries left out."""
        found = self._runs(
            "name = ? AND provider = ? AND operation = ? AND target = ? AND parent IS NULL"
            " ORDER BY created_at DESC, id DESC LIMIT 1",
            (name, provider, operation, target),
        )
        return found[0] if found and found[0].state != "finished" else None

    def unfinished_retry(self, parent: str, selection: Mapping[str, Any]) -> RunRecord | None:
        """The newest retry of that run with that selection, when it has not finished."""
        found = self._runs("parent = ? ORDER BY created_at DESC, id DESC LIMIT 1", (parent,))
        if found and found[0].state != "finished" and found[0].selection == selection:
            return found[0]
        return None

    @cached_property
    def _columns(self) -> str:
        there = {name for (name,) in self._database.rows("SELECT name FROM pragma_table_info('run')")}
        return ", ".join([_RUN_COLUMNS, *(name if name in there else "NULL" for name in _LATER_COLUMNS)])

    def _runs(self, condition: str, values: Sequence[Any]) -> list[RunRecord]:
        rows = list(self._database.rows(f"SELECT {self._columns} FROM run WHERE {condition}", values))
        return [self._record(row) for row in rows]

    def _record(self, row: Sequence[Any]) -> RunRecord:
        values = dict(zip(RunRecord.__slots__, row, strict=True))
        values["params"] = json.loads(values["params"])
        for name in ("selection", "settings", "terms"):
            values[name] = json.loads(values[name]) if values[name] else None
        values["rehearsal"] = bool(values["rehearsal"])
        if values["state"] == "running" and self.holder(values["id"]) is None:
            values["state"] = "interrupted"
        return RunRecord(**values)

    def tables(self) -> frozenset[str]:
        """Names of the file's tables and views: an older bulkim's has fewer."""
        return frozenset(name for (name,) in self._database.rows("SELECT name FROM sqlite_master"))

    # -------------------------------------------------------------------------------------- counted

    def counts(self, run_id: int) -> dict[Status, int]:
        """Items by status; they add up to the run's items."""
        return counts(self._database, run_id)

    def summary(self, record: RunRecord, *, resumed: bool | None = None) -> dict[str, Any]:
        """The object that `run --json` and `show --json` print."""
        numbers = {str(status): number for status, number in self.counts(record.id).items()}
        # A session that was killed may have called after its last sign of life.
        elapsed, sessions = self._database.row(
            "SELECT coalesce(sum(coalesce(ended_at, max(seen_at, last_call)) - started_at), 0), count(*) FROM session,"
            " (SELECT coalesce(max(began_at), 0) AS last_call FROM attempt WHERE run_id = :run) WHERE run_id = :run",
            {"run": record.id},
        )
        found = {
            "run": record.run, "name": record.name, "provider": record.provider, "operation": record.operation,
            "state": record.state, "items": record.items, "counts": numbers, "codes": self.codes(record.id),
            "requests": record.requests, "retries": record.retries, "throttled": record.throttled,
            "resumed": sessions > 1 if resumed is None else resumed,
            "elapsed_s": round(elapsed, 3), "journal": str(self.path),
        }  # fmt: skip
        if record.stop_code:
            found["stop"] = {"code": record.stop_code, "reason": record.stop_reason}
        if record.parent:
            found["parent"] = record.parent
        return found

    def codes(self, run_id: int) -> dict[str, int]:
        """Every code with the number of items that it ended, the most frequent first; plain success left out."""
        return dict(
            self._database.rows(
                "SELECT code, sum(items) AS n FROM tally WHERE run_id = ? AND code NOT IN ('', '0')"
                " GROUP BY code ORDER BY n DESC, code",
                (run_id,),
            )
        )

    def code_counts(self, run_id: int) -> list[CodeCount]:
        """Outcomes and codes with one example each, the most frequent first; plain successes left out."""
        rows = self._database.rows(
            "SELECT outcome, code, items, example, reason FROM tally WHERE run_id = ? AND code NOT IN ('', '0')"
            " ORDER BY items DESC, outcome, code",
            (run_id,),
        )
        return [CodeCount(*row) for row in rows]

    def invalid(self, run_id: int) -> int:
        """How many items were skipped as invalid."""
        row = self._database.row(
            "SELECT items FROM tally WHERE run_id = ? AND outcome = 'skipped' AND code = 'invalid'", (run_id,)
        )
        return row[0] if row else 0

    def tries(self, run_id: int) -> list[tuple[int, int]]:
        """(sendings, how many items were sent so often)."""
        return list(
            self._database.rows(
                "SELECT attempts, count(*) FROM item WHERE run_id = ? GROUP BY 1 ORDER BY 1", (run_id,)
            )
        )

    def last_ordinal(self, run_id: int) -> int:
        """The last item's; 0 where there is none."""
        return int(
            self._database.row("SELECT coalesce(max(ordinal), 0) FROM item WHERE run_id = ?", (run_id,))[0]
        )

    def cells(self, run_id: int, size: int) -> Iterator[tuple[int, str, int]]:
        """(place from 0, outcome, items) of every `size` items that follow one another."""
        return self._database.rows(
            "SELECT (ordinal - 1) / ?, coalesce(outcome, 'pending'), count(*) FROM item WHERE run_id = ? GROUP BY 1, 2",
            (size, run_id),
        )

    # ---------------------------------------------------------------------------------------- items

    def pending(self, run_id: int, *, limit: int) -> list[Item]:
        """The next items to send, in the input's order."""
        return pending(self._database, run_id, after=0, limit=limit)

    def results(
        self, run_id: int, *, outcome: Sequence[str] = (), code: Sequence[str] = ()
    ) -> Iterator[Result]:
        """The run's items in order, streaming; empty filters let all through."""
        return self._results(run_id, *_selection(outcome, code))

    def user(self, run_id: int, username: str, folded: Callable[[str], str]) -> list[Result]:
        """The items that are about a user; `folded` is how the run's vendor compares names.

        Several where an item's identity has more parts than the username.
        """
        key = folded(username)
        parts = (key, f"{key}{KEY_SEPARATOR}", f"{key}{_AFTER_SEPARATOR}", username)
        return list(self._results(run_id, "(key = ? OR (key >= ? AND key < ?) OR username = ?)", parts))

    def is_user(self, run_id: int, username: str, folded: Callable[[str], str]) -> bool:
        """Whether the run has an item that is about the user."""
        key = folded(username)
        found = self._database.row(
            "SELECT 1 FROM item WHERE run_id = ? AND (key = ? OR (key >= ? AND key < ?)) LIMIT 1",
            (run_id, key, f"{key}{KEY_SEPARATOR}", f"{key}{_AFTER_SEPARATOR}"),
        )
        return found is not None

    def _results(self, run_id: int, condition: str, values: Sequence[Any]) -> Iterator[Result]:
        rows = self._database.rows(
            "SELECT ordinal, username, coalesce(outcome, 'pending'), code, reason, attempts, http_status, finished_at,"
            f" data, extra, line, fields FROM item WHERE run_id = ? AND {condition} ORDER BY ordinal",
            (run_id, *values),
        )
        for ordinal, name, ended, its_code, said, tries, status, finished_at, data, extra, line, own in rows:
            parsed = json.loads(data) if data else None
            others = json.loads(extra) if extra else {}
            sent = json.loads(own) if own else {}
            at = None if finished_at is None else utc(finished_at)
            yield Result(ordinal, name, ended, its_code, said, tries, status, at, parsed, others, line, sent)

    def done(self, run_id: int) -> Iterator[Done]:
        """Items that succeeded or were so before, in order, streaming."""
        rows = self._database.rows(
            "SELECT ordinal, coalesce(key, username), username, outcome, fields, finished_at FROM item"
            " WHERE run_id = ? AND outcome IN ('succeeded', 'unchanged') ORDER BY ordinal",
            (run_id,),
        )
        for ordinal, key, username, outcome, fields, finished_at in rows:
            yield Done(ordinal, key, username, outcome, json.loads(fields) if fields else {}, finished_at)

    def selected_keys(
        self, run_id: int, *, outcome: Sequence[str], code: Sequence[str], keys: Sequence[str]
    ) -> set[str]:
        """Those of `keys` whose item in the run has one of these outcomes and codes."""
        condition, values = _selection(outcome, code)
        rows = self._database.rows(
            f"SELECT key FROM item WHERE run_id = ? AND key IN ({','.join('?' * len(keys))}) AND {condition}",
            (run_id, *keys, *values),
        )
        return {key for (key,) in rows}


def _selection(outcome: Sequence[str], code: Sequence[str]) -> tuple[str, list[Any]]:
    parts, values = ["1"], list[Any]()
    if outcome:
        parts.append(f"coalesce(outcome, 'pending') IN ({','.join('?' * len(outcome))})")
        values += outcome
    if code:
        parts.append(f"code IN ({','.join('?' * len(code))})")
        values += code
    return " AND ".join(parts), values
