"""Text, JSON lines, inline items, standard input: what becomes a row and what a row with a reason."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import threading

import pytest

from bulkim.errors import InputError
from bulkim.jobfile import schema
from bulkim.jobfile.schema import SOURCE_KINDS
from bulkim.model import Row, Source
from bulkim.source import BadRow, open_source


@pytest.fixture
def rows(tmp_path):
    """(line, values or reason) of every row of a file."""

    def rows(kind: str, content: str | bytes, **options):
        path = tmp_path / f"users.{kind}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [short(row) for row in open_source(Source(kind, path=path, **options)).rows()]

    return rows


def short(row: Row | BadRow):
    return (row.line, row.reason) if isinstance(row, BadRow) else (row.line, dict(row.values))


def test_text_has_a_username_a_line(rows):
    content = "\ufeff# leavers\nalice\n\n  bob \t\r\n#carol\r\n \ndave"
    assert rows("text", content) == [
        (2, {"username": "alice"}), (4, {"username": "bob"}), (7, {"username": "dave"})
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
def test_text_in_other_encodings(rows, encoding):
    content = "# 离职员工的名单\nalice\nbob\n".encode(encoding)
    wanted = {"encoding": encoding} if encoding == "utf-16-le" else {}
    assert rows("text", content, **wanted) == [(2, {"username": "alice"}), (3, {"username": "bob"})]


def test_an_empty_list_is_no_mistake(rows):
    assert rows("text", "") == []
    assert rows("jsonl", "\n \n") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"username": "a", "chat": -1}', {"username": "a", "chat": -1}),
        ('  {"username": "\\u0061"}  ', {"username": "a"}),
        ('{"username": 7}', {"username": 7}),  # for the plan to refuse, with its line
        ('{"username": "a", "username": "b"}', "has a key twice"),
        ('{"a": {"b": 1, "b": 2}}', "has a key twice"),
        ('["a"]', "is not a JSON object"),
        ('"a"', "is not a JSON object"),
        ("null", "is not a JSON object"),
        ('{"username": "s3cret"', "is not JSON: Expecting ',' delimiter at character 22"),
        ("{'username': 1}", "is not JSON: Expecting property name enclosed in double quotes at character 2"),
        ('{"a": NaN}', "holds NaN or Infinity, which JSON does not know"),
        ('{"a": "\\ud800"}', "holds half of a surrogate pair, which is no character"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON that can be read: a number too long, or nested too deep"),
        ("[" * 100_000, "is not JSON that can be read: a number too long, or nested too deep"),
    ],
)
def test_json_lines(rows, line, expected):
    assert rows("jsonl", f'{{"username": "first"}}\n\n{line}\n{{"username": "last"}}') == [
        (1, {"username": "first"}), (3, expected), (4, {"username": "last"})
    ]  # fmt: skip


@pytest.mark.parametrize("indent", [None, 2])
def test_one_json_array_is_read_element_by_element(rows, indent):
    people = [{"username": f"u{number}", "note": "[{x}]"} for number in range(20_000)]
    found = rows("jsonl", json.dumps(people, indent=indent))
    assert [values for _, values in found] == people
    assert found[1][0] == (6 if indent else 1)


def test_elements_that_are_no_rows_do_not_stop_the_others(rows):
    assert rows("jsonl", '[\n{"username": "a"},\n7,\n{"x": 1, "x": 2},\n{"username": "b"}]') == [
        (2, {"username": "a"}), (3, "is not a JSON object"), (4, "has a key twice"), (5, {"username": "b"})
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"users": [{"localId": "a"}]}', "is one JSON document, not one object a line"),
        ('{\n"users": []\n}', "is one JSON document, not one object a line"),
        ('[{"username": "a"},\n{"username": "b"', "2: the JSON array is damaged here, or cut off"),
    ],
)
def test_json_that_is_one_document_is_one_problem(rows, content, expected):
    with pytest.raises(InputError) as raised:
        rows("jsonl", content)
    (problem,) = raised.value.problems
    assert expected in str(problem)


def test_blanks_around_text_in_json_are_taken_away(rows):
    assert rows("jsonl", '{"username": " a ", "n": 1}') == [(1, {"username": "a", "n": 1})]
    assert rows("jsonl", '{"username": " a "}', trim=False) == [(1, {"username": " a "})]


def test_a_list_that_is_a_table(rows):
    assert rows("text", "username\nann\n") == [
        (1, "'username' is a header, not a user: csv reads files with one"), (2, {"username": "ann"})
    ]  # fmt: skip
    with pytest.raises(InputError, match="is a CSV file, not a list of users"):
        rows("text", "username,nickname\nann,Ann\n")


def test_json_lines_with_other_names(rows):
    assert rows("jsonl", '{"id": "a", "team": "x"}', columns={"username": "id"}) == [
        (1, {"username": "a", "team": "x"})
    ]


@pytest.mark.parametrize(("kind", "content"), [
    ("csv", "id,username\n7,old\n"), ("jsonl", '{"id": "7", "username": "old"}'), ("jsonl", '{"username": "old", "id": "7"}'),
])  # fmt: skip
def test_a_column_that_is_called_like_a_mapped_field_is_not_that_field(rows, kind, content):
    ((_, values),) = rows(kind, content, columns={"username": "id"})
    assert values == {"username": "7", "source_username": "old"}


@pytest.mark.parametrize(("kind", "content"), [
    ("csv", "username,userid\nann,7\n"), ("jsonl", '{"username": "ann", "userid": "7"}'),
])  # fmt: skip
def test_the_vendors_own_word_is_the_username_where_there_is_no_other(rows, kind, content):
    ((_, values),) = rows(kind, content, called="userid")
    assert values == {"username": "ann", "userid": "7"}
    ((_, values),) = rows(kind, content.replace("username", "name"), called="userid")
    assert values == {"name": "ann", "username": "7"}


def test_inline_items_have_the_lines_of_the_job_file():
    source = Source("items", items=({"username": "a"}, {"username": "b", "password": "p"}), item_lines=(8, 9))
    reader = open_source(source, secret_fields={"password"})
    assert [short(row) for row in reader.rows()] == [
        (8, {"username": "a"}), (9, {"username": "b", "password": "p"})
    ]  # fmt: skip


def test_the_digest_of_inline_items_does_not_depend_on_secrets():
    def digest(**fields):
        return open_source(Source("items", items=(fields,)), secret_fields={"password"}).digest

    assert digest(username="a", password="one") == digest(password="two", username="a")
    assert digest(username="a") != digest(username="b")


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "u.txt"
    path.write_bytes(b"alice\n" * 100_000)
    assert open_source(Source("text", path=path)).digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_standard_input_can_be_read_again(monkeypatch):
    content = b"username,team\n" + b"".join(b"u%d,t\n" % number for number in range(50_000))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    reader = open_source(Source("csv"))
    first, second = reader.rows(), reader.rows()
    assert [next(first).values["username"] for _ in range(3)] == ["u0", "u1", "u2"]
    assert sum(1 for _ in second) == 50_000
    assert next(first).values == {"username": "u3", "team": "t"}
    assert sum(1 for _ in first) == 49_996
    assert reader.name == "<stdin>"
    assert reader.digest == hashlib.sha256(content).hexdigest()


def test_a_pipe_can_be_read_again(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"alice\nbob\n",))
    writer.start()
    reader = open_source(Source("text", path=path))
    writer.join()
    assert [row.values["username"] for row in reader.rows()] == ["alice", "bob"]
    assert [row.values["username"] for row in reader.rows()] == ["alice", "bob"]


def test_rows_that_are_abandoned_leave_nothing_open(tmp_path):
    path = tmp_path / "u.csv"
    path.write_text("username\na\nb\n")
    rows = open_source(Source("csv", path=path)).rows()
    next(rows)
    del rows  # an open file would be a ResourceWarning, which fails the test


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "no such file (a relative path starts at the job file's folder)"),
        (lambda path: path.mkdir(), "is a folder, not a file"),
        (lambda path: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, make, expected):
    path = tmp_path / "users.csv"
    make(path)
    with pytest.raises(InputError) as raised:
        open_source(Source("csv", path=path))
    assert str(raised.value) == f"{path}: {expected}"


def test_a_file_that_changes_is_noticed(tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("username\na\n")
    reader = open_source(Source("csv", path=path))
    path.write_text("username\na\nb\n")
    with pytest.raises(InputError, match="was changed while it was in use"):
        list(reader.rows())


@pytest.mark.parametrize("kind", SOURCE_KINDS)
def test_a_source_knows_what_it_is(kind):
    """Rehearsals, plans and resumed runs ask the source; a kind that has an encoding is a file."""
    shape = next(
        each
        for each in vars(schema).values()
        if each.__class__ is type(schema.Shape) and kind in each.model_fields
    )
    source = Source(kind)
    assert source.is_file is ("encoding" in shape.model_fields)
    assert source.is_stdin is source.is_file, "a file without a path is standard input"
    assert [source.is_file, kind == "items", source.is_listing, source.is_earlier_run].count(True) == 1
    assert source.is_given is (source.is_file or kind == "items")


@pytest.mark.parametrize("kind", ["listing", "run", "none"])
def test_other_kinds_are_not_files(kind):
    with pytest.raises(ValueError, match="is not an input file"):
        open_source(Source(kind))


@pytest.mark.parametrize("kind", ["text", "jsonl", "csv"])
def test_a_line_without_end_does_not_fill_the_memory(tmp_path, kind):
    path = tmp_path / "users"
    with path.open("wb") as file:
        file.write(b"username\n")
        file.truncate(3 << 20)  # NULs
        file.seek(9)
        file.write(b"x" * (2 << 20))
    with pytest.raises(InputError, match=r":2: the line is longer than 1,000,000 characters"):
        list(open_source(Source(kind, path=path)).rows())
