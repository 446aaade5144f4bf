"""A storm of edits: the job, its input, its options and its name change between interruptions, as people do it.

A model of what the terms and the guard allow decides what may be sent. The sandbox tells what was: journal and sandbox must agree
user by user, and whoever was pending is never lost in silence.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from support.jobs import rows
from support.server import Server, serving
from support.ways import REFUSED

import bulkim
from bulkim.planning.guarding import compiled
from bulkim.vendors import PROVIDERS

from . import dying

USERS = [f"{kind}{n}" for kind in ("test", "boss", "anna") for n in range(8)]
DEADLY = [f"{what}-{when}" for what in ("begin", "send", "settle", "page") for when in ("before", "after")]
IN_DOUBT = """
WITH this AS (SELECT id FROM run WHERE run = :run), sent AS (
  SELECT value FROM attempt, json_each(attempt.items) WHERE run_id = (SELECT id FROM this) AND mode = 'send' AND ended_at IS NULL
)
SELECT username FROM item WHERE run_id = (SELECT id FROM this)
AND (outcome = 'unknown' OR outcome IS NULL AND (doubt_since IS NOT NULL OR ordinal IN (SELECT value FROM sent)))
"""
PATTERNS = ["boss.*", "anna[0-3]", "test7"]


class Edits(RuleBasedStateMachine):
    """One folder with job files, edited and run. `self.job` is what the file says now."""

    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.begun: dict[str, dict[str, Any]] = {}  # run -> what it was begun with
        self.harmed: dict[str, set[str]] = {}  # operation -> users to whom it was done
        self.finished: list[str] = []

    def teardown(self) -> None:
        self.stack.close()

    @initialize(
        source=st.sampled_from(["text", "listing"]), operation=st.sampled_from(["delete", "ban", "mute"])
    )
    def begin(self, source: str, operation: str) -> None:
        self.server.reset()
        self.server.seed(USERS)
        self.job: dict[str, Any] = {
            "name": "storm", "operation": operation, "source": source, "protect": [], "where": ".*", "chat": 60, "limit": 100,
        }  # fmt: skip
        self.input = list(USERS)

    # ------------------------------------------------------------------------------------ edits

    @rule(pattern=st.sampled_from(PATTERNS))
    def protect(self, pattern: str) -> None:
        self.job["protect"] = sorted({*self.job["protect"], pattern})

    @rule()
    def protect_nobody(self) -> None:
        self.job["protect"] = []

    @rule(operation=st.sampled_from(["delete", "ban", "mute"]))
    def another_operation(self, operation: str) -> None:
        self.job["operation"] = operation

    @rule(chat=st.sampled_from([60, 3600]))
    def other_params(self, chat: int) -> None:
        self.job["chat"] = chat

    @rule(where=st.sampled_from([".*", "test.*", "[bt].*"]))
    def another_where(self, where: str) -> None:
        self.job["where"] = where

    @rule(limit=st.sampled_from([100, 200]))
    def another_rate(self, limit: int) -> None:
        self.job["limit"] = limit

    @rule(name=st.sampled_from(["storm", "calm"]))
    def another_name(self, name: str) -> None:
        self.job["name"] = name

    @rule(names=st.lists(st.sampled_from(USERS), unique=True))
    def another_input(self, names: list[str]) -> None:
        self.input = names

    @rule()
    def whole_input(self) -> None:
        self.input = list(USERS)

    # ------------------------------------------------------------------------------------- runs

    @rule(calls=st.integers(1, 12))
    def go_on(self, calls: int) -> None:
        """The same command again, as most people type it."""
        self._session(
            lambda job: bulkim.run(job, journal=self.folder / "j.db", confirm=lambda _: True), calls
        )

    @rule(calls=st.integers(1, 8), pattern=st.sampled_from(PATTERNS))
    def protect_in_between(self, calls: int, pattern: str) -> None:
        """Interrupted, a pattern added, and on: from whatever source they came, who is pending is protected."""
        self.go_on(calls)
        self.protect(pattern)
        self.go_on(50)

    @rule(
        calls=st.integers(0, 12), new=st.booleans(), limit=st.sampled_from([None, None, 5]), accept=st.booleans(),
        missing=st.booleans(),
    )  # fmt: skip
    def run(self, calls: int, *, new: bool, limit: int | None, accept: bool, missing: bool) -> None:
        """A session that the vendor ends after some calls."""
        self._session(lambda job: bulkim.run(
            job, journal=self.folder / "j.db", new=new, limit=limit, missing=missing, accept_removals=accept,
            confirm=lambda _: True,
        ), calls)  # fmt: skip

    @rule(place=st.sampled_from(DEADLY), calls=st.integers(1, 8), accept=st.booleans())
    def die(self, place: str, calls: int, *, accept: bool) -> None:
        """The same command as a process of its own, which is killed at that call of that kind; or comes to its end."""
        before, done, said, job = (
            {run.run for run in self._runs()},
            self._done(),
            dict(self.job),
            self._loaded(),
        )
        words = ["run", job.name, "--journal", "j.db", "--yes", *(["--accept-removals"] if accept else [])]
        ended = dying.bulkim(
            words,
            cwd=self.folder,
            place=place,
            calls=calls,
            env={"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]},
        )
        assert ended.code in {-9, 0, 1, 3, 5}, ended.err
        runs = self._runs()
        if ended.code == 3 or not runs:
            assert self._done() == done, "what is refused sends nothing"
            return
        run = runs[0] if runs[0].run not in before else self._resumed(runs, said)
        if run is None:
            assert self._done() == done, "killed before it had found its run"
            return
        self._allowed(run.run, self.begun.setdefault(run.run, said), said, done, resumed=run.run in before)
        if run.state == "finished" and run.run not in self.finished:
            self.finished.append(run.run)

    def _resumed(self, runs: list[Any], said: dict[str, Any]) -> Any:
        """The run that the command went on with, if there is one: the newest of its name that is no retry."""
        return next((each for each in runs if each.name == said["name"] and each.parent is None), None)

    @rule(place=st.sampled_from(DEADLY[2:6]), calls=st.integers(1, 6), pattern=st.sampled_from(PATTERNS))
    def die_and_protect(self, place: str, calls: int, pattern: str) -> None:
        """Somebody is in doubt, and protected since."""
        self.die(place, calls, accept=False)
        self.protect(pattern)
        self.go_on(50)

    @rule(calls=st.integers(0, 12), new=st.booleans(), pick=st.integers(0, 99))
    def retry(self, calls: int, *, new: bool, pick: int) -> None:
        if not self.finished:
            return
        parent = self.finished[pick % len(self.finished)]
        self._session(lambda job: bulkim.retry_items(
            parent, job=job, journal=self.folder / "j.db", new=new, confirm=lambda _: True,
            outcome=("failed", "unknown", "unchanged"),
        ), calls)  # fmt: skip

    def _session(self, act: Any, calls: int) -> None:
        before = {run.run: run for run in self._runs()}
        done = self._done()
        said = dict(self.job)
        self.server.faults({"match": {"operation": self.job["operation"]}, "after": calls, "do": REFUSED})
        try:
            finished = act(self._loaded())
        except bulkim.BulkimError:
            assert self._done() == done, "what is refused sends nothing"
            return
        finally:
            self.server.faults()
        if not finished.run:
            assert self._done() == done, "no run, no call"
            return
        begun = self.begun.setdefault(finished.run, said)
        self._allowed(finished.run, begun, said, done, resumed=finished.run in before)
        if finished.state == "finished" and finished.run not in self.finished:
            self.finished.append(finished.run)

    def _allowed(
        self,
        run: str,
        begun: dict[str, Any],
        said: dict[str, Any],
        before: dict[str, set[str]],
        *,
        resumed: bool,
    ) -> None:
        """What this session did is what the run's terms and the guard as it is now allow."""
        assert begun["operation"] == said["operation"], "a run does what it was begun with"
        assert begun["source"] == said["source"]
        if begun["source"] == "listing":
            assert begun["where"] == said["where"] or not resumed
        if begun["operation"] == "mute":
            assert begun["chat"] == said["chat"]
        now = self._done()
        for operation, users in now.items():
            fresh = users - before.get(operation, set())
            assert not fresh or operation == said["operation"]
            for user in fresh:
                assert not any(
                    p.fullmatch(user) for _, p in compiled(said["protect"], PROVIDERS["easemob"])
                ), (run, user)

    # --------------------------------------------------------------------------------- comparing

    def _done(self) -> dict[str, set[str]]:
        users = self.server.users()
        return {
            "delete": {name for name, user in users.items() if user["effects"].get("deleted")},
            "ban": {name for name, user in users.items() if user["effects"].get("banned")},
            "mute": {name for name, user in users.items() if user["effects"].get("mute_set")},
        }

    @invariant()
    def journal_and_sandbox_agree(self) -> None:
        done: dict[str, set[str]] = {"delete": set(), "ban": set(), "mute": set()}
        doubtful: dict[str, set[str]] = {"delete": set(), "ban": set(), "mute": set()}
        for run in self._runs():
            found = rows(self.folder / "j.db", run.run)
            done[run.operation] |= {name for name, row in found.items() if row["outcome"] == "succeeded"}
            doubtful[run.operation] |= self._in_doubt(run.run)
            counts = bulkim.summary(run.run, journal=self.folder / "j.db")["counts"]
            assert sum(counts.values()) == run.items == len(found), "the numbers add up"
            if run.state == "finished":
                assert not counts["pending"], "a run that has finished has nobody left"
                lost = {name for name, row in found.items() if row["outcome"] == "skipped"}
                assert all(found[name]["code"] in {"protected", "removed", "duplicate"} for name in lost)
        if not hasattr(self, "job"):
            return
        for operation, there in self._done().items():
            assert done[operation] <= there, "what the journal says was done was done"
            assert there - done[operation] <= doubtful[operation], (
                "what was done the journal says, or that it may be"
            )

    def _in_doubt(self, run: str) -> set[str]:
        """Whom the journal has as sent without an answer, or as nobody knows."""
        with sqlite3.connect(self.folder / "j.db") as db:
            found = {name for (name,) in db.execute(IN_DOUBT, {"run": run})}
        db.close()
        return found

    def _runs(self) -> list[Any]:
        return bulkim.runs(journal=self.folder / "j.db") if (self.folder / "j.db").exists() else []

    def _loaded(self) -> Path:
        job = self.job
        (self.folder / "list").write_text("".join(f"{name}\n" for name in self.input))
        source = (
            "{text: list}"
            if job["source"] == "text"
            else f'{{listing: users, where: {{match: "{job["where"]}"}}}}'
        )
        params = f"params: {{chat: {job['chat']}}}\n" if job["operation"] == "mute" else ""
        place = self.folder / "job.yaml"
        place.write_text(
            f"name: {job['name']}\nprovider: easemob\noperation: {job['operation']}\nsource: {source}\nconcurrency: 1\n"
            f"connection: {{base_url: '{self.server.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n"
            f"rate: {{limit: {job['limit']}}}\nguard: {{protect: {job['protect']}}}\n{params}"
        )
        return place


