"""What the SQLite back end promises beside the port: a turn is a transaction, others read on, older files open."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from sqlite_utils import Database as Utils

from bulkim.errors import GuardError, JournalError
from bulkim.journal import Journal, Reader
from bulkim.journal.records import Allowance, Closing, Entry, Listed, ListedPage, NewRun, PoolRate
from bulkim.journal.sqlite import schema
from bulkim.journal.sqlite.applied import KNOWN
from bulkim.model import Batch, Item

from .backends import NEW, OnDisk, safe

USER = Batch((Item(1, "u", "u"),))


@pytest.fixture
def disk(tmp_path):
    backend = OnDisk(tmp_path)
    backend.read_input([Entry(1, 1, "u", "u")])
    yield backend
    backend.close()


# -------------------------------------------------------------------------------------------- turns


def test_writes_of_one_turn_share_a_commit(disk):
    commits = []
    disk.journal._database.connection.set_trace_callback(
        lambda sql: commits.append(sql) if sql == "COMMIT" else None
    )

    async def main() -> None:
        disk.session.begin(USER, now=4.0)
        first = disk.session.durable()
        disk.session.begin(USER, now=4.0)
        assert disk.session.durable() is first
        assert disk.attempts() == [], "nobody else sees it yet"
        await first
        assert len(disk.attempts()) == 2
        disk.session.begin(USER, now=5.0)
        assert disk.session.durable() is not first
        await safe(disk.session)

    anyio.run(main)
    assert len(commits) == 2
    assert len(disk.attempts()) == 3


def test_outside_a_loop_every_write_is_durable_when_it_returns(disk):
    disk.session.begin(USER, now=4.0)
    assert len(disk.attempts()) == 1


def test_a_part_that_fails_takes_its_turn_along(disk):
    """The others of its turn were not durable yet: whoever waits for them is told."""

    async def main() -> None:
        disk.session.begin(USER, now=4.0)
        awaited = disk.session.durable()
        with pytest.raises(GuardError), disk.journal._database.transaction() as tx:
            tx.execute("INSERT INTO nowhere VALUES (1)")
        with pytest.raises(GuardError):
            await awaited

    anyio.run(main)
    assert disk.attempts() == []


def test_a_loop_that_ends_in_the_middle_of_a_turn_loses_nothing_that_the_session_goes_on_from(disk):
    async def main() -> None:
        disk.session.begin(USER, now=4.0)

    anyio.run(main)
    disk.journal.end_session(disk.run, 1, "interrupted", now=5.0)
    assert len(disk.attempts()) == 1


# ------------------------------------------------------------------------------------ other readers


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell here")
@pytest.mark.parametrize("view", ["results", "runs_summary", "attempts"])
def test_the_sqlite_shell_reads_the_views_while_a_run_writes(disk, view):
    disk.session.begin(USER, now=2.0)
    with disk.journal._database.transaction() as tx:  # in the middle of a write
        tx.execute("UPDATE run SET requests = 99")
        ended = subprocess.run(
            ["sqlite3", "-readonly", str(disk.path), f"SELECT count(*) FROM {view}"],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stdout.strip()) == (0, "1"), ended.stderr


def test_another_connection_reads_while_a_run_writes(disk):
    with disk.journal._database.transaction() as tx:
        tx.execute("UPDATE run SET requests = 99")
        assert disk.summary()["requests"] == 0


def test_a_killed_session_took_as_long_as_its_last_call_shows(tmp_path):
    with Journal.open(tmp_path / "journal.db") as journal:
        run_id = journal.create_run(NewRun("n", "easemob", "list-users", "https://h o#a", {}), now=100.0)
        session = journal.session(run_id, journal.begin_session(run_id, now=100.0))
        session.begin_page(now=104.0)  # and no sign of life after it
        assert journal.reader.summary(journal.reader.get(run_id))["elapsed_s"] == 4.0


# ------------------------------------------------------------------------------------ older schemas

VERSIONS = [each.name for each in schema.migrations._migrations]


def an_older_one(path: Path, *, before: str = "m002_pace") -> None:
    """A journal as the release before that migration left it, with one run."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.migrations.apply(Utils(connection, execute_plugins=False), stop_before=before)
        connection.execute(
            "INSERT INTO run (run, name, provider, operation, target, state, job_text, params, created_at)"
            " VALUES ('abcdefgh', 'n', 'easemob', 'register', 'https://h o#a', 'stopped', 'rate: {limit: 7}', '{}', 1)"
        )


def applied(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]


