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
        notes.folder = f"{tmp_path}/"
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


@pytest.mark.parametrize("others", [["ann"], ["ann", "ann"]], ids=["by column", "one by one"])
def test_ids_that_stand_for_no_user(notes, others):
    """Valid, and registered without a word; ordinary names with a hyphen or a month in them are nobody's business."""
    found = notes("".join(f"{each}\n" for each in ["username", *others, "NULL", "-", "Mar-05", "5-Mar"]))
    first = len(others) + 2
    assert found == [
        f"2 ids look like a cell without a value (lines {first}, {first + 1}: 'NULL'), and are sent as users; take them out of the input if they are none",
        f"2 ids look like a date that a spreadsheet has made (lines {first + 2}, {first + 3}: 'Mar-05'); export the column as text",
    ]
    plain = ["nullable", "a-b", "mar-05-x", "Mary-05", "march5", "none-of-it", "na", "Mar-lee", "2026-11-27"]
    assert not notes("".join(f"{each}\n" for each in ["username", *others, *plain]))


@pytest.mark.parametrize("duplicate", [False, True])
def test_where_rows_are_left_out_only_those_that_are_sent_are_told_of(tmp_path, duplicate):
    ids = [
        "007",
        "7",
        "8",
        "1.38E+10",
        "1.39E+10",
        "NULL",
        "Mar-05",
        *(["007"] if duplicate else []),
        "Total",
    ]
    (tmp_path / "u.csv").write_text("".join(f"{each}\n" for each in ["username", *ids]))
    source, vendor = Source("csv", path=tmp_path / "u.csv"), PROVIDERS["tencent"]
    made = job("delete", "https://h", source, provider="tencent")

    def told(done: set[str], late: bool = False) -> str:
        suspects = Suspects(narrowed=True)
        rows = prepare(made, vendor, vendor.operation("delete"), open_source(source), suspects)
        for each in list(rows) if late else rows:
            suspects.settle(each.line, each.username, sent=each.username not in done)
        return "\n".join(suspects.notes())

    for late in (False, True):  # the last row's verdict comes before the end of the input, or after it
        assert told(set(ids), late) == ""
        few = told({"7", "1.38E+10", "NULL"}, late)
        assert "1 id may have lost its leading zeros in a spreadsheet (line 4: '8')" in few
        assert "1 id looks like a number that a spreadsheet has rewritten (line 6: '1.39E+10')" in few
        assert "without a value" not in few
        assert "'Mar-05'" in few
        assert "looks like a total" in few
        assert "total" not in told({"Total"}, late)


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


@pytest.mark.parametrize(("last", "is_total"), [
    ("Total,", True), ("TOTAL:,4", True), ("Grand total,", True), ("Summe,,", True),
    ("Total 3,", True), ("Sub-total,", True), ("rows above,3", True), ('rows above,"3"', True),
    ("totally,", False), ("dan,4", False), ("dan,Dan", False), ("3,", False), ("summer,", False), ("count_von,", False),
])  # fmt: skip
@pytest.mark.parametrize("duplicate", ["", "ann,Ann\n"])
def test_a_last_row_that_is_a_total(notes, last, is_total, duplicate):
    """It stays in: only who wrote the list knows. With a duplicate rows are looked at one by one, without by column."""
    above = f"username,nickname\nann,Ann\nbob,Bob\n{duplicate}{'' if duplicate else 'cid,Cid' + chr(10)}"
    found = notes(f"{above}{last}\n", "register", "tencent")
    name = last.partition(",")[0]
    expected = f"a last row looks like a total, not like a user (u.csv:5: {name!r}), and is sent as one"
    if is_total:
        assert [each.partition(";")[0].replace(notes.folder, "") for each in found] == [expected]
    else:
        assert not found
    assert notes.planned[-1].skip is None or last.count(",") > 1


@pytest.mark.parametrize("word", ["合计", "总计", "小计", "共 3 人", "总计：3", "共计3人", "Итого"])
def test_totals_in_other_languages(word):
    """For vendors whose ids may be anything."""
    suspects = Suspects()
    suspects.look_at_last({"username": word}, "u.csv:5", rows_before=3, sent=True)
    assert word in suspects.notes()[0]


def test_a_total_elsewhere_or_not_sent_is_none(notes):
    """In the midst of a list it is a name; what is invalid is told of anyway."""
    assert not notes("username\nTotal\nann\nbob\n", provider="tencent")
    assert not notes("username,chat\nann,60\nbob,60\nTotal,\n", "mute")


def test_a_total_in_each_of_several_files(tmp_path):
    for name, rows in (("a.csv", "ann,\nTotal,1\n"), ("b.csv", "bob,\ncid,\nTotal,2\n"), ("c.csv", "dan,\n")):
        (tmp_path / name).write_text("username,nickname\n" + rows)
    paths = tuple(tmp_path / f"{each}.csv" for each in "abc")
    source, suspects, vendor = Source("csv", path=paths[0], paths=paths), Suspects(), PROVIDERS["tencent"]
    made = job("register", "https://h", source, provider="tencent")
    list(prepare(made, vendor, vendor.operation("register"), open_source(source), suspects))
    found = f"a last row looks like a total, not like a user ({tmp_path / 'a.csv'}:3: 'Total'), and is sent as one;"
    assert suspects.notes()[0].startswith(found)  # in the second file it is the same user again, and not sent


@pytest.mark.parametrize("third", ["carl,secret-3", '"carl",secret-3'], ids=["in a stretch", "quoted"])
def test_new_users_without_a_password_among_others_are_told_of(notes, third):
    content = f"username,password\nanna,secret-1\nbert,\n{third}\nemil,\n"
    assert "2 rows have no password (lines 3, 5: 'bert'); the user is made without one" in notes(
        content, "register", "agora"
    )
    assert not [
        each
        for each in notes(content.replace("emil,", "emil,x").replace("bert,", "bert,x"), "register", "agora")
        if "no password" in each
    ]


def test_a_list_without_any_password_is_meant_so(notes):
    assert not [
        each
        for each in notes("username,password\nanna,\nbert,\n", "register", "agora")
        if "no password" in each
    ]
