"""A fleet for tests: a database, a sandbox, workers as real processes, and the comparison of all books at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from support.here import bulkim_here
from support.processes import Ended, started_alone, wait_until
from support.server import Server

from bulkim.fleet.worker import Orders, hired
from bulkim.sandbox.config import App

from .database import Database

SECRET = "sandbox-token"


def agency(number: int) -> tuple[App, ...]:
    """So many apps of the sandbox."""
    return tuple(App("easemob", org="agency", app=f"app{n:02}", tokens=(SECRET,)) for n in range(number))


PATIENCE_S = 120


class Hand:
    """A worker in a thread of this process."""

    def __init__(self, dsn: str, *, places: int = 4) -> None:
        self.worker = hired(Orders(dsn, places))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            self.code = runner.run(self.worker.run())

    def drain(self, *, times: int = 1) -> None:
        for _ in range(times):
            self._loop.call_soon_threadsafe(self.worker.drain)

    def end(self) -> int:
        """Gently, where that is soon; returns the exit code."""
        for _ in range(3):
            if self._thread.is_alive():
                with suppress(RuntimeError):  # it has just ended
                    self.drain()
                self._thread.join(10)
        assert not self._thread.is_alive()
        return self.code


class Scene:
    """`database` and `server` are its caller's. Commands and workers live in this process, unless a test asks for real ones."""

    def __init__(
        self, folder: Path, database: Database, server: Server, *, lease_s: float = 10, margin_s: float = 3
    ) -> None:
        self.folder, self.database, self.server = folder, database, server
        self.extra = {"BULKIM_FLEET": database.dsn, "APP_TOKEN": SECRET}
        self.workers: list[subprocess.Popen[str]] = []
        self.hands: list[Hand] = []
        database.query("UPDATE bulkim.meta SET lease_s = %s, margin_s = %s", lease_s, margin_s)

    def __enter__(self) -> Self:
        self._there = Path.cwd()
        os.chdir(self.folder)
        self._before = {name: os.environ.get(name) for name in self.extra}
        os.environ.update(self.extra)
        return self

    def __exit__(self, *_why: object) -> None:
        self.close()
        os.chdir(self._there)
        for name, value in self._before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})

    # ------------------------------------------------------------------------------------ commands

    def fleet(self, *words: str) -> Ended:
        return bulkim_here("fleet", *words)

    def connection(self, app: str) -> dict[str, Any]:
        org, _, chosen = app.partition("/")
        return {
            "base_url": self.server.base_url, "org": org, "app": chosen, "auth": {"token": "${APP_TOKEN}"}, "environment": "test",
        }  # fmt: skip

    def job(self, name: str, operation: str, source: Any, *, app: str = "sandbox/demo", **more: Any) -> str:
        document = {
            "provider": "easemob",
            "operation": operation,
            "connection": self.connection(app),
            "rate": {"limit": 200},
            "snapshot": False,  # its calls are the operation's own
            **more,
        }
        if source is not None:
            document["source"] = source
        (self.folder / f"{name}.yaml").write_text(json.dumps(document, indent=1))
        return f"{name}.yaml"

    def users(self, name: str, number: int, *, app: str = "sandbox/demo", there: bool = True) -> list[str]:
        names = [f"{name}-{n}" for n in range(number)]
        (self.folder / f"{name}.txt").write_text("\n".join(names) + "\n")
        if there:
            self.server.seed(names, app=app)
        return names

    def submit(self, job: str, *words: str) -> str:
        ended = self.fleet("submit", job, "--json", *words)
        assert ended.code == 0, ended.err
        return str(ended.json["run"])

    def hand(self, *, places: int = 4) -> Hand:
        """A worker in this process."""
        self.hands.append(Hand(self.database.dsn, places=places))
        return self.hands[-1]

    def worker(self, *words: str, **extra: str) -> subprocess.Popen[str]:
        """A process."""
        name = f"worker{len(self.workers)}"
        log = ("--log-file", str(self.folder / f"{name}.log"), "-q")
        process = started_alone("fleet", "worker", *log, *words, cwd=self.folder, **{**self.extra, **extra})
        self.workers.append(process)
        return process

    def close(self) -> None:
        for hand in self.hands:
            hand.end()
        for each in self.workers:
            if each.poll() is None:
                each.send_signal(signal.SIGCONT)
                each.kill()
            each.communicate()

    # ------------------------------------------------------------------------------------- looking

    def state(self, run: str) -> str:
        return str(
            self.database.one(
                "SELECT c.state FROM bulkim.claim AS c JOIN bulkim.run AS r ON r.id = c.run_id WHERE r.run = %s",
                run,
            )
        )

    def until(self, run: str, state: str = "done", within_s: float = PATIENCE_S) -> None:
        wait_until(lambda: self.state(run) == state, within_s=within_s)

    def done(self, effect: str = "mute_set", app: str = "sandbox/demo") -> int:
        return int(self.server.stats(app)["effects"].get(effect, 0))

    def holder(self, run: str) -> str | None:
        return self.database.one(
            "SELECT c.worker FROM bulkim.claim AS c JOIN bulkim.run AS r ON r.id = c.run_id WHERE r.run = %s",
            run,
        )

    def compare(
        self, run: str, names: list[str], effect: str = "mute_set", *, app: str = "sandbox/demo"
    ) -> None:
        """The journal and the vendor tell the same story of every user: all done, each once."""
        rows = self.database.query(
            "SELECT i.username, i.outcome, i.code, i.reason FROM bulkim.item AS i JOIN bulkim.run AS r ON r.id = i.run_id WHERE r.run = %s",
            run,
        )
        assert {name for name, *_ in rows} == set(names)
        assert [row for row in rows if row[1] != "succeeded"] == [], [
            row for row in rows if row[1] != "succeeded"
        ]
        there = self.server.users(app)
        times = Counter(there[name]["effects"].get(effect, 0) for name in names)
        assert times == {1: len(names)}, "lost or done twice"
        tally = self.database.query(
            "SELECT y.outcome, sum(y.items)::int FROM bulkim.tally AS y JOIN bulkim.run AS r ON r.id = y.run_id WHERE r.run = %s GROUP BY 1",
            run,
        )
        assert tally == [("succeeded", len(names))]
