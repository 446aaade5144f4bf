"""One run in a worker: taken, its references resolved, worked on behind its lease, given back."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio

from bulkim import window
from bulkim.errors import BulkimError, RefusedError
from bulkim.fleet.before_images import RememberingJournal
from bulkim.fleet.claims import Left, Taken, give_back
from bulkim.fleet.database import AwayError, Line, in_words, library
from bulkim.fleet.journal import Store
from bulkim.fleet.lease import Keeper, LostError
from bulkim.fleet.listing import ListingJournal
from bulkim.fleet.references import LackingError, resolve
from bulkim.fleet.submitting import CONFIRMED
from bulkim.journal.port import RunJournal as Port
from bulkim.log.events import log
from bulkim.model import Job, Status, Stop
from bulkim.planning.intake import Intake
from bulkim.planning.pending import Secrets
from bulkim.quota.source import Sharing
from bulkim.sending.channel import Channel, opened
from bulkim.sending.guard import WINDOW
from bulkim.sending.heartbeat import Heartbeat
from bulkim.sending.supervise import Deadline, Worker
from bulkim.sending.telemetry import Ending
from bulkim.source import open_source
from bulkim.window import Window
from bulkim.work.checks import check_size
from bulkim.work.confirm import agreed, pledge
from bulkim.work.workers import Begin, Census, Workers

LOOK_S = 0.25  # between two looks at what is asked
BEAT_S = 1.0
AGAIN_S = 0.5


@dataclass(slots=True)
class Host:
    """What a worker's sessions have in common."""

    name: str
    dsn: str
    keeper: Keeper
    store: Store
    line: Line
    sharing: Sharing  # of this loop
    alone: Callable[[], Sharing]  # of a loop of its own
    draining: int = 0  # 1: nothing new; 2: calls in flight are left; 3: it ends at once


@dataclass(slots=True)
class _Run:
    """A run's row, and the job that it is."""

    row: dict[str, Any]
    job: Job
    workers: Workers
    secrets: Secrets | None
    asked: str | None = None  # what had been asked when this go began


class Unconfirmed(Exception):  # noqa: N818 - a state
    """What would be destroyed is known now, and nobody has agreed to it."""


COLUMNS = ("id", "run", "name", "target", "job", "planned", "input_sha256", "pledge", "planned_at")


async def session(host: Host, taken: Taken) -> None:
    """Work on a run until it ends, is asked for, or is lost. Never raises for what a run does."""
    try:
        left = await _worked(host, taken)
    except LostError:
        log.warning("fleet.lost", run_id=taken.lease.run_id)
        host.keeper.drop(taken.lease)
        return
    while not taken.lease.lost:
        try:
            if await give_back(host.line, host.keeper, taken, left):
                log.info("fleet.left", run_id=taken.lease.run_id, state=left.state, why=left.why)
            break
        except AwayError:
            await asyncio.sleep(AGAIN_S)
        except library().Error as error:  # then its lease runs out, and another worker takes it
            log.warning("fleet.failed", run_id=taken.lease.run_id, error=in_words(error))
            break
    host.keeper.drop(taken.lease)


async def _worked(host: Host, taken: Taken) -> Left:
    try:
        row = await _row(host, taken)
        if row is None:
            return Left("stopped", "its row is gone")
        loaded = await asyncio.to_thread(_load, row)
        while True:
            left = await _once(host, taken, loaded)
            if left is not None:
                return left
    except LackingError as error:
        return Left("waiting", str(error), lacks=True)
    except LostError:
        raise
    except BulkimError as error:
        return _stopped(Stop(error.exit_code, type(error).__name__, error.message, error.hint or ""))
    except Exception as error:  # noqa: BLE001 - one run's trouble is not the others'
        log.warning("fleet.failed", run_id=taken.lease.run_id, error=f"{type(error).__name__}: {error}")
        return _stopped(Stop(70, "internal", f"internal error: {type(error).__name__}", ""))


