"""A job from its file to its end: plan into the journal, confirm, send, account. `run`, resuming and `retry` are one path.

Everything the command line does with a job can be done by calling these functions.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from bulkim import vendors, window
from bulkim.catalogue.shapes import Effect, Operation, Provider
from bulkim.errors import BulkimError, RefusedError, UsageError
from bulkim.journal.port import RunJournal
from bulkim.journal.records import Entry, NewRun
from bulkim.journal.sqlite import reader as read
from bulkim.journal.sqlite.reader import RunRecord
from bulkim.journal.sqlite.writer import Journal
from bulkim.log.events import log
from bulkim.model import Job, Row, Status, Stop
from bulkim.planning import limits, settings
from bulkim.planning.intake import Intake
from bulkim.planning.pending import Supply
from bulkim.sending.channel import Channel, opened
from bulkim.sending.executor import Executor
from bulkim.sending.heartbeat import Vitals
from bulkim.sending.listing import count_users, list_items
from bulkim.sending.oldest import Purge, delete_oldest
from bulkim.sending.serial import Serial
from bulkim.sending.supervise import Allowed, Worker, supervised
from bulkim.sending.telemetry import Ending, Observed, Telemetry
from bulkim.source import SourceReader
from bulkim.transport import environment_proxy
from bulkim.work import checks as guard

RETRIED = ("failed", "unknown")


@dataclass(frozen=True, slots=True)
class Preview:
    """What is about to be sent, for whoever confirms it."""

    job: Job
    operation: Operation
    record: RunRecord
    resumed: bool
    counts: Mapping[Status, int]
    expected: int | None = None  # users that an operation without items would hit

    @property
    def to_send(self) -> int:
        """Items that would be sent."""
        return self.counts[Status.PENDING] if self.expected is None else self.expected


@dataclass(frozen=True, slots=True)
class Finished:
    """A session that came to its end, whichever it was."""

    summary: Mapping[str, Any]  # the object that `run --json` prints
    ending: Ending
    exit_code: int

    @property
    def run(self) -> str:
        """The run's id."""
        return str(self.summary["run"])

    @property
    def state(self) -> str:
        """How the session ended: finished, interrupted or stopped."""
        return self.ending.state

    @property
    def counts(self) -> Mapping[str, int]:
        """Outcome -> items."""
        counts: Mapping[str, int] = self.summary["counts"]
        return counts


Confirm = Callable[[Preview], None]
Observe = Callable[[Observed, Preview], AbstractAsyncContextManager[None]]


Begin = Callable[[Channel, RunJournal], Worker]
"""Makes a session's worker: (channel, the session's hand in the journal) -> worker."""


def run(
    job: Job,
    *,
    journal: Path,
    new: bool = False,
    limit: int | None = None,
    confirm: Confirm | None = None,
    observe: Observe | None = None,
    max_duration_s: float | None = None,
) -> Finished:
    """Run a job, or continue its unfinished run unless `new`. Raises BulkimError when nothing can be sent.

    `confirm` may raise ConfirmationError before anything is sent; `observe` is entered around the sending.
    """
    guard.check_window(job.window, window.now())
    with Journal.open(journal) as open_journal:
        session = _Session(open_journal, job, max_duration_s)
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
    max_duration_s: float | None = None,
) -> Finished:
    """Send a run's items again, those of these outcomes and codes, as a new run. An unfinished retry is continued."""
    guard.check_window(job.window, window.now())
    selection = {"outcome": list(outcome), "code": list(code)}
    with Journal.open(journal) as open_journal:
        session = _Session(open_journal, job, max_duration_s)
        found = read.unfinished_retry(open_journal, parent.run, selection)
        record = found or session.create(limit=limit, parent=parent.run, selection=selection)
        return session.go(record, resumed=found is not None, confirm=confirm, observe=observe)


