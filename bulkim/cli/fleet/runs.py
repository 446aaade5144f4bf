"""Submitting runs, and seeing them go on."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli.confirm import Confirmation
from bulkim.cli.fleet.reach import RUN, fleet
from bulkim.cli.options import JOB, SET, Command, PledgeType, Settings, common, on_terminal
from bulkim.text import counted

if TYPE_CHECKING:
    from bulkim.planning.terms import Pledge

LOOK_S = 1.0
OVER = ("done", "stopped", "cancelled", "paused", "confirming")
HEADER = ("app", "run", "name", "state", "done", "calls", "worker", "")


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
    from bulkim.fleet import engine
    from bulkim.fleet.database import address
    from bulkim.fleet.references import submission
    from bulkim.fleet.submit import Order
    from bulkim.fleet.submit import submit as hand_over

    given: Pledge | None = options["pledge"]
    said = f"{given.app}:{given.count}" if given else "yes" if options["yes"] else None
    order = Order(options["priority"], options["beside"], options["limit"], said)
    with fleet() as connection:
        sent = submission(job, os.environ, changes)
        decide = Confirmation(options["yes"], given, ask=on_terminal(), names=lambda _: [])
        ticket = hand_over(connection, sent, order, decide)
    engine.wake(address(), [ticket.run_id])
    preview = ticket.preview
    what = counted(preview.to_send, "item") + " to send" if ticket.known else "a worker asks the vendor first"
    settings.say(f"queued as run {ticket.run}: {what}")
    if not wait:
        if settings.json:
            click.echo(
                json.dumps(
                    {
                        "run": ticket.run,
                        "name": sent.job.name,
                        "state": "queued",
                        "to_send": preview.to_send if ticket.known else None,
                    }
                )
            )
        settings.say(f"next: bulkim fleet watch {ticket.run}")
        return 0
    return _followed(settings, ticket.run)


@click.command(cls=Command, examples=["bulkim fleet watch last", "bulkim fleet watch nightly-purge"])
@RUN
@common
def watch(settings: Settings, *, run_name: str) -> int:
    """Follow a run until it ends, or needs somebody. Ctrl-C ends the watching, not the run."""
    return _followed(settings, run_name)


def _followed(settings: Settings, wanted: str) -> int:
    from bulkim.errors import JournalError
    from bulkim.fleet import view

    told, before, live = (
        "",
        None,
        sys.stderr.isatty() and settings.progress in {"auto", "bar"} and not settings.quiet,
    )
    while True:
        try:
            with fleet() as connection:
                while (run := view.find(connection, wanted))["state"] not in OVER:
                    wanted = run["run"]
                    line = _line(run, before)
                    before = (time.monotonic(), run["requests"])
                    if live:
                        click.echo(f"\r\x1b[K{line}", nl=False, err=True)
                    elif run["state"] != told:
                        settings.say(line)
                        told = run["state"]
                    time.sleep(LOOK_S)
                code = view.exit_code(connection, run)
                counts = view.counts(connection, run["id"])
        except JournalError as error:
            settings.say(f"waiting for the database: {error.message}")
            time.sleep(LOOK_S)
            continue
        except KeyboardInterrupt:
            settings.say(f"\nrun {wanted} goes on")
            return 0
        break
    if live:
        click.echo("\r\x1b[K", nl=False, err=True)
    if settings.json:
        click.echo(json.dumps({**_public(run), "counts": counts}, ensure_ascii=False))
    else:
        parts = " + ".join(
            f"{number:,} {outcome}" for outcome, number in sorted(counts.items(), key=lambda each: -each[1])
        )
        pending = f" + {run['pending']:,} pending" if run["pending"] else ""
        click.echo(f"{run['run']} {run['name']}: {run['state']}" + (f", {run['why']}" if run["why"] else ""))
        click.echo(
            f"{run['items']:,} in = {parts}{pending}; {run['requests']:,} calls"
            + (f", taken over {run['takeovers']} times" if run["takeovers"] else "")
        )
    if run["state"] == "confirming":
        settings.say(f"next: bulkim fleet confirm {run['run']} APP:COUNT")
    return code


def _line(run: dict[str, Any], before: tuple[float, int] | None) -> str:
    done = f"{run['ended'] / run['items']:.0%}" if run["items"] else "0%"
    speed = (run["requests"] - before[1]) / max(0.1, time.monotonic() - before[0]) if before else 0.0
    words = [
        f"{run['run']} {run['state']}",
        f"{done} of {run['items']:,}",
        f"{speed:.1f} calls/s",
        run["worker"] or "",
        run["why"] or "",
    ]
    return ", ".join(word for word in words if word)


def _public(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != "id"}


@click.command(cls=Command, examples=["bulkim fleet status", "bulkim fleet status --json"])
@click.option("--all", "every", is_flag=True, help="Runs that ended long ago, too.")
@common
def status(settings: Settings, *, every: bool) -> int:
    """All runs that are not over, and those that ended within a day."""
    from bulkim.cli import show
    from bulkim.fleet import view
    from bulkim.view import account as text

    with fleet() as connection:
        runs, workers = view.runs(connection, every=every), view.workers(connection)
    if settings.json:
        click.echo(
            json.dumps({"runs": [_public(each) for each in runs], "workers": workers}, ensure_ascii=False)
        )
        return 0
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
    lines = text.table(HEADER, cells, right=(4, 5), width=show.terminal_width())
    show.put([[(line, "bold" if not number else "")] for number, line in enumerate(lines)])
    return 0
