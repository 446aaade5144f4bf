"""Rejects: for any input, what is given back and what was done are together the input, byte for byte."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.jobs import job as any_job

from bulkim.journal import Journal
from bulkim.journal.records import NewRun
from bulkim.model import Final, Source, Status
from bulkim.planning.intake import Intake
from bulkim.planning.terms import Options, as_document, terms_of
from bulkim.source import BadRow, open_source
from bulkim.source.rejects import REJECTED, own_cells, own_text, without_cells
from bulkim.vendors import PROVIDERS
from bulkim.view.rejects import FromFile, FromJournal, rejects
from bulkim.view.results import Chosen

ENDS = [Status.SUCCEEDED, Status.UNCHANGED, Status.FAILED, Status.UNKNOWN, None]
REASONS = ["limit exceeded", 'said "no", twice', "two\nlines", "研发;|\t", "=1+1", ""]


class Ended:
    """A run of a file, whose items have ended by lot."""

    def __init__(
        self, folder, source, operation="register", *, seed=0, options=None, written=None, **changes
    ):
        options = options or Options()
        self.path = folder / "bulkim.db"
        self.path.unlink(missing_ok=True)
        source = replace(source, written=written or str(source.path))
        job = replace(any_job(operation, "https://h", source, **changes), path=folder / "job.yaml")
        vendor = PROVIDERS[job.provider]
        self.journal = Journal.open(self.path)
        new = NewRun(
            "n", job.provider, operation, "t", job.params, job_path=str(job.path), item_limit=options.limit,
            terms=as_document(terms_of(job, options)),
        )  # fmt: skip
        now = time.time()
        self.run_id = self.journal.create_run(new, now=now)
        record = self.journal.reader.get(self.run_id)
        self.intake = Intake(self.journal, job, vendor, vendor.operation(operation))
        self.intake.read(record)
        lot, session = random.Random(seed), self.journal.begin_session(self.run_id, now=now)
        pending = self.journal.reader.pending(self.run_id, limit=10_000)
        ends = [(item, lot.choice(ENDS)) for item in pending]
        finals = [Final(item, end, "7", lot.choice(REASONS)) for item, end in ends if end is not None]
        self.journal.session(self.run_id, session).finish(finals, now=now)
        self.journal.end_session(self.run_id, session, "finished", now=now)
        self.record = self.journal.reader.get(self.run_id)

    @property
    def done_lines(self):
        chosen = ["succeeded", "unchanged"]
        return {each.line for each in self.journal.reader.results(self.run_id, outcome=chosen)}

    def rejects(self, outcome=(), code=(), *, bom=False) -> bytes:
        found = rejects(self.journal.reader, self.record, bom=bom)
        out = io.StringIO(newline="")
        found.write(Chosen(outcome, code), out)
        return out.getvalue().encode(found.form.codec)


@pytest.fixture
def ended(tmp_path):
    runs = []

    def ended(source, operation="register", **options):
        runs.append(Ended(tmp_path, source, operation, **options))
        return runs[-1]

    yield ended
    for each in runs:
        each.journal.close()


# --------------------------------------------------------------------------------------- any input

DELIMITERS = st.sampled_from(",;\t|")
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "gb18030"])
TEXT = st.text("ab1 '\"=\u7814\u53d1", max_size=5)
NAME = st.sampled_from([f"user{n}" for n in range(30)])


@st.composite
def cells(draw, delimiter, content, blanks, *, first=False):
    text = draw(content)
    around = draw(st.sampled_from(["", "", "", " "])) if blanks else ""
    if '"' in text or delimiter in text or text != text.strip() or (draw(st.integers(0, 3)) == 0):
        inner = text.replace('"', '""') + draw(st.sampled_from(["", "", delimiter, "" if first else "\n"]))
        return f'{around}"{inner}"{around}'
    return f"{around}{text}{around}"


@st.composite
def records(draw, delimiter, blanks):
    """(as written, whether it is a row)."""
    kind = draw(
        st.sampled_from(["row"] * 8 + ["short", "long", "trailing", "blank", "commas", "header", "broken"])
    )
    if kind in {"blank", "commas"}:
        return ("" if kind == "blank" else delimiter * 2), False
    if kind == "header":
        return delimiter.join(["username", "password", "nickname"]), True
    if kind == "broken":
        return f'user7{delimiter}"longenough"x{delimiter}n', True
    parts = [
        draw(cells(delimiter, NAME, blanks, first=True)),
        draw(cells(delimiter, st.just("longenough1"), blanks)),
    ]
    parts += [draw(cells(delimiter, TEXT, blanks)) for _ in range({"short": 0, "long": 3}.get(kind, 1))]
    return delimiter.join(parts) + (delimiter if kind == "trailing" else ""), True


@st.composite
def tables(draw):
    delimiter, end, trim = draw(DELIMITERS), draw(LINE_ENDS), draw(st.booleans())
    found = draw(st.lists(records(delimiter, trim), min_size=1, max_size=8))
    above = [draw(st.sampled_from(["", f"sep={delimiter}{end}"]))]
    above.append(draw(st.sampled_from(["", end])))
    above.append(
        delimiter.join(["username", "password", "nickname"]) + draw(st.sampled_from(["", delimiter])) + end
    )
    last = draw(st.sampled_from([end, ""]))
    rows = [raw + (end if number < len(found) - 1 else last) for number, (raw, _) in enumerate(found)]
    return delimiter, "".join(above), rows, [is_row for _, is_row in found], draw(ENCODINGS), trim


def as_bytes(text, encoding):
    return ("\ufeff" + text).encode(encoding) if encoding == "utf-16-be" else text.encode(encoding)


def codec(encoding):
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(tables(), st.integers(0, 1 << 30))
@example((",", "username,password,nickname\n", ['a,longenough1,"x\n"\n', "b,longenough1"], [True, True], "utf-16", True), 3)  # fmt: skip
def test_rejects_and_done_rows_are_the_input(tmp_path_factory, table, seed):
    delimiter, above, rows, are_rows, encoding, trim = table
    folder = tmp_path_factory.mktemp("rejects")
    path, again = folder / "users.csv", folder / "mended.csv"
    path.write_bytes(as_bytes(above + "".join(rows), encoding))
    source = Source(
        "csv", path=path, delimiter=delimiter, encoding=None if encoding != "gb18030" else encoding, trim=trim
    )
    ended = Ended(folder, source, seed=seed)
    try:
        given_back, done = ended.rejects(), ended.done_lines
    finally:
        ended.journal.close()
    line = 1 + lines_in(above)
    expected, left = [], []
    for raw, is_row in zip(rows, are_rows, strict=True):
        if is_row and line not in done:
            expected.append(raw)
            left.append(line)
        line += lines_in(raw)
    text = given_back.decode(codec(encoding)).removeprefix("\ufeff")
    # Without the last four cells it is the input: head, and rows in their order.
    mark = delimiter.join(["", *REJECTED])
    head, _, below = text.partition(mark)
    bare = above.rstrip("\r\n")
    assert head == bare
    assert given_back.startswith(as_bytes(bare, encoding)), "byte order mark and all"
    end = above[len(bare) :]
    assert below.startswith(end)
    below = below[len(end) :]
    for raw, number in zip(expected, left, strict=True):
        own = raw.rstrip("\r\n")
        assert below.startswith(own + delimiter), (below, own)
        below = below[len(own) :]
        size = min((at for at in map(below.find, "\r\n") if at >= 0), default=len(below))
        four = next(csv.reader([below[1:size]], delimiter=delimiter))
        assert four[0] in {"failed", "unknown", "skipped", "pending"}
        assert four[3:] == [str(number)]
        below = below[size:]
        assert below.startswith(raw[len(own) :])
        below = below[len(raw) - len(own) :]
    assert below == ""
    # It is a source as it is, of the same rows.
    again.write_bytes(given_back)
    read = {
        row.line: row for row in open_source(source, secret_fields={"password"}, required={"username"}).rows()
    }
    second = list(
        open_source(replace(source, path=again), secret_fields={"password"}, required={"username"}).rows()
    )
    assert [shape(row) for row in second] == [shape(read[number]) for number in left]


def shape(row):
    if isinstance(row, BadRow):
        return "bad", row.reason
    return dict(row.values)


def lines_in(text):
    """How many lines a text has, as readers count them."""
    return len(io.StringIO(text, newline="").readlines())


# ------------------------------------------------------------------------------------- other files


def test_a_list_of_names(ended, tmp_path):
    path = tmp_path / "users.txt"
    path.write_text("# who\nann\n  bob,x \n\ncyd\nann\ndan")
    run = ended(Source("text", path=path), "delete", seed=4)
    lines = path.read_text().splitlines()
    header, *rows = run.rejects().decode().splitlines()
    assert header == "username,_outcome,_code,_reason,_line"
    left = [line for line in (2, 3, 5, 6, 7) if line not in run.done_lines]
    assert [row.split(",_", 1)[0].rsplit(",", 4)[0] if row.count(",") == 4 else without_cells(row, ",") for row in rows] == [
        lines[line - 1] for line in left
    ]  # fmt: skip
    again = tmp_path / "again.txt"
    again.write_bytes(run.rejects())
    names = [row.values["username"] for row in open_source(Source("text", path=again)).rows()]
    assert names == [lines[line - 1].strip() for line in left]


OBJECTS = [
    '{"username": "u1", "password": "longenough", "tags": {"a": [1, "}"]}}', "not json", "[1]", "{}",
    '{"username":"u2","password":"longenough"}  ', '{"username": "u3", "username": "u3"}',
]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", ""])
def test_json_lines(ended, tmp_path, end):
    path, again = tmp_path / "users.jsonl", tmp_path / "again.jsonl"
    path.write_text("\n".join(OBJECTS) + end)
    run = ended(Source("jsonl", path=path), seed=1)
    first = run.rejects().decode()
    done = {OBJECTS[line - 1] for line in run.done_lines}
    assert [json_without(line) for line in first.splitlines()] == [
        each for each in OBJECTS if each not in done
    ]
    again.write_text(first)
    assert "_outcome" not in str([shape(row) for row in open_source(Source("jsonl", path=again)).rows()])
    second = ended(Source("jsonl", path=again), seed=1).rejects(outcome=["succeeded", *OUTCOMES]).decode()
    assert second.count("_outcome") == first.count("_outcome"), "replaced, not added"


OUTCOMES = ["unchanged", "failed", "unknown", "skipped", "pending"]


def json_without(line):
    at = line.find('"_outcome"')
    if at < 0:
        return line
    return line[:at].rstrip(" ,") + "}" + line[len(line.rstrip()) :]


def test_a_json_array_stays_one(ended, tmp_path):
    path = tmp_path / "users.json"
    rows = [{"username": f"u{n}", "password": "longenough", "x": {"y": n}} for n in range(9)]
    path.write_text(json.dumps(rows, indent=2))
    run = ended(Source("jsonl", path=path), seed=2)
    found = json.loads(run.rejects())
    done = done_names(run)
    assert done
    bare = [{name: value for name, value in each.items() if name not in REJECTED} for each in found]
    assert bare == [each for each in rows if each["username"] not in done]


# ----------------------------------------------------------------------------------- what one mends


def test_several_files_of_one_form_are_given_back_as_one(ended, tmp_path):
    head = "username,password,nickname\r\n"
    first = [f"ann{n},longenough,一\r\n" for n in range(6)]
    second = [f'bob{n}, longenough ,"B ""{n}"""\r\n' for n in range(6)]
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    paths[0].write_bytes((head + "".join(first)).rstrip("\r\n").encode("gb18030"))  # its last line is open
    paths[1].write_bytes((head + "".join(second)).encode("gb18030"))
    source = Source("csv", path=paths[0], paths=paths, encoding="gb18030")
    run = ended(source, seed=3, written="a.csv\nb.csv")
    assert isinstance(rejects(run.journal.reader, run.record), FromFile)
    lines = run.rejects().decode("gb18030").splitlines()
    assert lines[0] == head.strip() + ",_outcome,_code,_reason,_line"
    done = done_names(run)
    left = [row.strip() for row in (*first, *second) if row.split(",")[0] not in done]
    assert 0 < len(left) < 12
    assert [without_cells(line, ",") for line in lines[1:]] == left
    numbers = {row.strip(): number for rows in (first, second) for number, row in enumerate(rows, 2)}
    assert [int(line.rpartition(",")[2]) for line in lines[1:]] == [numbers[row] for row in left], (
        "lines are those of each file"
    )


