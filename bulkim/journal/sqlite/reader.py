"""Reading the journal: runs, one run's summary, its results, one user's attempts. Never writes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkim.errors import UsageError
from bulkim.journal import lease
from bulkim.journal.records import PoolRate
from bulkim.journal.sqlite.writer import Journal
from bulkim.text import utc


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A row of `run`, with JSON columns parsed. Times are Unix seconds."""

    id: int
    run: str
    name: str
    provider: str
    operation: str
    target: str
    state: str  # a run that a dead process left "running" is interrupted
    parent: str | None
    selection: Mapping[str, Any] | None
    job_path: str | None
    job_text: str | None
    params: Mapping[str, Any]
    input_name: str | None
    input_digest: str | None
    item_limit: int | None
    planned_at: float | None
    created_at: float
    finished_at: float | None
    items: int
    requests: int
    retries: int
    throttled: int
    stop_code: str | None
    stop_reason: str | None
    settings: Mapping[str, Any] | None  # None: a bulkim that did not keep them
    vendor_text: str | None  # a provider of one's own, as it was declared
    terms: Mapping[str, Any] | None
    rehearsal: bool


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a code ended an item, with one example."""

    outcome: str
    code: str
    items: int
    example: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """One item of a run, as `bulkim results` prints it."""

    ordinal: int
    username: str
    outcome: str
    code: str | None
    reason: str | None
    attempts: int
    http_status: int | None
    finished_at: str | None  # ISO 8601, UTC
    data: Any
    extra: Mapping[str, Any]
    line: int | None
    fields: Mapping[str, Any] = field(
        default_factory=dict
    )  # what was sent with it, without constants and secrets


@dataclass(frozen=True, slots=True)
class Done:
    """An item of which the journal says that it is so, with what was sent but for constants and secrets."""

    ordinal: int
    key: str
    username: str
    outcome: str
    fields: Mapping[str, Any]
    finished_at: float


_RUN_COLUMNS = (
    "id, run, name, provider, operation, target, state, parent, selection, job_path, job_text, params, input_name,"
    " input_digest, item_limit, planned_at, created_at, finished_at, items, requests, retries, throttled, stop_code,"
    " stop_reason"
)
_LATER_COLUMNS = ("settings", "vendor_text", "terms", "rehearsal")  # an older journal may lack them


def open_existing(path: Path) -> Journal:
    """Open a journal that must be there, to read it only. Raises JournalError."""
    return Journal.open_to_read(path)


def runs(journal: Journal, *, limit: int | None = None) -> list[RunRecord]:
    """All runs, the newest first."""
    return _runs(journal, "1 ORDER BY created_at DESC, id DESC LIMIT ?", (-1 if limit is None else limit,))


def find(journal: Journal, wanted: str) -> RunRecord:
    """The run that a person means: its id, a unique prefix of it, a job's name (its newest run) or `last`.

    Raises UsageError when there is none, or more than one.
    """
    if wanted == "last":
        found = runs(journal, limit=1)
    else:
        found = _runs(journal, "run = ?", (wanted,)) or _runs(
            journal, "name = ? ORDER BY created_at DESC, id DESC LIMIT 1", (wanted,)
        )
        found = found or _runs(journal, "substr(run, 1, length(?1)) = ?1", (wanted,))
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(record.run for record in found[:5])
        raise UsageError(
            f"{wanted!r} is the beginning of {len(found)} runs: {ids}.", hint="type one letter more"
        )
    raise UsageError(f"the journal {journal.path} has no run {wanted!r}.", hint="`bulkim runs` lists them")


def unfinished(
    journal: Journal, *, name: str, provider: str, operation: str, target: str
) -> RunRecord | None:
    """The newest run of this job that has not finished, retries left out."""
    found = _runs(
        journal,
        "name = ? AND provider = ? AND operation = ? AND target = ? AND parent IS NULL"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        (name, provider, operation, target),
    )
    return found[0] if found and found[0].state != "finished" else None


def unfinished_retry(journal: Journal, parent: str, selection: Mapping[str, Any]) -> RunRecord | None:
    """The newest retry of that run with that selection, when it has not finished."""
    found = _runs(journal, "parent = ? ORDER BY created_at DESC, id DESC LIMIT 1", (parent,))
    if found and found[0].state != "finished" and found[0].selection == selection:
        return found[0]
    return None


def get(journal: Journal, run_id: int) -> RunRecord:
    """The run with that row id."""
    return _runs(journal, "id = ?", (run_id,))[0]


def invalid(journal: Journal, run_id: int) -> int:
    """How many items were skipped as invalid."""
    row = journal.connection.execute(
        "SELECT items FROM tally WHERE run_id = ? AND outcome = 'skipped' AND code = 'invalid'", (run_id,)
    ).fetchone()
    return row[0] if row else 0


def _runs(journal: Journal, condition: str, values: Sequence[Any]) -> list[RunRecord]:
    there = {name for (name,) in journal.connection.execute("SELECT name FROM pragma_table_info('run')")}
    later = ", ".join(name if name in there else "NULL" for name in _LATER_COLUMNS)
    rows = journal.connection.execute(
        f"SELECT {_RUN_COLUMNS}, {later} FROM run WHERE {condition}", tuple(values)
    ).fetchall()
    return [_record(journal, row) for row in rows]


def _record(journal: Journal, row: Sequence[Any]) -> RunRecord:
    values = dict(zip(RunRecord.__slots__, row, strict=True))
    values["params"] = json.loads(values["params"])
    for name in ("selection", "settings", "terms"):
        values[name] = json.loads(values[name]) if values[name] else None
    values["rehearsal"] = bool(values["rehearsal"])
    if values["state"] == "running" and holder(journal, values["id"]) is None:
        values["state"] = "interrupted"
    return RunRecord(**values)


def holder(journal: Journal, run_id: int) -> lease.Holder | None:
    """The living process that works on the run, if there is one."""
    row = journal.connection.execute(
        "SELECT pid, host, process, seen_at FROM session WHERE run_id = ? AND ended_at IS NULL", (run_id,)
    ).fetchone()
    if row is None:
        return None
    found = lease.Holder(*row[:3])
    return found if lease.alive(found, seen_at=row[3], now=time.time()) else None


def summary(journal: Journal, record: RunRecord, *, resumed: bool | None = None) -> dict[str, Any]:
    """The object that `run --json` and `show --json` print."""
    counts = {str(status): number for status, number in journal.counts(record.id).items()}
    elapsed, sessions = (
        journal.connection.execute(  # a session that was killed may have called after its last sign of life
            "SELECT coalesce(sum(coalesce(ended_at, max(seen_at, last_call)) - started_at), 0), count(*) FROM session,"
            " (SELECT coalesce(max(began_at), 0) AS last_call FROM attempt WHERE run_id = :run) WHERE run_id = :run",
            {"run": record.id},
        ).fetchone()
    )
    found = {
        "run": record.run, "name": record.name, "provider": record.provider, "operation": record.operation,
        "state": record.state, "items": record.items, "counts": counts,
        "codes": dict(codes(journal, record.id)),
        "requests": record.requests, "retries": record.retries, "throttled": record.throttled,
        "resumed": sessions > 1 if resumed is None else resumed,
        "elapsed_s": round(elapsed, 3), "journal": str(journal.path),
    }  # fmt: skip
    if record.stop_code:
        found["stop"] = {"code": record.stop_code, "reason": record.stop_reason}
    if record.parent:
        found["parent"] = record.parent
    return found


def codes(journal: Journal, run_id: int) -> list[tuple[str, int]]:
    """Every code with the number of items that it ended, the most frequent first; plain success left out."""
    return journal.connection.execute(
        "SELECT code, sum(items) AS n FROM tally WHERE run_id = ? AND code NOT IN ('', '0') GROUP BY code ORDER BY n DESC, code",
        (run_id,),
    ).fetchall()


@dataclass(frozen=True, slots=True)
class Allowance:
    """From a moment on (Unix seconds), a session was allowed so many calls a second of a pool."""

    session_id: int
    at: float
    pace: PoolRate


def allowances(journal: Journal, run_id: int) -> list[Allowance]:
    """What the run's sessions were allowed, in order of time; nothing in an older bulkim's journal."""
    if not _has_paces(journal):
        return []
    rows = journal.connection.execute(
        "SELECT session_id, at, pool, limit_per_s, allowed_per_s FROM pace"
        " WHERE session_id IN (SELECT id FROM session WHERE run_id = ?) ORDER BY at",
        (run_id,),
    )
    return [Allowance(session_id, at, PoolRate(*pace)) for session_id, at, *pace in rows]


def paces(journal: Journal, run_id: int) -> list[PoolRate]:
    """What the run's newest session is allowed now, of each pool; nothing in an older bulkim's journal."""
    if not _has_paces(journal):
        return []
    rows = journal.connection.execute(
        "SELECT pool, limit_per_s, allowed_per_s, max(at) FROM pace"
        " WHERE session_id = (SELECT max(id) FROM session WHERE run_id = ?) GROUP BY pool",
        (run_id,),
    )
    return [PoolRate(*pace) for *pace, _ in rows]


def _has_paces(journal: Journal) -> bool:
    found = journal.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'pace'")
    return found.fetchone() is not None


def code_counts(journal: Journal, run_id: int) -> list[CodeCount]:
    """Outcomes and codes with one example each, the most frequent first; plain successes left out."""
    rows = journal.connection.execute(
        "SELECT outcome, code, items, example, reason FROM tally WHERE run_id = ? AND code NOT IN ('', '0')"
        " ORDER BY items DESC, outcome, code",
        (run_id,),
    )
    return [CodeCount(*row) for row in rows]


def results(
    journal: Journal,
    run_id: int,
    *,
    outcome: Sequence[str] = (),
    code: Sequence[str] = (),
    username: str | None = None,
) -> Iterator[Result]:
    """The run's items in order, streaming; empty filters let all through."""
    condition, values = _selection(outcome, code)
    if username is not None:
        condition += " AND (username = ? OR key = ?)"
        values += [username, username.lower()]
    rows = journal.connection.execute(
        "SELECT ordinal, username, coalesce(outcome, 'pending'), code, reason, attempts, http_status, finished_at, data,"
        f" extra, line, fields FROM item WHERE run_id = ? AND {condition} ORDER BY ordinal",
        (run_id, *values),
    )
    for ordinal, name, ended, its_code, said, tries, status, finished_at, data, extra, line, own in rows:
        parsed = json.loads(data) if data else None
        others = json.loads(extra) if extra else {}
        sent = json.loads(own) if own else {}
        yield Result(
            ordinal, name, ended, its_code, said, tries, status, iso(finished_at), parsed, others, line, sent
        )


