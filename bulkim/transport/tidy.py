"""Headers that the parser refuses and everybody else takes, put into order: curl, h11 and browsers read them alike.

Only what is unambiguous: two Content-Lengths that say the same, `Transfer-Encoding: identity`, blanks before a colon, lines that are
no header. Where two lengths differ, nobody can tell where the answer ends.
"""

from __future__ import annotations

import re

import httpx

_ENDS = re.compile(rb"\r?\n\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_INTERIM = re.compile(rb"HTTP/\d\.\d +1\d\d\b")
_NEWLINES = b"\r\n"


def may_be_http(begun: bytes) -> bool:
    """Whether what has come may still become an answer."""
    word = begun.lstrip(_NEWLINES)[:7]
    return word == b"HTTP/1."[: len(word)]


def tidied(begun: bytes) -> bytes | None:
    """The answer so far with its headers in order, interim answers left out; None while headers are missing.

    Raises httpx.RemoteProtocolError where it would be a guess how long the answer is.
    """
    rest = begun.lstrip(_NEWLINES)
    while True:
        end = _ENDS.search(rest)
        if end is None:
            return None
        head, rest = rest[: end.start()], rest[end.end() :]
        if not _INTERIM.match(head):
            return b"\r\n".join([*_lines(head), b"", b""]) + rest


def _lines(head: bytes) -> list[bytes]:
    first, *others = re.sub(rb"\r?\n[ \t]+", b" ", head).replace(b"\r\n", b"\n").split(b"\n")
    pairs = [line.split(b":", 1) for line in others if b":" in line]
    headers = [(name.strip(), value.strip()) for name, value in pairs if _TOKEN.fullmatch(name.strip())]
    codings = _values(headers, b"transfer-encoding") - {b"identity"}
    lengths = set() if codings else _values(headers, b"content-length")
    if len(lengths) > 1 or not all(each.isdigit() for each in lengths):
        raise httpx.RemoteProtocolError("its Content-Lengths contradict each other")
    framing = {b"content-length", b"transfer-encoding"}
    kept = [(name, value) for name, value in headers if name.lower() not in framing]
    kept += [(b"Content-Length", each) for each in lengths]
    if codings:
        kept.append((b"Transfer-Encoding", b", ".join([*sorted(codings - {b"chunked"}), b"chunked"])))
    return [first, *(b"%s: %s" % header for header in kept)]


def _values(headers: list[tuple[bytes, bytes]], wanted: bytes) -> set[bytes]:
    return {
        each.strip().lower()
        for name, value in headers
        if name.lower() == wanted
        for each in value.split(b",")
    }