@pytest.mark.parametrize(
    ("head", "encoding"), [("username,password,team\n", "utf-8"), ("username,password\n", "utf-16")]
)
def test_files_of_different_forms_are_given_back_by_the_journal(ended, tmp_path, head, encoding):
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    paths[0].write_text("username,password\nann,longenough\n")
    paths[1].write_bytes(f"{head}bob,longenough,x\n".encode(encoding))
    run = ended(Source("csv", path=paths[0], paths=paths), written="a.csv\nb.csv")
    assert isinstance(found := rejects(run.journal.reader, run.record), FromJournal)
    assert "the files have different columns or encodings" in found.notes[0]
    assert "longenough" not in run.rejects(outcome=["succeeded", *OUTCOMES]).decode()


def test_a_compressed_file_is_given_back_as_text(ended, tmp_path):
    path, again = tmp_path / "users.csv.gz", tmp_path / "again.csv"
    path.write_bytes(gzip.compress(USERS.encode("utf-16")))
    run = ended(Source("csv", path=path), seed=5)
    given_back = run.rejects()
    assert given_back.startswith(USERS.splitlines()[0].encode("utf-16"))
    again.write_bytes(given_back)
    names = [row.values["username"] for row in open_source(Source("csv", path=again)).rows()]
    assert names == [f"user{n}" for n in range(12) if f"user{n}" not in done_names(run)]