async def _row(host: Host, taken: Taken) -> dict[str, Any] | None:
    while True:
        with suppress(AwayError):
            statement = f"SELECT {', '.join(COLUMNS)} FROM bulkim.run WHERE id = %s"
            found = await host.store.read(statement, (taken.lease.run_id,))
            return dict(zip(COLUMNS, found[0], strict=True)) if found else None
        if taken.lease.lost:
            raise LostError
        await asyncio.sleep(AGAIN_S)


def _load(row: dict[str, Any]) -> _Run:
    from bulkim import vendors

    planned = json.loads(row["planned"])
    job = resolve(
        json.loads(row["job"]), target=row["target"], input_sha256=row["input_sha256"], vendor_text=planned["vendor_text"],
    )  # fmt: skip
    provider = vendors.provider(job.provider, job.vendor_text)
    operation = provider.operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    nobody: Any = None  # what reads rows and secrets needs no journal
    intake = Intake(nobody, job, provider, operation)
    secrets: Secrets | None = None
    if operation.secrets and row["input_sha256"]:
        secrets = partial(
            intake.secrets,
            open_source(job.source, secret_fields=operation.secrets, required=operation.required),
        )
    return _Run(
        row, job, Workers(job, provider, operation, intake.entries, limit=planned["item_limit"]), secrets
    )


async def _once(host: Host, taken: Taken, run: _Run) -> Left | None:
    """One go at it; None: again, for something was asked meanwhile."""
    lease, job = taken.lease, run.job
    run.asked = lease.asked
    if run.asked == "cancel":
        await host.store.read("SELECT bulkim.cancel_items(%s, %s)", (lease.run_id, time.time()))
    elif run.asked == "pause":
        return Left("paused")
    elif job.window is not None and not job.window.is_open(window.now()):
        return _until_open(job.window)
    ahead = run.workers.ahead(planned=run.row["planned_at"] is not None)
    try:
        if ahead is not None or run.workers.operation.paging is not None:
            ending = await anyio.to_thread.run_sync(_alone, host, taken, run, ahead)
        else:
            ending = await _together(host, taken, run)
    except Unconfirmed as error:
        return Left("confirming", str(error))
    except RefusedError as error:
        return _stopped(Stop(error.exit_code, "unauthorized", error.message, error.hint or ""))
    return _left(host, taken, run, ending)


def _left(host: Host, taken: Taken, run: _Run, ending: Ending) -> Left | None:
    stop, asked = ending.stop, taken.lease.asked
    if stop is not None:
        hours = run.job.window if stop.code == WINDOW else None
        return _until_open(hours) if hours else _stopped(stop)
    if ending.signal is None:
        return Left("cancelled" if asked == "cancel" else "done")
    if host.draining:
        return Left("queued")
    return Left("paused") if asked == "pause" else None


def _stopped(stop: Stop) -> Left:
    return Left("stopped", stop.reason, stop)


def _until_open(hours: Window) -> Left:
    opens = hours.opens(window.now())
    return Left("waiting", f"window opens at {hours.told(opens)}", not_before=opens.timestamp())


async def _together(host: Host, taken: Taken, run: _Run) -> Ending:
    """In the loop of all runs: their turns travel together."""
    journal = RememberingJournal(host.store, taken)
    while True:
        with suppress(AwayError):
            await journal.read()
            break
        await asyncio.sleep(AGAIN_S)
    begin = run.workers.sending(run=run.row["run"], count=0, secrets=run.secrets, name=run.row["name"])
    port: Any = journal  # what the executor asks of it
    ending = await _working(host, taken, run, port, begin, host.sharing)
    await journal.durable()
    return ending


