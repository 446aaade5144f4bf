"""Which encoding are these bytes? Pure functions over chunks.

Nothing is guessed from statistics alone: user ids that are decoded wrongly name other users. A byte order mark decides,
then strict UTF-8; GB18030 only where every byte fits and the text looks like what people write in it.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bulkim.source.tidy import blank_at_an_edge

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FORMATS = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook, not text", "save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook, not text", "save the sheet as CSV (UTF-8)"),
    (b"\x1f\x8b", "compressed with gzip twice", "unpack it once"),
    (b"SQLite format 3", "an SQLite database, not text", "export the table as CSV"),
    (b"%PDF", "a PDF document, not text", None),
)
_CONTROL_BYTES = bytes(each for each in range(32) if each not in b"\t\n\r\x0c\x1b")
_IMPLAUSIBLE = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")
_GB2312_SHARE = 0.8  # of the characters beyond ASCII; Chinese text as people write it never has fewer


@dataclass(frozen=True, slots=True)
class Trial:
    """What decoding everything with one encoding gave."""

    digest: str  # SHA-256 of the bytes
    has_nul: bool = False
    has_blanks: bool = False  # a blank stands beside what may delimit a cell
    lines: int = 0
    fault: str | None = None  # where the first byte stands that does not fit
    fault_line: int | None = None


def foreign(head: bytes) -> tuple[str, str | None] | None:
    """What a file's beginning says it is instead of text, and what to do about it."""
    for magic, what, hint in _FORMATS:
        if head.startswith(magic):
            return what, hint
    controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    if controls > max(8, len(head) // 10) and marked(head) is None and utf16_without_mark(head) is None:
        return "a binary file, not text", "is it the right file?"
    return None


def marked(head: bytes) -> str | None:
    """The encoding that a byte order mark names."""
    return next((name for mark, name in _BOMS if head.startswith(mark)), None)


def written_back(head: bytes, encoding: str) -> tuple[str, str]:
    """How text that was decoded with `encoding` becomes the same bytes again: the codec, and the mark that stands before it."""
    name = codecs.lookup(encoding).name
    if name == "utf-8-sig":
        return "utf-8", "\ufeff" if head.startswith(codecs.BOM_UTF8) else ""
    orders = {
        "utf-16": ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")),
        "utf-32": ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")),
    }
    for mark, ordered in orders.get(name, ()):
        if head.startswith(mark):
            return ordered, "\ufeff"
    own = "le" if sys.byteorder == "little" else "be"
    return (f"{name}-{own}" if name in orders else name), ""


def utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 shows by its NULs: text that is mostly ASCII has one in every other byte."""
    even, odd = head[0::2], head[1::2]
    if len(odd) >= 2 and odd.count(0) > len(odd) * 0.6 and even.count(0) < len(even) * 0.1:
        return "utf-16-le"
    if len(odd) >= 2 and even.count(0) > len(even) * 0.6 and odd.count(0) < len(odd) * 0.1:
        return "utf-16-be"
    return None


def attempt(chunks: Iterable[bytes], encoding: str) -> Trial:
    """Decodes everything strictly, taking the digest on the way."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    end = newlines = returns = 0
    has_nul = has_blanks = False
    fault: UnicodeError | None = None
    where, line, edge = "", None, "\n"
    for chunk in _ended(chunks):
        digest.update(chunk)
        end += len(chunk)
        if fault is not None:
            continue
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeError as error:
            fault = error
            where, before = _place(error, end, encoding)
            line = 1 + (newlines + before.count("\n") or returns + before.count("\r"))
            continue
        newlines += text.count("\n")
        returns += text.count("\r")
        has_nul = has_nul or "\0" in text
        has_blanks = has_blanks or blank_at_an_edge(edge + (text or "\n"))
        edge = text[-1:]
    lines = newlines or returns
    return Trial(digest.hexdigest(), has_nul, has_blanks, lines, where if fault else None, line)


def _ended(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, and an empty one at the end, where a decoder complains about what is unfinished."""
    yield from chunks
    yield b""


def _place(error: UnicodeError, end: int, encoding: str) -> tuple[str, str]:
    """Where a decoder failed, and the text before that place in the chunk it failed on, which ended at byte `end`."""
    if not isinstance(error, UnicodeDecodeError):  # UTF-16 without its mark
        return str(error), ""
    offset = end - len(error.object) + error.start
    before = error.object[: error.start].decode(encoding, "ignore")
    return f"byte 0x{error.object[error.start]:02x} at offset {offset}", before


def is_gb18030(chunks: Iterable[bytes]) -> bool:
    """Whether bytes that are not UTF-8 are GB18030 beyond reasonable doubt.

    Every byte must fit and mean a plausible character, nearly all of them from the common set; and as UTF-8 there must
    be more wrong than right, or else it is UTF-8 with a damaged place.
    """
    gb18030 = codecs.getincrementaldecoder("gb18030")("strict")
    utf8 = codecs.getincrementaldecoder("utf-8")("replace")
    beyond = common = damaged = intact = 0
    for chunk in _ended(chunks):
        try:
            text = gb18030.decode(chunk, final=not chunk)
        except UnicodeError:
            return False
        if _IMPLAUSIBLE.search(text):
            return False
        ascii_only = len(text.encode("ascii", "ignore"))
        beyond += len(text) - ascii_only
        common += (len(text.encode("gb2312", "ignore")) - ascii_only) // 2
        other = utf8.decode(chunk, final=not chunk)
        damaged += (wrong := other.count("\ufffd"))
        intact += len(other) - len(other.encode("ascii", "ignore")) - wrong
    return common >= beyond * _GB2312_SHARE and damaged > intact
