"""CSV files as people and programs write them, and as they should not be."""

from __future__ import annotations

import csv
import io
import unicodedata
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bulkim.errors import InputError
from bulkim.model import Source
from bulkim.source import BadRow, open_source, table
from bulkim.source.table import RECORD_MAX, Block
from bulkim.source.tidy import BLANKS


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "users.csv"

    def reader(content: str | bytes, *, secrets=frozenset(), required=None, **options):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        source = Source("csv", path=path, **options)
        return open_source(source, secret_fields=secrets, required=required)

    return reader


@pytest.fixture
def rows(reader):
    return lambda content, **options: [short(row) for row in reader(content, **options).rows()]


@pytest.fixture
def complaints(reader):
    def complaints(content, **options):
        with pytest.raises(InputError) as raised:
            list(reader(content, **options).rows())
        return [str(each).partition("users.csv")[2] for each in raised.value.problems]

    return complaints


def short(row):
    return (row.line, row.reason) if isinstance(row, BadRow) else (row.line, *row.values.values())


# ------------------------------------------------------------------------------------------ shapes


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_line_ends(rows, end, delimiter):
    content = end.join(
        ["username,nickname", "a,Anna", "", '"b","B, ""the""\nbest"', "c,"]
    ).replace(",", delimiter)  # fmt: skip
    assert rows(content) == [
        (2, "a", "Anna"), (4, "b", f'B{delimiter} "the"\nbest'), (6, "c", "")
    ]  # fmt: skip


def test_line_numbers_are_where_records_start(rows):
    assert rows('username,note\na,"1\n2\n3"\n\nb,x\n"c","\n"\nd,y') == [
        (2, "a", "1\n2\n3"), (6, "b", "x"), (7, "c", "\n"), (9, "d", "y")
    ]  # fmt: skip


def test_positions_count_rows(reader):
    assert [row.position for row in reader("username\na\n\nb\n\n\nc\n").rows()] == [1, 2, 3]


def test_a_file_of_one_column(rows):
    assert rows("username\nalice\nbob;x\n") == [(2, "alice"), (3, "bob;x")]


def test_delimiters_inside_quotes_do_not_count(rows):
    assert rows('"a;b;c;d",e\n1,2\n') == [(2, "1", "2")]


def test_the_jobs_delimiter_wins(rows):
    assert rows("a,b;c\n1,2;3\n", delimiter=";") == [(2, "1,2", "3")]


def test_leading_blank_lines_and_a_header_that_spans_lines(rows):
    assert rows('\n\n"user\nname",x\na,b\n') == [(5, "a", "b")]


def test_mapped_columns_have_their_fields_names(reader):
    found = reader(" id , username,team\n7,old,x\n", columns={"username": "id"})
    assert found.columns == ("id", "username", "team")
    assert found.names == ("username", "source_username", "team")
    assert next(found.rows()).values == {"username": "7", "source_username": "old", "team": "x"}


def test_an_empty_cell_of_a_single_column_is_a_row(rows):
    assert rows('username\n""\n\na\n') == [(2, ""), (4, "a")]


def test_header_only_is_an_empty_list(rows):
    assert rows("username,nickname\n") == []
    assert rows("username") == []


def test_a_results_file_is_a_source(reader):
    header = "ordinal,username,outcome,code,reason,attempts,http_status,finished_at,data,team"
    found = reader(
        f'{header}\n1,alice,failed,400,"no, ""really""",1,400,2024-05-01T00:00:00Z,"{{""a"": 1}}",x\n'
    )
    assert found.columns == tuple(header.split(","))
    assert next(found.rows()).values["reason"] == 'no, "really"'


# ---------------------------------------------------------------------------------------- bad rows


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a", "has 1 cell where the header has 2"),
        ("a,b,c", "has 3 cells where the header has 2"),
        ('"a"b,c', "has a quote inside a quoted cell that is not written twice"),
        ("a,\x00", "holds a NUL byte"),
    ],
)
def test_a_bad_row_does_not_stop_the_others(rows, line, reason):
    assert rows(f"username,password\nfirst,1\n{line}\nlast,2\n") == [
        (2, "first", "1"), (3, reason), (4, "last", "2")
    ]  # fmt: skip


