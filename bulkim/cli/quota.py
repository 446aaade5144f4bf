"""Who draws on which of the vendors' quotas, on this host."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli.options import Command, Settings, common
from bulkim.text import MOMENT, moments, utc

if TYPE_CHECKING:
    from bulkim.quota.host import Holder

HEADER = ("pool", "limit", "pid", "calls", "calls/s")
TELLING_S = 1.0  # below, a rate says more about starting than about the process


@click.command(cls=Command, examples=["bulkim quota", "bulkim quota --json | jq '.[].pid'"])
@common
def quota(settings: Settings) -> int:
    """Show which processes on this host use which quota.

    All bulkim processes of a user share the limits of an app. A process is listed while it sends, and for a few seconds
    after. `limit` is what it allows all of them together; `calls` are its own.
    """
    from bulkim.cli import show
    from bulkim.quota.host import holders, ledger_path
    from bulkim.view import account as text

    try:
        found = holders(ledger_path(), now=time.time())
    except OSError:  # without a home there is no ledger, and each process keeps the limit alone
        found = []
    if settings.json:
        click.echo(json.dumps([_as_object(each) for each in found], ensure_ascii=False))
        return 0
    if not found:
        settings.say("nobody on this host is drawing on a quota now")
        return 0
    zone, since = moments([each.since for each in found], MOMENT)
    rows = [_as_row(each, at) for each, at in zip(found, since, strict=True)]
    lines = text.table((*HEADER, f"since{zone}"), rows, right=(1, 2, 3, 4), width=show.terminal_width())
    show.put([[(line, "bold" if not number else "")] for number, line in enumerate(lines)])
    return 0


def _rate(holder: Holder) -> float | None:
    span = holder.seen_at - holder.since
    return holder.calls / span if span >= TELLING_S else None


def _as_row(holder: Holder, since: str) -> tuple[str, ...]:
    rate = _rate(holder)
    return (
        holder.pool, f"{holder.limit_per_s:g}/s", str(holder.pid), f"{holder.calls:,}",
        "-" if rate is None else f"{rate:.1f}", since,
    )  # fmt: skip


def _as_object(holder: Holder) -> dict[str, Any]:
    rate = _rate(holder)
    return {
        "pool": holder.pool, "limit_per_s": holder.limit_per_s, "pid": holder.pid, "calls": holder.calls,
        "calls_per_s": None if rate is None else round(rate, 1), "since": utc(holder.since),
        "seen_at": utc(holder.seen_at),
    }  # fmt: skip
