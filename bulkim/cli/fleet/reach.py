"""How the commands reach the fleet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

RUNS = click.argument(
    "runs", metavar="RUN...", nargs=-1, help="Ids, beginnings of ids, or names (the newest run)."
)
RUN = click.argument(
    "run_name", metavar="RUN", help="A run's id, the beginning of one, a name (its newest run), or `last`."
)


@contextmanager
def fleet() -> Iterator[Any]:
    """A connection to a database that has a fleet of this version. Raises BulkimError."""
    from bulkim.fleet import schema
    from bulkim.fleet.database import address, connected

    with connected(address()) as connection:
        schema.usable(connection)
        yield connection
