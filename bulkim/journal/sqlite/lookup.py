"""Which run is meant: the one that a job continues, the one that a name stands for, and who has been done already."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bulkim.errors import UsageError
from bulkim.journal.records import Entry, RunRecord
from bulkim.journal.sqlite.calls import Calls
from bulkim.journal.sqlite.database import of_keys
from bulkim.journal.sqlite.intake import differs

_RUN_COLUMNS = (
    "id, run, name, provider, operation, target, state, parent, selection, job_path, job_text, params, input_name,"
    " input_digest, item_limit, planned_at, created_at, finished_at, items, requests, retries, throttled, stop_code,"
    " stop_reason"
)
_LATER_COLUMNS = ("settings", "vendor_text", "terms", "rehearsal")  # an older journal may lack them
LAST = "last"
NEWEST_MAX = 50  # runs of a job that are looked at for what it did last
_NEWEST = " ORDER BY created_at DESC, id DESC"


class Lookup(Calls):
    """Questions about which run it is. All raise JournalError."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    # ---------------------------------------------------------------------------------------- runs

    def runs(self, *, limit: int | None = None) -> list[RunRecord]:
        """All runs, the newest first."""
        return self._runs("1 ORDER BY created_at DESC, id DESC LIMIT ?", (-1 if limit is None else limit,))

    def find(self, wanted: str) -> RunRecord:
        """The run that a person means: its id, a unique prefix of it, a job's name (its newest run) or `last`.

        Raises UsageError when there is none, more than one, or a name is two jobs'.
        """
        if not wanted:
            raise UsageError("a run's id is empty: no run is meant.", hint="`bulkim runs` lists them")
        if wanted == "last":
            found = self.runs(limit=1)
        else:
            found = self._runs("run = ?", (wanted,))
            if not found and (named := self._runs(f"name = ?{_NEWEST}", (wanted,))):
                return only_job(named, wanted)
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

    # ------------------------------------------------------------------------------------- of a job

    def newest_of(self, *, name: str, place: str | None) -> RunRecord | None:
        """The newest run of a job, known by its name and its file's place; retries and rehearsals left out."""
        found = self._real(f"name = ? AND parent IS NULL{_NEWEST}", (name,))
        return next((each for each in found if same_place(each.job_path, place)), None)

    def last_sent(self, *, name: str, provider: str, operation: str) -> float | None:
        """When a run of the job sent its newest request, Unix seconds; rehearsals, and runs that were discarded, left out."""
        found = self._real(
            f"name = ? AND provider = ? AND operation = ?{_NEWEST}", (name, provider, operation)
        )
        query = "SELECT max(began_at) FROM attempt WHERE run_id = ?"
        ats = [at for each in found[:NEWEST_MAX] for (at,) in self._database.rows(query, (each.id,))]
        return max((at for at in ats if at is not None), default=None)

    def namesakes(self, *, name: str, place: str | None, target: str) -> list[RunRecord]:
        """Unfinished runs at that target of other job files of that name, the newest first."""
        found = self._real(f"name = ? AND target = ?{_NEWEST}", (name, target))
        return [each for each in found if each.state != "finished" and not same_place(each.job_path, place)]

    def retries_of(self, parent: str) -> list[RunRecord]:
        """The unfinished retries of a run, the newest first."""
        return [each for each in self._real(f"parent = ?{_NEWEST}", (parent,)) if each.state != "finished"]

    def same_work(
        self, *, name: str, place: str | None, target: str, operation: str, params: Mapping[str, Any]
    ) -> list[RunRecord]:
        """All runs of a job that did this operation with these params at that target, retries among them."""
        found = self._real("name = ? AND target = ? AND operation = ?", (name, target, operation))
        return [
            each for each in found if dict(each.params) == dict(params) and same_place(each.job_path, place)
        ]

    def family(self, run: str) -> list[int]:
        """Row ids of a run and of its retries."""
        return [each.id for each in self._runs("run = ?1 OR parent = ?1", (run,))]

    def _real(self, condition: str, values: Sequence[Any]) -> list[RunRecord]:
        """Without rehearsals."""
        return [each for each in self._runs(condition, values) if not each.rehearsal]

    # ------------------------------------------------------------------------------------- by name

    def feeding(self, wanted: str, *, rehearsal: bool) -> RunRecord:
        """The run that `source: {run: ...}` means: an id, the beginning of one, a job's name, or `last`.

        Names and `last` skip rehearsals; in a rehearsal they find rehearsals first. Raises UsageError where there is none,
        where a name is two jobs', and for a rehearsal outside of rehearsals.
        """
        if by_id := self._runs("run = ?", (wanted,)):
            return _fit(by_id[0], rehearsal=rehearsal)
        named = self.runs() if wanted == LAST else self._runs(f"name = ?{_NEWEST}", (wanted,))
        kinds = (True, False) if rehearsal else (False,)
        of_kinds = ([each for each in named if each.rehearsal is kind] for kind in kinds)
        if found := next(filter(None, of_kinds), None):
            return found[0] if wanted == LAST else only_job(found, wanted)
        return _fit(self.find(wanted), rehearsal=rehearsal)

    # ------------------------------------------------------------------------------- who is in them

    def overlap(self, run_id: int, other_id: int) -> tuple[int, str] | None:
        """How many of a run's items another run has, too, skipped ones apart, and one of them; None: none."""
        items, example = self._database.row(
            "SELECT count(*), min(one.username) FROM item AS one JOIN item AS two ON two.run_id = ? AND two.key = one.key"
            " WHERE one.run_id = ? AND one.key IS NOT NULL"
            " AND coalesce(one.outcome, '') <> 'skipped' AND coalesce(two.outcome, '') <> 'skipped'",
            (other_id, run_id),
        )
        return (items, example) if items else None

    def done_since(
        self, run_id: int, later: int, *, outcome: Sequence[str], code: Sequence[str]
    ) -> tuple[int, str] | None:
        """How many of a run's items that ended so a later run left succeeded or unchanged, and one of them; None: none."""
        coded = f" AND one.code IN ({', '.join('?' * len(code))})" if code else ""
        items, example = self._database.row(
            "SELECT count(*), min(one.username) FROM item AS one JOIN item AS two ON two.run_id = ? AND two.key = one.key"
            f" WHERE one.run_id = ? AND coalesce(one.outcome, 'pending') IN ({', '.join('?' * len(outcome))}){coded}"
            " AND two.outcome IN ('succeeded', 'unchanged')",
            (later, run_id, *outcome, *code),
        )
        return (items, example) if items else None

    def done_among(self, run_ids: Sequence[int], keys: Sequence[str]) -> set[str]:
        """Those of `keys` that one of these runs left succeeded or unchanged."""
        done = set[str]()
        for run_id in run_ids:
            rows = self._database.rows(
                f"SELECT key {of_keys(len(keys))} AND outcome IN ('succeeded', 'unchanged')",
                (run_id, *keys),
            )
            done.update(key for (key,) in rows)
        return done

    def changed_among(self, run_ids: Sequence[int], entries: Sequence[Entry]) -> list[Entry]:
        """Those entries that these runs ended with other values. What the newest of the runs sent counts."""
        keys = [entry.key for entry in entries]
        sent: dict[str | None, tuple[str | None, bytes | None]] = {}
        for run_id in sorted(run_ids):
            rows = self._database.rows(
                f"SELECT key, fields, digest {of_keys(len(keys))}"
                " AND outcome IS NOT NULL AND outcome <> 'skipped'",
                (run_id, *keys),
            )
            sent |= {key: (fields, digest) for key, fields, digest in rows}
        return [entry for entry in entries if entry.key in sent and differs(entry, *sent[entry.key])]


def same_place(one: str | None, other: str | None) -> bool:
    """Whether two places are one job file's; an older bulkim resolved links before it wrote a place down."""
    if one is None or other is None:
        return one is other
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def only_job(found: Sequence[RunRecord], name: str) -> RunRecord:
    """The newest of the runs of one name. Raises UsageError where they are of two job files."""
    newest: list[RunRecord] = []
    for each in found:
        if not any(same_place(each.job_path, other.job_path) for other in newest):
            newest.append(each)
    if len(newest) == 1:
        return newest[0]
    listed = "; ".join(f"{each.run} of {each.job_path or 'no file'}" for each in newest[:5])
    raise UsageError(f"{name!r} is the name of {len(newest)} jobs: {listed}.", hint="name the run by its id")


def _fit(record: RunRecord, *, rehearsal: bool) -> RunRecord:
    if record.rehearsal and not rehearsal:
        raise UsageError(
            f"run {record.run} was a rehearsal: nobody at the vendor was touched by it.",
            hint="name a real run, or rehearse this job too, with --sandbox",
        )
    return record
