"""Procrastinate, the queue under the fleet: it wakes workers, and is trusted with nothing else.

A job says "look whether there is something to do". One that is lost, doubled or ended by a stranger does no harm: what is to
be done, and by whom, stands in `bulkim.claim`, and each worker sweeps it. Only this module knows the library.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import procrastinate
from procrastinate import exceptions
from procrastinate.schema import SchemaManager

SCHEMA = "bulkim_engine"
QUEUE = "bulkim"
POLL_S = 2.0  # where a notification gets lost
AGAIN_S = 1.0

Look = Callable[[], None]


def _options() -> str:
    return f"-c search_path={SCHEMA} -c application_name=bulkim-engine"


def make_ready(connection: Any) -> str:
    """Its tables, unless they are there. Returns its version."""
    found = connection.execute("SELECT to_regclass('bulkim_engine.procrastinate_jobs')").fetchone()[0]
    if found is None:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute(f"SET LOCAL search_path = {SCHEMA}")
        connection.execute(SchemaManager.get_schema())
        connection.execute("SET LOCAL search_path = bulkim")
    return procrastinate.__version__


def script() -> str:
    """The same, for somebody else to run."""
    return f"\nBEGIN;\nCREATE SCHEMA {SCHEMA};\nSET LOCAL search_path = {SCHEMA};\n{SchemaManager.get_schema()}\nCOMMIT;"


class Engine:
    """One worker's hand in it. `look` is called when there may be work; `tick` once a minute in the whole fleet."""

    def __init__(self, dsn: str, *, look: Look, tick: Callable[[int], Awaitable[None]], places: int) -> None:
        for name in ("procrastinate", "psycopg.pool"):  # what matters is said by whoever it matters to
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._places = places
        connector = procrastinate.PsycopgConnector(
            conninfo=dsn, kwargs={"options": _options()}, min_size=1, max_size=4
        )
        self._app = procrastinate.App(connector=connector)

        @self._app.task(name="look", queue=QUEUE, queueing_lock=None)
        async def _look(run: int) -> None:  # noqa: ARG001 - for people who read the queue
            look()

        @self._app.periodic(cron="* * * * *")
        @self._app.task(name="tick", queue=QUEUE)
        async def _tick(timestamp: int) -> None:
            await tick(timestamp)

        self._look = _look

    async def wake(self, runs: Sequence[int]) -> None:
        """Say that these runs are nobody's, where that can be said. At most one job waits for each."""
        for run in runs:
            try:
                await self._look.configure(queueing_lock=f"run:{run}").defer_async(run=run)
            except exceptions.AlreadyEnqueued:
                continue
            except exceptions.ProcrastinateException:
                return

    async def work(self) -> None:
        """For ever; it starts again after whatever ended it."""
        while True:
            with suppress(exceptions.ProcrastinateException, OSError):
                async with self._app.open_async():
                    await self._app.run_worker_async(
                        queues=[QUEUE], concurrency=self._places + 1, wait=True, install_signal_handlers=False,
                        delete_jobs="always", fetch_job_polling_interval=POLL_S,
                    )  # fmt: skip
            await asyncio.sleep(AGAIN_S)


def wake(dsn: str, runs: Sequence[int]) -> None:
    """From a command: say that there is something to do. Nobody hears it where no worker lives; they sweep when they come."""
    app = procrastinate.App(
        connector=procrastinate.SyncPsycopgConnector(
            conninfo=dsn, kwargs={"options": _options()}, min_size=1, max_size=1
        )
    )
    with suppress(exceptions.ProcrastinateException), app.open():
        for run in runs:
            with suppress(exceptions.AlreadyEnqueued):
                app.configure_task("look", queue=QUEUE, queueing_lock=f"run:{run}").defer(run=run)
