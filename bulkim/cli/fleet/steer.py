"""Steering runs: pause, resume, cancel, confirm, forget."""

from __future__ import annotations

import time
from typing import Any

import click

from bulkim.cli.fleet.reach import RUN, RUNS, fleet, tell
from bulkim.cli.options import Command, DurationType, PledgeType, Settings, common
from bulkim.errors import ConfirmationError, UsageError
from bulkim.planning.terms import Pledge
from bulkim.text import counted

CHUNK = 10_000  # rows that are deleted at once


def _steering(what: str, words: str, *examples: str) -> click.Command:
    """A command that asks the same of many runs."""

    @click.command(what, cls=Command, help=words, examples=examples)
    @RUNS
    @click.option(
        "--app", metavar="APP", help="All runs of an app that are not over, as `fleet status` names it."
    )
    @click.option("--all", "every", is_flag=True, help="All runs that are not over.")
    @common
    def asked(settings: Settings, *, runs: tuple[str, ...], app: str | None, every: bool) -> int:
        from bulkim.fleet import engine
        from bulkim.fleet.database import address

        with fleet() as connection:
            chosen = _chosen(connection, runs, app, every=every)
            said = [
                {"run": each["run"], "name": each["name"], "answer": _ask(connection, each["id"], what)}
                for each in chosen
            ]
        engine.wake(address(), [each["id"] for each in chosen])
        if settings.json:
            tell(said)
        if not said:
            settings.say("no run is open")
        for each in said:
            settings.say("{run} {name}: {answer}".format_map(each))
        return 0

    return asked


def _chosen(connection: Any, runs: tuple[str, ...], app: str | None, *, every: bool) -> list[dict[str, Any]]:
    """Those that are named, or all that are not over, of one app or of every. Raises UsageError."""
    from bulkim.fleet import view

    if bool(runs) + bool(app) + every != 1:
        raise UsageError(
            "name runs, or an app with --app, or --all.", hint="`bulkim fleet status` lists them"
        )
    if runs:
        return [view.find(connection, name) for name in runs]
    unfinished = [each for each in view.runs(connection) if each["state"] not in view.OVER]
    found = [each for each in unfinished if every or each["app"] == app]
    if not found and app:
        hint = "`bulkim fleet status` names apps as --app takes them"
        raise UsageError(f"no run of {app!r} is open.", hint=hint)
    return found


def _ask(connection: Any, run_id: int, what: str) -> str:
    found = connection.execute("SELECT bulkim.ask(%s, %s, %s)", (run_id, what, time.time())).fetchone()
    return str(found[0])


pause = _steering(
    "pause", "Let runs stop gently, within a second or two, until they are resumed.",
    "bulkim fleet pause nightly-purge", "bulkim fleet pause --all",
)  # fmt: skip
resume = _steering(
    "resume", "Let paused and stopped runs go on, and runs that wait for a secret be tried again.",
    "bulkim fleet resume nightly-purge",
)  # fmt: skip
cancel = _steering(
    "cancel", "End runs. What was never sent is skipped (`cancelled`); what is in doubt is asked about first.",
    "bulkim fleet cancel k7qf2m2x",
)  # fmt: skip


@click.command(cls=Command, examples=["bulkim fleet confirm k7qf2m2x testapp:120"])
@RUN
@click.argument(
    "pledge", metavar="APP:COUNT", type=PledgeType(), help="The app, and how many items may be sent."
)
@common
def confirm(settings: Settings, *, run_name: str, pledge: Pledge) -> int:
    """Agree to what a run would destroy. `bulkim fleet status` says how many it found."""
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
            for statement in (
                "UPDATE bulkim.run SET pledge = %(pledge)s WHERE id = %(id)s",
                "UPDATE bulkim.claim SET state = 'queued', why = NULL WHERE run_id = %(id)s AND state = 'confirming'",
                "INSERT INTO bulkim.event (run_id, what, detail) VALUES (%(id)s, 'confirmed', %(pledge)s)",
            ):
                connection.execute(statement, {"id": run["id"], "pledge": wanted})
    engine.wake(address(), [run["id"]])
    settings.say(f"run {run['run']} is queued")
    return 0


@click.command(cls=Command, examples=["bulkim fleet forget --older 90d"])
@click.option("--older", type=DurationType(), required=True, metavar="AGE",
              help="Of runs that ended longer ago than this, e.g. 90d.")  # fmt: skip
@common
def forget(settings: Settings, *, older: float) -> int:
    """Delete users and calls of runs that ended long ago. The runs themselves, and how they ended, are kept."""
    from bulkim.fleet.view import OVER

    with fleet() as connection:
        found = connection.execute(
            "SELECT r.id FROM bulkim.run AS r JOIN bulkim.claim AS c ON c.run_id = r.id WHERE c.state = ANY(%s) AND r.finished_at < %s"
            " ORDER BY 1", (list(OVER), time.time() - older),
        ).fetchall()  # fmt: skip
        runs = [run_id for (run_id,) in found]
        gone = sum(_deleted(connection, table, runs) for table in ("item", "before", "attempt"))
    settings.say(f"deleted {counted(gone, 'row')} of {counted(len(runs), 'run')}")
    return 0


def _deleted(connection: Any, table: str, runs: list[int]) -> int:
    statement = (
        f"DELETE FROM bulkim.{table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - names of ours
        f"SELECT ctid FROM bulkim.{table} WHERE run_id = ANY(%s) LIMIT {CHUNK}))"
    )
    number = 0
    while deleted := connection.execute(statement, (runs,)).rowcount:
        number += deleted
    return number
