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
CONNECTIONS = 4
CONCURRENCY = 5  # looks take no time, a tick a moment

Look = Callable[[], None]


def _conninfo(dsn: str) -> dict[str, Any]:
    options = f"-c search_path={SCHEMA} -c application_name=bulkim-engine"
    return {"conninfo": dsn, "kwargs": {"options": options}, "min_size": 1, "max_size": CONNECTIONS}


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


async def work(dsn: str, look: Look, tick: Callable[[int], Awaitable[None]]) -> None:
    """For ever; it starts again after whatever ended it. `look` is called when there may be work; `tick` once a minute in
    the whole fleet.
    """
    for name in ("procrastinate", "psycopg.pool"):  # what matters is said by whoever it matters to
        logging.getLogger(name).setLevel(logging.CRITICAL)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(**_conninfo(dsn)))

    @app.task(name="look", queue=QUEUE)
    async def _look(run: int) -> None:  # noqa: ARG001 - for people who read the queue
        look()

    @app.periodic(cron="* * * * *")
    @app.task(name="tick", queue=QUEUE)
    async def _tick(timestamp: int) -> None:
        await tick(timestamp)

    while True:
        with suppress(exceptions.ProcrastinateException, OSError):
            async with app.open_async():
                await app.run_worker_async(
                    queues=[QUEUE], concurrency=CONCURRENCY, wait=True, install_signal_handlers=False,
                    delete_jobs="always", fetch_job_polling_interval=POLL_S,
                )  # fmt: skip
        await asyncio.sleep(AGAIN_S)


def wake(dsn: str, runs: Sequence[int]) -> None:
    """Say that there is something to do. Nobody hears it where no worker lives; they look when they come."""
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(**_conninfo(dsn)))
    with suppress(exceptions.ProcrastinateException), app.open():
        for run in runs:
            with suppress(exceptions.AlreadyEnqueued):
                app.configure_task("look", queue=QUEUE, queueing_lock=f"run:{run}").defer(run=run)
