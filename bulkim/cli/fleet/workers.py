"""Workers: being one, and who is."""

from __future__ import annotations

from typing import Any

import click

from bulkim.cli.fleet.reach import fleet, table, tell
from bulkim.cli.options import Command, Settings, common

HEADER = ("worker", "version", "busy", "places", "seen", "clock")


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
@click.option(
    "--runs",
    "places",
    type=click.IntRange(1, 256),
    default=4,
    show_default=True,
    help="How many runs at once, a process.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many processes; one a core.",
)
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
    settings.say(
        f"working with {places} places"
        + (f" in each of {processes} processes" if processes > 1 else "")
        + "; Ctrl-C stops gently"
    )
    if processes == 1:
        return at_work.work(orders)
    return at_work.supervise(orders, processes)


@click.command(cls=Command, examples=["bulkim fleet workers"])
@common
def workers(settings: Settings) -> int:
    """Who lives, with how much to do, and how far a clock is from the database's."""
    from bulkim.fleet import view

    with fleet() as connection:
        found = view.workers(connection)
    if settings.json:
        return tell(found)
    if not found:
        settings.say("no worker was heard of for a day; `bulkim fleet worker` is one")
        return 0
    cells = [
        (each["name"], each["version"], str(each["busy"]), str(each["places"]), f"{each['seen_s']:.0f} s ago" + ("" if each["alive"] else ", gone"),
         f"{round(each['clock_s'], 1) + 0.0:+.1f} s") for each in found
    ]  # fmt: skip
    return table(HEADER, cells, right=(2, 3))


@click.command(cls=Command, examples=["bulkim fleet metrics"])
@common
def metrics(settings: Settings) -> int:  # noqa: ARG001 - every command takes the common options
    """The fleet as Prometheus text: runs by state, workers, items of each run, how much of each quota is used."""
    from bulkim.fleet import view

    with fleet() as connection:
        for line in view.metrics(connection):
            click.echo(line)
    return 0
