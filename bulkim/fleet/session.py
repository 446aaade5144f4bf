"""One run in a worker: taken, its references resolved, worked on behind its lease, given back."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio

from bulkim import window
from bulkim.errors import BulkimError
from bulkim.fleet.database import in_words, library
from bulkim.fleet.journal import RunJournal, Store
from bulkim.fleet.lease import Keeper, Lease, Left, LostError
from bulkim.fleet.listing import ListingJournal
from bulkim.fleet.references import LackingError, resolve
from bulkim.fleet.submitting import CONFIRMED
from bulkim.journal.port import RunJournal as Port
from bulkim.log.events import log
from bulkim.model import Status, Stop
from bulkim.planning.intake import Intake
from bulkim.planning.pending import Secrets
from bulkim.quota.source import Sharing
from bulkim.sending.channel import Channel
from bulkim.sending.guard import WINDOW
from bulkim.sending.supervise import Deadline, Listen, Worker
from bulkim.sending.telemetry import Ending
from bulkim.source import open_source
from bulkim.window import Window
from bulkim.work.checks import check_size
from bulkim.work.confirm import agreed, pledge
from bulkim.work.workers import Begin, Census, Workers, working

LOOK_S = 0.25  # between two looks at what is asked


@dataclass(slots=True)
class Host:
    """What a worker's sessions have in common."""

    keeper: Keeper
    store: Store
    sharing: Sharing  # of this loop
    alone: Callable[[], Sharing]  # of a loop of its own
    places: int = 1
    draining: int = 0  # 1: nothing new; 2: calls in flight are left; 3: it ends at once


class Unconfirmed(Exception):  # noqa: N818 - a state
    """What would be destroyed is known now, and nobody has agreed to it."""


COLUMNS = ("id", "run", "name", "target", "job", "planned", "input_sha256", "pledge", "planned_at")
ROW = f"SELECT {', '.join(COLUMNS)} FROM bulkim.run WHERE id = %s"


async def session(host: Host, lease: Lease) -> None:
    """Work on a run until it ends, is asked for, or is lost. Never raises for what a run does."""
    try:
        left = await _worked(host, lease)
        if await host.keeper.give_back(lease, left):
            log.info("fleet.left", run_id=lease.run_id, state=left.state, why=left.why)
    except LostError:
        log.warning("fleet.lost", run_id=lease.run_id)
    except library().Error as error:  # then its lease runs out, and another worker takes it
        log.warning("fleet.failed", run_id=lease.run_id, error=in_words(error))
    finally:
        host.keeper.drop(lease)


async def _worked(host: Host, lease: Lease) -> Left:
    try:
        (found,) = await host.store.read(lease, ROW, (lease.run_id,))
        run = await asyncio.to_thread(Run, host, lease, dict(zip(COLUMNS, found, strict=True)))
        return await run.work()
    except LackingError as error:
        return Left("waiting", str(error), lacks=True)
    except Unconfirmed as error:
        return Left("confirming", str(error))
    except LostError:
        raise
    except BulkimError as error:
        return _stopped(Stop(error.exit_code, error.code, error.message, error.hint or ""))
    except Exception as error:  # noqa: BLE001 - one run's trouble is not the others'
        log.warning("fleet.failed", run_id=lease.run_id, error=f"{type(error).__name__}: {error}")
        return _stopped(Stop(70, "internal", f"internal error: {type(error).__name__}", ""))


def _stopped(stop: Stop) -> Left:
    return Left("stopped", stop.reason, stop)


def _until_open(hours: Window) -> Left:
    opens = hours.opens(window.now())
    return Left("waiting", f"window opens at {hours.told(opens)}", not_before=opens.timestamp())


