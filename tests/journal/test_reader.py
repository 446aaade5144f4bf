"""The reader's questions: users are told apart as the run's vendor tells them apart."""

from __future__ import annotations

import sqlite3

import pytest

from bulkim.errors import JournalError
from bulkim.journal import Journal, Reader
from bulkim.journal.records import Entry, NewRun
from bulkim.model import Final, Item, Status
from bulkim.vendors import PROVIDERS, folding, known
from bulkim.view.report.anonymise import Redactor


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "j.db") as opened:
        yield opened


def a_run(journal, provider, *names, operation="get-user", second=""):
    """A run whose items are these names; with `second` the identity has that part, too."""
    run_id = journal.create_run(NewRun("n", provider, operation, "https://h o#a", {}), now=1.0)
    fold = PROVIDERS[provider].folded
    keys = [fold(name) + (f"\x1f{second}" if second else "") for name in names]
    entries = [
        Entry(at, at + 1, key, name) for at, (name, key) in enumerate(zip(names, keys, strict=True), 1)
    ]
    journal.read_input(run_id, entries, name="f", digest="d", now=1.0)
    return journal.reader.get(run_id)


def found(journal, record, typed):
    return [each.username for each in journal.reader.user(record.id, typed, folding(known(record.provider)))]


@pytest.mark.parametrize(
    ("provider", "typed", "expected"),
    [
        ("tencent", "anna", ["anna"]),
        ("tencent", "ANNA", []),
        ("tencent", "Anna", ["Anna"]),
        ("easemob", "BERT", ["Bert"]),
        ("agora", "bert", ["Bert"]),
    ],
)
def test_a_user_is_found_as_the_vendor_compares_names(journal, provider, typed, expected):
    names = ["anna", "Anna"] if provider == "tencent" else ["anna", "Bert"]
    assert found(journal, a_run(journal, provider, *names), typed) == expected


@pytest.mark.parametrize("typed", ["Anna", "anna", "ANNA"])
def test_a_user_is_found_where_the_identity_has_a_second_part(journal, typed):
    record = a_run(journal, "easemob", "Anna", "annabel", "zoe", second="message-1")
    assert found(journal, record, typed) == ["Anna"]
    assert found(journal, record, "message-1") == []


def test_all_items_of_a_user_are_found(journal):
    run_id = journal.create_run(NewRun("n", "easemob", "offline-message-status", "t", {}), now=1.0)
    entries = [Entry(at, at, f"anna\x1f{at}", "Anna") for at in (1, 2, 3)]
    journal.read_input(run_id, entries, name="f", digest="d", now=1.0)
    assert [each.ordinal for each in journal.reader.user(run_id, "ANNA", str.lower)] == [1, 2, 3]


def test_an_invalid_item_is_found_as_it_was_written(journal):
    run_id = journal.create_run(NewRun("n", "easemob", "delete", "t", {}), now=1.0)
    entries = [Entry(1, 1, None, "A/b", None, None, "invalid", "has a /")]
    journal.read_input(run_id, entries, name="f", digest="d", now=1.0)
    assert [each.code for each in journal.reader.user(run_id, "A/b", str.lower)] == ["invalid"]


def test_two_users_have_two_hashes_and_one_user_has_one(journal):
    tencent = Redactor(journal.reader, a_run(journal, "tencent", "anna", "Anna").id, str)
    assert tencent.name("anna") != tencent.name("Anna")
    easemob = Redactor(journal.reader, a_run(journal, "easemob", "anna").id, str.lower)
    assert easemob.name("anna") == easemob.name("Anna")


def test_a_sentence_hides_users_however_they_are_written(journal):
    hide = Redactor(journal.reader, a_run(journal, "tencent", "anna", "Anna").id, str)
    said = hide.text("Anna, ANNA and anna of them, nobody else", "anna")
    assert said == f"{hide.name('Anna')}, {hide.name('ANNA')} and {hide.name('anna')} of them, nobody else"
    two_parts = Redactor(journal.reader, a_run(journal, "easemob", "zoe", second="m").id, str.lower)
    assert two_parts.text("no Zoe here") == f"no {two_parts.name('zoe')} here"


# ------------------------------------------------------------------------------------------- faults


def test_a_file_that_cannot_be_read_is_said_so(tmp_path):
    path = tmp_path / "j.db"
    with Journal.open(path) as journal:
        run = a_run(journal, "easemob", "anna")
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE tally")
    db.close()
    with (
        Reader.open(path) as reader,
        pytest.raises(JournalError, match=r"j\.db cannot be read: no such table"),
    ):
        reader.summary(run)


def test_there_must_be_a_journal_to_read(tmp_path):
    with pytest.raises(JournalError, match="there is no journal at"):
        Reader.open(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_a_run_that_nobody_works_on_is_interrupted(journal):
    record = a_run(journal, "easemob", "anna")
    assert record.state == "interrupted"
    journal.begin_session(record.id, now=1.0)
    assert journal.reader.get(record.id).state == "running"


def test_what_ended_before_a_moment(journal):
    record = a_run(journal, "easemob", "anna", "bert")
    session = journal.session(record.id, journal.begin_session(record.id, now=2.0))
    for now, user in ((3.0, Item(1, "anna", "anna")), (9.0, Item(2, "bert", "bert"))):
        session.finish([Final(user, Status.FAILED)], now=now)
    assert journal.reader.ended_before(record.id, 5.0)[Status.FAILED] == 1
    assert journal.reader.counts(record.id)[Status.FAILED] == 2
