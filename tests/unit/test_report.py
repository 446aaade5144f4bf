"""The account of a run, and its items in every format."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET

import pytest

from bulkim.journal import Journal
from bulkim.journal.records import Closing, CodeCount, Entry, NewRun
from bulkim.model import Batch, Final, Item, Status
from bulkim.vendors import provider
from bulkim.view.account import Throughput, balance, codes, headline, pace, reconciliation, table
from bulkim.view.meanings import meaning
from bulkim.view.results import Chosen, inert, inert_name, write_results, write_table
from bulkim.view.width import columns, fitted

EASEMOB = provider("easemob")


def summary(**counts):
    full = {str(status): counts.get(str(status), 0) for status in Status}
    return {
        "run": "k7qf2m2x", "name": "purge", "provider": "easemob", "operation": "delete", "state": "finished",
        "items": sum(full.values()), "counts": full, "codes": {}, "requests": 10, "retries": 0, "throttled": 0,
        "resumed": False, "elapsed_s": 0.5, "journal": "bulkim.db",
    }  # fmt: skip


def text(spans):
    return "".join(part for part, _ in spans)


# ---------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"succeeded": 5990, "unchanged": 10}, "6000 in = 5990 succeeded + 10 unchanged"),
        ({"succeeded": 1}, "1 in = 1 succeeded"),
        ({}, "0 in = 0"),
        (
            {str(status): 1 for status in Status},
            "6 in = 1 succeeded + 1 unchanged + 1 failed + 1 unknown + 1 skipped + 1 pending",
        ),
    ],
)
def test_reconciliation(counts, line):
    assert reconciliation(summary(**counts)) == line
    assert text(balance(summary(**counts))) == line


def test_headline_tells_trouble_without_colour():
    assert text(headline(summary(succeeded=1), "easemob testapp")).startswith(
        "✓ purge: delete at easemob testapp"
    )
    assert text(headline(summary(failed=1), "easemob testapp")).startswith("! purge")
    interrupted = {**summary(pending=1), "state": "interrupted"}
    assert "■ purge" in text(headline(interrupted, "x"))
    assert "interrupted after 0.5 s" in text(headline(interrupted, "x"))


def test_pace():
    shown = text(
        pace({**summary(), "requests": 40, "retries": 3, "throttled": 1}, Throughput(40, 0.5, 100.0))
    )
    assert (
        shown
        == "run k7qf2m2x: 40 calls in 0.5 s, 80.0 calls/s of 100 allowed; 3 retries; 1 refused for the quota (429)"
    )
    assert text(pace({**summary(), "requests": 0}, None)) == "run k7qf2m2x: 0 calls in 0.5 s"
    asked = text(pace({**summary(), "requests": 80}, Throughput(80, 0.5, 100.0, beside=40)))
    assert asked == (
        "run k7qf2m2x: 40 calls in 0.5 s, 80.0 calls/s of 100 allowed; 40 more calls that only read, on limits of their own"
    )
    resumed = text(pace({**summary(), "requests": 40}, Throughput(1, 0.2)))
    assert resumed == "run k7qf2m2x: 1 call in 0.2 s; 40 calls with earlier sessions"


def test_a_table_fits_the_terminal():
    """Nothing of the last column is lost: it takes more lines, or stands below where there is no room beside the others."""
    rows = [("k7", "禁言", "120 succeeded, 1 failed, 1 skipped"), ("k8", "x", "")]
    header = ("run", "name", "outcomes")
    assert table(header, rows)[1] == "k7   禁言  120 succeeded, 1 failed, 1 skipped"
    assert table(header, rows, width=32) == [
        "run  name  outcomes", "k7   禁言  120 succeeded, 1", "           failed, 1 skipped", "k8   x",
    ]  # fmt: skip
    assert table(header, rows, width=24) == [
        "run  name", "  outcomes", "k7   禁言", "  120 succeeded, 1", "  failed, 1 skipped", "k8   x",
    ]  # fmt: skip


def test_codes_have_an_example_and_a_meaning():
    found = [
        CodeCount("unchanged", "service_resource_not_found", 20, "ghost-1", "no such user"),
        CodeCount("failed", "wonder", 1, "u1", "a reason nobody knows"),
    ]
    delete = EASEMOB.operation("delete")
    lines = [text(line) for line in codes(found, lambda *said: meaning(EASEMOB, delete, *said))]
    assert "20  service_resource_not_found  e.g. ghost-1" in lines[0]
    assert "There is no such user." in lines[1]
    assert "“a reason nobody knows”" in lines[-1]


def test_meanings_follow_the_reason():
    register = EASEMOB.operation("register")
    code = "duplicate_unique_property_exists"
    taken = meaning(
        EASEMOB,
        register,
        code,
        "Application x Entity user requires that property named username be unique, value of u1 exists",
    )
    assert taken is not None
    assert taken.meaning.startswith("The username is taken")
    assert meaning(EASEMOB, register, "timeout", None) is not None
    assert meaning(None, None, "no-such-code", None) is None


def test_tables_align_wide_characters():
    lines = table(("name", "n"), [("王五", "7"), ("bob", "12")], right=(1,))
    assert [columns(line) for line in lines] == [8, 8, 8]
    assert fitted("王五王五", 5) == "王五…"


# ----------------------------------------------------------------------------------------------- rows


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "bulkim.db") as opened:
        yield opened


def fill(journal):
    run_id = journal.create_run(NewRun("job", "easemob", "register", "http://h org#app", {}), now=1.0)
    session = journal.begin_session(run_id, now=1.0)
    entries = [
        Entry(1, 2, "alice", "Alice", {"nickname": "=1+1"}, {"phone": "+8613800000000", "note": "@SUM(A1)"}),
        Entry(2, 3, "-abc", "-abc", {"nickname": "小红"}, {"note": 'say "hi", twice\nthen go'}),
        Entry(3, 4, None, "a/b", None, {"note": "-1"}, "invalid", "username 'a/b' has a /"),
        Entry(4, 5, "bob", "bob", None, {"extra": "-x"}),
    ]
    journal.read_input(run_id, entries, name="users.csv", digest="d", now=1.0)
    items = [Item(1, "alice", "Alice", attempts=1), Item(2, "-abc", "-abc", attempts=2)]
    hand = journal.session(run_id, session)
    attempt = hand.begin(Batch(tuple(items)), now=2.0)
    finals = [
        Final(items[0], Status.SUCCEEDED, data={"online": True}),
        Final(items[1], Status.FAILED, "illegal_argument", "-bad <value> & \x01"),
    ]
    hand.settle(attempt, Closing(3.0, "succeeded", 200), finals=finals, touched=[])
    journal.end_session(run_id, session, "interrupted", now=4.0)
    return journal.reader.get(run_id)


def written(journal, record, style, **chosen):
    stream = io.StringIO(newline="")
    write_results(journal.reader, record, Chosen(**chosen), style, stream)
    return stream.getvalue()


def test_csv_has_the_contracts_columns_then_the_sources(journal):
    header, *rows = csv.reader(io.StringIO(written(journal, fill(journal), "csv"), newline=""))
    assert header == [
        "ordinal", "username", "outcome", "code", "reason", "attempts", "http_status", "finished_at", "data", "line",
        "nickname", "phone", "note", "extra",
    ]  # fmt: skip
    assert rows[0] == [
        "1", "Alice", "succeeded", "", "", "1", "200", "1970-01-01T00:00:03.000Z", '{"online":true}', "2",
        "'=1+1", "+8613800000000", "'@SUM(A1)", "",
    ]  # fmt: skip
    assert rows[1][1] == "-abc", "an identity is never altered"
    assert rows[1][4] == "'-bad <value> & \x01"
    assert rows[1][12] == 'say "hi", twice\nthen go'
    assert rows[2][2:4] == ["skipped", "invalid"]
    assert rows[2][12] == "-1"
    assert rows[3][2] == "pending"
    assert rows[3][13] == "'-x"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+1-2", "'+1-2"), ("@x", "'@x"), ("\tx", "'\tx"), ("\r=x", "'\r=x"),
        ("-1", "-1"), ("+8613800000000", "+8613800000000"), ("-1.5e3", "-1.5e3"), ("a=b", "a=b"), ("", ""),
    ],
)  # fmt: skip
def test_spreadsheets_run_nothing(cell, shown):
    assert inert(cell) == shown


@pytest.mark.parametrize(
    ("username", "shown"),
    [
        ("-abc", "-abc"),
        ("=a+b", "=a+b"),
        ("@everyone", "@everyone"),
        ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
    ],
)
def test_usernames_keep_their_identity_where_they_can_call_nothing(username, shown):
    assert inert_name(username) == shown


def test_filters(journal):
    record = fill(journal)
    chosen = written(journal, record, "csv", outcome=("failed", "pending"))
    assert [row[1] for row in csv.reader(io.StringIO(chosen, newline=""))][1:] == ["-abc", "bob"]
    assert "illegal_argument" in written(journal, record, "jsonl", code=("illegal_argument",))
    assert written(journal, record, "json", code=("none",)) == "[]\n"


def test_json_lines_and_json(journal):
    record = fill(journal)
    lines = [json.loads(each) for each in written(journal, record, "jsonl").splitlines()]
    assert [each["username"] for each in lines] == ["Alice", "-abc", "a/b", "bob"]
    assert lines[0]["data"] == {"online": True}
    assert lines[0]["nickname"] == "=1+1", "JSON is not for spreadsheets"
    assert json.loads(written(journal, record, "json")) == lines


def test_junit(journal):
    root = ET.fromstring(written(journal, fill(journal), "junit"))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("4", "1", "2")
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert cases["-abc"].find("failure").get("type") == "illegal_argument"
    assert "<value>" in cases["-abc"].find("failure").text
    assert len(cases["Alice"]) == 0


def test_no_row_is_lost_where_the_sample_ends(journal):
    run_id = journal.create_run(NewRun("many", "easemob", "delete", "http://h org#app", {}), now=1.0)
    journal.read_input(
        run_id,
        [Entry(n, n, f"u{n}", f"u{n}") for n in range(1, 1203)],
        name="x",
        digest="d",
        now=1.0,
    )
    lines = written(journal, journal.reader.get(run_id), "table").splitlines()
    assert [line.split()[1] for line in lines[1:]] == [f"u{n}" for n in range(1, 1203)]


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_table_fits_whatever_is_in_it(width):
    from bulkim.journal.records import Result

    long = Result(1, "王" * 40, "failed", "code_" * 20, "why " * 50, 3, 400, None, None, {}, 2)
    stream = io.StringIO()
    write_table([(long, {})] * 3, stream, width)
    for line in stream.getvalue().splitlines():
        assert columns(line) <= width
    assert "王" in stream.getvalue()


def test_table_fits(journal):
    stream = io.StringIO()
    write_results(journal.reader, fill(journal), Chosen(), "table", stream, width=80)
    lines = stream.getvalue().splitlines()
    assert len([line for line in lines if not line.startswith("    ")]) == 5
    assert max(map(columns, lines)) <= 80
    assert lines[0].split()[:3] == ["ordinal", "username", "outcome"]


def test_a_reason_stands_below_where_there_is_no_room_beside():
    from bulkim.journal.records import Result

    reason = "username 'a b' is not legal: letters, digits and _ - . only"
    result = Result(
        12, "a-username-of-some-length-01", "failed", "illegal_argument", reason, 3, 400, None, None, {}, 2
    )
    stream = io.StringIO()
    write_table([(result, {})] * 2, stream, 80)
    assert stream.getvalue().splitlines() == [
        "ordinal  username                      outcome  code              tries  http",
        "    reason",
        *["12       a-username-of-some-length-01  failed   illegal_argument  3      400", f"    {reason}"]
        * 2,
    ]
    stream = io.StringIO()
    write_table([(result, {})], stream, 110)
    assert stream.getvalue().splitlines()[1].endswith("400   username 'a b' is not legal: l…")