class _Session:
    """One process's work on one run."""

    def __init__(self, journal: Journal, job: Job, max_duration_s: float | None = None) -> None:
        environment_proxy(job.connection.base_url)  # before anything is written: it may name one that is none
        until = math.inf if max_duration_s is None else time.monotonic() + max_duration_s
        self.allowed = Allowed(until, job.window)
        self.journal = journal
        self.job = job
        self.provider: Provider = vendors.provider(job.provider, job.vendor_text)
        operation = self.provider.operation(job.operation)
        assert operation is not None, "the job file's loader checks this"
        self.operation = operation
        self.intake = Intake(journal, job, self.provider, operation)

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
            settings=settings(job, self.provider, self.operation), vendor_text=job.vendor_text,
        )  # fmt: skip
        return read.get(self.journal, self.journal.create_run(new, now=time.time()))

    def go(
        self, record: RunRecord, *, resumed: bool, confirm: Confirm | None, observe: Observe | None
    ) -> Finished:
        session_id = self.journal.begin_session(record.id, now=time.time())
        session = self.journal.session(record.id, session_id)
        with self._ending_if_it_fails(record, session_id, resumed=resumed):
            self.journal.recover(record.id, now=time.time())
            reader = self.intake.read(record)
            preview, ending = self._look_ahead(record, session, resumed=resumed, observe=observe)
            if ending.state == "finished":
                guard.check_size(self.job.guard, preview.to_send)
                if confirm and self.operation.destroys and preview.to_send:
                    confirm(preview)
        log.info("run.started", run=record.run, resumed=resumed, to_send=preview.to_send)
        if ending.state == "finished":
            with self._ending_if_it_fails(record, session_id, resumed=True):
                ending = self._work(preview, session, observe, self._sending(preview, reader))
        return self._account(record, session_id, ending, resumed=resumed)

    @contextmanager
    def _ending_if_it_fails(self, record: RunRecord, session_id: int, *, resumed: bool) -> Iterator[None]:
        """An error must not leave the run looking busy, nor a run behind in which nothing was ever sent."""
        try:
            yield
        except BaseException as error:
            with suppress(BulkimError):
                if resumed or not self.journal.discard(record.id):
                    state = "stopped" if isinstance(error, Exception) else "interrupted"
                    words = error.message if isinstance(error, BulkimError) else type(error).__name__
                    stop = (type(error).__name__, words)
                    self.journal.end_session(record.id, session_id, state, now=time.time(), stop=stop)
            raise

    # ------------------------------------------------------------------------------------- looking ahead

    def _look_ahead(
        self, record: RunRecord, session: RunJournal, *, resumed: bool, observe: Observe | None
    ) -> tuple[Preview, Ending]:
        """What would be sent. Where only the vendor knows, it is asked: a listing is read to its end first."""
        listing = self.job.source.listing
        work: Begin | None = None
        counted: list[int] = []
        if listing and not self.operation.paging and read.get(self.journal, record.id).planned_at is None:
            work = self._sequential(lambda serial: self._list(serial, f"list-{listing}", ended=False))
        elif self.operation.effect is Effect.DELETE and self.operation.paging and self.job.params.get("all"):

            async def count(serial: Serial) -> None:
                counted.append(await count_users(serial, self._operation("list-users")))

            work = self._sequential(count)
        ending = Ending("finished")
        if work:
            ending = self._work(self._preview(record, resumed=resumed), session, observe, work)
        return self._preview(record, resumed=resumed, expected=counted[0] if counted else None), ending

    def _preview(self, record: RunRecord, *, resumed: bool, expected: int | None = None) -> Preview:
        counts = self.journal.counts(record.id)
        if self.operation.paging and self.operation.effect is Effect.DELETE and expected is None:
            expected = max(0, int(self.job.params.get("count", 0)) - counts[Status.SUCCEEDED])
        return Preview(self.job, self.operation, read.get(self.journal, record.id), resumed, counts, expected)

    # ----------------------------------------------------------------------------------------- sending

    def _sending(self, preview: Preview, reader: SourceReader | None) -> Begin:
        """How this run's operation is done."""
        if self.operation.paging is None:
            return lambda channel, session: self._executor(preview, reader, channel, session)
        if self.operation.effect is Effect.DELETE:
            purge = Purge(self.operation, self._operation("list-users"), self._operation("get-user"))
            count = preview.to_send + preview.counts[Status.SUCCEEDED]
            return self._sequential(lambda serial: delete_oldest(serial, purge, count=count))
        return self._sequential(lambda serial: self._list(serial, self.operation.name, ended=True))

    def _executor(
        self, preview: Preview, reader: SourceReader | None, channel: Channel, session: RunJournal
    ) -> Executor:
        supply = Supply(
            lambda after: session.pending(after=after),
            params=self.job.params,
            secrets=(lambda after: self.intake.secrets(reader, after)) if reader else None,
            name=preview.record.input_name or self.job.name,
        )
        return Executor(
            self.job, self.provider, self.operation, journal=session, supply=supply, channel=channel
        )

    def _sequential(self, work: Callable[[Serial], Awaitable[None]]) -> Begin:
        def begin(channel: Channel, session: RunJournal) -> Serial:
            limit_per_s = min(pool.limit_per_s for pool in channel.pacer.limiters.values())
            telemetry = Telemetry.of(session.counts(), limit_per_s=limit_per_s)
            return Serial(self.job, self.provider, session, channel, telemetry, work)

        return begin

    async def _list(self, serial: Serial, name: str, *, ended: bool) -> None:
        plan = self._listed if ended else self.intake.entries
        await list_items(serial, self._operation(name), plan, where=self.job.source.where, ended=ended)

    def _listed(self, rows: Sequence[Row]) -> list[Entry]:
        names = [str(row.values["username"]) for row in rows]
        return [Entry(0, None, self.provider.folded(name), name) for name in names]

    def _operation(self, name: str) -> Operation:
        operation = self.provider.operation(name)
        assert operation is not None, f"{self.provider.name} has no {name}"
        return operation

    def _work(self, preview: Preview, session: RunJournal, observe: Observe | None, begin: Begin) -> Ending:
        if stop := self.allowed.stop():  # reading the input, or somebody's answer, took longer
            return Ending("stopped", stop)
        try:
            return anyio.run(self._async_work, preview, session, observe, begin, backend="asyncio")
        except RefusedError as error:
            return Ending("stopped", Stop(6, "unauthorized", error.message, error.hint or ""))

    async def _async_work(
        self, preview: Preview, session: RunJournal, observe: Observe | None, begin: Begin
    ) -> Ending:
        limits_per_s = limits(self.job, self.provider, self.operation)
        for helper in self._helpers():
            for pool in helper.pools:
                limits_per_s.setdefault(pool, self.provider.pool(pool).limit_per_s * self.job.rate.share)
        async with opened(self.job, self.provider, limits_per_s) as channel:
            worker = begin(channel, session)
            async with observe(worker, preview) if observe else nullcontext():
                vitals = Vitals(session, channel.pacer.limiters.values(), worker.telemetry)
                return await supervised(
                    worker,
                    lambda: vitals.sign(now=time.time(), loop_now=anyio.current_time()),
                    self.allowed,
                )

    def _helpers(self) -> list[Operation]:
        """Other operations that this run may call."""
        names = {f"list-{self.job.source.listing}"} if self.job.source.listing else set()
        if self.operation.paging and self.operation.effect is Effect.DELETE:
            names |= {"list-users", "get-user"}
        return [self._operation(name) for name in sorted(names)]

    def _account(self, record: RunRecord, session_id: int, ending: Ending, *, resumed: bool) -> Finished:
        stop = (ending.stop.code, ending.stop.reason) if ending.stop else None
        self.journal.end_session(record.id, session_id, ending.state, now=time.time(), stop=stop)
        summary = read.summary(self.journal, read.get(self.journal, record.id), resumed=resumed)
        log.info("run.ended", run=record.run, state=ending.state, counts=summary["counts"])
        code = exit_code(ending, read.invalid(self.journal, record.id), summary["counts"])
        return Finished(summary, ending, code)


def exit_code(ending: Ending, invalid: int, counts: Mapping[str, int]) -> int:
    """The contract's exit code: of those that apply, the first of 6, 4, 129/130/143, 5, 1, 0."""
    if ending.stop:
        return ending.stop.exit_code
    if ending.signal is not None:
        return 128 + ending.signal
    if counts["unknown"]:
        return 5
    return 1 if counts["failed"] or invalid else 0
