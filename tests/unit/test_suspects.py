"""Rows that are valid and probably not meant."""

from __future__ import annotations

import pytest
from support.jobs import job

from bulkim.model import Source
from bulkim.planning import prepare
from bulkim.planning.suspects import Suspects
from bulkim.source import open_source
from bulkim.vendors import PROVIDERS


@pytest.fixture
def notes(tmp_path):
    def notes(content, operation="delete", provider="easemob"):
        path = tmp_path / "u.csv"
        path.write_text(content)
        source = Source("csv", path=path)
        suspects, vendor = Suspects(), PROVIDERS[provider]
        made = job(operation, "https://h", source, provider=provider)
        notes.planned = list(
            prepare(made, vendor, vendor.operation(operation), open_source(source), suspects)
        )
        return suspects.notes()

    return notes


@pytest.mark.parametrize(("ids", "expected"), [
    (["1.38001E+10", "ann", "1.39002E+10"], ["2 ids look like a number that a spreadsheet has rewritten (lines 2, 4: '1.38001E+10'); export the column as text"]),
    (["1.38E+10"] * 3, ["3 ids look like a number that a spreadsheet has rewritten (lines 2, 3, 4: '1.38E+10'); export the column as text"]),
    (["10001.0"], ["1 id looks like a number that a spreadsheet has rewritten (line 2: '10001.0'); export the column as text"]),
    (["007", "012", "7", "100"], ["1 id may have lost its leading zeros in a spreadsheet (line 4: '7'): others have 3 digits and begin with 0"]),
    (["007", "0012", "7"], []),
    (["7", "12", "100"], []),
    (["1e5", "12e4", "1.5", "v1.0", "10001.05", "3.14"], []),
    (["ann"] * 3, []),
])  # fmt: skip
def test_ids_that_a_spreadsheet_damaged(notes, ids, expected):
    provider = "tencent"
    assert notes("username\n" + "".join(f"{each}\n" for each in ids), provider=provider) == expected


def test_damaged_ids_that_the_vendor_refuses(notes):
    """Easemob takes no `+`: the reason alone would not tell that digits are lost."""
    found = notes("username\n1.38E+10\nann\n1.38E+10\na+b\n")
    assert found == [
        "2 ids look like a number that a spreadsheet has rewritten (lines 2, 4: '1.38E+10'); export the column as text"
    ]
    assert [each.skip and each.skip.code for each in notes.planned] == ["invalid", None, "invalid", "invalid"]


def test_a_contradiction_is_said(notes):
    """One user with two different values."""
    found = notes("username,chat\nann,60\nbob,60\nANN,60\nann,70\nbob,60\n", "mute")
    assert found == ["1 row names a user again, with other values (line 5: 'ann'); the first row counts"]
    reasons = [each.skip.reason for each in notes.planned if each.skip]
    assert reasons == [
        "same user as line 2 (Easemob ignores case)", "same user as line 2, with other values: a contradiction", "same user as line 3",
    ]  # fmt: skip
    assert not notes('username,attributes\nann,"{""a"": 1}"\nann,"{""a"": 1}"\n', "set-attributes")
    assert notes('username,attributes\nann,"{""a"": 1}"\nann,"{""a"": 2}"\n', "set-attributes")