def done_names(run):
    chosen = ["succeeded", "unchanged"]
    return {each.username for each in run.journal.reader.results(run.run_id, outcome=chosen)}


USERS = "username,password,nickname\n" + "".join(f"user{n},longenough{n},N{n}\n" for n in range(12))


def test_a_spreadsheet_may_save_it(ended, tmp_path):
    """It fills short rows up, quotes everything, and moves nothing."""
    path, again = tmp_path / "users.csv", tmp_path / "again.csv"
    path.write_text("username,password,nickname\nann,longenough1\nbob,longenough2,Bob\ncyd,longenough3,\n")
    run = ended(Source("csv", path=path), seed=0)
    rows = list(csv.reader(io.StringIO(run.rejects(outcome=["succeeded", *OUTCOMES]).decode())))
    assert len(rows) == 4
    width = max(map(len, rows))
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, delimiter=";", lineterminator="\r\n").writerows(
        [*row, *[""] * (width - len(row))] for row in rows
    )
    again.write_text("\ufeff" + out.getvalue() + ";" * (width - 1) + "\r\n")
    source = Source("csv", path=again)
    found = [dict(row.values) for row in open_source(source, required={"username", "password"}).rows()]
    assert [{k: v for k, v in row.items() if v} for row in found] == [
        {"username": "ann", "password": "longenough1"}, {"username": "bob", "password": "longenough2", "nickname": "Bob"},
        {"username": "cyd", "password": "longenough3"},
    ]  # fmt: skip
    second = ended(source, seed=0).rejects(outcome=["succeeded", *OUTCOMES]).decode()
    assert second.splitlines()[0].count("_outcome") == 1
    rows = list(csv.reader(io.StringIO(second.removeprefix("\ufeff")), delimiter=";"))[1:]
    assert [sum(cell in OUTCOMES or cell == "succeeded" for cell in row) for row in rows] == [1, 1, 1]


