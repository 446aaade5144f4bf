"""Who draws on which of the vendors' quotas, on this host, and which of them rest."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli.options import Command, Settings, common
from bulkim.errors import UsageError
from bulkim.text import MOMENT, moments, per_second, resting, utc
from bulkim.view.account import measured

if TYPE_CHECKING:
    from bulkim.quota.ledger import Holder, Rest

HEADER = ("pool", "limit", "pid", "calls", "calls/s")
TELLING_S = 1.0  # below, a rate says more about starting than about the process


@click.command(
    cls=Command,
    examples=["bulkim quota", "bulkim quota --forget users", "bulkim quota --json | jq '.[].pid'"],
)
@click.option("--forget", "pool", metavar="POOL", help="Forget a rest that the vendor asked for: who waits for it goes on. "
              "POOL is as listed, or its last word where only one app's pool of that name rests.")  # fmt: skip
@common
def quota(settings: Settings, *, pool: str | None) -> int:
    """Show which processes on this host use which quota, and what rests.

    All bulkim processes of a user share the limits of an app. A process is listed while it sends, and for a few seconds
    after. `limit` is what it allows all of them together; `calls` are its own. A rest that a vendor asked for is kept
    for all of them, for ten minutes at most.
    """
    from bulkim.quota.ledger import forget, holders, ledger_path, rests

    found: list[Holder] = []
    ends: dict[str, tuple[float, float]] = {}
    try:
        path = ledger_path()
        found = holders(path, now=time.time())
        ends = _ends(rests(path, now=time.monotonic()))
        if pool is not None:
            forget(path, name := _meant(pool, ends))
            settings.say(f"{name}: its rest is forgotten")
            return 0
    except OSError:  # without a home there is no ledger, and each process keeps the limit alone
        pass
    if pool is not None:
        _meant(pool, ends)
    if settings.json:
        click.echo(json.dumps(_objects(found, ends), ensure_ascii=False))
        return 0
    _print(settings, found, ends)
    return 0


def _print(settings: Settings, found: Sequence[Holder], ends: Mapping[str, tuple[float, float]]) -> None:
    from bulkim.cli import show
    from bulkim.view import account as text

    if found:
        zone, since = moments([each.since for each in found], MOMENT)
        rows = [_as_row(each, at) for each, at in zip(found, since, strict=True)]
        lines = text.table((*HEADER, f"since{zone}"), rows, right=(1, 2, 3, 4), width=show.terminal_width())
        show.put([[(line, "bold" if not number else "")] for number, line in enumerate(lines)])
    else:
        settings.say("nobody on this host is drawing on a quota now")
    show.put([[(f"{name}: {resting(*end)}", "yellow")] for name, end in ends.items()])
    for name in ends:
        settings.say(f"next: {settings.command('quota', '--forget', name)}  # if that is not so any more")


def _meant(pool: str, ends: Iterable[str]) -> str:
    """The pool that a person means, of those that rest."""
    named = [name for name in ends if pool in {name, name.rpartition(" ")[2]}]
    if len(named) == 1:
        return named[0]
    if named:
        raise UsageError(
            f"{pool!r} rests for {len(named)} apps: {', '.join(named)}.", hint="type the whole name"
        )
    known = ", ".join(ends)
    raise UsageError(
        f"no pool {pool!r} rests.", hint=f"these do: {known}" if known else "`bulkim quota` lists what does"
    )


def _ends(found: Mapping[str, Rest]) -> dict[str, tuple[float, float]]:
    """Pool -> when its rest ends in Unix seconds, and how long the vendor asked for."""
    ahead_s = time.time() - time.monotonic()
    return {name: (rest.until + ahead_s, rest.asked_s or 0.0) for name, rest in found.items()}


def _rate(holder: Holder) -> float | None:
    span = holder.seen_at - holder.since
    return holder.calls / span if span >= TELLING_S else None


def _as_row(holder: Holder, since: str) -> tuple[str, ...]:
    rate = _rate(holder)
    return (
        holder.pool, f"{per_second(holder.limit_per_s)}/s", str(holder.pid), f"{holder.calls:,}",
        "-" if rate is None else measured(rate), since,
    )  # fmt: skip


def _objects(found: Sequence[Holder], ends: Mapping[str, tuple[float, float]]) -> list[dict[str, Any]]:
    """One object a process; and one for each pool that rests while nobody draws on it, with nulls."""
    listed = [_as_object(each, ends) for each in found]
    alone = [name for name in ends if name not in {each.pool for each in found}]
    nobody = dict.fromkeys(("limit_per_s", "pid", "calls", "calls_per_s", "since", "seen_at"))
    return listed + [{"pool": name, **nobody, **_rest(ends[name])} for name in alone]


def _rest(end: tuple[float, float] | None) -> dict[str, Any]:
    return {"resting_until": utc(end[0]) if end else None, "asked_s": end[1] if end else None}


def _as_object(holder: Holder, ends: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    rate = _rate(holder)
    return {
        "pool": holder.pool, "limit_per_s": holder.limit_per_s, "pid": holder.pid, "calls": holder.calls,
        "calls_per_s": None if rate is None else round(rate, 1), "since": utc(holder.since),
        "seen_at": utc(holder.seen_at), **_rest(ends.get(holder.pool)),
    }  # fmt: skip
