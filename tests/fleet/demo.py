"""`make demo-fleet`: forty runs on three workers, one of them killed, one stopped; and the proof that nobody was lost or hit twice."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.server import serving

from bulkim.fleet.database import connected
from bulkim.fleet.references import submission
from bulkim.fleet.submitting import Order, submit
from fleet.database import Database, binaries
from fleet.scene import Scene, agency

APPS, USERS, RATE = int(os.environ.get("DEMO_APPS", "40")), int(os.environ.get("DEMO_USERS", "200")), 10.0


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is for people


def apps() -> list[str]:
    return [f"agency/app{n:02}" for n in range(APPS)]


def submitted(scene: Scene) -> dict[str, str]:
    """App -> run, each muting its own users."""
    runs = {}
    os.environ["APP_TOKEN"] = scene.extra["APP_TOKEN"]
    with connected(scene.database.dsn) as connection:
        for app in apps():
            name = app.rpartition("/")[2]
            scene.users(name, USERS, app=app)
            job = scene.job(
                name, "mute", {"text": f"{name}.txt"}, app=app, params={"chat": 60}, rate={"limit": RATE}
            )
            ticket = submit(connection, submission(scene.folder / job, os.environ), Order(), None)
            runs[app] = ticket.run
    return runs


def ended(scene: Scene) -> int:
    return int(scene.database.one("SELECT count(*) FROM bulkim.claim WHERE state = 'done'"))


def proof(scene: Scene, runs: dict[str, str]) -> bool:
    """Journal and vendor, user by user; and the worst second of each app."""
    lost = doubled = wrong = calls = 0
    worst = []
    for app, run in runs.items():
        there, name = scene.server.users(app), app.rpartition("/")[2]
        times = {
            user: there[user]["effects"].get("mute_set", 0) for user in (f"{name}-{n}" for n in range(USERS))
        }
        lost += sum(not number for number in times.values())
        doubled += sum(number > 1 for number in times.values())
        rows = scene.database.query(
            "SELECT i.username, i.outcome FROM bulkim.item AS i JOIN bulkim.run AS r ON r.id = i.run_id WHERE r.run = %s",
            run,
        )
        wrong += sum((outcome == "succeeded") != bool(times[user]) for user, outcome in rows)
        pool = scene.server.stats(app)["pools"]["mute"]
        calls += pool["arrivals"]
        worst.append(pool["worst_second"])
    taken, reconciled = scene.database.query(
        "SELECT (SELECT sum(takeovers) FROM bulkim.claim), (SELECT coalesce(sum(items), 0) FROM bulkim.tally WHERE code = 'reconciled')"
    )[0]
    say(
        f"{len(runs) * USERS:,} users: {lost} lost, {doubled} done twice, {wrong} told wrongly by the journal"
    )
    say(
        f"{calls:,} calls; worst second of any app {max(worst)} of {RATE:g}; {taken} runs taken over, {reconciled} users asked about"
    )
    return not (lost or doubled or wrong)


def main() -> int:
    began = time.monotonic()
    database = Database(own=True)
    say(f"database    PostgreSQL from {binaries()}, at {database.dsn}")
    with tempfile.TemporaryDirectory() as folder, serving(apps=agency(APPS)) as server:
        scene = Scene(Path(folder), database, server, lease_s=6, margin_s=1.8)
        try:
            runs = submitted(scene)
            server.limits(mute=RATE)
            say(f"runs        {APPS} apps, one run each: mute {USERS} users at {RATE:g} calls a second")
            workers = [scene.worker("--runs", "30") for _ in range(3)]
            say("workers     three, with thirty places each")
            while sum(scene.done(app=app) for app in apps()) < APPS * USERS * 0.2:
                time.sleep(0.5)
            workers[0].kill()
            say(f"{time.monotonic() - began:5.0f} s     worker 1 is killed (SIGKILL)")
            while sum(scene.done(app=app) for app in apps()) < APPS * USERS * 0.5:
                time.sleep(0.5)
            workers[1].send_signal(signal.SIGSTOP)
            say(
                f"{time.monotonic() - began:5.0f} s     worker 2 is stopped for 12 s: it wakes, and finds that it has lost its runs"
            )
            time.sleep(12)
            workers[1].send_signal(signal.SIGCONT)
            while ended(scene) < APPS:
                time.sleep(0.5)
            states = Counter(state for (state,) in database.query("SELECT state FROM bulkim.claim"))
            say(f"{time.monotonic() - began:5.0f} s     all runs have ended: {dict(states)}")
            return 0 if proof(scene, runs) else 1
        finally:
            scene.close()
            database.close()


if __name__ == "__main__":
    raise SystemExit(main())
