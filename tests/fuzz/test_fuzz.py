"""Random bytes into every door: the job parser, the CSV reader, every decoder. Nothing but words may come out.

In the default tier a few hundred tries each; the slow tier tries for longer, and with atheris, which follows the
program's branches, where it is installed.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkim import jobfile, planning, source
from bulkim.codec import decode, pages
from bulkim.errors import BulkimError
from bulkim.model import Column, Condition, Item, Kind, PageRequest, Reply, Source
from bulkim.source import BadRow
from bulkim.source.rejects import Why
from bulkim.vendors import PROVIDERS

SHORT = settings(max_examples=60, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=4000, suppress_health_check=list(HealthCheck))
WORDS = ["provider: easemob", "operation: delete", "connection:", "  base_url: https://h", "source: {items: [u]}", "&a *a",
         "${X}", "[", "{", "- ", "!!str", "? ", "|", "\t", "\x00", "guard: {protect: ['.*']}"]  # fmt: skip
YAML = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(WORDS), max_size=12).map(lambda w: "\n".join(w).encode()),
)
TABLE = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(["username", "password", ",", '"', "\n", "\r\n", "ann", ";", "\t", "\x00", "é", "\ufeff"]), max_size=40)
    .map(lambda parts: "".join(parts).encode()),
)  # fmt: skip
NAMES = st.sampled_from(
    ["error", "error_description", "ErrorCode", "ErrorInfo", "ActionStatus", "entities", "data", "username", "cursor", "result",
     "registerUserFailReason", "ResultItem", "UserID", "ResultCode", "FailAccounts", "timestamp", "u1", "u2", "activated"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    NAMES,
    st.just("OK"),
    st.just(0),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=14,
)
BODY = st.one_of(st.binary(max_size=100), JSON.map(lambda value: json.dumps(value).encode()))
STATUS = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 599])


def load_job(folder: Path, raw: bytes) -> None:
    path = folder / "job.yaml"
    path.write_bytes(raw)
    with suppress(BulkimError):  # in words, with a place
        jobfile.load(path, env={}, providers=PROVIDERS)


def read_table(folder: Path, raw: bytes) -> None:
    path = folder / "people.csv"
    path.write_bytes(raw)
    vendor = PROVIDERS["easemob"]
    operation = vendor.operation("register")
    (folder / "table.yaml").write_text(
        "provider: easemob\noperation: register\nsource: {csv: people.csv}\n"
        "connection: {base_url: 'https://h', org: o, app: a, auth: {token: abcdefgh}}\n"
    )
    job = jobfile.load(folder / "table.yaml", env={}, providers=PROVIDERS)
    with suppress(BulkimError):
        reader = source.open_source(Source("csv", path=path), secret_fields=operation.secrets)
        for planned in planning.prepare(job, vendor, operation, reader):
            assert planned.skip or planned.key


def read_shaped(folder: Path, raw: bytes, kind: str, *, packed: bool) -> None:
    """Every reader, with values put together and rows chosen; and each row that it has goes back in as the same row."""
    path, again = folder / f"people.{kind}", folder / f"mended.{kind}"
    path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
    computed = {"nickname": Column((("username", True), ("!", False)), written="{username}!")}
    made = Source(kind, path=path, computed=computed, only={"username": Condition(empty=False)})
    with suppress(BulkimError):
        for row in source.open_source(made, secret_fields=frozenset()).rows():
            assert row.line or row.position
    plain = Source(kind, path=path)
    with suppress(BulkimError):
        reader = source.open_source(plain, secret_fields=frozenset())
        reader.keep_raw = True
        form, why = reader.given_back(), Why("failed", "7", 'said "no", twice', 3)
        rows = [(row, form.row(reader.raw, why)) for row in reader.rows()]
        text = form.mark + form.head + form.between.join(text for _, text in rows) + form.tail
        again.write_bytes(text.encode(form.codec))
        mended = source.open_source(replace(plain, path=again), secret_fields=frozenset())
        try:
            found = list(mended.rows())
        except BulkimError:
            assert not rows or all(isinstance(row, BadRow) for row, _ in rows)
            return
        expected = [dict(row.values) for row, _ in rows if not isinstance(row, BadRow)]
        assert [dict(row.values) for row in found if not isinstance(row, BadRow)] == expected


def reject_twice(folder: Path, raw: bytes, kind: str, *, trim: bool) -> None:
    """Rows that were given back and are given back again are the same bytes."""
    path, outs = folder / f"first.{kind}", []
    path.write_bytes(raw.replace(b"\0", b""))  # among fewer rows they may look like UTF-16
    for again in (folder / f"second.{kind}", folder / f"third.{kind}"):
        try:
            reader = source.open_source(Source(kind, path=path, trim=trim), secret_fields=frozenset())
            reader.keep_raw = True
            form = reader.given_back()
            rows = [
                form.row(reader.raw, Why("failed", "7", 'said "no", twice', n))
                for n, _ in enumerate(reader.rows(), 1)
            ]
        except BulkimError:
            return
        outs.append((form.mark + form.head + form.between.join(rows) + form.tail).encode(form.codec))
        again.write_bytes(outs[-1])
        path = again
    assert outs[0] == outs[1]


def decode_all(status: int, body: bytes) -> None:
    """Every vendor's every operation makes one outcome an item of it, and no success of what is not 200."""
    items = tuple(Item(n, f"u{n}", f"u{n}", {"message_id": "m", "password": "a-secret"}) for n in (1, 2))
    for vendor in PROVIDERS.values():
        for operation in vendor.operations:
            reply = Reply(status, body)
            if operation.paging is not None:
                page = pages(vendor, operation, PageRequest(10), reply)
                assert page.outcome.kind is not Kind.SUCCEEDED or status == 200
                continue
            batch = items[: operation.batch_max]
            answer = decode(vendor, operation, batch, reply)
            assert len(answer.outcomes) == len(batch)
            if status != 200:
                assert all(each.kind is not Kind.SUCCEEDED for each in answer.outcomes)


