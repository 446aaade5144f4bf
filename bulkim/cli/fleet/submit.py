"""Submitting runs."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli.confirm import Confirmation
from bulkim.cli.fleet.reach import PRIORITY, tell
from bulkim.cli.fleet.watch import followed
from bulkim.cli.options import CONFIRM, JOB, LIMIT, SET, YES, Command, Settings, common, on_terminal
from bulkim.text import counted

if TYPE_CHECKING:
    from bulkim.planning.terms import Pledge


class MomentType(click.ParamType[float]):
    """`22:00`: when it is that next, here; `2026-12-01T01:00`, with or without an offset: then."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Unix seconds. Raises click.BadParameter."""
        now = datetime.now().astimezone().replace(tzinfo=None)
        try:
            if clock := re.fullmatch(r"(\d{1,2}):(\d\d)", str(value)):
                moment = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
                moment += timedelta(days=moment <= now)
            else:
                moment = datetime.fromisoformat(str(value))
            at = moment.timestamp()
        except (ValueError, OverflowError, OSError):
            self.fail(f"expected a time like 22:00 or 2026-12-01T01:00, got {value!r}", param, ctx)
        if at <= now.timestamp():
            self.fail(f"{value} is over", param, ctx)
        return at


@click.command(
    cls=Command,
    examples=["bulkim fleet submit job.yaml", "bulkim fleet submit purge.yaml --confirm testapp:120 --wait"],
)
@JOB
@YES
@CONFIRM
@LIMIT
@PRIORITY
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
    then waits for `bulkim fleet confirm`, unless --confirm has said how many. A job that has nothing to send ends at once.
    """
    from bulkim.fleet.submitting import CONFIRMED, Order, queue

    given: Pledge | None = options["pledge"]
    said = f"{given.app}:{given.count}" if given else CONFIRMED if options["yes"] else None
    order = Order(options["priority"], options["beside"], options["limit"], said, at=options["at"])
    decide = Confirmation(options["yes"], given, ask=on_terminal(), names=lambda _: [])
    ticket = queue(job, changes, order, decide)
    run, to_send = ticket.run, ticket.preview.to_send if ticket.known else None
    if ticket.over:
        settings.say(f"run {run} has ended: 0 of {counted(ticket.preview.record.items, 'item')} to send")
    else:
        what = "a worker asks the vendor first" if to_send is None else f"{counted(to_send, 'item')} to send"
        settings.say(f"queued as run {run}: {what}")
    if wait:
        return followed(settings, run)
    if settings.json:
        state = "done" if ticket.over else "queued"
        tell({"run": run, "name": ticket.preview.record.name, "state": state, "to_send": to_send})
    settings.say(f"next: bulkim fleet {'results' if ticket.over else 'watch'} {run}")
    return 0
