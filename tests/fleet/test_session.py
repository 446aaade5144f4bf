"""How a session leaves its run, by how its work ended; and with which exit code a command that waits for it ends."""

from __future__ import annotations

import asyncio
from datetime import datetime
from types import SimpleNamespace

import pytest

from bulkim import window
from bulkim.fleet import view
from bulkim.fleet.database import connected
from bulkim.fleet.lease import Left
from bulkim.fleet.session import Run
from bulkim.model import Stop
from bulkim.sending import guard
from bulkim.sending.telemetry import Ending

from .planted import plant
from .test_journal import worker

HOURS = window.parse("01:00-06:00 UTC")
IN_THEM, AFTER = "2026-11-27T05:59:00+00:00", "2026-11-27T06:00:00+00:00"


@pytest.mark.parametrize(
    ("now", "stop", "state", "exit_code"),
    [
        (AFTER, guard.window_end(HOURS, datetime.fromisoformat(AFTER)), "waiting", None),
        (IN_THEM, guard.rest(3600.0, 600.0), "stopped", 75),
    ],
)
def test_hours_that_are_over_are_waited_for_and_a_rest_that_is_too_long_is_not(
    monkeypatch, now, stop, state, exit_code
):
    """In its hours it would be taken again at once, and call the vendor that had asked for a rest."""
    monkeypatch.setattr(window, "now", lambda: datetime.fromisoformat(now))
    run = SimpleNamespace(job=SimpleNamespace(window=HOURS), lease=SimpleNamespace(asked=None))
    left = Run._left(run, Ending("stopped", stop))
    assert (left.state, left.stop and left.stop.exit_code) == (state, exit_code)


def test_who_waits_for_a_stopped_run_ends_as_it_would_have(database):
    run_id = plant(database, "r1")

    async def main():
        async with worker(database, "w") as one:
            await one.take(run_id)
            stop = Stop(6, "plan_exhausted", "the plan allows no more", "")
            assert await one.keeper.give_back(one.lease, Left("stopped", stop.reason, stop))

    asyncio.run(main())
    with connected(database.dsn) as connection:
        run = view.find(connection, "r1")
        assert (run["state"], run["why"], view.exit_code(connection, run)) == (
            "stopped",
            "the plan allows no more",
            6,
        )
