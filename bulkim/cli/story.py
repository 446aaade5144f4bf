"""The whole story on an embedded sandbox: register, mute, delete, a kill in the middle, its resume, and the proof.

Every run is a process of its own that does what a user would type; one of them is killed with SIGKILL. At the end the
journal is compared with the sandbox, user by user.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkim.errors import BulkimError
from bulkim.journal import Reader
from bulkim.journal.records import RunRecord
from bulkim.sandbox import Embedded, SandboxConfig
from bulkim.work.rehearsal import control

USERS, EXISTING, MUTED, DELETED, GHOSTS = 3000, 10, 400, 580, 20
KILL_AFTER = 0.4  # of the items
APP = "sandbox/demo"

FILES = {
    "connections.yaml": """\
sandbox:
  base_url: {url}
  org: sandbox
  app: demo
  auth: {{token: sandbox-token}}
""",
    "register.yaml": """\
provider: easemob
operation: register
connection: sandbox
source: {{csv: users.csv, columns: {{username: user_id}}}}
""",
    "mute.yaml": """\
provider: easemob
operation: mute
connection: sandbox
source: {{text: noisy.txt}}
params: {{chat: 3600, groupchat: 3600}}
""",
    "delete.yaml": """\
provider: easemob
operation: delete
connection: sandbox
source: {{csv: gone.csv}}
guard: {{protect: ["admin.*"], max_items: 1000}}
""",
}


class DemoError(BulkimError):
    """A step of the demo did not do what it should."""

    exit_code = 70


@dataclass(slots=True)
class Comparison:
    """What the journal says against what the sandbox has."""

    users: int = 0
    differences: list[str] = field(default_factory=list)


def usernames() -> list[str]:
    """Who is registered."""
    return [f"user-{number:04}" for number in range(1, USERS + 1)]


@dataclass(slots=True)
class Demo:
    """One telling. `say` narrates; with `capture`, runs print nothing and their summaries are collected."""

    folder: Path
    url: str
    say: Callable[[str], None]
    journal: Path  # where everything is written down
    capture: bool = False
    summaries: list[dict[str, Any]] = field(default_factory=list)

    # ------------------------------------------------------------------------------------ the stage

    def prepare(self) -> None:
        """Write the inputs and the jobs; some users are there already, one answer will get lost."""
        names = usernames()
        for name, text in FILES.items():
            (self.folder / name).write_text(text.format(url=self.url), encoding="utf-8")
        with (self.folder / "users.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("user_id", "password", "nickname", "team"))
            writer.writerows((name, f"pw-{name}", name.title(), "test") for name in names)
        (self.folder / "noisy.txt").write_text("\n".join(names[100 : 100 + MUTED]) + "\n", encoding="utf-8")
        ghosts = [f"ghost-{number:02}" for number in range(1, GHOSTS + 1)]
        going = [*names[400 : 400 + DELETED], *ghosts, "admin-1", names[400].upper()]
        (self.folder / "gone.csv").write_text("\n".join(["username", *going]) + "\n", encoding="utf-8")
        self.control("POST", "users", {"app": APP, "users": names[-EXISTING:]})
        self.control(
            "PUT",
            "faults",
            [{"match": {"operation": "register"}, "after": 20, "times": 1, "do": "drop_after"}],
        )

    def control(self, method: str, what: str, document: Any = None) -> Any:
        """The sandbox's control endpoint."""
        return control(self.url, method, what, document)

    # ------------------------------------------------------------------------------------- the runs

    def run(self, *words: str) -> None:
        """One command to its end."""
        process = self._start(words)
        out, _ = process.communicate()
        if process.returncode not in {0, 1}:
            raise DemoError(f"`bulkim {' '.join(words)}` ended with exit code {process.returncode}")
        if self.capture:
            self.summaries.append({**json.loads(out), "journal": str(self.journal)})

    def run_and_kill(self, name: str, *words: str) -> None:
        """One command, killed without warning when a part of its items is done."""
        process = self._start(words)
        while process.poll() is None and self._share_done(name) < KILL_AFTER:
            time.sleep(0.02)
        process.kill()
        process.communicate()
        if process.returncode == 0:
            raise DemoError("the run was over before it could be killed")

    def _start(self, words: Sequence[str]) -> subprocess.Popen[str]:
        self.say(f"$ bulkim {' '.join(words)}")
        quiet = ["--json", "-q"] if self.capture else []
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BULKIM_")}
        environment["BULKIM_JOURNAL"] = str(self.journal)
        environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1,localhost"
        return subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "bulkim", *words, *quiet],
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self.capture else None, text=True,
        )  # fmt: skip

    def _share_done(self, name: str) -> float:
        counts = self.counts(name)
        total = sum(counts.values())
        return 1 - counts["pending"] / total if total else 0.0

    def counts(self, name: str) -> dict[str, int]:
        """Items of the newest run of that job, by outcome; empty before there is one."""
        if not self.journal.exists():
            return {}
        with Reader.open(self.journal) as journal:
            found = [each for each in self._runs(journal) if each.name == name and each.planned_at]
            return {str(key): n for key, n in journal.counts(found[0].id).items()} if found else {}

    def _runs(self, journal: Reader) -> list[RunRecord]:
        """This telling's runs: nobody else has used its port."""
        return [each for each in journal.runs() if each.target.startswith(f"{self.url} ")]

    # ------------------------------------------------------------------------------------ the proof

    def compare(self) -> Comparison:
        """Reader against sandbox, user by user: is everybody as the journal says, and was everything done once?"""
        there = {user["username"]: user for user in self.control("GET", f"users?app={APP}")["users"]}
        said: dict[str, dict[str, str]] = {}
        with Reader.open(self.journal) as journal:
            for record in self._runs(journal):
                for result in journal.results(
                    record.id, outcome=("succeeded", "unchanged", "failed", "unknown")
                ):
                    said.setdefault(result.username.lower(), {})[record.operation] = result.outcome
        comparison = Comparison(users=len(said.keys() | there.keys()))
        for name in sorted(said.keys() | there.keys()):
            wanted, found = expected(said.get(name, {})), actual(there.get(name))
            if wanted != found:
                comparison.differences.append(f"{name}: the journal says {wanted}, the sandbox has {found}")
        return comparison

    def traffic(self) -> str:
        """How the vendor saw it."""
        pools = self.control("GET", "stats")["apps"][APP]["pools"]
        used = [pool for pool in pools.values() if pool["arrivals"]]
        worst = max(pool["worst_second"] for pool in used)
        refused = sum(pool["refused"] for pool in used)
        glyph = "·" if refused else "✓"
        again = f"; {refused} were refused, and sent again" if refused else "; none was refused"
        return f"   {glyph} the busiest second held {worst} calls of 100 allowed{again}"


