"""Following a run of the fleet."""

from __future__ import annotations

import time
from typing import Any

import click

from bulkim.cli.fleet.reach import RUN, fleet, next_step, tell
from bulkim.cli.options import Command, Settings, common
from bulkim.cli.watch import drawn
from bulkim.text import counted

LOOK_S = 0.5


@click.command(cls=Command, examples=["bulkim fleet watch last", "bulkim fleet watch nightly-purge"])
@RUN
@common
def watch(settings: Settings, *, run_name: str) -> int:
    """Follow a run until it ends, or needs somebody. Ctrl-C ends the watching, not the run."""
    return followed(settings, run_name)


def followed(settings: Settings, wanted: str) -> int:
    """Draw a run's live block while somebody works on it; returns the exit code that it ends with."""
    try:
        run, code = _ended(settings, wanted)
    except KeyboardInterrupt:
        settings.say(f"run {wanted} goes on")
        return 0
    _told(settings, run)
    return code


def _ended(settings: Settings, wanted: str) -> tuple[dict[str, Any], int]:
    """A run once nobody works on it, and its exit code. A database that has answered before is waited for."""
    from bulkim.errors import JournalError
    from bulkim.fleet import view

    answers: bool | None = None
    while True:
        try:
            with fleet() as connection:
                answers = True
                run = view.summary(connection, _until_over(settings, connection, wanted))
                return run, view.exit_code(connection, run)
        except JournalError as error:
            if answers is None:
                raise
            if answers:
                settings.say(f"waiting for the database: {error.message}")
            answers = False
            time.sleep(LOOK_S)


def _until_over(settings: Settings, connection: Any, wanted: str) -> str:
    from bulkim.fleet import view

    told = None
    while (run := view.find(connection, wanted))["state"] not in view.AT_REST:
        wanted = run["run"]
        if told != (told := (run["state"], run["worker"], run["why"])):
            settings.say(", ".join(filter(None, (f"{wanted} {run['state']}", run["worker"], run["why"]))))
        if run["state"] == "running":
            _drawn(settings, connection, run)
        time.sleep(LOOK_S)
    return str(run["run"])


def _drawn(settings: Settings, connection: Any, run: dict[str, Any]) -> None:
    """The block, as long as the same worker works on it."""
    from bulkim.fleet import view
    from bulkim.fleet.reading import Books
    from bulkim.view import live
    from bulkim.view.live.following import Following

    books: Any = Books(connection, run["run"])  # as much of a reader as the block needs
    following, at_work = Following(books, books.get(run["id"])), ("running", run["worker"])
    with drawn(live.chosen(settings.progress, quiet=settings.quiet)) as show:
        while (now := view.find(connection, run["run"])) and (now["state"], now["worker"]) == at_work:
            moment = time.time()
            show(moment, following.look(moment)[1])
            time.sleep(LOOK_S)


def _told(settings: Settings, run: dict[str, Any]) -> None:
    """How it stands now."""
    from bulkim.fleet import view
    from bulkim.view.account import reconciliation

    if settings.json:
        tell(view.public(run))
        return
    everybody = {**run, "counts": {**run["counts"], "pending": run["pending"]}}
    over = f", taken over {run['takeovers']} times" if run["takeovers"] else ""
    click.echo(f"{run['run']} {run['name']}: {run['state']}" + (f", {run['why']}" if run["why"] else ""))
    click.echo(f"{reconciliation(everybody)}; {counted(run['requests'], 'call')}{over}")
    settings.say(f"next: {next_step(run)}")
