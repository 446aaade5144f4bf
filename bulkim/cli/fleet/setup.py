"""The fleet's database, made ready and looked at; and being a worker."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from bulkim.cli.fleet.reach import fleet, tell
from bulkim.cli.options import Command, DurationType, Settings, common
from bulkim.errors import UsageError

LEASE_S_MAX = 600.0
MARKS = {True: "ok  ", False: "BAD ", None: "note"}


@click.command(cls=Command, examples=["bulkim fleet init", "bulkim fleet init --sql | psql"])
@click.option("--sql", is_flag=True, help="Only print what would be done, for somebody else to run.")
@click.option("--lease", "lease_s", type=DurationType(), metavar="TIME",
              help="How long a host that is not heard of keeps what it holds [10s].")  # fmt: skip
@click.option("--margin", "margin_s", type=DurationType(), metavar="TIME",
              help="How long before that it stops sending, by its own clock [3s].")  # fmt: skip
@common
def init(settings: Settings, *, sql: bool, lease_s: float | None, margin_s: float | None) -> int:
    """Make the database that BULKIM_FLEET names ready, or bring it up to this version. It may be typed again.

    It needs a user who may create a schema, once. Workers and everybody else may work with less.
    """
    from bulkim.fleet import engine, schema
    from bulkim.fleet.database import address, connected

    if sql:
        click.echo(schema.script() + engine.script())
        return 0
    with connected(address()) as connection:
        before = schema.read(connection)
        lease, margin = lease_s or before.lease_s, margin_s or before.margin_s
        times, hint = f"lease {lease:g} s, margin {margin:g} s", "--lease 10s --margin 3s"
        if margin >= lease:
            raise UsageError(f"a margin of {margin:g} s leaves nothing of a lease of {lease:g} s.", hint=hint)
        if lease > LEASE_S_MAX:
            raise UsageError(f"a lease of {lease:g} s is longer than {LEASE_S_MAX:g} s.", hint=hint)
        was, now = schema.migrate(connection, lease_s=lease_s, margin_s=margin_s)
        with connection.transaction():
            queue = engine.make_ready(connection)
        name = connection.info.dbname
    if settings.json:
        tell({"database": name, "before": was, "version": now, "lease_s": lease, "margin_s": margin})
    elif was == now:
        settings.say(f"{name}: the schema bulkim is at version {now} already; {times}")
    else:
        did = "created" if not was else f"brought from version {was} to {now}"
        settings.say(f"{name}: {did} schema bulkim (version {now}), and procrastinate {queue}; {times}")
    settings.say("next: bulkim fleet doctor; then, on every host with BULKIM_FLEET set: bulkim fleet worker")
    return 0


@click.command(cls=Command, examples=["bulkim fleet doctor"])
@common
def doctor(settings: Settings) -> int:
    """Look at the fleet's database: reachable, new enough, durable, quick, its clock; workers, and what runs lack. Exit code 1 when something is wrong."""
    from bulkim.fleet.health import examine

    with fleet() as connection:
        findings = list(examine(connection))
    if settings.json:
        tell([asdict(each) for each in findings])
    else:
        for each in findings:
            click.echo(f"{MARKS[each.ok]} {each.what}" + (f"\n     {each.hint}" if each.hint else ""))
    return int(any(each.ok is False for each in findings))


# -------------------------------------------------------------------------------------------- worker


class AddressType(click.ParamType[tuple[str, int]]):
    """`:8077`, `127.0.0.1:8077`."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Host and port. Raises click.BadParameter."""
        host, _, port = str(value).rpartition(":")
        if not port.isdigit() or not 0 < int(port) < 65536:
            self.fail(f"expected an address like :8077, got {value!r}", param, ctx)
        return host or "0.0.0.0", int(port)  # noqa: S104 - a probe comes from outside


@click.command(cls=Command, examples=["bulkim fleet worker", "bulkim fleet worker --runs 8 --health :8077"])
@click.option("--runs", "places", type=click.IntRange(1, 256), default=4, show_default=True,
              help="How many runs at once, a process.")  # fmt: skip
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True,
              help="How many processes; one a core.")  # fmt: skip
@click.option(
    "--health", type=AddressType(), metavar="ADDRESS", help="Answer /healthz and /metrics there, e.g. :8077."
)
@common
def worker(settings: Settings, *, places: int, processes: int, health: tuple[str, int] | None) -> int:
    """Take runs and work on them until SIGTERM or Ctrl-C: then nothing new is sent, what is in flight is waited for, and runs
    are given back for others. A second signal leaves at once.

    The secrets that jobs refer to are taken from this process' environment, connections from its connections.yaml.
    """
    from bulkim.fleet import worker as at_work
    from bulkim.fleet.database import address

    settings.start_log()
    orders = at_work.Orders(address(), places, health)
    each = f" in each of {processes} processes" if processes > 1 else ""
    settings.say(f"working with {places} places{each}; Ctrl-C stops gently")
    return at_work.work(orders) if processes == 1 else at_work.supervise(orders, processes)