@pytest.mark.parametrize("before", VERSIONS[1:])
def test_reading_an_older_journal_leaves_it_as_it_is(tmp_path, before):
    an_older_one(tmp_path / "j.db", before=before)
    with Reader.open(tmp_path / "j.db") as journal:
        record = journal.find("last")
        assert journal.allowances(record.id) == []
        assert (record.run, record.settings) == ("abcdefgh", None)
        with pytest.raises(GuardError, match="readonly"), journal._database.transaction() as tx:
            tx.execute("DELETE FROM run")
    assert applied(tmp_path / "j.db") == VERSIONS[: VERSIONS.index(before)]


@pytest.mark.parametrize("before", VERSIONS[1:])
def test_writing_an_older_journal_migrates_it(tmp_path, before):
    an_older_one(tmp_path / "j.db", before=before)
    with Journal.open(tmp_path / "j.db") as journal:
        number = journal.begin_session(1, now=2.0)
        journal.session(1, number).beat([PoolRate("users", 100.0, 50.0)], now=3.0)
        assert journal.reader.allowances(1) == [Allowance(number, 3.0, PoolRate("users", 100.0, 50.0))]
        assert journal.reader.get(1).settings is None
        assert journal.discard(1)
        assert not journal._database.connection.execute("SELECT 1 FROM pace").fetchone()
    assert applied(tmp_path / "j.db") == VERSIONS


def test_a_journal_that_cannot_be_written_can_be_read(tmp_path, monkeypatch):
    an_older_one(tmp_path / "j.db")
    monkeypatch.setattr("os.access", lambda *_: False)  # we may be root, whom no mode stops
    before = sorted(tmp_path.iterdir())
    with Reader.open(tmp_path / "j.db") as journal:
        assert len(journal.runs()) == 1
        assert sorted(tmp_path.iterdir()) == before, "nothing is laid beside it"


def test_an_empty_file_is_no_journal_to_read(tmp_path):
    (tmp_path / "j.db").touch()
    with pytest.raises(JournalError, match="is empty"):
        Reader.open(tmp_path / "j.db")


def test_what_a_run_was_given_is_kept(tmp_path):
    given = NewRun(
        "n", "acme", "mute", "t", {}, settings={"share": 0.5}, vendor_text="name: acme", terms={"version": 1},
        rehearsal=True,
    )  # fmt: skip
    with Journal.open(tmp_path / "j.db") as journal:
        first, second = journal.create_run(given, now=1.0), journal.create_run(NEW, now=1.0)
        kept = journal.reader.get(first)
        assert (kept.settings, kept.vendor_text, kept.terms) == ({"share": 0.5}, "name: acme", {"version": 1})
        assert kept.rehearsal
        plain = journal.reader.get(second)
        assert (plain.settings, plain.vendor_text, plain.terms, plain.rehearsal) == (None, None, None, False)


def test_every_migration_is_known():
    """They stand in two places: what they do needs a library that a journal of today does without."""
    assert frozenset(VERSIONS) == KNOWN


def test_users_are_looked_up_by_their_keys(disk):
    """However many there are at once: reading all items of a run for each chunk would be their square."""
    journal, run = disk.journal, disk.run
    keys = [f"u{n}" for n in range(500)]
    entries = [Entry(n, n, key, key) for n, key in enumerate(keys, 1)]
    said: list[str] = []
    for database in {journal._database, journal.reader._database}:
        database.connection.set_trace_callback(said.append)
    disk.read_input(entries)
    page = disk.session.begin_page(now=3.0)
    later = [Entry(n, None, f"v{n}", f"v{n}") for n in range(9)]
    listed = [Listed(each, {}) for each in (*entries, *later)]
    disk.session.take_in(page, Closing(4.0, "succeeded", 200), ListedPage(listed, ended=True))
    reader = journal.reader
    assert [len(reader.endings(run, keys[:number])) for number in (0, 1, 500)] == [0, 1, 500]
    ended = {each.key for each in later}
    assert reader.selected_keys(run, outcome=["succeeded"], code=[], keys=[*keys, *ended]) == ended
    assert reader.done_among([run], [*keys, *ended]) == ended
    assert reader.changed_among([run], [*entries, *later]) == []
    asked = {each for each in said if " key IN (" in each or "AND key = " in each}
    assert len({each[:60] for each in asked}) >= 6
    for each in asked:
        (step,) = journal._database.connection.execute(f"EXPLAIN QUERY PLAN {each}")
        assert step[3].endswith("INDEX item_identity (run_id=? AND key=?)"), (step, each[:200])
    for each in said:
        assert "max(position)" not in each