def expected(said: Mapping[str, str]) -> dict[str, Any]:
    """What must be true of a user for whom the journal has these outcomes (operation -> outcome)."""
    done = {operation for operation, outcome in said.items() if outcome == "succeeded"}
    gone = said.get("delete") in {"succeeded", "unchanged"}
    return {
        "exists": "register" in said and not gone,
        "registered": int("register" in done),
        "mute_set": int("mute" in done),
        "deleted": int("delete" in done),
    }


def actual(user: Mapping[str, Any] | None) -> dict[str, Any]:
    """The same of what the sandbox has."""
    effects = user["effects"] if user else {}
    return {
        "exists": bool(user and user["exists"]),
        **{name: effects.get(name, 0) for name in ("registered", "mute_set", "deleted")},
    }


def tell(
    say: Callable[[str], None], *, journal: Path | None = None, capture: bool = False
) -> tuple[Demo, Comparison]:
    """The whole story. `say` gets the narration, line by line. Raises DemoError when a step fails."""
    folder = Path(tempfile.mkdtemp(prefix="bulkim-demo-"))
    journal = journal.resolve() if journal else folder / "bulkim.db"
    with Embedded(SandboxConfig(latency=(0.03, 0.09))) as sandbox:
        demo = Demo(folder, sandbox.base_url, say, journal, capture=capture)
        demo.prepare()
        say(f"A sandbox of Easemob listens on {sandbox.base_url}.")
        say("It takes 100 calls a second, as Easemob does.")
        say(f"Jobs and lists are in {folder}.\n")

        say(f"1. Register {USERS:,} users from a CSV, 60 a call. {EXISTING} of them are there already,")
        say("   and the sandbox drops one connection after it has done the work:")
        say("   bulkim asks who is there before it sends those 60 again.\n")
        demo.run("run", "register.yaml")

        say(f"\n2. Mute {MUTED} of them for an hour, one a call: that is what the vendor offers.")
        say(
            "   Each is looked up first, in a call that only reads, so that `undo` can bring back what was there.\n"
        )
        demo.run("run", "mute.yaml")

        say(f"\n3. Delete a list: {DELETED} users, {GHOSTS} who never were, one protected, one twice.")
        say(
            f"   {DELETED + GHOSTS} of the {DELETED + GHOSTS + 2} would be sent: that is the number that --confirm names."
        )
        say("   This process gets a SIGKILL in the middle.\n")
        command = ("run", "delete.yaml", "--confirm", f"demo:{DELETED + GHOSTS}")
        demo.run_and_kill("delete", *command)
        counts = demo.counts("delete")
        done = counts["succeeded"] + counts["unchanged"]
        say(f"\n   Killed: {done} done, {counts['pending']} not, a few of these on their way when it died.")
        say("   The same command continues; what it confirmed holds for what is left.\n")
        demo.run(*command)

        say("\n4. Compare the journal with the sandbox, user by user.\n")
        return demo, _proof(demo, say)


def _proof(demo: Demo, say: Callable[[str], None]) -> Comparison:
    comparison = demo.compare()
    for difference in comparison.differences[:10]:
        say(f"   ✗ {difference}")
    if comparison.differences:
        say(f"   ✗ {len(comparison.differences)} of {comparison.users:,} users differ")
    else:
        say(f"   ✓ {comparison.users:,} users compared: everybody is as the journal says,")
        say("     and everything was done exactly once")
    say(demo.traffic())
    return comparison
