"""Schedules: runs at times of the clock."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from bulkim.cli.fleet.reach import fleet, table, tell
from bulkim.cli.options import JOB, SET, Command, Settings, common
from bulkim.errors import ConfirmationError, UsageError
from bulkim.text import TO_THE_MINUTE

HEADER = ("name", "cron", "zone", "next", "last")
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
@click.option(
    "--priority", type=int, default=0, show_default=True, help="Of the runs that wait, the highest is next."
)
@SET
@common
def add(settings: Settings, *, name: str, job: Path, changes: list[tuple[str, str]], **options: Any) -> int:
    """Run a job at these times, or change when it is run. Its files are read anew each time, on a worker.

    While a run of an earlier time is unfinished, no new one is made: that one goes on. An hour that the clock skips comes
    at its end; one that comes twice comes once.
    """
    from bulkim import vendors
    from bulkim.fleet import schedule as plans
    from bulkim.fleet.references import submission

    sent = submission(job, os.environ, changes)
    operation = vendors.provider(sent.job.provider, sent.job.vendor_text).operation(sent.job.operation)
    if operation is not None and operation.destroys:
        if not options["yes"]:
            raise ConfirmationError(
                f"{sent.job.operation} destroys, and nobody will be asked at night.", hint="agree with --yes"
            )
        if sent.job.guard.max_items is None:
            raise ConfirmationError(
                f"{sent.job.operation} destroys, and the job says nothing of how many.",
                hint="guard: {max_items: …} bounds each run",
            )
    with fleet() as connection:
        plans.add(
            connection,
            name,
            options["cron"],
            options["zone"],
            sent,
            pledge="yes" if options["yes"] else None,
            priority=options["priority"],
        )
    settings.say(f"{name} runs at {options['cron']} ({options['zone']})")
    return 0


@schedule.command("list", cls=Command, examples=["bulkim fleet schedule list"])
@common
def list_(settings: Settings) -> int:
    """All schedules: when each is next, and what came of it last."""
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo

    from bulkim.fleet import schedule as plans

    with fleet() as connection:
        rows = connection.execute(
            "SELECT name, cron, zone, paused, said FROM bulkim.schedule ORDER BY name"
        ).fetchall()
    now, found, shown = datetime.now(UTC), [], []
    for name, cron, zone, paused, said in rows:
        coming = None if paused else next(plans.times(cron, zone, now, now + timedelta(days=400)), None)
        when = coming.isoformat() if coming else None
        found.append({"name": name, "cron": cron, "zone": zone, "paused": paused, "next": when, "last": said})
        at = coming.astimezone(ZoneInfo(zone)).strftime(f"{TO_THE_MINUTE} %Z") if coming else "never"
        shown.append((name, cron, zone, "paused" if paused else at, said or ""))
    if settings.json:
        return tell(found)
    if not found:
        settings.say("no schedules; `bulkim fleet schedule add` makes one")
        return 0
    return table(HEADER, shown)


@schedule.command(
    cls=Command, examples=["bulkim fleet schedule pause nightly", "bulkim fleet schedule pause nightly --off"]
)
@NAME
@click.option("--off", is_flag=True, help="Let it go on.")
@common
def pause(settings: Settings, *, name: str, off: bool) -> int:
    """Make no new runs of a schedule for now. Times that pass meanwhile are let go."""
    _changed(
        name,
        "UPDATE bulkim.schedule SET paused = %s, last = clock_timestamp() WHERE name = %s",
        not off,
        name,
    )
    settings.say(f"{name} {'goes on' if off else 'is paused'}")
    return 0


@schedule.command(cls=Command, examples=["bulkim fleet schedule remove nightly"])
@NAME
@common
def remove(settings: Settings, *, name: str) -> int:
    """Forget a schedule. Its runs stay."""
    _changed(name, "DELETE FROM bulkim.schedule WHERE name = %s", name)
    settings.say(f"{name} is removed")
    return 0


def _changed(name: str, statement: str, *values: Any) -> None:
    with fleet() as connection:
        if not connection.execute(statement, values).rowcount:
            raise UsageError(f"there is no schedule {name!r}.", hint="`bulkim fleet schedule list`")