def test_a_ragged_row_keeps_what_is_readable(reader):
    bad = next(reader("username,password,team\nalice,pw\n").rows())
    assert isinstance(bad, BadRow)
    assert bad.values == {"username": "alice", "password": "pw"}


# --------------------------------------------------------------------------------------- bad files


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [": is empty (the first line names the columns, such as username,nickname)"]),
        ("\ufeff", [": is empty (the first line names the columns, such as username,nickname)"]),
        ("\n\n", [": is empty (the first line names the columns, such as username,nickname)"]),
        ("a,b,a\n", [":1: column 'a' is there twice: as number 1 and 3"]),
        ("a, a\n", [":1: column 'a' is there twice: as number 1 and 2"]),
        (
            "\na,,b,\n",
            [
                (
                    ":2: column 2 of the header has no name (give the column a name, or take its delimiter out of every line)"
                )
            ],
        ),
        (
            'a,b\n1,2\n3,"4\n5,6\n7,8\n',
            [
                (
                    ":3: a quote is opened here and not closed properly: it swallows the rows that follow "
                    '(write a quote inside a quoted cell twice: "")'
                )
            ],
        ),
        (
            'a,b\n1,"2\n3,"4"\n',
            [
                (
                    ":2: a quote is opened here and not closed properly: it swallows the rows that follow "
                    '(write a quote inside a quoted cell twice: "")'
                )
            ],
        ),
    ],
)
def test_files_that_cannot_be_used(complaints, content, expected):
    assert complaints(content) == expected


def test_a_file_of_control_characters_is_no_list_of_users(complaints, rows):
    """No id is written with them: whoever names such a file has named the wrong one."""
    assert complaints("a\n" + "\x1f" * 9) == [": is a binary file, not text (is it the right file?)"]
    assert rows("a\n" + "\x1f" * 8) == [(2, "\x1f" * 8)], "a few stray ones are a matter of their rows"


def test_missing_columns_are_named_all_at_once(complaints):
    columns = {"username": "user_id", "nickname": "nick", "password": "zzz"}
    assert complaints("user_ID,nicks,x\n", columns=columns) == [
        ":1: has no column 'user_id', which source.columns takes for username (did you mean 'user_ID'? its columns: user_ID, nicks, x)",
        ":1: has no column 'nick', which source.columns takes for nickname (did you mean 'nicks'? its columns: user_ID, nicks, x)",
        ":1: has no column 'zzz', which source.columns takes for password (its columns: user_ID, nicks, x)",
    ]


def test_a_first_row_that_is_no_header_is_not_shown(complaints):
    (found,) = complaints("alice,Passw0rd\n", columns={"password": "password"}, secrets={"password"})
    assert "Passw0rd" not in found
    assert found.endswith("(the first line is taken for the header, with 2 columns)")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("成员一览 2026-11", "with 1 column: 成员一览 2026-11"),
        ("成员,x7,甲,乙,丙", "with 5 columns: 成员, 甲, 乙, and 2 more"),
    ],
)
def test_a_title_in_place_of_the_header_is_named(complaints, line, words):
    (found,) = complaints(f"{line}\n1\n", columns={"username": "uid"})
    assert found.endswith(f"(the first line is taken for the header, {words})")


def test_a_path_is_named_as_one_would_type_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()
    (tmp_path / "list.csv").write_text("x\n")
    source = Source("csv", path=Path("jobs/../list.csv"), columns={"username": "uid"})
    with pytest.raises(InputError) as error:
        open_source(source, secret_fields=(), required=())
    assert str(error.value).startswith("list.csv:1: ")
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "list.csv").write_text("y\n")
    (tmp_path / "link").symlink_to("elsewhere/deep")
    with pytest.raises(InputError) as error:
        open_source(replace(source, path=Path("link/../list.csv")), secret_fields=(), required=())
    assert str(error.value).startswith("link/../list.csv:1: ")


