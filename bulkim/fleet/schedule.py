"""Runs at times of the clock: cron in a time zone, each time once, whatever the day has for hours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bulkim import window
from bulkim.errors import BulkimError, ConfirmationError, UsageError
from bulkim.fleet import engine
from bulkim.fleet.database import connected, documents
from bulkim.fleet.references import Submission, again
from bulkim.fleet.submitting import CONFIRMED, Order, submit
from bulkim.fleet.view import OVER

MISSED_S = 3600.0  # a time that is longer ago is let go, unless the job's window is longer
AHEAD = timedelta(days=400)  # how far is looked for the next time


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

    clock = croniter(cron, after.astimezone(ZoneInfo(zone)))
    while (moment := clock.get_next(datetime)) <= until:
        if not moment.fold:  # the second time that the clock says so
            yield moment.astimezone(UTC)


def add(
    connection: Any, name: str, cron: str, zone: str, sent: Submission, *, agreed: bool, priority: int
) -> None:
    """Write a schedule down, in place of one of that name. Raises UsageError, ConfirmationError."""
    job = sent.job
    if sent.operation.destroys and not agreed:
        raise ConfirmationError(
            f"{job.operation} destroys, and nobody will be asked at night.", hint="agree with --yes"
        )
    if sent.operation.destroys and job.guard.max_items is None:
        raise ConfirmationError(
            f"{job.operation} destroys, and the job says nothing of how many.",
            hint="guard: {max_items: …} bounds each run",
        )
    check(cron, zone)
    stored = json.dumps(
        {"job": sent.whole, "path": sent.path and str(sent.path), "vendor": job.vendor_text},
        ensure_ascii=False,
    )
    connection.execute(
        "INSERT INTO bulkim.schedule (name, cron, zone, job, pledge, priority) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (name)"
        " DO UPDATE SET cron = excluded.cron, zone = excluded.zone, job = excluded.job, pledge = excluded.pledge, priority = excluded.priority",
        (name, cron, zone, stored, CONFIRMED if agreed else None, priority),
    )  # fmt: skip


def listed(connection: Any) -> list[dict[str, Any]]:
    """All schedules, and when each is next: ISO 8601 in UTC, or None."""
    found = documents(
        connection,
        "SELECT name, cron, zone, paused, NULL AS next, said AS last FROM bulkim.schedule ORDER BY 1",
    )
    now = datetime.now(UTC)
    for each in found:
        coming = None if each["paused"] else next(times(each["cron"], each["zone"], now, now + AHEAD), None)
        each["next"] = coming and coming.isoformat()
    return found


def tick(dsn: str, now_s: float) -> list[str]:
    """Queue what is due; returns the ids of new runs. A tick that comes twice, or late, makes nothing twice."""
    now, made = datetime.fromtimestamp(now_s, UTC), []
    with connected(dsn) as connection:
        names = "SELECT name FROM bulkim.schedule WHERE NOT paused ORDER BY name"
        for (name,) in connection.execute(names).fetchall():
            with connection.transaction():
                if run := _due(connection, name, now):
                    made.append(run)
    if made:
        engine.wake(dsn, [0])
    return made


def _due(connection: Any, name: str, now: datetime) -> str | None:
    row = connection.execute(
        "SELECT cron, zone, last, job, pledge, priority FROM bulkim.schedule WHERE name = %s AND NOT paused AND last < %s FOR UPDATE",
        (name, now),
    ).fetchone()
    if row is None:
        return None
    cron, zone, last, job, pledge, priority = row
    said, run = None, None
    if due := list(times(cron, zone, last, now)):
        told = due[-1].astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")
        order = Order(priority, pledge=pledge, name=f"{name}@{told}")
        words, run = _made(connection, name, json.loads(job), (now - due[-1]).total_seconds(), order)
        said = f"{told}: {words}"
    connection.execute(
        "UPDATE bulkim.schedule SET last = %s, said = coalesce(%s, said) WHERE name = %s", (now, said, name)
    )
    return run


def _made(connection: Any, name: str, stored: Any, late_s: float, order: Order) -> tuple[str, str | None]:
    """What became of a time that has come, in words; and the new run's id, if there is one."""
    unfinished = connection.execute(
        "SELECT r.run FROM bulkim.run AS r JOIN bulkim.claim AS c ON c.run_id = r.id WHERE starts_with(r.name, %s) AND c.state <> ALL(%s) LIMIT 1",
        (f"{name}@", list(OVER)),
    ).fetchone()
    if unfinished:
        return f"run {unfinished[0]} goes on", None
    try:
        with connection.transaction():
            sent = again(stored["job"], stored["path"] and Path(stored["path"]), stored["vendor"])
            if late_s > max(MISSED_S, sent.job.window.length_s if sent.job.window else 0.0):
                return "missed", None
            ticket = submit(connection, sent, order, None)
    except BulkimError as error:
        return error.message, None
    return f"run {ticket.run}", ticket.run
