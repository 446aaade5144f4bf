"""Looking at the fleet: runs, workers and quotas in its tables; one run as on one machine, by copying it into a journal."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import click

from bulkim.cli.fleet.reach import RUN, fleet, listed, next_step, table, tell
from bulkim.cli.options import Command, Settings, common
from bulkim.cli.results import choosing
from bulkim.text import CLOCK_WITH_ZONE, TO_THE_MINUTE, counted, local

STATUS = {
    "app": "{app}", "run": "{run}", "name": "{name}", "state": "{state}", ">ended": "{ended:,}/{items:,}", ">calls": "{requests:,}",
    "worker": "{worker}", "": "{why}",
}  # fmt: skip
WORKERS = {
    "worker": "{name}", "version": "{version}", ">busy": "{busy}", ">places": "{places}", "seen": "{seen_s:.0f} s ago{gone}",
    "clock": "{clock_s:+z.1f} s",
}  # fmt: skip
QUOTA = {
    "pool": "{pool}", ">limit": "{limit_per_s:g}/s", "holder": "{holder}", ">share": "{share_per_s:g}", ">used": "{used_per_s:.1f}",
    ">lease": "{lease_s:.0f} s",
}  # fmt: skip


# ---------------------------------------------------------------------------------------- the tables


@click.command(cls=Command, examples=["bulkim fleet status", "bulkim fleet status --json"])
@click.option("--all", "every", is_flag=True, help="Runs that ended long ago, too.")
@common
def status(settings: Settings, *, every: bool) -> int:
    """All runs that are not over, and those that ended within a day."""
    from bulkim.fleet import view

    with fleet() as connection:
        runs, workers = view.runs(connection, every=every), view.workers(connection)
    if settings.json:
        return tell({"runs": [view.public(each) for each in runs], "workers": workers})
    alive = [each for each in workers if each["alive"]]
    busy, places = (sum(each[name] for each in alive) for name in ("busy", "places"))
    settings.say(f"workers: {len(alive)} alive of {len(workers)}, {busy} of {places} places taken")
    if not runs:
        settings.say("no runs; `bulkim fleet submit JOB` makes one")
        return 0
    table(runs, STATUS)
    if not alive and any(each["state"] in {"queued", "waiting"} for each in runs):
        settings.say("next: bulkim fleet worker, on every host that is to work")
    return 0


@click.command(cls=Command, examples=["bulkim fleet workers"])
@common
def workers(settings: Settings) -> int:
    """Who lives, with how much to do, and how far a clock is from the database's."""
    from bulkim.fleet import view

    with fleet() as connection:
        found = view.workers(connection)
    none = "no worker was heard of for a day; `bulkim fleet worker` is one"
    return listed(
        settings, found, WORKERS, none=none, more=lambda each: {"gone": "" if each["alive"] else ", gone"}
    )


@click.command(cls=Command, examples=["bulkim fleet metrics"])
@common
def metrics(settings: Settings) -> int:  # noqa: ARG001 - every command takes the common options
    """The fleet as Prometheus text: runs by state, workers, items of each run, how much of each quota is used."""
    from bulkim.fleet import view

    with fleet() as connection:
        click.echo("\n".join(view.metrics(connection)))
    return 0


@click.command(cls=Command, examples=["bulkim fleet quota", "bulkim fleet quota --json"])
@common
def quota(settings: Settings) -> int:
    """Who draws on which quota, on all hosts: their share of the limit, and what they use of it, in calls a second.

    `lease` is how long a share is good without being renewed; one that is over is free for others.
    """
    from bulkim.fleet import view

    with fleet() as connection:
        found = view.quota(connection)
    listed(settings, found, QUOTA, none="nobody is drawing on a quota of the fleet now")
    resting = {each["pool"]: each["rest_s"] for each in found if (each["rest_s"] or 0) > 0}
    for pool, rest_s in resting.items() if not settings.json else ():
        until = local(time.time() + rest_s, CLOCK_WITH_ZONE)
        settings.say(f"{pool} rests until {until}: the vendor refused a call for its quota")
    return 0


@click.command(cls=Command, examples=["bulkim fleet why user_048"])
@click.argument("username", help="A user, as a run's input writes them.")
@common
def why(settings: Settings, *, username: str) -> int:
    """Every run that touched a user, the newest first, and how that ended."""
    from bulkim.fleet import view

    with fleet() as connection:
        found = view.touched(connection, username)
    if settings.json:
        return tell(found)
    if not found:
        settings.say(f"no run of the fleet has a user {username!r}")
    for each in found:
        at = each["finished_at"]
        ended = at and local(datetime.fromisoformat(at).timestamp(), f"{TO_THE_MINUTE} %Z")
        code = f" ({each['code']})" if each["code"] else ""
        line = "{run} {name}: {operation} at {app}: {outcome}".format(**each) + code
        click.echo(", ".join(filter(None, (line, each["reason"], ended))))
    return 0


# ------------------------------------------------------------------------------------------- one run


@click.command(
    cls=Command, examples=["bulkim fleet pull last", "bulkim fleet pull k7qf2m2x --journal night.db"]
)
@RUN
@common
def pull(settings: Settings, *, run_name: str) -> int:
    """Copy a run into a journal here, in place of an earlier copy: `report`, `retry`, `verify`, `undo` and `browse` work on it."""
    from bulkim.fleet.pull import pulled

    found, items, calls = pulled(run_name, settings.journal)
    run = found["run"]
    if settings.json:
        tell({"run": run, "items": items, "calls": calls, "journal": str(settings.journal)})
    settings.say(f"pulled {counted(items, 'item')} and {counted(calls, 'call')} into {settings.journal}")
    settings.say(f"next: {settings.command('report', run)}")
    return 0


@click.command(cls=Command, examples=["bulkim fleet show last", "bulkim fleet show last user_048"])
@RUN
@click.argument("username", required=False, help="What happened to this user.")
@common
def show(settings: Settings, *, run_name: str, username: str | None) -> int:
    """One run, or what happened to one of its users, as `bulkim show` says it."""
    from bulkim.cli.journal import show_run, show_user
    from bulkim.fleet.pull import copied

    with copied(run_name) as (journal, run):
        record = journal.find(run["run"])
        if username:
            return show_user(settings, journal, record, username)
        # the copy is gone when this is read
        show_run(settings, journal, record, {**journal.summary(record), "journal": None})
    if not settings.json:
        if run["state"] not in {"done", "stopped"}:  # states that a journal does not know
            settings.say(f"in the fleet: {run['state']}")
        settings.say(f"next: {next_step(run)}")
    return 0


@click.command(cls=Command, examples=["bulkim fleet results last --outcome failed"])
@RUN
@choosing
@common
def results(settings: Settings, *, run_name: str, **options: Any) -> int:
    """Print the items of a run, one row each. As `bulkim results` prints them."""
    from bulkim.cli.results import printed
    from bulkim.fleet.pull import copied

    with copied(run_name) as (journal, run):
        return printed(settings, journal, journal.find(run["run"]), **options)