def test_a_record_without_end_does_not_fill_the_memory(complaints):
    content = "a,b\n1,2\n" + '"\n",' * (RECORD_MAX // 3)
    assert complaints(content)[0].startswith(":3: a quote is opened here and not closed properly")


# ------------------------------------------------------------------------------ as people have them


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a, b, c\nx, y z , w\n", [(2, "x", "y z", "w")]),
        ('a, b\nx, "y"\nx,"y" \nx, " y " \n', [(2, "x", "y"), (3, "x", "y"), (4, "x", "y")]),
        ('a, b\nx, "y, z"\n', [(2, "x", "y, z")]),
        ('a,b\nx, "1\n 2, 3\n4 " , \n', [(2, "x", "1\n 2, 3\n4")]),  # a delimiter too many, and nothing behind it
        ('a,b\n x, "1\n 2, 3\n4 " \ny ,z\n', [(2, "x", "1\n 2, 3\n4"), (5, "y", "z")]),
        ("a,b\n\u3000x\u00a0,\ty\n", [(2, "x", "y")]),
        ("a\tb\n x\t y \n", [(2, "x", "y")]),
        ('a,b\nx,5" disk\n', [(2, "x", '5" disk')]),
        ("a,b\n,\n , \nx,y\n,,,\n", [(4, "x", "y")]),
        ("a,b,\nx,y,\n", [(2, "x", "y")]),
        ("a,b,\nx,y\nv,w,z\n", [(2, "x", "y"), (3, "has 3 cells where the header has 2")]),
        ("a,b\nx,y,\n", [(2, "x", "y")]),
        ("sep=;\r\na;b\r\nx,1;y\r\n", [(3, "x,1", "y")]),
        ("a,b\nx,y\na,b\nv,w\n", [(2, "x", "y"), (3, "is the header again"), (4, "v", "w")]),
        ("a, b\nx,y\na, b\n", [(2, "x", "y"), (3, "is the header again")]),
    ],
)  # fmt: skip
def test_tables_as_people_write_them(rows, content, expected):
    assert rows(content) == expected


def test_trimmed_cells_are_counted_and_blanks_can_be_kept(reader):
    content = 'a, b\nx, y\n z ,w\nv,"u"\n'
    found = reader(content)
    list(found.rows())
    assert found.noticed.notes() == [
        "blanks around 2 cells were taken away (lines 2, 3); `trim: false` keeps them"
    ]
    kept = reader(content, trim=False)
    assert [short(row) for row in kept.rows()] == [(2, "x", " y"), (3, " z ", "w"), (4, "v", "u")]
    assert kept.noticed.notes() == []


def test_a_short_row_may_lack_what_nobody_needs(reader):
    content = "username,password,nickname,team\nann,pw\nbob\n"
    assert [short(row) for row in reader(content, required={"username", "password"}).rows()] == [
        (2, "ann", "pw"), (3, "has 1 cell where the header has 4")
    ]  # fmt: skip


def test_decomposed_names_of_columns_are_the_same_names(reader):
    content = unicodedata.normalize("NFD", "prénom,x\na,b\n")
    assert reader(content, columns={"username": "prénom"}).names == ("username", "x")


def test_a_long_cell_harms_nobody(rows):
    assert rows(f"a,b\nx,{'y' * 500_000}\nv,w\n")[1] == (3, "v", "w")


def test_rejects_are_a_source(reader):
    content = (
        'username,note,_outcome,_code,_reason,_line\nann,x,failed,400,"no, no",2\nbob,skipped,invalid,has 1,3\n'
        "new,y\nusername,note,skipped,invalid,is the header again,4\n"
    )
    found = reader(content, required={"username"})
    assert found.columns == ("username", "note")
    assert [short(row) for row in found.rows()] == [
        (2, "ann", "x"), (3, "bob"), (4, "new", "y"), (5, "is the header again")
    ]  # fmt: skip


