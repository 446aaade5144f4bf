"""The journal against a model: whatever happens in whatever order, every item is there once and the numbers add up."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlite_utils import Database

from bulkim.errors import GuardError, JournalError
from bulkim.journal.records import Closing, Entry, NewRun, Pace
from bulkim.journal.sqlite import reader as read
from bulkim.journal.sqlite import schema
from bulkim.journal.sqlite.intake import read_input
from bulkim.journal.sqlite.writer import Journal
from bulkim.model import Batch, Final, Item, Mode, Status

NEW = NewRun("n", "easemob", "register", "t", {})
NAMES = [f"u{n}" for n in range(12)]
ENDS = [Status.SUCCEEDED, Status.UNCHANGED, Status.FAILED, Status.UNKNOWN]


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.journal = Journal.open(self.folder / "j.db")
        self.run = self.journal.create_run(NEW, now=1.0)
        self.now = 1.0
        self.session = self.journal.begin_session(self.run, now=1.0)
        self.ended: dict[str, str] = {}
        self.doubt: set[str] = set()
        self.names: list[str] = []
        self.open: dict[int, list[Item]] = {}
        self.reads = 0

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)

    def tick(self) -> float:
        self.now += 1
        return self.now

    @precondition(lambda self: not self.open)
    @rule(names=st.lists(st.sampled_from(NAMES), unique=True), invalid=st.integers(0, 2))
    def read(self, names, invalid):
        """The input is read (again): edited, shuffled, shortened."""
        entries = [Entry(place, place, name, name, {"nickname": name}) for place, name in enumerate(names, 1)]
        entries += [
            Entry(len(names) + n, None, None, "?", None, None, "invalid", "no") for n in range(1, invalid + 1)
        ]
        read_input(self.journal, self.run, iter(entries), name="f", digest="d", now=self.tick())
        self.reads += 1
        # A skipped one that is named again comes back; one in doubt that was removed stays, to be asked about.
        self.names = names

    @precondition(lambda self: self.reads)
    @rule(count=st.integers(1, 4))
    def begin(self, count):
        busy = {item.ordinal for batch in self.open.values() for item in batch}
        taken = [each for each in self.journal.pending(self.run) if each.ordinal not in busy][:count]
        if taken:
            items = [Item(each.ordinal, each.key, each.username, attempts=each.attempts) for each in taken]
            attempt = self.journal.begin(self.run, self.session, Batch(tuple(items)), now=self.tick())
            self.open[attempt] = items

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def settle(self, data):
        attempt = data.draw(st.sampled_from(sorted(self.open)))
        items = self.open.pop(attempt)
        finals, touched = [], []
        for item in items:
            end = data.draw(st.sampled_from([*ENDS, None, "doubt"]))
            if isinstance(end, Status):
                finals.append(Final(item, end, "c", "why"))
                self.ended[item.key] = end
            else:
                since = self.now if end else None
                touched.append(
                    Item(item.ordinal, item.key, item.username, attempts=item.attempts + 1, doubt_since=since)
                )
                if end:
                    self.doubt.add(item.key)
        self.journal.settle(self.run, attempt, Closing(self.tick(), "x", 200), finals=finals, touched=touched)

    @precondition(lambda self: self.doubt - self.ended.keys())
    @rule(end=st.sampled_from(ENDS))
    def probed(self, end):
        each = self.journal.doubtful(self.run)[0]
        item = Item(each.ordinal, each.key, each.username, doubt_since=each.doubt_since)
        attempt = self.journal.begin(self.run, self.session, Batch((item,), Mode.PROBE), now=self.tick())
        self.journal.settle(
            self.run, attempt, Closing(self.tick(), "x", 200), finals=[Final(item, end)], touched=[]
        )
        self.ended[each.key] = end

    @rule()
    def crash(self):
        """The process dies and the file is opened again: what was open is in doubt."""
        self.journal.close()
        self.journal = Journal.open(self.folder / "j.db")
        assert self.journal.recover(self.run, now=self.tick()) == len(self.open)
        self.doubt |= {item.key for items in self.open.values() for item in items}
        self.open = {}

    @invariant()
    def numbers_add_up(self):
        db = self.journal.connection
        counts = self.journal.counts(self.run)
        there = Counter(
            outcome
            for (outcome,) in db.execute(
                "SELECT coalesce(outcome, 'pending') FROM item WHERE run_id = ?", (self.run,)
            )
        )
        assert {str(status): number for status, number in counts.items() if number} == there
        row = db.execute("SELECT * FROM runs_summary").fetchone()
        columns = [each[0] for each in db.execute("SELECT * FROM runs_summary").description]
        summary = dict(zip(columns, row, strict=True))
        assert summary["items"] == sum(summary[str(status)] for status in Status) == sum(there.values())

    @invariant()
    def every_identity_is_there_once_and_ends_once(self):
        rows = self.journal.connection.execute(
            "SELECT key, outcome, doubt_since FROM item WHERE key IS NOT NULL"
        ).fetchall()
        found = {key: outcome for key, outcome, _ in rows}
        assert len(found) == len(rows)
        assert {key: found[key] for key in self.ended} == self.ended, "what has ended stays so"
        assert set(self.names) <= found.keys()
        in_doubt = {key for key, outcome, since in rows if since is not None and outcome is None}
        assert in_doubt == self.doubt - self.ended.keys(), (
            "doubt is never lost, whatever becomes of the input"
        )


Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestJournal = Machine.TestCase


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell here")
@pytest.mark.parametrize("view", ["results", "runs_summary", "attempts"])
def test_the_sqlite_shell_reads_the_views_while_a_run_writes(tmp_path, view):
    with Journal.open(tmp_path / "j.db") as journal:
        run = journal.create_run(NEW, now=1.0)
        session = journal.begin_session(run, now=1.0)
        read_input(journal, run, iter([Entry(1, 1, "u", "u")]), name="f", digest="d", now=1.0)
        journal.begin(run, session, Batch((Item(1, "u", "u"),)), now=2.0)
        with journal.transaction() as tx:  # in the middle of a write
            tx.execute("UPDATE run SET requests = 99")
            ended = subprocess.run(
                ["sqlite3", "-readonly", str(tmp_path / "j.db"), f"SELECT count(*) FROM {view}"],
                capture_output=True, text=True, timeout=20, check=False,
            )  # fmt: skip
    assert (ended.returncode, ended.stdout.strip()) == (0, "1"), ended.stderr


def test_another_connection_reads_while_a_run_writes(tmp_path):
    with Journal.open(tmp_path / "j.db") as journal:
        run = journal.create_run(NEW, now=1.0)
        with journal.transaction() as tx:
            tx.execute("UPDATE run SET requests = 99")
            other = sqlite3.connect(f"file:{tmp_path / 'j.db'}?mode=ro", uri=True)
            assert other.execute("SELECT run, requests FROM runs_summary").fetchone() == (
                journal.run_name(run),
                0,
            )
            other.close()


def an_older_one(path: Path) -> None:
    """A journal as the first release left it, with one run."""
    connection = sqlite3.connect(path, isolation_level=None)
    db = Database(connection, execute_plugins=False)
    schema.migrations.apply(db, stop_before="m002_pace")
    Journal(path, connection).create_run(NEW, now=1.0)
    connection.close()


def applied(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]


def test_reading_an_older_journal_leaves_it_as_it_is(tmp_path):
    an_older_one(tmp_path / "j.db")
    with read.open_existing(tmp_path / "j.db") as journal:
        assert read.allowances(journal, read.find(journal, "last").id) == []
        with pytest.raises(GuardError, match="readonly"), journal.transaction() as tx:
            tx.execute("DELETE FROM run")
    assert applied(tmp_path / "j.db") == ["m001_first"]


def test_writing_an_older_journal_migrates_it(tmp_path):
    an_older_one(tmp_path / "j.db")
    with Journal.open(tmp_path / "j.db") as journal:
        session = journal.begin_session(1, now=2.0)
        journal.heartbeat(session, now=3.0, paces=[Pace("users", 100.0, 50.0)])
        assert read.allowances(journal, 1) == [read.Allowance(session, 3.0, Pace("users", 100.0, 50.0))]
        assert journal.discard(1)
        assert not journal.connection.execute("SELECT 1 FROM pace").fetchone()
    assert applied(tmp_path / "j.db") == ["m001_first", "m002_pace"]


def test_a_journal_that_cannot_be_written_can_be_read(tmp_path, monkeypatch):
    an_older_one(tmp_path / "j.db")
    monkeypatch.setattr("os.access", lambda *_: False)  # we may be root, whom no mode stops
    before = sorted(tmp_path.iterdir())
    with read.open_existing(tmp_path / "j.db") as journal:
        assert len(read.runs(journal)) == 1
        assert sorted(tmp_path.iterdir()) == before, "nothing is laid beside it"


def test_an_empty_file_is_no_journal_to_read(tmp_path):
    (tmp_path / "j.db").touch()
    with pytest.raises(JournalError, match="is empty"):
        read.open_existing(tmp_path / "j.db")


def test_a_killed_session_took_as_long_as_its_last_call_shows(tmp_path):
    with Journal.open(tmp_path / "journal.db") as journal:
        run_id = journal.create_run(NewRun("n", "easemob", "list-users", "https://h o#a", {}), now=100.0)
        session = journal.begin_session(run_id, now=100.0)
        journal.begin_page(run_id, session, now=104.0)  # and no sign of life after it
        assert read.summary(journal, read.get(journal, run_id))["elapsed_s"] == 4.0