class Run:
    """A run that is held, and the job that it is."""

    def __init__(self, host: Host, lease: Lease, row: dict[str, Any]) -> None:
        """Reads what its row refers to: not for the loop of all runs. Raises LackingError, BulkimError."""
        from bulkim import vendors

        self.host, self.lease, self.row = host, lease, row
        self.asked: str | None = None  # what had been asked when this go began
        planned = json.loads(row["planned"])
        self.job = job = resolve(
            json.loads(row["job"]), target=row["target"], input_sha256=row["input_sha256"],
            vendor_text=planned["vendor_text"],
        )  # fmt: skip
        provider = vendors.provider(job.provider, job.vendor_text)
        operation = provider.operation(job.operation)
        assert operation is not None, "the job file's loader checks this"
        self.operation = operation
        nobody: Any = None  # what reads rows and secrets needs no journal
        intake = Intake(nobody, job, provider, operation)
        limit = planned["item_limit"]
        self.workers = Workers(job, provider, operation, intake.entries, limit=limit, runs=host.places)
        self.secrets: Secrets | None = None
        if operation.secrets and row["input_sha256"]:
            source = open_source(job.source, secret_fields=operation.secrets, required=operation.required)
            self.secrets = partial(intake.secrets, source)

    async def work(self) -> Left:
        """Until it ends, or must be left. Raises BulkimError."""
        while (left := await self._once()) is None:
            pass
        return left

    async def _once(self) -> Left | None:
        """One go at it; None: again, for something was asked meanwhile."""
        lease, hours = self.lease, self.job.window
        self.asked = lease.asked
        if self.asked == "cancel":
            await self.host.store.read(
                lease, "SELECT bulkim.cancel_items(%s, %s)", (lease.run_id, time.time())
            )
        elif self.asked == "pause":
            return Left("paused")
        elif hours is not None and not hours.is_open(window.now()):
            return _until_open(hours)
        ahead = self.workers.ahead(planned=self.row["planned_at"] is not None)
        if ahead is None and self.operation.paging is None:
            return self._left(await self._together())
        loop = asyncio.get_running_loop()
        return self._left(await anyio.to_thread.run_sync(self._alone, loop, ahead))

    def _left(self, ending: Ending) -> Left | None:
        stop, asked = ending.stop, self.lease.asked
        if stop is not None:
            hours = self.job.window if stop.code == WINDOW else None
            return _until_open(hours) if hours else _stopped(stop)
        if ending.signal is None:
            return Left("cancelled" if asked == "cancel" else "done")
        if self.host.draining:
            return Left("queued")
        return Left("paused") if asked == "pause" else None

    async def _together(self) -> Ending:
        """In the loop of all runs: their turns travel together."""
        journal: Any = RunJournal(self.host.store, self.lease)  # what the executor asks of it
        await journal.read()
        ending = await self._working(journal, self._sending(count=0), self.host.sharing)
        await journal.durable()
        return ending

    def _alone(self, loop: asyncio.AbstractEventLoop, ahead: Begin | None) -> Ending:
        """In a loop of its own: one call at a time, and each waits."""
        journal, sharing = ListingJournal(self.host.store, loop, self.lease), self.host.alone()

        def work(begin: Begin) -> Ending:
            return anyio.run(self._working, journal, begin, sharing, backend="asyncio")

        def count(status: Status) -> int:
            return journal.counts()[status]

        to_send = None
        if ahead is not None:
            ending = work(ahead)
            if ending.state != "finished":
                return ending
            to_send = ahead.users if isinstance(ahead, Census) else count(Status.PENDING)
        if self.operation.paging is not None and to_send is None:
            to_send = max(0, int(self.job.params.get("count", 0)) - count(Status.SUCCEEDED))
        self._agree(to_send or 0, sent=count(Status.SUCCEEDED))
        self.row["planned_at"] = self.row["planned_at"] or time.time()
        if self.operation.paging is None:
            return Ending("interrupted", signal=0)  # listed: the rest is done together
        return work(self._sending(count=(to_send or 0) + count(Status.SUCCEEDED)))

    def _sending(self, *, count: int) -> Begin:
        return self.workers.sending(
            run=self.row["run"], count=count, secrets=self.secrets, name=self.row["name"]
        )

    def _agree(self, to_send: int, *, sent: int) -> None:
        """Hold what is known now against what was agreed to. Raises GuardError, ConfirmationError, Unconfirmed."""
        check_size(self.job.guard, to_send)
        said = self.row["pledge"]
        if not to_send or said == CONFIRMED or not (said or self.operation.destroys):
            return
        given = pledge(said) if said else None
        if agreed(given, None, self.job, sent=sent, left=to_send, said="--confirm") is None:
            raise Unconfirmed(f"{self.job.connection.app_name}:{to_send} to be confirmed")

    async def _working(self, journal: Port, begin: Begin, sharing: Sharing) -> Ending:
        def steered(_channel: Channel, worker: Worker) -> Listen:
            return lambda _drain: self._heed(worker)

        hours = Deadline(window=self.job.window)
        return await working(
            self.workers, journal, begin, hours, steered,
            sharing=sharing, gate=self.lease, user_timeout_s=self.host.keeper.margin_s,
        )  # fmt: skip

    async def _heed(self, worker: Worker) -> None:
        """Interrupt it when something else is asked for, it is drained or lost; and once more where that must be at once."""
        lease, host = self.lease, self.host
        while not (lease.lost or host.draining or lease.asked not in {None, self.asked}):
            await anyio.sleep(LOOK_S)
        if not worker.telemetry.stopping:  # a second interruption would leave at once
            worker.interrupt(signal.SIGTERM)
        while not (lease.lost or host.draining > 1):
            await anyio.sleep(LOOK_S)
        while True:
            worker.interrupt(signal.SIGTERM)
            await anyio.sleep(LOOK_S)
