"""Runs at times of the clock: cron in a time zone, each time once, whatever the day has for hours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bulkim import window
from bulkim.errors import BulkimError, UsageError
from bulkim.fleet import engine
from bulkim.fleet.database import connected
from bulkim.fleet.references import Submission, again
from bulkim.fleet.submitting import Order, submit
from bulkim.fleet.view import OVER

MISSED_S = 3600.0  # a time that is longer ago is let go, unless the job's window is longer


def check(cron: str, zone: str) -> None:
    """Raises UsageError for what is no schedule."""
    from croniter import croniter

    if len(cron.split()) != 5 or not croniter.is_valid(cron):
        raise UsageError(
            f"{cron!r} is no schedule.", hint="five fields as in crontab, e.g. '0 1 * * *' for one o'clock"
        )
    try:
        window.find_zone(zone)
    except ValueError as error:
        raise UsageError(f"{error}.", hint="e.g. Asia/Shanghai, Europe/Berlin, UTC") from None


def times(cron: str, zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """The moments in (after, until], in UTC. An hour that is skipped comes at its end, one that comes twice comes once."""
    from croniter import croniter

    where, told = ZoneInfo(zone), None
    clock = croniter(cron, after.astimezone(where).replace(tzinfo=None) - timedelta(hours=3))
    while True:
        wanted: datetime = clock.get_next(datetime)
        moment = wanted.replace(tzinfo=where, fold=0).astimezone(UTC)
        if moment.astimezone(where).replace(tzinfo=None) != wanted:  # no such time on that day
            moment = _end_of_gap(wanted, where)
        if moment > until:
            return
        if moment > after and moment != told:
            told = moment
            yield moment


def _end_of_gap(wanted: datetime, where: ZoneInfo) -> datetime:
    moment = wanted.replace(tzinfo=where, fold=1).astimezone(
        UTC
    )  # by what the clock says after the gap: before its end
    after = wanted.replace(tzinfo=where, fold=1).utcoffset()
    while moment.astimezone(where).utcoffset() != after:
        moment += timedelta(minutes=1)
    return moment


def add(
    connection: Any, name: str, cron: str, zone: str, sent: Submission, *, pledge: str | None, priority: int
) -> None:
    """Write a schedule down, in place of one of that name. Raises UsageError."""
    check(cron, zone)
    job = json.dumps(
        {"job": sent.whole, "path": str(sent.path), "vendor": sent.job.vendor_text}, ensure_ascii=False
    )
    connection.execute(
        "INSERT INTO bulkim.schedule (name, cron, zone, job, pledge, priority) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (name)"
        " DO UPDATE SET cron = excluded.cron, zone = excluded.zone, job = excluded.job, pledge = excluded.pledge, priority = excluded.priority",
        (name, cron, zone, job, pledge, priority),
    )  # fmt: skip


def tick(dsn: str, now_s: float) -> list[str]:
    """Queue what is due; returns the ids of new runs. A tick that comes twice, or late, makes nothing twice."""
    now, made = datetime.fromtimestamp(now_s, UTC), []
    with connected(dsn) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM bulkim.schedule WHERE NOT paused ORDER BY name"
            ).fetchall()
        ]
        for name in names:
            with connection.transaction():
                if run := _due(connection, name, now):
                    made.append(run)
    if made:
        engine.wake(dsn, [0])
    return made


def _due(connection: Any, name: str, now: datetime) -> str | None:
    row = connection.execute(
        "SELECT cron, zone, job, pledge, priority, last FROM bulkim.schedule WHERE name = %s AND NOT paused FOR UPDATE",
        (name,),
    ).fetchone()
    if row is None or row[5] >= now:
        return None
    cron, zone, stored, pledge, priority, last = row
    found = list(times(cron, zone, last, now))
    said, run = None, None
    if found:
        late_s = (now - found[-1]).total_seconds()
        said, run = _made(
            connection,
            name,
            json.loads(stored),
            found[-1].astimezone(ZoneInfo(zone)),
            late_s,
            order=Order(priority=priority, pledge=pledge),
        )
    connection.execute(
        "UPDATE bulkim.schedule SET last = %s, said = coalesce(%s, said) WHERE name = %s", (now, said, name)
    )
    return run


def _made(
    connection: Any, name: str, stored: Any, moment: datetime, late_s: float, *, order: Order
) -> tuple[str, str | None]:
    told = moment.strftime("%Y-%m-%dT%H:%M")
    unfinished = connection.execute(
        f"SELECT r.run FROM bulkim.run AS r JOIN bulkim.claim AS c ON c.run_id = r.id WHERE r.name LIKE %s AND c.state NOT IN {OVER} LIMIT 1",
        (name.replace("_", r"\_").replace("%", r"\%") + "@%",),
    ).fetchone()
    if unfinished:
        return f"{told}: run {unfinished[0]} goes on", None
    try:
        with connection.transaction():
            sent = again(stored["job"], Path(stored["path"]), stored["vendor"])
            patience_s = max(MISSED_S, sent.job.window.length_s if sent.job.window else 0.0)
            if late_s > patience_s:
                return f"{told}: missed", None
            ticket = submit(connection, sent, replace(order, name=f"{name}@{told}"), None)
    except BulkimError as error:
        return f"{told}: {error.message}", None
    return f"{told}: run {ticket.run}", ticket.run
