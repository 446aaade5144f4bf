"""Submitting runs, and seeing them go on."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli.confirm import Confirmation
from bulkim.cli.fleet.reach import fleet, table, tell
from bulkim.cli.fleet.watch import followed
from bulkim.cli.options import JOB, SET, Command, PledgeType, Settings, common, on_terminal
from bulkim.text import counted

if TYPE_CHECKING:
    from bulkim.planning.terms import Pledge

HEADER = ("app", "run", "name", "state", "done", "calls", "worker", "")


class MomentType(click.ParamType[float]):
    """`22:00`: when it is that next, here; `2026-12-01T01:00`, with or without an offset: then."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Unix seconds. Raises click.BadParameter."""
        now = datetime.now().astimezone()
        try:
            if clock := re.fullmatch(r"(\d{1,2}):(\d\d)", str(value)):
                wanted = now.replace(
                    hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0, tzinfo=None
                )
                moment = (
                    wanted if wanted > now.replace(tzinfo=None) else wanted + timedelta(days=1)
                ).astimezone()
            else:
                moment = datetime.fromisoformat(str(value)).astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail(f"expected a time like 22:00 or 2026-12-01T01:00, got {value!r}", param, ctx)
        if moment <= now:
            self.fail(f"{value} is over", param, ctx)
        return moment.timestamp()


@click.command(
    cls=Command,
    examples=["bulkim fleet submit job.yaml", "bulkim fleet submit purge.yaml --confirm testapp:120 --wait"],
)
@JOB
@click.option(
    "--yes", is_flag=True, help="Skip the confirmation prompt. Not enough at a production connection."
)
@click.option("--confirm", "pledge", type=PledgeType(), metavar="APP:COUNT",
              help="Confirm in advance: the run starts only if app and number of items match.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take only the first N items.")
@click.option(
    "--priority", type=int, default=0, show_default=True, help="Of the runs that wait, the highest is next."
)
@click.option(
    "--beside", is_flag=True, help="Start at once, beside other runs of the app, and share its limit."
)
@click.option(
    "--at", type=MomentType(), metavar="TIME", help="Begin then, not before: 22:00, or 2026-12-01T01:00."
)
@click.option("--wait", is_flag=True, help="Stay until the run ends, and end as `bulkim run` would.")
@SET
@common
def submit(
    settings: Settings, *, job: Path, changes: list[tuple[str, str]], wait: bool, **options: Any
) -> int:
    """Plan a job here, have it confirmed, and queue it for the fleet's workers.

    Secrets must be references (${NAME}), which each worker resolves for itself. A file with passwords must lie where workers can
    read it under the same path. What only the vendor knows (a listing) a worker asks first; what would be destroyed
    then waits for `bulkim fleet confirm`, unless --confirm has said how many.
    """
    from bulkim.fleet.submitting import CONFIRMED, Order, queue

    given: Pledge | None = options["pledge"]
    said = f"{given.app}:{given.count}" if given else CONFIRMED if options["yes"] else None
    order = Order(options["priority"], options["beside"], options["limit"], said, at=options["at"])
    decide = Confirmation(options["yes"], given, ask=on_terminal(), names=lambda _: [])
    ticket = queue(job, changes, order, decide)
    preview = ticket.preview
    what = counted(preview.to_send, "item") + " to send" if ticket.known else "a worker asks the vendor first"
    settings.say(f"queued as run {ticket.run}: {what}")
    if not wait:
        if settings.json:
            to_send = preview.to_send if ticket.known else None
            tell({"run": ticket.run, "name": preview.record.name, "state": "queued", "to_send": to_send})
        settings.say(f"next: bulkim fleet watch {ticket.run}")
        return 0
    return followed(settings, ticket.run)


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
    cells = [
        (each["app"], each["run"], each["name"], each["state"], f"{each['ended']:,}/{each['items']:,}", f"{each['requests']:,}",
         each["worker"] or "", each["why"] or "") for each in runs
    ]  # fmt: skip
    table(HEADER, cells, right=(4, 5))
    if not alive and any(each["state"] in {"queued", "waiting"} for each in runs):
        settings.say("next: bulkim fleet worker, on every host that is to work")
    return 0