def done(journal: Journal, run_id: int) -> Iterator[Done]:
    """Items that succeeded or were so before, in order, streaming."""
    rows = journal.connection.execute(
        "SELECT ordinal, coalesce(key, username), username, outcome, fields, finished_at FROM item"
        " WHERE run_id = ? AND outcome IN ('succeeded', 'unchanged') ORDER BY ordinal",
        (run_id,),
    )
    for ordinal, key, username, outcome, fields, finished_at in rows:
        yield Done(ordinal, key, username, outcome, json.loads(fields) if fields else {}, finished_at)


def _selection(outcome: Sequence[str], code: Sequence[str]) -> tuple[str, list[Any]]:
    parts, values = ["1"], list[Any]()
    if outcome:
        parts.append(f"coalesce(outcome, 'pending') IN ({','.join('?' * len(outcome))})")
        values += outcome
    if code:
        parts.append(f"code IN ({','.join('?' * len(code))})")
        values += code
    return " AND ".join(parts), values


def selected_keys(
    journal: Journal, run_id: int, *, outcome: Sequence[str], code: Sequence[str], keys: Sequence[str]
) -> set[str]:
    """Those of `keys` whose item in the run has one of these outcomes and codes."""
    condition, values = _selection(outcome, code)
    rows = journal.connection.execute(
        f"SELECT key FROM item WHERE run_id = ? AND key IN ({','.join('?' * len(keys))}) AND {condition}",
        (run_id, *keys, *values),
    )
    return {key for (key,) in rows}


def attempts(journal: Journal, run_id: int, ordinal: int) -> list[dict[str, Any]]:
    """Every call that carried the item, in order."""
    rows = journal.connection.execute(
        "SELECT id, mode, size, began_at, ended_at, http_status, kind, code, reason FROM attempt"
        " WHERE run_id = ? AND EXISTS (SELECT 1 FROM json_each(attempt.items) WHERE value = ?) ORDER BY id",
        (run_id, ordinal),
    )
    return [
        {
            "attempt": number, "mode": mode, "size": size, "began_at": iso(began),
            "latency_ms": None if ended is None else round((ended - began) * 1000, 1),
            "http_status": status, "kind": kind or "in flight", "code": code, "reason": reason,
        }
        for number, mode, size, began, ended, status, kind, code, reason in rows
    ]  # fmt: skip


def iso(moment: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC, to the millisecond."""
    return None if moment is None else utc(moment)
