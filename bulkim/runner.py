"""A job from its file to its end: plan into the journal, confirm, send, account. `run`, resuming and `retry` are one path.

Everything the command line does with a job can be done by calling these functions.
"""

from __future__ import annotations

import hashlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import structlog

from bulkim import guard, vendors
from bulkim.auth import credential
from bulkim.catalogue import Operation, Provider
from bulkim.errors import BulkimError, RefusedError, UsageError
from bulkim.executor import Ending, Executor
from bulkim.journal import Entry, Journal, NewRun, read, read_input
from bulkim.journal.read import RunRecord
from bulkim.model import Job, Status, Stop
from bulkim.pace import Pacer
from bulkim.plan import Planned, limits, prepare
from bulkim.source import SourceReader, open_source
from bulkim.supply import Supply
from bulkim.transport import Transport

log = structlog.get_logger("bulkim")

RETRIED = ("failed", "unknown")


@dataclass(frozen=True, slots=True)
class Preview:
    """What is about to be sent, for whoever confirms it."""

    job: Job
    operation: Operation
    record: RunRecord
    resumed: bool
    counts: Mapping[Status, int]

    @property
    def to_send(self) -> int:
        """Items that would be sent."""
        return self.counts[Status.PENDING]


@dataclass(frozen=True, slots=True)
class Finished:
    """A session that came to its end, whichever it was."""

    summary: Mapping[str, Any]  # the object that `run --json` prints
    ending: Ending
    exit_code: int


Confirm = Callable[[Preview], None]
Observe = Callable[[Executor, Preview], AbstractAsyncContextManager[None]]


def run(
    job: Job,
    *,
    journal: Path,
    new: bool = False,
    limit: int | None = None,
    confirm: Confirm | None = None,
    observe: Observe | None = None,
) -> Finished:
    """Run a job, or continue its unfinished run unless `new`. Raises BulkimError when nothing can be sent.

    `confirm` may raise ConfirmationError before anything is sent; `observe` is entered around the sending.
    """
    with Journal.open(journal) as open_journal:
        session = _Session(open_journal, job)
        found = None if new else session.unfinished()
        record = found or session.create(limit=limit)
        return session.go(record, resumed=found is not None, confirm=confirm, observe=observe)


def retry(
    parent: RunRecord,
    job: Job,
    *,
    journal: Path,
    outcome: Sequence[str] = RETRIED,
    code: Sequence[str] = (),
    limit: int | None = None,
    confirm: Confirm | None = None,
    observe: Observe | None = None,
) -> Finished:
    """Send a run's items again, those of these outcomes and codes, as a new run. An unfinished retry is continued."""
    selection = {"outcome": list(outcome), "code": list(code)}
    with Journal.open(journal) as open_journal:
        session = _Session(open_journal, job)
        found = read.unfinished_retry(open_journal, parent.run, selection)
        record = found or session.create(limit=limit, parent=parent.run, selection=selection)
        return session.go(record, resumed=found is not None, confirm=confirm, observe=observe)


