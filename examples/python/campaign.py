"""Users out of a program's own data: registered, muted, looked at. Every function of bulkim is called once.

Beside it is `connections.yaml`; the only argument is a folder for what it writes.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import bulkim

PEOPLE = 240
SPAMMERS = 60


def people() -> Iterator[dict[str, str]]:
    """As a database would give them, one after the other; a password is in no file."""
    for number in range(1, PEOPLE + 1):
        yield {
            "username": f"test_{number:04}",
            "password": secrets.token_urlsafe(12),
            "nickname": f"Test {number}",
        }


def registration() -> bulkim.Job:
    """A job without a file: a mapping has a job file's keys."""
    return bulkim.load(
        {
            "name": "register-people",
            "provider": "easemob",
            "operation": "register",
            "connection": "sandbox",
            "source": {"items": people()},
        }
    )


def muting() -> bulkim.Job:
    """One that takes its users from elsewhere."""
    job = {
        "name": "mute-spammers",
        "provider": "easemob",
        "operation": "mute",
        "connection": "sandbox",
        "params": {"chat": 86400, "groupchat": -1},
        "rate": {"limit": 20},
    }
    return bulkim.load(job, items=[f"test_{number:04}" for number in range(1, SPAMMERS + 1)])


def register(folder: Path) -> str:
    """Look at it, write a plan, then do what the plan says and nothing else."""
    job = registration()
    checked = bulkim.check(job)
    assert checked.ok, checked.problems
    cost = bulkim.estimate(job)
    print(f"{cost.send} to send in {cost.requests} requests, {cost['batch']} a request")
    saved = bulkim.plan(job, folder / "register.plan")
    finished = bulkim.run(job, plan=saved.file, confirm_plan=saved.digest)
    print(f"registered: {finished.counts['succeeded']}, {finished.state}")
    return finished.run


def stop_and_go_on() -> None:
    """Another thread says stop: what is in flight is waited for, and the same call goes on."""
    job, stop = muting(), threading.Event()

    def watch(now: bulkim.Telemetry) -> None:
        if now.done:
            stop.set()

    stopped = bulkim.run(job, stop=stop, observe=watch)
    print(f"stopped: {stopped.state}, {stopped.counts['pending'] > 0}")


async def mute() -> bulkim.Finished:
    """In a program that has an event loop; one may cancel it, and it goes on from there."""
    muted = asyncio.ensure_future(bulkim.arun(muting()))
    await asyncio.sleep(0.5)
    muted.cancel()
    await asyncio.wait([muted])
    print(f"cancelled: {bulkim.summary('mute-spammers').state}")
    return await bulkim.arun(muting())


def look(run: str, folder: Path) -> None:
    """What came of it."""
    again = bulkim.retry_items(run, job=muting())
    print(f"to retry: {len(again.run)}")
    summary = bulkim.summary(run)
    print(f"muted: {summary.counts['succeeded']} of {summary.item_count}; {dict(summary)['operation']}")
    rows = list(bulkim.results(run, outcome=["succeeded"]))
    print(f"the first: {rows[0].username}")
    verified = bulkim.verify(run, job=muting())
    print(f"verified: {verified.counts[bulkim.Verdict.HOLDS]} hold")
    undo = bulkim.undo(run, job=muting())
    print(f"to undo: {undo.jobs[0].operation}, in {undo.write(folder / 'undo.yaml')[0].name}")
    page = bulkim.report(run, folder / "muted.html")
    print(f"report: {page.startswith('<!doctype html>')}")
    print(f"runs: {[record.name for record in bulkim.runs()]}")


if __name__ == "__main__":
    register(Path(sys.argv[1]))
    stop_and_go_on()
    look(asyncio.run(mute()).run, Path(sys.argv[1]))
