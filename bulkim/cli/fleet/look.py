"""Looking into runs: as on one machine, by copying them into a journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from bulkim.cli.fleet.reach import RUN, fleet, next_step, tell
from bulkim.cli.options import CODE, Command, Settings, common
from bulkim.errors import UsageError
from bulkim.text import TO_THE_MINUTE, counted, local


@contextmanager
def _copy(settings: Settings, wanted: str) -> Iterator[tuple[Settings, dict[str, Any]]]:
    """A journal that holds nothing but this run, and the run."""
    from bulkim.fleet.pull import copied

    with copied(wanted) as (journal, run):  # quiet: what it would have typed next is about the copy
        yield replace(settings, journal=journal.path, quiet=True), run


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
    with _copy(settings, run_name) as (copied, run):
        try:
            code = _as_here("show", copied, run["run"], *([username] if username else []))
        except UsageError as error:
            raise UsageError(error.message, hint=f"`bulkim fleet results {run['run']}` lists them") from None
    if not settings.json and not username:
        if run["state"] not in {"done", "stopped"}:  # states that a journal does not know
            settings.say(f"in the fleet: {run['state']}")
        settings.say(f"next: {next_step(run)}")
    return code


@click.command(cls=Command, examples=["bulkim fleet results last --outcome failed"])
@RUN
@click.option(
    "--outcome", multiple=True, metavar="OUTCOME", help="Only items that ended so; may be repeated."
)
@CODE
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "table", "junit"]),
    default=None,
    help="How rows are printed.",
)
@click.option("-o", "output", metavar="FILE", help="Into this file.")
@common
def results(settings: Settings, *, run_name: str, **options: Any) -> int:
    """Print the items of a run, one row each. As `bulkim results` prints them."""
    words = [word for each in options["outcome"] for word in ("--outcome", each)]
    words += [word for each in options["code"] for word in ("--code", each)]
    words += ["--format", options["form"]] if options["form"] else []
    words += ["-o", options["output"]] if options["output"] else []
    with _copy(settings, run_name) as (copied, run):
        return _as_here("results", copied, run["run"], *words)


def _as_here(name: str, settings: Settings, *words: str) -> int:
    """Let the command of one machine do it."""
    from bulkim.cli import cli

    common = [
        "--journal",
        str(settings.journal),
        *(["--json"] if settings.json else []),
        *(["-q"] if settings.quiet else []),
    ]
    ctx = click.get_current_context()
    command = cli.get_command(ctx, name)
    assert command is not None
    inner = command.make_context(f"bulkim {name}", [*words, *common], parent=ctx)
    with inner:
        return int(command.invoke(inner) or 0)


@click.command(cls=Command, examples=["bulkim fleet why user_048"])
@click.argument("username", help="A user, as a run's input writes them.")
@common
def why(settings: Settings, *, username: str) -> int:
    """Every run that touched a user, the newest first, and how that ended."""
    from bulkim.fleet.database import documents

    with fleet() as connection:
        found = documents(
            connection,
            "SELECT r.run, r.name, r.operation, r.app, coalesce(i.outcome, 'pending') AS outcome, i.code, i.reason,"
            " to_timestamp(i.finished_at)::text AS finished_at"
            " FROM bulkim.run AS r JOIN bulkim.item AS i ON i.run_id = r.id AND (i.key = %s OR i.key = lower(%s)) ORDER BY r.id DESC",
            (username, username),
        )
    if settings.json:
        return tell(found)
    if not found:
        settings.say(f"no run of the fleet has a user {username!r}")
    for each in found:
        code = f" ({each['code']})" if each["code"] else ""
        ended = each["finished_at"] and datetime.fromisoformat(each["finished_at"]).timestamp()
        rest = f", {each['reason']}" if each["reason"] else ""
        rest += f", {local(ended, f'{TO_THE_MINUTE} %Z')}" if ended else ""
        click.echo("{run} {name}: {operation} at {app}: {outcome}".format(**each) + code + rest)
    return 0
