"""Steering runs: pause, resume, cancel, confirm, forget."""

from __future__ import annotations

import time
from typing import Any

import click

from bulkim.cli.fleet.reach import RUN, RUNS, fleet, tell
from bulkim.cli.options import Command, DurationType, PledgeType, Settings, common
from bulkim.errors import UsageError
from bulkim.planning.terms import Pledge

CHUNK = 10_000
OF_ITEMS = (
    ("item", "ordinal"),
    ("before", "ordinal"),
    ("attempt", "id"),
)  # tables, and what counts their rows

ALL = click.option("--all", "every", is_flag=True, help="All runs that are not over.")
APP = click.option(
    "--app", metavar="APP", help="All runs of an app that are not over, as `fleet status` names it."
)


def _steered(settings: Settings, what: str, runs: tuple[str, ...], *, app: str | None, every: bool) -> int:
    from bulkim.fleet import engine, view
    from bulkim.fleet.database import address

    if bool(runs) + bool(app) + every != 1:
        raise UsageError(
            "name runs, or an app with --app, or --all.", hint="`bulkim fleet status` lists them"
        )
    with fleet() as connection:
        chosen = [view.find(connection, name) for name in runs]
        if not runs:
            chosen = [
                each
                for each in view.runs(connection)
                if each["state"] not in view.OVER and (every or each["app"] == app)
            ]
        if not chosen and app:
            raise UsageError(
                f"no run of {app!r} is open.", hint="`bulkim fleet status` names apps as --app takes them"
            )
        said = []
        for each in chosen:
            (answer,) = connection.execute(
                "SELECT bulkim.ask(%s, %s, %s)", (each["id"], what, time.time())
            ).fetchone()
            said.append({"run": each["run"], "name": each["name"], "answer": answer})
    engine.wake(address(), [each["id"] for each in chosen])
    if settings.json:
        tell(said)
    if not said:
        settings.say("no run is open")
    for each in said:
        settings.say(f"{each['run']} {each['name']}: {each['answer']}")
    return 0


@click.command(cls=Command, examples=["bulkim fleet pause nightly-purge", "bulkim fleet pause --all"])
@RUNS
@APP
@ALL
@common
def pause(settings: Settings, *, runs: tuple[str, ...], app: str | None, every: bool) -> int:
    """Let runs stop gently, within a second or two, until they are resumed."""
    return _steered(settings, "pause", runs, app=app, every=every)


@click.command(cls=Command, examples=["bulkim fleet resume nightly-purge"])
@RUNS
@APP
@ALL
@common
def resume(settings: Settings, *, runs: tuple[str, ...], app: str | None, every: bool) -> int:
    """Let paused and stopped runs go on, and runs that wait for a secret be tried again."""
    return _steered(settings, "resume", runs, app=app, every=every)


@click.command(cls=Command, examples=["bulkim fleet cancel k7qf2m2x"])
@RUNS
@APP
@ALL
@common
def cancel(settings: Settings, *, runs: tuple[str, ...], app: str | None, every: bool) -> int:
    """End runs. What was never sent is skipped (`cancelled`); what is in doubt is asked about first."""
    return _steered(settings, "cancel", runs, app=app, every=every)


@click.command(cls=Command, examples=["bulkim fleet confirm k7qf2m2x testapp:120"])
@RUN
@click.argument(
    "pledge", metavar="APP:COUNT", type=PledgeType(), help="The app, and how many items may be sent."
)
@common
def confirm(settings: Settings, *, run_name: str, pledge: Pledge) -> int:
    """Agree to what a run would destroy. `bulkim fleet status` says how many it found."""
    from bulkim.errors import ConfirmationError
    from bulkim.fleet import engine, view
    from bulkim.fleet.database import address

    with fleet() as connection:
        run = view.find(connection, run_name)
        if run["state"] != "confirming":
            raise UsageError(
                f"run {run['run']} is {run['state']}, and waits for no confirmation.",
                hint="`bulkim fleet status` shows which do: their state is confirming",
            )
        wanted = f"{pledge.app}:{pledge.count}"
        if run["why"] != f"{wanted} to be confirmed":
            raise ConfirmationError(
                f"{wanted} is not what it found: {run['why']}. Nothing was sent.",
                hint=f"`bulkim fleet show {run['run']}`, then name what you mean to send",
            )
        with connection.transaction():
            connection.execute("UPDATE bulkim.run SET pledge = %s WHERE id = %s", (wanted, run["id"]))
            connection.execute(
                "UPDATE bulkim.claim SET state = 'queued', why = NULL WHERE run_id = %s AND state = 'confirming'",
                (run["id"],),
            )
            connection.execute(
                "INSERT INTO bulkim.event (run_id, what, detail) VALUES (%s, 'confirmed', %s)",
                (run["id"], wanted),
            )
    engine.wake(address(), [run["id"]])
    settings.say(f"run {run['run']} is queued")
    return 0


@click.command(cls=Command, examples=["bulkim fleet forget --older 90d"])
@click.option(
    "--older",
    type=DurationType(),
    required=True,
    metavar="AGE",
    help="Of runs that ended longer ago than this, e.g. 90d.",
)
@common
def forget(settings: Settings, *, older: float) -> int:
    """Delete users and calls of runs that ended long ago. The runs themselves, and how they ended, are kept."""
    from bulkim.fleet import view

    before = time.time() - older
    with fleet() as connection:
        runs = connection.execute(
            "SELECT r.id FROM bulkim.run AS r JOIN bulkim.claim AS c ON c.run_id = r.id WHERE c.state = ANY(%s) AND r.finished_at < %s"
            " ORDER BY 1", (list(view.OVER), before),
        ).fetchall()  # fmt: skip
        gone = sum(
            _deleted(connection, table, column, run_id) for (run_id,) in runs for table, column in OF_ITEMS
        )
    settings.say(f"deleted {gone:,} rows of {len(runs):,} runs")
    return 0


def _deleted(connection: Any, table: str, column: str, run_id: int) -> int:
    number = 0
    statement = (
        f"DELETE FROM bulkim.{table} WHERE run_id = %s AND {column} IN"  # noqa: S608 - names of ours
        f" (SELECT {column} FROM bulkim.{table} WHERE run_id = %s ORDER BY 1 LIMIT {CHUNK})"
    )
    while deleted := connection.execute(statement, (run_id, run_id)).rowcount:
        number += deleted
    return number