def test_a_short_reject_has_its_own_cells_alone(reader):
    """With its four cells it is as long as a row of the input."""
    content = "username,a,b,c,d,_outcome,_code,_reason,_line\nann,failed,400,no,2\nbob,1,2,3,4,failed,400,no,3\ncyd,1,2,3,4\n"
    found = reader(content, required={"username"})
    expected = [(2, "ann"), (3, "bob", "1", "2", "3", "4"), (4, "cyd", "1", "2", "3", "4")]
    assert [short(row) for row in found.rows()] == expected
    assert [short(row) for row in one_by_one(found.blocks())] == expected


# -------------------------------------------------------------------------------------- properties

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8)
)
CONTROLS_MAX = 8  # more than these, and than a tenth of a file, are no text: it is refused as a whole


def control(letter: str) -> bool:
    return letter < " " and letter not in "\t\n\r\f\x1b"


quick = settings(max_examples=150)


@quick
@given(
    table=tables,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read(reader, table, delimiter, end, encoding):
    header = [f"c{number}" for number in range(len(table[0]))]
    assume(sum(control(letter) for row in table for cell in row for letter in cell) <= CONTROLS_MAX)
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [header, *table]
    )
    kept = [row for row in table if any(row) or len(row) == 1]
    found = reader(text.getvalue().encode(encoding), trim=False)
    assert [list(row.values.values()) for row in found.rows()] == kept
    lines = [row.line for row in found.rows()]
    assert lines == sorted(set(lines))
    found_out = delimiter if len(header) > 1 else ","  # a header of one column says nothing about it
    tidy = [[cell.strip(BLANKS.replace(found_out, "")) for cell in row] for row in table]
    blanks = reader(text.getvalue().encode(encoding))
    assert [list(row.values.values()) for row in blanks.rows()] == [
        row for row in tidy if any(row) or len(row) == 1
    ]


@quick
@given(st.binary(max_size=80) | st.text('",;\n\r\ta\0é', max_size=40).map(str.encode))
def test_any_bytes_are_rows_or_problems(reader, raw):
    with suppress(InputError):
        for position, row in enumerate(reader(raw).rows(), 1):
            assert (row.position, row.line is not None) == (position, True)


@quick
@given(st.lists(st.text('",\na', max_size=6), max_size=8))
def test_no_row_disappears_silently(reader, lines):
    """Every line below the header belongs to a row, unless it is blank or the file is refused."""
    try:
        found = list(reader("\n".join(["x,y", *lines])).rows())
    except InputError:
        return
    text = "".join("".join(map(str, row.values.values())) for row in found if not isinstance(row, BadRow))
    bad = sum(isinstance(row, BadRow) for row in found)
    if not bad:
        assert text.count("a") == "".join(lines).count("a")


# ------------------------------------------------------------------------------------------- blocks


def one_by_one(found):
    for each in found:
        yield from each.rows() if isinstance(each, Block) else [each]


@given(
    st.lists(st.text('ab1,;"\n\r\t \0é', max_size=12), max_size=30),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(2, 40),
)
def test_blocks_are_the_same_rows(reader, lines, end, chars):
    raw = end.join(["username,nickname", *lines]).encode()

    def read(rows):
        try:
            opened = reader(raw)
            return list(rows(opened)), opened.noticed.notes()
        except InputError as error:
            return error.problems

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(table, "_CHUNK_CHARS", chars)
        assert read(lambda opened: one_by_one(opened.blocks())) == read(lambda opened: opened.rows())


def test_a_usual_table_is_blocks_only(reader):
    raw = "username,nickname\n" + "".join(f"user_{n},Nick {n}\n" for n in range(5000))
    found = list(reader(raw.encode()).blocks())
    assert all(isinstance(each, Block) for each in found)
    assert (found[0].position, found[0].line, found[0].columns[0][:2]) == (1, 2, ("user_0", "user_1"))
    assert sum(len(each.columns[0]) for each in found) == 5000
