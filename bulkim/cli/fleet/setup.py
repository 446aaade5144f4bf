"""The fleet's database: making it ready, looking at it, and who draws on which quota."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import click

from bulkim.cli.fleet.reach import fleet, table, tell
from bulkim.cli.options import Command, Settings, common
from bulkim.text import CLOCK_WITH_ZONE, local

HEADER = ("pool", "limit", "holder", "share", "used", "lease")


class SpanType(click.ParamType[float]):
    """`10s`, `1.5s`: seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds. Raises click.BadParameter."""
        text = str(value).strip().removesuffix("s")
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= 600:
            self.fail(f"expected a time like 10s, got {value!r}", param, ctx)
        return seconds


@click.command(cls=Command, examples=["bulkim fleet init", "bulkim fleet init --sql | psql"])
@click.option("--sql", is_flag=True, help="Only print what would be done, for somebody else to run.")
@click.option("--lease", "lease_s", type=SpanType(), metavar="TIME",
              help="How long a host that is not heard of keeps what it holds [10s].")  # fmt: skip
@click.option("--margin", "margin_s", type=SpanType(), metavar="TIME",
              help="How long before that it stops sending, by its own clock [3s].")  # fmt: skip
@common
def init(settings: Settings, *, sql: bool, lease_s: float | None, margin_s: float | None) -> int:
    """Make the database that BULKIM_FLEET names ready, or bring it up to this version. It may be typed again.

    It needs a user who may create a schema, once. Workers and everybody else may work with less.
    """
    from bulkim.errors import UsageError
    from bulkim.fleet import engine, schema
    from bulkim.fleet.database import address, connected

    if sql:
        click.echo(schema.script() + engine.script())
        return 0
    with connected(address()) as connection:
        before = schema.read(connection)
        lease, margin = lease_s or before.lease_s, margin_s or before.margin_s
        if margin >= lease:
            raise UsageError(
                f"a margin of {margin:g} s leaves nothing of a lease of {lease:g} s.",
                hint="--lease 10s --margin 3s",
            )
        was, now = schema.migrate(connection, lease_s=lease_s, margin_s=margin_s)
        with connection.transaction():
            queue = engine.make_ready(connection)
        name = connection.info.dbname
    if settings.json:
        tell({"database": name, "before": was, "version": now, "lease_s": lease, "margin_s": margin})
    elif was == now:
        settings.say(
            f"{name}: the schema bulkim is at version {now} already; lease {lease:g} s, margin {margin:g} s"
        )
    else:
        did = "created" if not was else f"brought from version {was} to {now}"
        settings.say(
            f"{name}: {did} schema bulkim (version {now}), and procrastinate {queue}; lease {lease:g} s, margin {margin:g} s"
        )
    settings.say("next: bulkim fleet doctor; then, on every host with BULKIM_FLEET set: bulkim fleet worker")
    return 0


@click.command(cls=Command, examples=["bulkim fleet doctor"])
@common
def doctor(settings: Settings) -> int:
    """Look at the fleet's database: reachable, new enough, durable, quick, its clock; workers, and what runs lack. Exit code 1 when something is wrong."""
    from bulkim.fleet.health import examine

    with fleet() as connection:
        findings = examine(connection)
    if settings.json:
        tell([asdict(each) for each in findings])
    else:
        for each in findings:
            mark = {True: "ok  ", False: "BAD ", None: "note"}[each.ok]
            click.echo(f"{mark} {each.what}" + (f"\n     {each.hint}" if each.hint else ""))
    return int(any(each.ok is False for each in findings))


@click.command(cls=Command, examples=["bulkim fleet quota", "bulkim fleet quota --json"])
@common
def quota(settings: Settings) -> int:
    """Who draws on which quota, on all hosts: their share of the limit, and what they use of it, in calls a second.

    `lease` is how long a share is good without being renewed; one that is over is free for others.
    """
    from bulkim.fleet.database import documents

    with fleet() as connection:
        found = documents(
            connection,
            "SELECT h.pool, h.limit_per_s, h.holder, h.share AS share_per_s, h.used AS used_per_s,"
            " extract(epoch FROM h.until - clock_timestamp())::float8 AS lease_s,"
            " extract(epoch FROM p.rest_until - clock_timestamp())::float8 AS rest_s"
            " FROM bulkim.holder AS h JOIN bulkim.pool AS p ON p.name = h.pool WHERE h.until > clock_timestamp() ORDER BY 1, 3",
        )
    if settings.json:
        return tell(found)
    if not found:
        settings.say("nobody is drawing on a quota of the fleet now")
        return 0
    cells = [
        (each["pool"], f"{each['limit_per_s']:g}/s", each["holder"], f"{each['share_per_s']:g}", f"{each['used_per_s']:.1f}", f"{each['lease_s']:.0f} s")
        for each in found
    ]  # fmt: skip
    table(HEADER, cells, right=(1, 3, 4, 5))
    now = time.time()
    for pool, rest_s in {each["pool"]: each["rest_s"] or 0.0 for each in found}.items():
        if rest_s > 0:
            until = local(now + rest_s, CLOCK_WITH_ZONE)
            settings.say(f"{pool} rests until {until}: the vendor refused a call for its quota")
    return 0