@pytest.fixture(scope="module")
def sandbox():
    with serving(limits={"users": 5000, "mute": 5000}) as found:
        yield found


@pytest.fixture
def machine(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return type("Storm", (Edits,), {"server": sandbox})


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def storm(machine: type[Edits], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=QUIET,
            print_blob=True,
        ),
    )


@pytest.mark.slow
def test_a_storm_of_edits_between_kills(machine):
    storm(machine, examples=4, steps=12)


@pytest.mark.slow
def test_a_long_storm_of_edits(machine):
    storm(machine, examples=60, steps=30)


@pytest.mark.parametrize("source", ["text", pytest.param("listing", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("operation", "place", "ends"),
    [
        ("delete", "settle-before", ("unknown", "removed", 1)),  # done, and never repeated
        ("delete", "send-before", ("unknown", "removed", 0)),  # not done; nobody can tell
        ("mute", "settle-before", ("succeeded", "reconciled", 1)),  # done, and found so by asking
        ("mute", "send-before", ("skipped", "removed", 0)),  # not done, and found so by asking
    ],
)
def test_who_is_in_doubt_and_protected_since_is_not_sent_again(machine, source, operation, place, ends):
    edits = machine()
    edits.begin(source, operation)
    try:
        calls = 5
        while not edits._runs() or not (found := edits._in_doubt(edits._runs()[0].run)):
            edits.die(place, calls, accept=False)
            calls += 1  # it had died when something was read
        (doubtful,) = found
        edits.job["protect"] = [doubtful]
        edits.go_on(50)
        row = rows(edits.folder / "j.db")[doubtful]
        assert (row["outcome"], row["code"], len(edits._done()[operation] & {doubtful})) == ends
        times = edits.server.users()[doubtful]["effects"].get(
            {"delete": "deleted", "mute": "mute_set"}[operation], 0
        )
        assert times == ends[2]
        edits.journal_and_sandbox_agree()
        assert edits._runs()[0].state == "finished"
        assert edits._done()[operation] == set(USERS) - ({doubtful} if not ends[2] else set())
    finally:
        edits.teardown()
