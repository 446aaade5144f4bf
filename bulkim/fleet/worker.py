"""A worker: takes runs and works on them until it is told to stop. One process, one event loop, some places."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from typing import Any

from bulkim.errors import BulkimError
from bulkim.fleet import engine, schedule
from bulkim.fleet.database import AwayError, Line, connected
from bulkim.fleet.health import serve
from bulkim.fleet.journal import Store
from bulkim.fleet.lease import Keeper, Lease
from bulkim.fleet.schema import Meta, usable
from bulkim.fleet.session import Host, session
from bulkim.fleet.shares import Shares, across_hosts
from bulkim.log.events import log

SWEEP_S = 1.0
# Twice what it takes to fill an empty worker: the fuller it is, the longer it leaves the next run to others, who may
# only be starting. What a dead worker held waits for nobody long.
FILL_S, TAKE_OVER_S = 3.0, 1.0
GENTLY = 143
OUTDATED = 75  # start a newer one


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told when it starts."""

    dsn: str
    places: int = 4
    health: tuple[str, int] | None = None  # address and port


def new_name() -> str:
    """A worker's: its host, its process, and what tells it from an earlier one of the same number."""
    return f"{socket.gethostname()}/{os.getpid()}-{secrets.token_hex(2)}"


def work(orders: Orders, name: str | None = None) -> int:
    """Work until SIGTERM or SIGINT; the second one leaves at once. Returns the exit code. Raises BulkimError."""
    worker = hired(orders, name)

    async def main() -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, worker.drain)
        return await worker.run()

    return asyncio.run(main())


def hired(orders: Orders, name: str | None = None) -> Worker:
    """A worker that has not begun. Raises BulkimError for a database that it cannot work with."""
    with connected(orders.dsn) as database:
        return Worker(orders, name or new_name(), usable(database))


def pause_s(keeper: Keeper, taken: Lease) -> float:
    """How long a worker leaves the next run to others, after it took this one."""
    if keeper.held > keeper.share and not taken.taken_over:
        return SWEEP_S  # then those with less have had a look
    full = (keeper.held - 1) / keeper.places
    return full * (TAKE_OVER_S if taken.taken_over else FILL_S) / keeper.places


class Worker:
    """One worker in a loop; `drain` ends it."""

    def __init__(self, orders: Orders, name: str, meta: Meta) -> None:
        dsn, self._orders = orders.dsn, orders
        keeper = Keeper(dsn, name, places=orders.places, lease_s=meta.lease_s, margin_s=meta.margin_s)
        self._shares = Shares(Line(dsn), name, lease_s=meta.lease_s, margin_s=meta.margin_s)
        alone = partial(across_hosts, {"BULKIM_FLEET": dsn})
        self.host = Host(keeper, Store(dsn), self._shares.sharing, alone, orders.places)
        self._wanted, self._thrice = asyncio.Event(), asyncio.Event()
        self._taking = asyncio.Lock()
        self._next_at = 0.0  # by the loop's clock: until then the next run is others'
        self._exit = GENTLY
        keeper.outdated = self._outdated

    async def run(self) -> int:
        """Until it has been drained. Returns the exit code."""
        host, places = self.host, self._orders.places
        log.info("fleet.worker", worker=host.keeper.worker, places=places)
        for_ever = [
            host.keeper.run(),
            self._shares.run(),
            host.store.flush(),
            engine.work(self._orders.dsn, self._wanted.set, self._tick),
            self._sweep(),
        ]
        if self._orders.health:
            for_ever.append(serve(*self._orders.health, self._vitals))
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(each) for each in for_ever]
        working = asyncio.gather(*(self._place() for _ in range(places)))
        ends: list[asyncio.Future[Any]] = [working, asyncio.ensure_future(self._thrice.wait())]
        done, _ = await asyncio.wait([*tasks, *ends], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await host.keeper.leave()  # told thrice, there are runs still at work
        await asyncio.wait(tasks, timeout=2.0)
        for each in (host.keeper, host.store, self._shares):
            await each.close()
        for task in done:
            task.result()  # it ended by itself: an error
        return self._exit

    def _outdated(self) -> None:
        """The fleet's database has been brought to a version that this program must not work with."""
        if not self.host.draining:
            self._exit = OUTDATED
            log.warning("fleet.outdated")
            self.drain()

    def drain(self) -> None:
        """First: nothing new, what is in flight is waited for, runs are given back. Second: at once."""
        self.host.draining += 1
        self._wanted.set()  # for those who wait with nothing to do
        if self.host.draining > 2:
            self._thrice.set()

    async def _place(self) -> None:
        """Until it is drained: when there may be something to do, take a run and work on it."""
        clock = asyncio.get_running_loop().time
        while True:
            async with self._taking:
                await self._wanted.wait()
                await asyncio.sleep(self._next_at - clock())
                if self.host.draining:
                    return
                self._wanted.clear()
                lease = None
                with suppress(AwayError):
                    lease = await self.host.keeper.take_next()
                if lease is None:
                    continue
                self._next_at = clock() + pause_s(self.host.keeper, lease)
                self._wanted.set()  # there may be more
            log.info("fleet.taken", run_id=lease.run_id, epoch=lease.epoch)
            await session(self.host, lease)
            self._wanted.set()

    async def _sweep(self) -> None:
        """For ever: whatever nobody was told of is found."""
        while True:
            self._wanted.set()
            await asyncio.sleep(SWEEP_S)

    async def _tick(self, moment: int) -> None:
        await asyncio.to_thread(schedule.tick, self._orders.dsn, moment)

    def _vitals(self) -> Mapping[str, float]:
        now, keeper = time.time(), self.host.keeper
        return {
            "places": self._orders.places, "busy": keeper.held, "held": keeper.held,
            "database_away_seconds": now - keeper.away_since if keeper.away_since else 0.0,
        }  # fmt: skip


# ------------------------------------------------------------------------------------------ children


def supervise(orders: Orders, processes: int) -> int:
    """Several workers, each a process. What one held that died is free at once: its parent has proof. Returns the exit code."""
    context = multiprocessing.get_context("spawn")
    stopping = 0
    children: dict[str, multiprocessing.process.BaseProcess] = {}

    def told(number: int, _frame: object) -> None:
        nonlocal stopping
        stopping += 1
        for child in children.values():
            if child.pid:
                os.kill(child.pid, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    while not stopping or children:
        while not stopping and len(children) < processes:
            name = new_name()
            children[name] = context.Process(target=_child, args=(orders, name))
            children[name].start()
        connection.wait([each.sentinel for each in children.values()], timeout=0.5)
        for name, child in list(children.items()):
            if not child.is_alive():
                _bury(orders.dsn, name)
                del children[name]
                if not stopping:
                    time.sleep(1.0)  # one that cannot even start is not started all the time
    return GENTLY


def _child(orders: Orders, name: str) -> None:
    raise SystemExit(work(orders, name))


def _bury(dsn: str, name: str) -> None:
    with suppress(BulkimError), connected(dsn) as database:
        database.execute("SELECT bulkim.bury(%s)", (name,))
