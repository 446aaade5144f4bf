"""How the commands reach the fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

RUNS = click.argument(
    "runs", metavar="RUN...", nargs=-1, help="Ids, beginnings of ids, or names (the newest run)."
)
RUN = click.argument(
    "run_name", metavar="RUN", help="A run's id, the beginning of one, a name (its newest run), or `last`."
)


def tell(document: Any) -> int:
    """JSON for a program."""
    click.echo(json.dumps(document, ensure_ascii=False))
    return 0


def table(header: Sequence[str], cells: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> int:
    """Rows for people."""
    from bulkim.cli import show
    from bulkim.view import account

    lines = account.table(header, cells, right=right, width=show.terminal_width())
    show.put([[(line, "bold" if not number else "")] for number, line in enumerate(lines)])
    return 0


def next_step(run: Mapping[str, Any]) -> str:
    """What to type now, of a run as `view` reads it."""
    name = run["run"]
    if run["state"] == "confirming":
        return f"bulkim fleet confirm {name} APP:COUNT"
    if run["state"] in {"paused", "stopped"}:
        return f"bulkim fleet resume {name}"
    if run["state"] == "done" and (run["failed"] or run["unknown"]):
        return f"bulkim fleet pull {name} && bulkim retry {name}"
    return (
        f"bulkim fleet results {name}"
        if run["state"] in {"done", "cancelled"}
        else f"bulkim fleet watch {name}"
    )


@contextmanager
def fleet() -> Iterator[Any]:
    """A connection to a database that has a fleet of this version. Raises BulkimError."""
    from bulkim.fleet import schema

    with schema.reached() as connection:
        yield connection
