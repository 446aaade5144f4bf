"""Submitting a job: planned and confirmed here, as `run` would, and then handed over in one transaction."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
            order = replace(
                order, pledge=None
            )  # there it is not enough: what a worker finds is confirmed then
        ticket = submit(connection, sent, order, confirm)
    engine.wake(address(), [ticket.run_id])
    return ticket


def submit(connection: Any, sent: Submission, order: Order, confirm: Confirm | None) -> Ticket:
    """Plan a job, have it confirmed, and queue it. Raises BulkimError: then nothing of it is there."""
    with tempfile.TemporaryDirectory(prefix="bulkim-") as folder:
        scratch = Path(folder) / "plan.db"
        with Journal.open(scratch) as journal:
            planning = Planning(journal, opening_of(journal, sent.job, Wanted(new=True, limit=order.limit)))
            record = planning.create()
            planning.read(record, Notes(lambda _: None))
            preview = planning.preview(record)
            workers = Workers(sent.job, planning.provider, planning.operation, planning.intake.entries)
            known = workers.ahead(planned=preview.record.planned_at is not None) is None
            if known:
                planning.agree(preview, confirm)
                if confirm and planning.operation.destroys:
                    order = replace(
                        order, pledge=order.pledge or f"{sent.job.connection.app_name}:{preview.to_send}"
                    )
        with connection.transaction():
            run_id = _hand_over(connection, scratch, sent, preview, order)
    return Ticket(preview.record.run, run_id, preview, known)


def _hand_over(connection: Any, scratch: Path, sent: Submission, preview: Preview, order: Order) -> int:
    row, tally = transfer.planned(scratch, preview.record.run)
    name, app = order.name or row["name"], owner_of(sent.job.connection)
    kept = {**row, "name": name, "job_path": str(sent.path)}
    connection.execute("INSERT INTO bulkim.app VALUES (%s) ON CONFLICT DO NOTHING", (app,))
    (run_id,) = connection.execute(
        "INSERT INTO bulkim.run (run, name, app, provider, operation, target, state, job, planned, input_sha256, pledge, planned_at,"
        " created_at, items, submitted_from) VALUES (%s, %s, %s, %s, %s, %s, 'running', %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (row["run"], name, app, row["provider"], row["operation"], row["target"], json.dumps(sent.travels, ensure_ascii=False),
         transfer.as_text(kept), digest(sent.input) if sent.input else None, order.pledge, row["planned_at"],
         row["created_at"], row["items"], socket.gethostname()),
    ).fetchone()  # fmt: skip
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY bulkim.item (run_id, {', '.join(transfer.ITEM)}, rest) FROM STDIN") as copy:
            for each in transfer.items(scratch, row["id"]):
                copy.write_row((run_id, *each))
        cursor.executemany(
            "INSERT INTO bulkim.tally VALUES (%s, %s, %s, %s, %s, %s)", [(run_id, *each) for each in tally]
        )
    connection.execute(
        "INSERT INTO bulkim.claim (run_id, app, state, priority, beside, not_before, why) VALUES (%s, %s, 'queued', %s, %s, to_timestamp(%s), %s)",
        (
            run_id,
            app,
            order.priority,
            order.beside,
            order.at,
            f"begins at {utc(order.at)}" if order.at else None,
        ),
    )
    connection.execute(
        "INSERT INTO bulkim.event (run_id, what, detail) VALUES (%s, 'submitted', %s)", (run_id, order.pledge)
    )
    return int(run_id)