def _alone(host: Host, taken: Taken, run: _Run, ahead: Begin | None) -> Ending:
    """In a loop of its own: one call at a time, and each waits."""
    journal, sharing = ListingJournal(host.dsn, taken), host.alone()

    def work(begin: Begin) -> Ending:
        return anyio.run(_working, host, taken, run, journal, begin, sharing, backend="asyncio")

    try:
        to_send = None
        if ahead is not None:
            ending = work(ahead)
            if ending.state != "finished":
                return ending
            to_send = ahead.users if isinstance(ahead, Census) else journal.counts()[Status.PENDING]
        if run.workers.operation.paging is not None and to_send is None:
            to_send = max(0, int(run.job.params.get("count", 0)) - journal.counts()[Status.SUCCEEDED])
        _agree(run, to_send or 0, sent=journal.counts()[Status.SUCCEEDED])
        run.row["planned_at"] = run.row["planned_at"] or time.time()
        if run.workers.operation.paging is None:
            return Ending("interrupted", signal=0)  # listed: the rest is done together
        count = (to_send or 0) + journal.counts()[Status.SUCCEEDED]
        return work(run.workers.sending(run=run.row["run"], count=count, secrets=None, name=run.row["name"]))
    finally:
        journal.close()


def _agree(run: _Run, to_send: int, *, sent: int) -> None:
    """Hold what is known now against what was agreed to. Raises GuardError, ConfirmationError, Unconfirmed."""
    check_size(run.job.guard, to_send)
    if not run.workers.operation.destroys or not to_send or run.row["pledge"] == CONFIRMED:
        return
    given = pledge(run.row["pledge"]) if run.row["pledge"] else None
    if agreed(given, None, run.job, sent=sent, left=to_send, said="--confirm") is None:
        raise Unconfirmed(f"{run.job.connection.app_name}:{to_send} to be confirmed")


async def _working(  # noqa: PLR0917 - as anyio.run hands them on
    host: Host, taken: Taken, run: _Run, journal: Port, begin: Begin, sharing: Sharing
) -> Ending:
    workers, lease = run.workers, taken.lease
    async with opened(
        workers.job,
        workers.provider,
        workers.limits(),
        sharing=sharing,
        gate=lease,
        user_timeout_s=host.keeper.margin_s,
    ) as channel:
        worker = begin(channel, journal)
        heartbeat = Heartbeat(journal, channel.pacer.limiters.values(), worker.telemetry)
        watching = asyncio.ensure_future(
            _watched(host, taken, run, worker, lambda now: _beat(heartbeat, channel, now))
        )
        try:
            ending = await worker.run()
        finally:
            watching.cancel()
            stop = None
            with suppress(asyncio.CancelledError):
                stop = await watching
    return Ending("stopped", stop) if ending.signal is not None and stop is not None else ending


def _beat(heartbeat: Heartbeat, channel: Channel, loop_now: float) -> None:
    with suppress(BulkimError):  # whoever writes next hears of it
        heartbeat.beat(now=time.time(), loop_now=loop_now, vendor_ahead_s=channel.vendor_ahead_s)


async def _watched(
    host: Host, taken: Taken, run: _Run, worker: Worker, beat: Callable[[float], None]
) -> Stop | None:
    """Signs of life, and whatever ends a session early: asked for, drained, lost, the window's end (then why)."""
    lease, deadline, asked_twice, beaten_at = taken.lease, Deadline(window=run.job.window), False, 0.0
    interrupted = False
    while True:
        now = asyncio.get_running_loop().time()
        if now - beaten_at >= BEAT_S:
            beat(now)
            beaten_at = now
        wanted = lease.lost or host.draining or (lease.asked and lease.asked != run.asked)
        if (over := deadline.stop()) is not None and not interrupted:
            worker.interrupt(signal.SIGTERM)
            return over
        if wanted and not interrupted:
            worker.interrupt(signal.SIGTERM)
            interrupted = True
        if (lease.lost or host.draining > 1) and interrupted and not asked_twice:
            worker.interrupt(signal.SIGTERM)
            asked_twice = True
        await asyncio.sleep(LOOK_S)