@pytest.mark.parametrize(("cells", "own"), [
    (["a", "b", "failed", "7", "", "3"], ["a", "b"]),
    (["a", "failed", "7", "why", "3", ""], ["a"]),
    (["a", "b", "", "", "", ""], ["a", "b"]),
    (["a", "b"], ["a", "b"]),
    (["a", "b", "c", "failed", "", "", "3"], ["a", "b", "c"]),
    (["a", "b", "", "mended", "x", ""], ["a", "b"]),
])  # fmt: skip
def test_a_rows_own_cells(cells, own):
    assert own_cells(cells, 2) == own


def test_a_table_may_have_such_columns_of_its_own(ended, tmp_path):
    """As somebody has who cuts columns out of an earlier run's results: they are the row's, and stay."""
    path, again = tmp_path / "users.csv", tmp_path / "again.csv"
    content = "username,outcome,code,reason,attempts\nann,failed,7,no,3\nbob,unknown,,,1\n"
    path.write_text(content)
    every = ["succeeded", *OUTCOMES]
    found = ended(Source("csv", path=path), "delete", seed=1).rejects(outcome=every).decode()
    assert [line.rsplit(",", 4)[0] for line in found.splitlines()] == content.splitlines()
    again.write_text(found)
    second = ended(Source("csv", path=again), "delete", seed=2).rejects(outcome=every).decode()
    assert [line.rsplit(",", 4)[0] for line in second.splitlines()] == content.splitlines()
    names = tmp_path / "users.txt"
    names.write_text("ann,failed,7,no,3\n")
    listed = ended(Source("text", path=names), "delete", seed=1).rejects(outcome=every).decode()
    assert listed.splitlines()[1].startswith("ann,failed,7,no,3,")


