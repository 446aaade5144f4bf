"""Asking a run that works in another terminal to be slower or faster, to pause, to go on, or to stop."""

from __future__ import annotations

import json

import click

from bulkim.cli.options import RUN, Command, Settings, common
from bulkim.errors import UsageError
from bulkim.text import utc

SAID = {
    "rate": "run {run}: at most {rate:g} calls/s from now on",
    "pause": "run {run} has paused: nothing is sent until `{resume}`",
    "resume": "run {run} goes on",
    "stop": "run {run} stops: what is in flight is waited for, and the same command continues it",
}


@click.command(
    cls=Command,
    examples=["bulkim ctl last rate 40", "bulkim ctl nightly-purge pause", "bulkim ctl last resume"],
)
@RUN
@click.argument("verb", metavar="rate|pause|resume|stop", type=click.Choice(list(SAID)), help="What to do.")
@click.argument(
    "calls", metavar="[CALLS]", required=False, help="Of rate: calls a second, such as 40 or 1200/min."
)
@common
def ctl(settings: Settings, *, run_name: str, verb: str, calls: str | None) -> int:
    """Ask a run that another process works on for something, while it works.

    `rate` is the most calls a second in the operation's own pool, as `rate.limit` in the job file, until the session ends.
    `pause` lets in flight what is, and holds all else until `resume`. `stop` is what the first Ctrl-C does; the run ends with
    exit code 75. It is done within a second, without a burst, and the report shows it.
    """
    from bulkim.journal import Reader
    from bulkim.work.control import ask

    rate = _rate(verb, calls)
    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
    order = ask(settings.journal, record, verb, rate)
    if settings.json:
        told = {
            "run": record.run, "verb": verb, "calls_per_s": rate, "asked_at": utc(order.asked_at),
            "obeyed_at": utc(order.obeyed_at or order.asked_at),
        }  # fmt: skip
        click.echo(json.dumps(told))
        return 0
    resume = settings.command("ctl", record.run, "resume")
    settings.say(SAID[verb].format(run=record.run, rate=rate or 0.0, resume=resume))
    return 0


def _rate(verb: str, calls: str | None) -> float | None:
    from bulkim.jobfile.values import calls_per_s

    if verb != "rate":
        if calls is not None:
            raise UsageError(f"{verb} takes nothing behind it, got {calls!r}.")
        return None
    try:
        rate = float(calls_per_s(calls) if "/" in (calls or "") else calls or "")
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise UsageError(
            f"rate needs calls a second, got {calls!r}." if calls else "rate needs calls a second.",
            hint="such as `bulkim ctl last rate 40`, or 1200/min",
        )
    return rate
