"""How the commands reach the fleet, and how they print what they found there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import click

from bulkim.cli.options import Settings

RUNS = click.argument(
    "runs", metavar="RUN...", nargs=-1, help="Ids, beginnings of ids, or names (the newest run)."
)
RUN = click.argument(
    "run_name", metavar="RUN", help="A run's id, the beginning of one, a name (its newest run), or `last`."
)
PRIORITY = click.option("--priority", type=int, default=0, show_default=True,
                        help="Of the runs that wait, the highest is next.")  # fmt: skip


def fleet() -> AbstractContextManager[Any]:
    """A connection to a database that has a fleet of this version. Raises BulkimError."""
    from bulkim.fleet.schema import reached

    return reached()


def tell(document: Any) -> int:
    """JSON for a program."""
    click.echo(json.dumps(document, ensure_ascii=False))
    return 0


def listed(
    settings: Settings,
    found: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    none: str,
    more: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda _: {},
) -> int:
    """What was found: JSON for a program, a table for people, or `none` said where there is nothing. `more`: cells for people."""
    if settings.json:
        return tell(found)
    if not found:
        settings.say(none)
        return 0
    return table([{**each, **more(each)} for each in found], columns)


def table(found: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> int:
    """A row for each. `columns`: header -> format of a cell; a header with ``>`` before it is one of numbers."""
    from bulkim.cli import show
    from bulkim.view import account

    rows = [{name: "" if value is None else value for name, value in each.items()} for each in found]
    lines = account.table(
        [header.removeprefix(">") for header in columns],
        [[form.format_map(row) for form in columns.values()] for row in rows],
        right=[index for index, header in enumerate(columns) if header.startswith(">")],
        width=show.terminal_width(),
    )
    show.put([[(line, "bold" if not number else "")] for number, line in enumerate(lines)])
    return 0


def next_step(run: Mapping[str, Any]) -> str:
    """What to type now, of a run as `view` reads it."""
    name, state = run["run"], run["state"]
    if state == "confirming":
        return f"bulkim fleet confirm {name} APP:COUNT"
    if state in {"paused", "stopped"}:
        return f"bulkim fleet resume {name}"
    if state == "done" and (run["failed"] or run["unknown"]):
        return f"bulkim fleet pull {name} && bulkim retry {name}"
    return f"bulkim fleet {'results' if state in {'done', 'cancelled'} else 'watch'} {name}"
