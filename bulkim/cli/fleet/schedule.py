"""Schedules: runs at times of the clock."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from bulkim.cli.fleet.reach import PRIORITY, fleet, listed
from bulkim.cli.options import JOB, SET, Command, Settings, common
from bulkim.errors import UsageError
from bulkim.text import TO_THE_MINUTE

COLUMNS = {"name": "{name}", "cron": "{cron}", "zone": "{zone}", "next": "{when}", "last": "{last}"}
NAME = click.argument("name", metavar="NAME", help="The schedule's name; its runs are called NAME@TIME.")


@click.group()
def schedule() -> None:
    """Runs at times of the clock. Workers look once a minute; a time that passed while all were away is made up for an hour."""


@schedule.command(
    cls=Command,
    examples=["bulkim fleet schedule add nightly purge.yaml --cron '0 1 * * *' --zone Asia/Shanghai --yes"],
)
@NAME
@JOB
@click.option(
    "--cron", required=True, metavar="CRON", help="Minute, hour, day, month, weekday, as in crontab."
)
@click.option(
    "--zone", required=True, metavar="ZONE", help="The time zone of these hours, e.g. Asia/Shanghai."
)
@click.option("--yes", is_flag=True, help="Agree to what the runs will destroy, up to guard.max_items each.")
@PRIORITY
@SET
@common
def add(settings: Settings, *, name: str, job: Path, changes: list[tuple[str, str]], **options: Any) -> int:
    """Run a job at these times, or change when it is run. Its files are read anew each time, on a worker.

    While a run of an earlier time is unfinished, no new one is made: that one goes on. An hour that the clock skips comes
    at its end; one that comes twice comes once.
    """
    from bulkim.fleet import schedule as plans
    from bulkim.fleet.references import submission

    cron, zone = options["cron"], options["zone"]
    sent = submission(job, os.environ, changes)
    with fleet() as connection:
        plans.add(connection, name, cron, zone, sent, agreed=options["yes"], priority=options["priority"])
    settings.say(f"{name} runs at {cron} ({zone})")
    return 0


@schedule.command("list", cls=Command, examples=["bulkim fleet schedule list"])
@common
def list_(settings: Settings) -> int:
    """All schedules: when each is next, and what came of it last."""
    from bulkim.fleet import schedule as plans

    with fleet() as connection:
        found = plans.listed(connection)
    none = "no schedules; `bulkim fleet schedule add` makes one"
    return listed(settings, found, COLUMNS, none=none, more=lambda each: {"when": _when(each)})


def _when(found: Mapping[str, Any]) -> str:
    """Its next time, by the clock of its zone."""
    if not found["next"]:
        return "paused" if found["paused"] else "never"
    there = datetime.fromisoformat(found["next"]).astimezone(ZoneInfo(found["zone"]))
    return there.strftime(f"{TO_THE_MINUTE} %Z")


@schedule.command(
    cls=Command, examples=["bulkim fleet schedule pause nightly", "bulkim fleet schedule pause nightly --off"]
)
@NAME
@click.option("--off", is_flag=True, help="Let it go on.")
@common
def pause(settings: Settings, *, name: str, off: bool) -> int:
    """Make no new runs of a schedule for now. Times that pass meanwhile are let go."""
    statement = "UPDATE bulkim.schedule SET paused = %s, last = clock_timestamp() WHERE name = %s"
    return _changed(settings, name, f"{name} {'goes on' if off else 'is paused'}", statement, not off, name)


@schedule.command(cls=Command, examples=["bulkim fleet schedule remove nightly"])
@NAME
@common
def remove(settings: Settings, *, name: str) -> int:
    """Forget a schedule. Its runs stay."""
    statement = "DELETE FROM bulkim.schedule WHERE name = %s"
    return _changed(settings, name, f"{name} is removed", statement, name)


def _changed(settings: Settings, name: str, said: str, statement: str, *values: Any) -> int:
    with fleet() as connection:
        if not connection.execute(statement, values).rowcount:
            raise UsageError(f"there is no schedule {name!r}.", hint="`bulkim fleet schedule list`")
    settings.say(said)
    return 0
