"""`make demo-fleet`: forty runs on three workers, one of them killed, one stopped; and the proof that nobody was lost or hit twice."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.server import serving

from bulkim.fleet.database import connected
from bulkim.fleet.references import submission
from bulkim.fleet.submitting import Order, submit
from fleet.database import Database, binaries
from fleet.scene import Scene, agency

APPS, USERS, RATE = int(os.environ.get("DEMO_APPS", "40")), int(os.environ.get("DEMO_USERS", "200")), 10.0

LEASE_S, STOPPED_S = 6, 12


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


class Clock:
    """Seconds since the demonstration began, before each line."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        say(f"{time.monotonic() - self._began:5.0f} s     {text}")


def ended(scene: Scene) -> int:
    return int(scene.database.one("SELECT count(*) FROM bulkim.claim WHERE state = 'done'"))


def until_sent(scene: Scene, part: float) -> None:
    while sum(scene.done(app=app) for app in apps()) < APPS * USERS * part:
        time.sleep(0.5)


def held(scene: Scene, pid: int) -> tuple[str, int]:
    """A worker's name, and on how many runs it works."""
    return scene.database.query(
        "SELECT w.name, count(c.run_id) FROM bulkim.worker AS w LEFT JOIN bulkim.claim AS c ON c.worker = w.name AND c.state = 'running'"
        " WHERE w.pid = %s GROUP BY 1", pid,
    )[0]  # fmt: skip


def taken_over(scene: Scene, name: str, since: float) -> tuple[int, float]:
    """How many of its runs others have taken, and how long after that moment the last of them."""
    return scene.database.query(
        "SELECT count(*), coalesce(max(extract(epoch FROM at)::float8), 0) - %s FROM bulkim.event WHERE what = 'taken over' AND detail = %s",
        since, name,
    )[0]  # fmt: skip


def killed(scene: Scene, clock: Clock, worker: Any) -> None:
    name, runs = held(scene, worker.pid)
    since = time.time()
    worker.kill()
    clock.say(f"worker 1 is killed (SIGKILL), with {runs} runs in its hands")
    while (found := taken_over(scene, name, since))[0] < runs and ended(scene) < APPS:
        time.sleep(0.2)
    clock.say(f"{found[0]} of {runs} are taken over, {found[1]:.1f} s after; its lease was {LEASE_S} s")


def stopped(scene: Scene, clock: Clock, worker: Any) -> None:
    name, runs = held(scene, worker.pid)
    since = time.time()
    worker.send_signal(signal.SIGSTOP)
    clock.say(f"worker 2 is stopped for {STOPPED_S} s (SIGSTOP), with {runs} runs in its hands")
    time.sleep(STOPPED_S)
    worker.send_signal(signal.SIGCONT)
    taken, after_s = taken_over(scene, name, since)
    clock.say(
        f"worker 2 wakes: {taken} of {runs} were taken over, {after_s:.1f} s after, and it sends nothing more of them"
    )


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
    say(f"proof       {len(runs) * USERS:,} users, the vendor's books and the journal held side by side:")
    say(f"            {lost} lost, {doubled} done twice, {wrong} told wrongly by the journal")
    say(f"            {calls:,} calls; the worst second of any app had {max(worst)}, the limit is {RATE:g}")
    say(
        f"            {taken} runs were taken over; answers that died with a worker, and were asked for: {reconciled}"
    )
    return not (lost or doubled or wrong)


def main() -> int:
    database = Database(own=True)
    say(f"database    PostgreSQL from {binaries()}; to look on from another terminal:")
    bulkim = os.path.relpath(Path(sys.executable).with_name("bulkim"))
    say(f"            BULKIM_FLEET={database.dsn} {bulkim} fleet status")
    with tempfile.TemporaryDirectory() as folder, serving(apps=agency(APPS)) as server:
        scene = Scene(Path(folder), database, server, lease_s=LEASE_S, margin_s=1.8)
        try:
            runs = submitted(scene)
            server.limits(mute=RATE)
            say(
                f"runs        {APPS} apps of a sandbox, a run each: mute {USERS} users at {RATE:g} calls a second"
            )
            workers = [scene.worker("--runs", "30") for _ in range(3)]
            say("workers     three processes, with thirty places each")
            clock = Clock()
            until_sent(scene, 0.2)
            killed(scene, clock, workers[0])
            until_sent(scene, 0.5)
            stopped(scene, clock, workers[1])
            while ended(scene) < APPS:
                time.sleep(0.5)
            clock.say(f"all {APPS} runs have ended")
            return 0 if proof(scene, runs) else 1
        finally:
            scene.close()
            database.close()


if __name__ == "__main__":
    raise SystemExit(main())
