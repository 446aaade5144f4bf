"""One campaign of a storm: a job, its users at the sandbox, and the comparison of journal and server user by user."""

from __future__ import annotations

import hashlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.apps import KEYS, write_job
from support.jobs import rows
from support.processes import Ended, environment
from support.server import Server

LAUNCHER = Path(__file__).with_name("launcher.py")
GONE = 10  # users whom `delete-oldest` leaves
EFFECTS = {"register": "registered", "delete": "deleted", "mute": "mute_set", "ban": "banned",
           "set-password": "password_set", "delete-oldest": "deleted"}  # fmt: skip
ONCE = {
    "register",
    "delete",
    "mute",
    "ban",
    "delete-oldest",
}  # nothing of these is ever done twice to anybody


@dataclass
class Campaign:
    """A job of one operation, in a folder of its own, against an app of its own users."""

    server: Server
    folder: Path
    operation: str
    users: int
    provider: str = "easemob"
    batch: int | None = None
    more: dict[str, Any] = field(default_factory=dict)
    kills: int = 0
    runs: int = 0
    over: Ended | None = None  # a finished run is not run again: that would be another run

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.app = KEYS[self.provider]
        self.names = [f"{self.operation}-{n}" for n in range(self.users)]
        before = self.names[::7] if self.operation == "register" else self.names
        self.before = set(before)
        self.server.seed(
            [self.seeded(name) for name in before], app=self.app, created=int(time.time() * 1000) - 86_400_000
        )
        people = [{"username": name, "password": f"pw-of-{name}"} for name in self.names]
        settings: dict[str, Any] = {"rate": {"limit": 400}, "retries": 8, "timeout": 5, **self.more}
        if self.operation == "mute":
            settings["params"] = {"chat": 86_400, "groupchat": -1}
        if self.operation == "delete-oldest":
            settings["params"] = {"count": self.users - GONE}
        if self.batch:
            settings["batch"] = self.batch
        items = None if self.operation in {"delete-oldest", "list-users"} else people
        write_job(self.folder, "job", self.provider, self.server.base_url, self.operation, items, **settings)

    def seeded(self, name: str) -> Any:
        """A user as they are before."""
        return name

    # ------------------------------------------------------------------------------------- running

    def start(self, place: str = "none", calls: int = 0) -> subprocess.Popen[str]:
        self.runs += 1
        command = [sys.executable, str(LAUNCHER), place, str(calls), "run", "job.yaml", "--yes", "--json"]
        return subprocess.Popen(
            command, cwd=self.folder, env=environment(XDG_STATE_HOME=str(self.folder)), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str], *, within_s: float = 120) -> Ended:
        try:
            out, err = process.communicate(timeout=within_s)
        finally:
            process.kill()  # one that hangs is not left behind
        if process.returncode == -signal.SIGKILL:
            self.kills += 1
            self.whole()
        ended = Ended(process.returncode, out, err)
        if process.returncode in {0, 5} or self._finished():
            self.over = ended
        return ended

    def _finished(self) -> bool:
        """A kill may come between the run's end and the process's."""
        path = self.folder / "bulkim.db"
        if not path.exists() or not path.stat().st_size:
            return False
        with sqlite3.connect(path) as db:
            there = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'run'").fetchone()
            states = db.execute("SELECT state FROM run").fetchall() if there else []
        db.close()
        return ("finished",) in states

    def killed_at(self, place: str, calls: int) -> Ended:
        """Run until that moment; it may be over before."""
        ended = self.over or self.finish(self.start(place, calls))
        assert ended.code in {0, -signal.SIGKILL}, (place, calls, ended.code, ended.err)
        return ended

    def killed_after(self, seconds: float) -> Ended:
        """Run and kill from outside."""
        if self.over:
            return self.over
        process = self.start()
        time.sleep(seconds)
        process.kill()
        ended = self.finish(process)
        assert ended.code in {0, -signal.SIGKILL}, (ended.code, ended.err)
        return ended

    def to_the_end(self, *, tries: int = 1) -> Ended:
        """Resume until it has finished; a breaker may stop it before."""
        for _ in range(tries):
            ended = self.over or self.finish(self.start())
            if ended.code not in {4, 75}:
                break
        return ended

    # ----------------------------------------------------------------------------------- comparing

    def whole(self) -> None:
        """Whatever moment it died at: the file is sound, and the numbers add up."""
        path = self.folder / "bulkim.db"
        if not path.exists() or not path.stat().st_size:
            return
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            if "tally" in tables:
                counted = dict(db.execute("SELECT outcome, sum(items) FROM tally GROUP BY outcome"))
                there = dict(
                    db.execute(
                        "SELECT outcome, count(*) FROM item WHERE outcome IS NOT NULL GROUP BY outcome"
                    )
                )
                assert counted == there
                for run_id, items in db.execute("SELECT id, items FROM run"):
                    held = db.execute("SELECT count(*) FROM item WHERE run_id = ?", (run_id,)).fetchone()[0]
                    assert held == items
        db.close()

    def compare(self, *, unknown: int = 0) -> None:
        """Journal and server tell the same story of every user. `unknown`: how many may have been left so."""
        self.whole()
        users, journal = self.server.users(self.app), rows(self.folder / "bulkim.db")
        outcomes = Counter(row["outcome"] for row in journal.values())
        assert outcomes["pending"] == outcomes["failed"] == 0, outcomes
        assert outcomes["unknown"] <= unknown, outcomes
        self._effects(users, journal)
        getattr(self, f"_{self.operation.replace('-', '_')}")(users, journal)

    def _effects(self, users: dict[str, Any], journal: dict[str, Any]) -> None:
        """Who succeeded was touched, exactly once where that matters; who was so before was not."""
        effect = EFFECTS.get(self.operation)
        for name, row in journal.items():
            times = users[name]["effects"].get(effect, 0) if effect else 0
            if self.provider == "tencent" and self.operation == "register" and name in self.before:
                continue  # who was there before counts as imported, and nothing tells the two apart
            if effect and row["outcome"] == "succeeded":
                assert times == 1 or (times > 1 and self.operation not in ONCE), (name, times, row)
            if row["outcome"] == "unchanged":
                assert times == 0, (name, times, row)

    def _register(self, users: dict[str, Any], journal: dict[str, Any]) -> None:
        assert journal.keys() == set(self.names)
        for name, row in journal.items():
            assert users[name]["exists"], name
            if row["outcome"] != "unknown" and self.provider != "tencent":
                assert (row["outcome"] == "unchanged") == (name in self.before), (name, row)

    def _delete(self, users: dict[str, Any], journal: dict[str, Any]) -> None:
        assert journal.keys() == set(self.names)
        assert not any(
            users[name]["exists"] for name, row in journal.items() if row["outcome"] == "succeeded"
        )
        assert {row["outcome"] for row in journal.values()} <= {"succeeded", "unknown"}

    def _mute(self, users: dict[str, Any], journal: dict[str, Any]) -> None:
        assert journal.keys() == set(self.names)
        for name, row in journal.items():
            if row["outcome"] == "succeeded":
                assert all(users[name]["mutes"].values()), (name, users[name], row)

    def _ban(self, users: dict[str, Any], journal: dict[str, Any]) -> None:
        assert journal.keys() == set(self.names)
        assert not any(
            users[name]["activated"] for name, row in journal.items() if row["outcome"] == "succeeded"
        )

    def _set_password(self, users: dict[str, Any], journal: dict[str, Any]) -> None:
        assert journal.keys() == set(self.names)
        for name, row in journal.items():
            wanted = hashlib.sha256(f"pw-of-{name}".encode()).hexdigest()
            assert row["outcome"] != "succeeded" or users[name]["password_sha256"] == wanted, name

    def _delete_oldest(self, users: dict[str, Any], journal: dict[str, Any]) -> None:
        gone = {name for name in self.names if not users[name]["exists"]}
        assert gone == set(self.names[: self.users - GONE]), (
            "exactly the oldest, and no more than was asked for"
        )
        assert {name for name, row in journal.items() if row["outcome"] in {"succeeded", "unknown"}} >= gone
        assert all(name in gone for name, row in journal.items() if row["outcome"] == "succeeded")

    def _list_users(self, users: dict[str, Any], journal: dict[str, Any]) -> None:
        assert journal.keys() == {name for name, user in users.items() if user["exists"]}


def moments(seed: int, number: int, highest: int) -> list[tuple[str, int]]:
    """So many (place, n-th call), the same for a seed; every place comes up before one comes again."""
    dice = random.Random(seed)
    places = [f"{what}-{when}" for what in ("begin", "send", "settle") for when in ("before", "after")]
    chosen = []
    while len(chosen) < number:
        dice.shuffle(places)
        chosen += [(place, dice.randint(1, highest)) for place in places]
    return chosen[:number]