class _Session:
    """One process's work on one run."""

    def __init__(self, journal: Journal, job: Job) -> None:
        self.journal = journal
        self.job = job
        self.provider: Provider = vendors.provider(job.provider)
        operation = self.provider.operation(job.operation)
        assert operation is not None, "the job file's loader checks this"
        self.operation = operation

    @property
    def target(self) -> str:
        return f"{self.job.connection.base_url} {self.job.connection.target}"

    def unfinished(self) -> RunRecord | None:
        """The run to continue. Raises UsageError when the job's constants have changed since."""
        job = self.job
        found = read.unfinished(
            self.journal, name=job.name, provider=job.provider, operation=job.operation, target=self.target
        )
        if found and dict(found.params) != dict(job.params):
            raise UsageError(
                f"run {found.run} is unfinished and was started with params {json.dumps(found.params)};"
                f" the job now says {json.dumps(dict(job.params))}.",
                hint="put the params back to continue it, or start afresh with --new",
            )
        return found

    def create(
        self, *, limit: int | None, parent: str | None = None, selection: Mapping[str, Any] | None = None
    ) -> RunRecord:
        job = self.job
        new = NewRun(
            job.name, job.provider, job.operation, self.target, job.params,
            job_path=str(job.path) if job.path else None, job_text=job.text,
            parent=parent, selection=selection, item_limit=limit,
        )  # fmt: skip
        return read.get(self.journal, self.journal.create_run(new, now=time.time()))

    def go(
        self, record: RunRecord, *, resumed: bool, confirm: Confirm | None, observe: Observe | None
    ) -> Finished:
        session_id = self.journal.begin_session(record.id, now=time.time())
        with self._ending_if_it_fails(record, session_id, resumed=resumed):
            self.journal.recover(record.id, now=time.time())
            reader = self._read(record)
            preview = Preview(
                self.job,
                self.operation,
                read.get(self.journal, record.id),
                resumed,
                self.journal.counts(record.id),
            )
            guard.check_size(self.job.guard, preview.to_send)
            if confirm and self.operation.destroys and preview.to_send:
                confirm(preview)
        log.info("run.started", run=record.run, resumed=resumed, to_send=preview.to_send)
        with self._ending_if_it_fails(record, session_id, resumed=True):
            try:
                ending = anyio.run(self._send, preview, session_id, reader, observe, backend="asyncio")
            except RefusedError as error:
                ending = Ending("stopped", Stop(6, "unauthorized", error.message, error.hint or ""))
        return self._account(record, session_id, ending, resumed=resumed)

    @contextmanager
    def _ending_if_it_fails(self, record: RunRecord, session_id: int, *, resumed: bool) -> Iterator[None]:
        """An error must not leave the run looking busy, nor a run behind in which nothing ever happened."""
        try:
            yield
        except BaseException as error:
            with suppress(BulkimError):
                if resumed:
                    state = "stopped" if isinstance(error, Exception) else "interrupted"
                    words = error.message if isinstance(error, BulkimError) else type(error).__name__
                    stop = (type(error).__name__, words)
                    self.journal.end_session(record.id, session_id, state, now=time.time(), stop=stop)
                else:
                    self.journal.discard(record.id)
            raise

    # ---------------------------------------------------------------------------------------- planning

    def _read(self, record: RunRecord) -> SourceReader | None:
        """Bring the journal in step with the input, unless it is. The reader is None when the input is not needed."""
        secret = bool(self.operation.secrets)
        if record.planned_at is not None and not secret and self._input_gone():
            return None
        reader = open_source(self.job.source, secret_fields=self.operation.secrets)
        digest = self._digest(reader)
        if record.planned_at is None or record.input_digest != digest:
            rows = islice(prepare(self.job, self.provider, self.operation, reader), record.item_limit)
            entries: Iterator[Entry] = (self._entry(planned) for planned in rows)
            if record.parent:
                entries = self._chosen(record, entries)
            read_input(self.journal, record.id, entries, name=reader.name, digest=digest, now=time.time())
        return reader if secret else None

    def _input_gone(self) -> bool:
        """Standard input cannot be read twice, and a file may be gone; the journal holds what is needed."""
        source = self.job.source
        if source.kind not in {"csv", "text", "jsonl"}:
            return False
        return source.path is None or not source.path.exists()

    def _digest(self, reader: SourceReader) -> str:
        """Changes when the input or what the job makes of it does."""
        shaping = [dict(self.job.source.columns), list(self.job.guard.protect)]
        return hashlib.sha256(json.dumps([reader.digest, *shaping]).encode()).hexdigest()

    def _entry(self, planned: Planned) -> Entry:
        """What of a planned row is stored: no secrets, no constants."""
        left_out = self.operation.secrets | {"username"}
        params = self.job.params
        kept = {
            name: value
            for name, value in planned.fields.items()
            if name not in left_out and not (name in params and params[name] == value)
        }
        skip = planned.skip
        kept_key = (
            planned.key if skip is None or skip.code == "protected" else None
        )  # an identity stands once
        return Entry(
            planned.position, planned.line, kept_key, planned.username, kept or None, planned.extra or None,
            skip.code if skip else None, skip.reason if skip else None,
        )  # fmt: skip

    def _chosen(self, record: RunRecord, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Only the entries that the parent run's selection names."""
        assert record.parent is not None
        assert record.selection is not None
        parent = read.find(self.journal, record.parent)
        source = (entry for entry in entries if entry.key is not None and entry.skip_code is None)
        while chunk := list(islice(source, 500)):
            keys = [str(entry.key) for entry in chunk]
            chosen = read.selected_keys(self.journal, parent.id, keys=keys, **record.selection)
            yield from (entry for entry in chunk if entry.key in chosen)

    # ----------------------------------------------------------------------------------------- sending

    async def _send(
        self, preview: Preview, session_id: int, reader: SourceReader | None, observe: Observe | None
    ) -> Ending:
        job, connection, run_id = self.job, self.job.connection, preview.record.id
        supply = Supply(
            lambda after: self.journal.pending(run_id, after=after),
            params=job.params,
            secrets=(lambda: self._secrets(reader)) if reader else None,
            name=preview.record.input_name or job.name,
        )
        async with Transport(connection.base_url, timeout_s=job.timeout_s) as transport:
            executor = Executor(
                job, self.provider, self.operation, journal=self.journal, run_id=run_id, session_id=session_id,
                supply=supply, transport=transport, pacer=Pacer(limits(job, self.provider, self.operation)),
                credential=credential(connection),
            )  # fmt: skip
            async with observe(executor, preview) if observe else nullcontext():
                return await _heeding_signals(executor)

    def _secrets(self, reader: SourceReader) -> Iterator[tuple[int, str | None, Mapping[str, Any]]]:
        names = self.operation.secrets
        for planned in prepare(self.job, self.provider, self.operation, reader):
            fields = planned.fields
            yield planned.position, planned.key, {name: fields[name] for name in names if name in fields}

    def _account(self, record: RunRecord, session_id: int, ending: Ending, *, resumed: bool) -> Finished:
        stop = (ending.stop.code, ending.stop.reason) if ending.stop else None
        self.journal.end_session(record.id, session_id, ending.state, now=time.time(), stop=stop)
        summary = read.summary(self.journal, read.get(self.journal, record.id), resumed=resumed)
        log.info("run.ended", run=record.run, state=ending.state, counts=summary["counts"])
        return Finished(
            summary, ending, exit_code(ending, read.invalid(self.journal, record.id), summary["counts"])
        )


def exit_code(ending: Ending, invalid: int, counts: Mapping[str, int]) -> int:
    """The contract's exit code: of those that apply, the first of 6, 4, 130/143, 5, 1, 0."""
    if ending.stop:
        return ending.stop.exit_code
    if ending.signal is not None:
        return 128 + ending.signal
    if counts["unknown"]:
        return 5
    return 1 if counts["failed"] or invalid else 0


async def _heeding_signals(executor: Executor) -> Ending:
    """Run; the first SIGINT or SIGTERM drains, the second leaves at once. Only a main thread hears of signals."""

    async def listen() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                log.info("run.interrupted", signal=signal.Signals(number).name)
                executor.interrupt(number)

    failure: BulkimError | None = None
    ending = Ending("stopped")
    async with anyio.create_task_group() as tasks:
        if threading.current_thread() is threading.main_thread():
            tasks.start_soon(listen)
        try:
            ending = await executor.run()
        except BulkimError as error:  # raised here it would come out wrapped in a group
            failure = error
        tasks.cancel_scope.cancel()
    if failure:
        raise failure
    return ending
