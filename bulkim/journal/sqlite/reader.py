"""Reading the journal: runs, one run's summary, its items. Never writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from bulkim.journal.records import Before, CodeCount, Done, Result, RunRecord
from bulkim.journal.sqlite.database import Database, of_keys
from bulkim.journal.sqlite.lookup import Lookup
from bulkim.journal.sqlite.session import pending
from bulkim.journal.sqlite.tally import counts
from bulkim.model import KEY_SEPARATOR, Item, Status
from bulkim.text import utc

_AFTER_SEPARATOR = chr(ord(KEY_SEPARATOR) + 1)

_UNSEEN = {"unknown": "nobody looked"}


class Reader(Lookup):
    """Questions to a journal. A run is named by its row id, once it was found; all raise JournalError."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a journal that must be there, to read it only. Raises JournalError."""
        return cls(Database.open_to_read(path))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        if record.state == "running":
            found |= self._halted(record.id)
        if record.stop_code:
            found["stop"] = {"code": record.stop_code, "reason": record.stop_reason}
        if record.rehearsal:
            found["rehearsal"] = True
        if record.parent:
            found["parent"] = record.parent
        return found

    def _halted(self, run_id: int) -> dict[str, Any]:
        """Why a run that goes on sends nothing now, if so."""
        rests = [
            (each.rest_until, each.asked_s) for each in self.rates(run_id) if each.rest_until and each.asked_s
        ]
        until, asked_s = max(rests, default=(0.0, 0.0))
        resting = {"resting": {"until": utc(until), "asked_s": asked_s}} if until > time.time() else {}
        return resting | ({"paused": True} if self.paused(run_id) else {})

    def summary_of_nothing(self, record: RunRecord) -> dict[str, Any]:
        """The same object of a run that was not made, for want of items."""
        empty = {
            "run": "",
            "state": "finished",
            "items": 0,
            "counts": dict.fromkeys(map(str, Status), 0),
            "codes": {},
        }
        known = {"name": record.name, "provider": record.provider, "operation": record.operation}
        rest = {
            "requests": 0,
            "retries": 0,
            "throttled": 0,
            "resumed": False,
            "elapsed_s": 0.0,
            "journal": str(self.path),
        }
        return empty | known | rest | ({"parent": record.parent} if record.parent else {})

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

    def number_of(self, run_id: int, *, outcome: Sequence[str] = (), code: Sequence[str] = ()) -> int:
        """How many `results` of these filters there are."""
        condition, values = _selection(outcome, code)
        (items,) = self._database.row(
            f"SELECT count(*) FROM item WHERE run_id = ? AND {condition}", (run_id, *values)
        )
        return int(items)

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

    def endings(self, run_id: int, keys: Sequence[str]) -> dict[str, tuple[str, str | None, str | None]]:
        """Identity -> (outcome, code, reason) of those of `keys` that are items of the run."""
        rows = self._database.rows(
            f"SELECT key, coalesce(outcome, 'pending'), code, reason {of_keys(len(keys))}",
            (run_id, *keys),
        )
        return {key: (outcome, code, reason) for key, outcome, code, reason in rows}

    def images(self, run_id: int) -> Iterator[Before]:
        """What was there before, of the items that succeeded, in order, streaming."""
        if "before" not in self.tables():  # an older version's
            for done in self.done(run_id):
                if done.outcome == "succeeded":
                    yield Before(done, _UNSEEN)
            return
        rows = self._database.rows(
            "SELECT item.ordinal, coalesce(key, username), username, fields, finished_at, read_at, image FROM item LEFT JOIN before"
            " ON before.run_id = item.run_id AND before.ordinal = item.ordinal"
            " WHERE item.run_id = ? AND outcome = 'succeeded' ORDER BY item.ordinal",
            (run_id,),
        )
        for ordinal, key, username, fields, finished_at, read_at, image in rows:
            found = json.loads(image) if image else _UNSEEN
            done = Done(
                ordinal,
                key,
                username,
                "succeeded",
                json.loads(fields) if fields else {},
                finished_at,
                read_at,
            )
            yield Before(done, found)

    def has_images(self, run_id: int) -> bool:
        """Whether the run wrote down what was there before."""
        if "before" not in self.tables():
            return False
        return self._database.row("SELECT 1 FROM before WHERE run_id = ? LIMIT 1", (run_id,)) is not None

    def selected_keys(
        self, run_id: int, *, outcome: Sequence[str], code: Sequence[str], keys: Sequence[str]
    ) -> set[str]:
        """Those of `keys` whose item in the run has one of these outcomes and codes."""
        condition, values = _selection(outcome, code)
        rows = self._database.rows(
            f"SELECT key {of_keys(len(keys))} AND {condition}",
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