def test_cells_that_somebody_wrote_there_are_replaced(ended, tmp_path):
    """What stands under the four names is no part of the row, whatever it is."""
    path = tmp_path / "users.csv"
    head = "username,note,_outcome,_code,_reason,_line\n"
    path.write_text(head + 'ann,"a, ""b""",mended,,;x "y",soon\nbob,x,,,,\ncyd,"",failed,7,no,\n' + head)
    rows = ended(Source("csv", path=path), "delete").rejects(outcome=["succeeded", *OUTCOMES]).decode()
    assert rows.startswith(head)
    assert [len(each) for each in csv.reader(io.StringIO(rows))] == [6] * 5
    own = ['ann,"a, ""b"""', "bob,x", 'cyd,""', "username,note"]
    assert [line.startswith(f"{cells},") for line, cells in zip(rows.splitlines()[1:], own, strict=True)] == [
        True
    ] * 4


def test_a_quote_behind_a_blank():
    """With `trim: false` it is a character as any other, and the cell ends at the delimiter."""
    line = 'bob, "a,failed,7,"said ""no""",3\r\n'
    assert own_text(line, 2, ",", trim=False) == 'bob, "a\r\n'
    assert own_text('bob, "a, ""b""" ,failed,7,"x",3\n', 2, ",", trim=True) == 'bob, "a, ""b""" \n'


def test_columns_may_have_been_moved(ended, tmp_path):
    path = tmp_path / "moved.csv"
    path.write_text("_outcome,_code,_reason,_line,username,password\nfailed,7,x,2,ann,longenough\n")
    run = ended(Source("csv", path=path))
    assert [each.extra for each in run.journal.reader.results(run.run_id)] == [{}]


def test_an_input_that_was_edited_since(ended, tmp_path):
    """Users are told apart by their names, not by where they stood."""
    path = tmp_path / "users.csv"
    path.write_text(USERS)
    run = ended(Source("csv", path=path), seed=5)
    done = done_names(run)
    head, *rows = USERS.splitlines(keepends=True)
    path.write_text(head + "new1,longenough1,x\n" + "".join(reversed(rows)))
    names = [row.split(",")[0] for row in run.rejects().decode().splitlines()[1:]]
    assert names == ["new1", *(f"user{n}" for n in reversed(range(12)) if f"user{n}" not in done)]


def test_a_limit_leaves_the_rest_pending(ended, tmp_path):
    path = tmp_path / "users.csv"
    path.write_text(USERS)
    run = ended(Source("csv", path=path), seed=5, options=Options(limit=4))
    rows = run.rejects(outcome=["pending"]).decode().splitlines()[1:]
    assert [row.split(",")[0] for row in rows][-8:] == [f"user{n}" for n in range(4, 12)]


def test_narrowed(ended, tmp_path):
    path = tmp_path / "users.csv"
    path.write_text(USERS + "user1,longenough1,again\n")
    run = ended(Source("csv", path=path), seed=5)
    assert run.rejects(outcome=["skipped"]).decode().splitlines()[1:] == [
        'user1,longenough1,again,skipped,duplicate,"same user as line 3, with other values: a contradiction",14'
    ]
    assert run.rejects(code=["duplicate"]) == run.rejects(outcome=["skipped"])


def test_without_its_file_the_journal_gives_what_it_has(ended, tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("id,password,nickname,team\nann,longenough,Ann,=x\nann,longenough,Anna,y\n")
    run = ended(Source("csv", path=path, columns={"username": "id"}), seed=0)
    assert isinstance(rejects(run.journal.reader, run.record), FromFile)
    path.unlink()
    assert isinstance(found := rejects(run.journal.reader, run.record), FromJournal)
    assert "without secrets" in found.notes[0]
    text = run.rejects(outcome=["skipped"]).decode()
    assert text.splitlines()[0] == "id,nickname,team,_outcome,_code,_reason,_line"
    assert "longenough" not in text
