"""Values that are put together, rows that are chosen, several files, gzip."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim import jobfile
from bulkim.errors import InputError
from bulkim.source import file_of, open_source
from bulkim.vendors import PROVIDERS

HEAD = {
    "name": "n", "provider": "easemob", "operation": "register",
    "connection": {"base_url": "https://h", "org": "o", "app": "a", "auth": {"token": "x"}},
}  # fmt: skip


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(source, files=(), operation="register", required=frozenset({"username"})):
        for name, content in dict(files).items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        job = jobfile.load({**HEAD, "operation": operation, "source": source}, env={}, providers=PROVIDERS)
        read.reader = open_source(job.source, secret_fields=frozenset({"password"}), required=required)
        return [dict(row.values) for row in read.reader.rows()]

    return read


def complaint(read, *words, **options):
    with pytest.raises(InputError) as raised:
        read(*words, **options)
    return str(raised.value.problems[0])


PEOPLE = "user_id,first,last,secs,password\nann,Ann,Lee,60,longenough1\nbob, Bob ,,,longenough2\n"


def names_of(rows, name="username"):
    return [row.get(name) for row in rows]


# ----------------------------------------------------------------------------------------- columns


def test_text_from_several_columns(read):
    columns = {"username": "user_id", "nickname": "{first} {last}"}
    rows = read({"csv": "p.csv", "columns": columns}, {"p.csv": PEOPLE})
    assert names_of(rows, "nickname") == ["Ann Lee", "Bob"], "blanks around it are no part of it"
    assert names_of(rows) == ["ann", "bob"]


@pytest.mark.parametrize(("template", "expected"), [
    ("{last}, {first}", "Lee, Ann"), ("{{{first}}}", "{Ann}"), ("u-{user_id}", "u-ann"), ("{username}!", "ann!"),
])  # fmt: skip
def test_templates(read, template, expected):
    columns = {"username": "user_id", "nickname": template}
    assert read({"csv": "p.csv", "columns": columns}, {"p.csv": PEOPLE})[0]["nickname"] == expected


def test_a_default_stands_where_there_is_nothing(read):
    columns = {"username": "user_id", "chat": {"column": "secs", "default": 600}}
    rows = read({"csv": "p.csv", "columns": columns}, {"p.csv": PEOPLE}, operation="mute")
    assert names_of(rows, "chat") == ["60", 600]
    columns = {"chat": {"default": 600}, "username": "user_id"}
    assert "has no column 'chat'" in complaint(read, {"csv": "p.csv", "columns": columns}, operation="mute")


def test_every_kind_of_source(read):
    files = {
        "n.txt": "ann\nbob\n",
        "n.jsonl": '{"username": "ann", "a": {"b": ["x", "y"]}}\n{"username": "bob"}\n',
    }
    nickname = {"nickname": "{username} X"}
    for source in ({"text": "n.txt"}, {"jsonl": "n.jsonl"}, {"items": ["ann", {"username": "bob"}]}):
        rows = read({**source, "columns": nickname, "where": {"username": {"match": "b.*"}}}, files)
        assert names_of(rows, "nickname") == ["bob X"]
    assert names_of(read({"jsonl": "n.jsonl", "columns": {"nickname": "a.b.1"}}, files), "nickname") == [
        "y",
        None,
    ]


def test_json_in_a_cell_is_looked_into(read):
    """What `results` wrote of a reading operation feeds the next job."""
    data = json.dumps({"nickname": "Annie", "tags": [{"id": 7}]}).replace('"', '""')
    source = {"csv": "r.csv", "columns": {"nickname": "data.nickname"}}
    assert read(source, {"r.csv": f'username,data\nann,"{data}"\nbob,\n'})[0]["nickname"] == "Annie"
    source = {"csv": "r.csv", "columns": {"nickname": "id {data.tags.0.id}"}}
    assert names_of(read(source), "nickname") == ["id 7", "id"]


def test_a_dotted_name_that_is_there_is_that_column(read):
    source = {"csv": "r.csv", "columns": {"nickname": "data.x"}}
    assert read(source, {"r.csv": 'username,data,data.x\nann,"{""x"": 1}",own\n'})[0]["nickname"] == "own"


def test_what_a_secret_is_made_of_goes_no_further(read):
    source = {"csv": "p.csv", "columns": {"username": "user_id", "password": "{first}-{last}-longer"}}
    rows = read(source, {"p.csv": PEOPLE})
    assert rows[0]["password"] == "Ann-Lee-longer"
    assert not {"first", "last"} & (set(rows[0]) | set(read.reader.names))


@pytest.mark.parametrize(("columns", "words"), [
    ({"nickname": "{frist} {last}"}, "has no column 'frist', which source.columns takes for nickname (did you mean 'first'?"),
    ({"nickname": "{first} {la"}, "source.columns.nickname '{first} {la' has a brace that belongs to no pair"),
    ({"nickname": {"column": "first", "defualt": "x"}}, "unknown key 'defualt' under source.columns.nickname (did you mean 'default'?)"),
    ({"nickname": {}}, "source.columns.nickname needs column, default or generate"),
    ({"nickname": {"generate": 16, "into": "f.csv"}}, "source.columns.nickname: only a secret can be generated (its secrets: password)"),
    ({"password": {"generate": 16}}, "source.columns.password needs the key 'into'"),
    ({"password": {"generate": 4, "into": "f.csv"}}, "source.columns.password.generate 4 must be at least 8"),
    ({"password": {"generate": 90, "into": "f.csv"}}, "source.columns.password.generate: password is"),
    ({"password": {"generate": 16, "into": "f.csv", "column": "x"}}, "column does not go with generate"),
])  # fmt: skip
def test_what_is_wrong_is_said(read, columns, words):
    source = {"csv": "p.csv", "columns": {"username": "user_id", **columns}}
    assert words in complaint(read, source, {"p.csv": PEOPLE})


# ------------------------------------------------------------------------------------------- where

DEPT = "username,dept,left\nann,sales,\nbob,Sales,2024\ncyd,hr,\ndan,,2023\n"


@pytest.mark.parametrize(("where", "left"), [
    ({"dept": {"equals": "sales"}}, "ann"),
    ({"dept": {"in": ["sales", "hr"]}}, "ann cyd"),
    ({"dept": {"match": "[sS]ales"}}, "ann bob"),
    ({"dept": {"match": "ale"}}, ""),
    ({"left": {"empty": True}}, "ann cyd"),
    ({"left": {"empty": False}}, "bob dan"),
    ({"left": {"equals": 2024}}, "bob"),
    ({"dept": {"not": {"in": ["hr", ""]}}}, "ann bob"),
    ({"dept": {"match": ".*", "not": {"empty": True}}, "left": {"empty": True}}, "ann cyd"),
    ({"nickname": {"equals": "ann of sales"}}, "ann"),
])  # fmt: skip
def test_where(read, where, left):
    columns = {"nickname": "{username} of {dept}"}
    rows = read({"csv": "d.csv", "where": where, "columns": columns}, {"d.csv": DEPT})
    assert " ".join(names_of(rows)) == left


@given(st.lists(st.text("ab"), max_size=9), st.text("ab", max_size=2))
def test_a_condition_and_its_contrary_part_the_rows(values, wanted):
    from bulkim.model import Condition, Source
    from bulkim.source.shaped import Shaped

    def names(condition):
        source = Source("items", items=[{"username": each} for each in values], only={"username": condition})
        return [
            row.position
            for row in Shaped(open_source(Source("items", items=source.items)), source, set()).rows()
        ]

    for condition in (Condition(equals=wanted), Condition(among=(wanted, "a")), Condition(match="a.*"), Condition(empty=True)):  # fmt: skip
        one, other = names(condition), names(Condition(unless=condition))
        assert sorted(one + other) == list(range(1, len(values) + 1))


def test_nobody_is_said_with_the_nearest(read):
    read({"csv": "d.csv", "where": {"dept": {"equals": "sale"}}}, {"d.csv": DEPT})
    assert read.reader.noticed.notes() == [
        "source.where let none of 4 rows through; dept is 'sales', the nearest"
    ]
    read({"csv": "d.csv", "where": {"dept": {"equals": "hr"}}})
    assert read.reader.noticed.notes() == ["source.where let 1 of 4 rows through"]


def test_the_nearest_is_never_a_secret(read):
    source = {
        "csv": "p.csv",
        "columns": {"username": "user_id"},
        "where": {"password": {"equals": "longenough"}},
    }
    read(source, {"p.csv": PEOPLE})
    assert "longenough1" not in str(read.reader.noticed.notes())


def test_where_names_columns_that_are_there(read):
    assert "has no column 'detp', which source.where names (did you mean 'dept'?" in complaint(
        read, {"csv": "d.csv", "where": {"detp": {"equals": "x"}}}, {"d.csv": DEPT}
    )
    assert "source.where.dept says nothing" in complaint(read, {"csv": "d.csv", "where": {"dept": {}}})
    assert "(did you mean 'equals'?)" in complaint(read, {"csv": "d.csv", "where": {"dept": {"equal": "x"}}})


# ------------------------------------------------------------------------------------ several files


def test_a_list_and_a_pattern(read):
    files = {"b1.csv": "username\nann\nbob\n", "b2.csv": "username,team\ncyd,x\n", "b10.csv": "username\n"}
    assert names_of(read({"csv": ["b2.csv", "b1.csv"]}, files)) == ["cyd", "ann", "bob"]
    rows = read({"csv": "b*.csv"})
    assert names_of(rows) == ["ann", "bob", "cyd"]
    assert read.reader.names == ("username", "team")
    assert [(row.position, row.line, file_of(read.reader, row.position)) for row in read.reader.rows()] == [
        (1, 2, "b1.csv"), (2, 3, "b1.csv"), (3, 2, "b2.csv")
    ]  # fmt: skip
    for after in range(4):
        assert [row.position for row in read.reader.rows(after)] == list(range(after + 1, 4))
    assert [row.position for row in open_source(read_source(read)).rows(2)] == [3], "sizes not known yet"


def read_source(read):
    job = jobfile.load({**HEAD, "source": {"csv": "b*.csv"}}, env={}, providers=PROVIDERS)
    return job.source


def test_a_pattern_without_files_and_a_file_that_is_called_like_one(read):
    assert "no file has a name like this" in complaint(read, {"csv": "x-*.csv"})
    assert names_of(read({"csv": "[a].csv"}, {"[a].csv": "username\nann\n", "a.csv": "username\nbob\n"})) == [
        "ann"
    ]
    assert "'-' is standard input, which cannot be one of several" in complaint(read, {"csv": ["a.csv", "-"]})


def test_each_file_has_its_own_form(read):
    files = {
        "a.csv": "username;nickname\nann;安\n".encode("gb18030"),
        "b.csv": "nickname,username\nBob,bob\n".encode("utf-16"),
    }
    assert read({"csv": ["a.csv", "b.csv"]}, files) == [
        {"username": "ann", "nickname": "安"}, {"nickname": "Bob", "username": "bob"}
    ]  # fmt: skip
    source = {"csv": ["a.csv", "b.csv"], "columns": {"nickname": "{vorname}"}}
    assert complaint(read, source, files).startswith("a.csv:1: has no column 'vorname'")


def test_gzip(read):
    whole = gzip.compress(PEOPLE.encode("utf-16"))
    source = {"csv": "p.csv.gz", "columns": {"username": "user_id"}}
    assert names_of(read(source, {"p.csv.gz": whole})) == ["ann", "bob"]
    for damaged in (whole[:-9], whole[:20], whole[:15] + b"\xff" + whole[16:], b"\x1f\x8b"):
        assert "is compressed with gzip, and damaged or cut off" in complaint(
            read, source, {"p.csv.gz": damaged}
        )


# ------------------------------------------------------------------------------------------- items


def test_blanks_around_inline_values(read):
    items = ["ann ", {"username": "bob", "nickname": " Bob\t", "attributes": {"a": " x"}}]
    rows = read({"items": items})
    assert rows == [{"username": "ann"}, {"username": "bob", "nickname": "Bob", "attributes": {"a": " x"}}]
    assert "blanks around 2 cells were taken away" in read.reader.noticed.notes()[0]
    assert read({"items": items, "trim": False})[0] == {"username": "ann "}


def test_blanks_in_a_list_of_names(read):
    files = {"u.txt": " ann\u3000\n  \n# nobody\nbob\r\n"}
    assert names_of(read({"text": "u.txt"}, files)) == ["ann", "bob"]
    assert names_of(read({"text": "u.txt", "trim": False}, files)) == [" ann\u3000", "bob"]
