"""Many hosts, one limit, one journal: what is shared through PostgreSQL. Needs the extra `bulkim[fleet]`.

What workers work on can be handed over and looked at from Python, too: `submit`, `runs`, `results`. They block, and reach the
database that BULKIM_FLEET names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkim.journal.records import Result
from bulkim.quota.host import on_this_host
from bulkim.quota.source import Sharing
from bulkim.work.confirm import Confirm

if TYPE_CHECKING:
    from bulkim.fleet.submitting import Ticket


def sharing(env: Mapping[str, str] = os.environ, *, rehearsal: bool = False) -> Sharing:
    """With whom quotas are shared: with every host of the fleet where BULKIM_FLEET names one, else on this host.

    Raises BulkimError when the fleet's database cannot be used.
    """
    if rehearsal or not env.get("BULKIM_FLEET"):
        return on_this_host
    from bulkim.fleet.shares import across_hosts

    return across_hosts(env)


def submit(
    job: str | os.PathLike[str],
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the command line calls it
    confirm: Confirm | None = None,
    limit: int | None = None,
    priority: int = 0,
    beside: bool = False,
) -> Ticket:
    """Plan a job file here and queue it for the workers, as ``bulkim fleet submit`` does. `set` changes keys, like ``{"rate.limit": 50}``.

    What destroys needs `confirm`, else ConfirmationError: ``"APP:COUNT"``, or a function of the Preview. What only the vendor
    can count (a listing) no function is asked about: without a text that run waits for ``bulkim fleet confirm``. `beside` starts at
    once, beside other runs of the app. Raises BulkimError; then nothing is queued.
    """
    from bulkim.fleet.submitting import Order, queue
    from bulkim.work.confirm import asking

    changes = [(key, json.dumps(value)) for key, value in (set or {}).items()]
    order = Order(priority, beside, limit, confirm if isinstance(confirm, str) else None)
    return queue(Path(job), changes, order, asking(confirm))


def runs(*, every: bool = False) -> list[dict[str, Any]]:
    """Runs that are not over and those that ended within a day, or every one: what ``bulkim fleet status --json`` prints of each."""
    from bulkim.fleet import schema, view

    with schema.reached() as connection:
        return [view.public(each) for each in view.runs(connection, every=every)]


def results(run: str = "last") -> Iterator[Result]:
    """A run's items in order, as they stand: as `bulkim.results`, through a copy in a folder of its own.

    `run` is an id, the beginning of one, a name (its newest run) or ``last``. UsageError and JournalError are raised when the first
    item is asked for.
    """
    from bulkim.fleet.pull import copied

    with copied(run) as (journal, found):
        yield from journal.results(journal.find(found["run"]).id)