@SHORT
@given(TABLE, st.sampled_from(["csv", "text", "jsonl"]), st.booleans())
def test_rows_go_out_and_in(tmp_path_factory, raw, kind, packed):
    read_shaped(tmp_path_factory.getbasetemp(), raw, kind, packed=packed)


@pytest.mark.slow
@LONG
@given(TABLE, st.sampled_from(["csv", "text", "jsonl"]), st.booleans())
def test_rows_go_out_and_in_for_longer(tmp_path_factory, raw, kind, packed):
    read_shaped(tmp_path_factory.getbasetemp(), raw, kind, packed=packed)


@SHORT
@given(TABLE, st.sampled_from(["csv", "text", "jsonl"]), st.booleans())
def test_rejects_of_rejects(tmp_path_factory, raw, kind, trim):
    reject_twice(tmp_path_factory.getbasetemp(), raw, kind, trim=trim)


@SHORT
@given(YAML)
def test_job_files(tmp_path_factory, raw):
    load_job(tmp_path_factory.getbasetemp(), raw)


@SHORT
@given(TABLE)
def test_tables(tmp_path_factory, raw):
    read_table(tmp_path_factory.getbasetemp(), raw)


@SHORT
@given(STATUS, BODY)
def test_answers(status, body):
    decode_all(status, body)


@pytest.mark.slow
@LONG
@given(YAML)
def test_job_files_for_longer(tmp_path_factory, raw):
    load_job(tmp_path_factory.getbasetemp(), raw)


@pytest.mark.slow
@LONG
@given(TABLE)
def test_tables_for_longer(tmp_path_factory, raw):
    read_table(tmp_path_factory.getbasetemp(), raw)


@pytest.mark.slow
@LONG
@given(STATUS, BODY)
def test_answers_for_longer(status, body):
    decode_all(status, body)


AFTER_BRANCHES = {
    "answers": "test_fuzz.decode_all(200 if data[:1] > b'@' else 400, data[1:])",
    "rows": "test_fuzz.read_shaped(pathlib.Path(), data[1:], KINDS[data[0] % 3], packed=data[0] > 127)",
    "rejects": "test_fuzz.reject_twice(pathlib.Path(), data[1:], KINDS[data[0] % 3], trim=data[0] > 127)",
}


@pytest.mark.slow
@pytest.mark.parametrize("door", AFTER_BRANCHES)
def test_with_atheris(tmp_path, door):
    pytest.importorskip("atheris", reason="atheris is not installed")
    script = (
        f"import pathlib, sys, atheris; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "KINDS = ['csv', 'text', 'jsonl']\n"
        "with atheris.instrument_imports(): import test_fuzz\n"
        f"def one(data): data and {AFTER_BRANCHES[door]}\n"
        "atheris.Setup(['fuzz', '-max_total_time=30'], one); atheris.Fuzz()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
