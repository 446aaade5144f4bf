"""Submitting a job: planned and confirmed here, as `run` would, and then handed over in one transaction."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bulkim.errors import JournalError
from bulkim.fleet import engine, view
from bulkim.fleet.database import address
from bulkim.fleet.references import Submission, digest, submission
from bulkim.fleet.schema import reached
from bulkim.journal import Journal, transfer
from bulkim.quota.ledger import owner_of
from bulkim.text import utc
from bulkim.work.confirm import PRODUCTION
from bulkim.work.submission import Confirm, Preview
from bulkim.work.submission import Submission as Planning
from bulkim.work.ways import Notes, Wanted, opening_of
from bulkim.work.workers import Workers

CONFIRMED = "yes"  # what was agreed to without a number
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Order:
    """How a run is to be treated."""

    priority: int = 0  # the highest first
    beside: bool = False  # at once, beside other runs of its app, sharing the quota
    limit: int | None = None  # only the first so many items
    pledge: str | None = None  # what was agreed to: APP:COUNT, or yes
    name: str | None = None  # instead of the job's
    at: float | None = None  # not before then, in Unix seconds


@dataclass(frozen=True, slots=True)
class Ticket:
    """A run that was submitted. Its methods raise JournalError, UsageError when it is not there any more."""

    run: str
    run_id: int
    preview: Preview
    known: bool  # what it would send; False: only the vendor knows, and a worker asks first

    @property
    def over(self) -> bool:
        """Whether it ended when it was submitted, for it has nothing to send."""
        return self.known and not self.preview.to_send

    def summary(self) -> dict[str, Any]:
        """How it stands: as ``bulkim fleet status --json``, and ``counts``, outcome -> items that have ended so."""
        with reached() as connection:
            return view.public(view.summary(connection, self.run))

    def wait(self) -> dict[str, Any]:
        """Its summary, once it has ended, or needs somebody (paused, stopped, confirming). A database that is away is waited for."""
        while True:
            with suppress(JournalError):
                if (found := self.summary())["state"] in view.AT_REST:
                    return found
            time.sleep(LOOK_S)


def queue(path: Path, changes: Sequence[tuple[str, str]], order: Order, confirm: Confirm) -> Ticket:
    """Hand a job file over, and wake the workers. Raises BulkimError: then nothing of it is there."""
    with reached() as connection:
        sent = submission(path, os.environ, changes)
        if order.pledge == CONFIRMED and sent.job.connection.environment == PRODUCTION:
            # there it is not enough: what a worker finds is confirmed then
            order = replace(order, pledge=None)
        ticket = submit(connection, sent, order, confirm)
    if not ticket.over:
        engine.wake(address(), [ticket.run_id])
    return ticket


def submit(connection: Any, sent: Submission, order: Order, confirm: Confirm | None) -> Ticket:
    """Plan a job, have it confirmed, and queue it; one with nothing to send ends. Raises BulkimError: then nothing of it is there."""
    with tempfile.TemporaryDirectory(prefix="bulkim-") as folder:
        scratch = Path(folder) / "plan.db"
        with Journal.open(scratch) as journal:
            planning = Planning(journal, opening_of(journal, sent.job, Wanted(new=True, limit=order.limit)))
            record = planning.create()
            planning.read(record, Notes(lambda _: None))
            preview = planning.preview(record)
            workers = Workers(sent.job, planning.provider, planning.operation, planning.intake.entries)
            planned = workers.ahead(planned=preview.record.planned_at is not None) is None
            if planned:
                planning.agree(preview, confirm)
                if confirm and planning.operation.destroys and not order.pledge:
                    app = sent.job.connection.app_name
                    order = replace(order, pledge=f"{app}:{preview.to_send}")
        # what is listed by the operation itself is in no input
        known = planned and (planning.operation.paging is None or preview.expected is not None)
        ticket = Ticket(preview.record.run, 0, preview, known)
        with connection.transaction():
            return replace(ticket, run_id=_hand_over(connection, scratch, sent, ticket, order))


def _hand_over(connection: Any, scratch: Path, sent: Submission, ticket: Ticket, order: Order) -> int:
    row, tally = transfer.planned(scratch, ticket.run)
    app = owner_of(sent.job.connection)
    kept = {**row, "name": order.name or row["name"], "job_path": sent.path and str(sent.path)}
    connection.execute("INSERT INTO bulkim.app VALUES (%s) ON CONFLICT DO NOTHING", (app,))
    run_id: int = _insert(connection, "run", {
        **{name: kept[name] for name in ("run", "name", "provider", "operation", "target", "planned_at", "created_at", "items")},
        "app": app, "state": "finished" if ticket.over else "running", "finished_at": time.time() if ticket.over else None,
        "job": json.dumps(sent.travels, ensure_ascii=False), "planned": transfer.as_text(kept), "pledge": order.pledge,
        "input_sha256": digest(sent.input) if sent.input else None, "submitted_from": socket.gethostname(),
    }, returning="id")  # fmt: skip
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY bulkim.item (run_id, {', '.join(transfer.ITEM)}, rest) FROM STDIN") as copy:
            for each in transfer.items(scratch, row["id"]):
                copy.write_row((run_id, *each))
        cursor.executemany(
            "INSERT INTO bulkim.tally VALUES (%s, %s, %s, %s, %s, %s)", [(run_id, *each) for each in tally]
        )
    later = order.at if not ticket.over else None
    _insert(connection, "claim", {
        "run_id": run_id, "app": app, "state": "done" if ticket.over else "queued", "priority": order.priority, "beside": order.beside,
        "not_before": later and datetime.fromtimestamp(later, UTC), "why": later and f"begins at {utc(later)}",
    })  # fmt: skip
    _insert(connection, "event", {"run_id": run_id, "what": "submitted", "detail": order.pledge})
    return run_id


def _insert(connection: Any, table: str, row: Mapping[str, Any], *, returning: str = "NULL") -> Any:
    values = ", ".join(["%s"] * len(row))
    statement = f"INSERT INTO bulkim.{table} ({', '.join(row)}) VALUES ({values}) RETURNING {returning}"
    return connection.execute(statement, list(row.values())).fetchone()[0]
