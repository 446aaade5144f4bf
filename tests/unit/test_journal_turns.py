"""What one turn of the event loop writes is durable together, or not at all."""

from __future__ import annotations

import sqlite3

import anyio.lowlevel
import pytest

from bulkim.errors import GuardError
from bulkim.journal.records import NewRun
from bulkim.journal.sqlite.turns import Turns
from bulkim.journal.sqlite.writer import Journal

NEW = NewRun("n", "easemob", "delete", "https://h o#a", {})


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


def runs(path):
    """How many runs another process sees."""
    with sqlite3.connect(path) as other:
        return other.execute("SELECT count(*) FROM run").fetchone()[0]


def test_writes_of_one_turn_share_a_commit(journal):
    commits = []
    journal.connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)

    async def main() -> None:
        turns = Turns(journal, pytest.fail)
        first = turns.join()
        journal.create_run(NEW, now=1.0)
        assert turns.join() is first
        journal.create_run(NEW, now=1.0)
        assert runs(journal.path) == 0
        await first.durable()
        assert runs(journal.path) == 2
        second = turns.join()
        assert second is not first
        journal.create_run(NEW, now=1.0)
        turns.commit()
        assert runs(journal.path) == 3

    anyio.run(main)
    assert len(commits) == 2


def test_what_is_not_durable_is_not_sent(journal):
    failures = []

    async def main() -> None:
        turns = Turns(journal, failures.append)
        turn = turns.join()
        journal.create_run(NEW, now=1.0)
        with pytest.raises(GuardError), journal.transaction() as tx:
            tx.execute("INSERT INTO nowhere VALUES (1)")
        with pytest.raises(GuardError):
            await turn.durable()

    anyio.run(main)
    assert len(failures) == 1
    assert runs(journal.path) == 0


def test_a_later_turn_is_not_harmed(journal):
    async def main() -> None:
        turns = Turns(journal, lambda _: None)
        turns.join()
        with pytest.raises(ZeroDivisionError), journal.transaction():
            1 / 0  # noqa: B018
        await anyio.lowlevel.checkpoint()
        turn = turns.join()
        journal.create_run(NEW, now=1.0)
        await turn.durable()

    anyio.run(main)
    assert runs(journal.path) == 1
