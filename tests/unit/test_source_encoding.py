"""Which encoding a file is taken to have, and when it is refused rather than guessed."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkim.errors import InputError
from bulkim.model import Source
from bulkim.source import open_source
from bulkim.source.encoding import attempt, is_gb18030

CHINESE = "用户,昵称\nli.wei,李伟\nwang.fang,王芳\nchen.jie,陈洁\nzhang.min,张敏\n"


@pytest.fixture
def read(tmp_path):
    def read(raw: bytes, **options):
        path = tmp_path / "u.csv"
        path.write_bytes(raw)
        return [row.values for row in open_source(Source("csv", path=path, **options)).rows()]

    return read


@pytest.fixture
def complaint(read, tmp_path):
    def complaint(raw: bytes, **options):
        with pytest.raises(InputError) as raised:
            read(raw, **options)
        return str(raised.value).removeprefix(str(tmp_path))

    return complaint


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "gbk", "gb2312"])
def test_chinese_in_any_encoding_that_can_be_told(read, encoding):
    rows = read(CHINESE.encode(encoding))
    assert rows[0] == {"用户": "li.wei", "昵称": "李伟"}
    assert len(rows) == 4


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_shows_by_its_nuls(read, encoding):
    text = "username,nickname\nli.wei,李伟\n"
    assert read(text.encode(encoding)) == [{"username": "li.wei", "nickname": "李伟"}]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("latin-1", "username,nickname\na,André\n"),
        ("latin-1", "username,nickname\na,Zoë Müller\nb,Andrée Lefèvre\n"),
        ("cp1252", "username,nickname\na,“quoted” – Zoë\n"),
        ("shift_jis", "username,nickname\na,ユーザー名前\nb,山田太郎\n"),
        ("big5", "username,nickname\na,陳怡君\nb,林志豪\nc,黃淑芬\n"),
        ("koi8-r", "username,nickname\na,Анна\nb,Олег Ильич\n"),
    ],
)
def test_other_encodings_are_refused_with_the_place_and_the_remedy(complaint, read, encoding, text):
    raw = text.encode(encoding)
    offset = next(at for at, byte in enumerate(raw) if byte > 127)
    found = complaint(raw)
    assert found.startswith("/u.csv:2: is not UTF-8 text: byte 0x")
    assert f"at offset {offset} " in found
    assert "source: {encoding: gb18030}" in found
    assert read(raw, encoding=encoding)[0]["nickname"] == text.split("\n")[1].partition(",")[2]


def test_utf8_with_a_damaged_place_is_not_taken_for_something_else(complaint):
    raw = bytearray((CHINESE * 50).encode())
    del raw[-4]
    found = complaint(bytes(raw))
    assert found.startswith("/u.csv:250: is not UTF-8 text: byte 0x")


def test_faults_are_found_beyond_the_first_chunk(complaint):
    good = b"username,nickname\n" + b"u,nnnnnnn\n" * 60_000
    found = complaint(good + b"x,\xff\n")
    assert found.startswith(f"/u.csv:60002: is not UTF-8 text: byte 0xff at offset {len(good) + 2} ")


def test_a_truncated_character_at_the_end_is_a_fault(complaint):
    assert complaint("username,n\na,é".encode()[:-1]).startswith(
        "/u.csv:2: is not UTF-8 text: byte 0xc3 at offset 13"
    )


def test_a_wanted_encoding_that_does_not_fit(complaint):
    assert complaint(CHINESE.encode("gbk"), encoding="utf-8").startswith("/u.csv:1: is not UTF-8 text")
    assert complaint(b"username\na\n", encoding="utf-16").startswith("/u.csv:1: is not UTF-16 text")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            b"PK\x03\x04" + b"\0" * 30,
            "is a ZIP archive or an Excel workbook, not text (save the sheet as CSV (UTF-8))",
        ),
        (
            b"\xd0\xcf\x11\xe0" + b"\0" * 30,
            "is an old Excel workbook, not text (save the sheet as CSV (UTF-8))",
        ),
        (
            gzip.compress(gzip.compress(b"username\na\n", mtime=0), mtime=0),
            "is compressed with gzip twice (unpack it once)",
        ),
        (b"SQLite format 3\0" + b"\0" * 30, "is an SQLite database, not text (export the table as CSV)"),
        (b"%PDF-1.7\n", "is a PDF document, not text"),
        (bytes(range(256)) * 8, "is a binary file, not text (is it the right file?)"),
    ],
)
def test_files_that_are_no_text_are_called_by_their_names(complaint, raw, expected):
    assert complaint(raw) == f"/u.csv: {expected}"


@settings(max_examples=100)
@given(st.text(st.characters(codec="utf-8"), max_size=50), st.sampled_from(["utf-8", "gb18030", "utf-16-le"]))
def test_decoding_in_pieces_is_decoding(text, encoding):
    raw = text.encode(encoding)
    pieces = [raw[at : at + 3] for at in range(0, len(raw), 3)]
    assert attempt(pieces, encoding).fault is None
    assert attempt(pieces, encoding).has_nul == ("\0" in text)


@settings(max_examples=200)
@given(st.binary(max_size=40))
def test_a_fault_is_where_python_says_it_is(raw):
    pieces = [raw[at : at + 3] for at in range(0, len(raw), 3)]
    try:
        raw.decode()
        expected = None
    except UnicodeDecodeError as error:
        expected = f"byte 0x{raw[error.start]:02x} at offset {error.start}"
    assert attempt(pieces, "utf-8").fault == expected
    assert is_gb18030(pieces) in {True, False}
