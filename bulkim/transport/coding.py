"""Answers that come compressed. Nothing is asked for, and then any coding is allowed (RFC 9110, 12.5.3)."""

from __future__ import annotations

import zlib

import httpx

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # told apart by their first bytes
_RAW_DEFLATE = -zlib.MAX_WBITS  # what some servers send as "deflate"; browsers and curl take it, too
CODINGS_MAX = 3  # one over the other: nobody means more, and each may be a bomb


def decoded(body: bytes, headers: list[tuple[bytes, bytes]], *, bytes_max: int) -> bytes:
    """The body without its codings. Raises httpx.DecodingError: an unknown one, a broken one, more than `bytes_max`.

    A transfer coding below `chunked` is undone like a content coding.
    """
    codings = [
        coding
        for wanted in (b"content-encoding", b"transfer-encoding")
        for name, value in headers
        if name.lower() == wanted
        for each in value.split(b",")
        if (coding := each.strip().lower()) not in {b"", b"identity", b"chunked"}
    ]
    if len(codings) > CODINGS_MAX:
        raise httpx.DecodingError(f"the answer is encoded {len(codings)} times over")
    for coding in reversed(codings):
        body = _undone(body, coding, bytes_max)
    return body


def _undone(body: bytes, coding: bytes, bytes_max: int) -> bytes:
    if coding not in {b"gzip", b"x-gzip", b"deflate"}:
        shown = coding[:20].decode("latin-1")
        raise httpx.DecodingError(f"the answer is encoded as {shown!r}, which was not asked for")
    if not body:
        return body  # 204 and the like
    try:
        return _inflated(body, _GZIP_OR_ZLIB, bytes_max)
    except zlib.error as error:
        if coding == b"deflate":
            try:
                return _inflated(body, _RAW_DEFLATE, bytes_max)
            except zlib.error:
                pass
        raise httpx.DecodingError(f"the answer says {coding.decode()} and is not: {error}") from error


def _inflated(body: bytes, window: int, bytes_max: int) -> bytes:
    """All members of a compressed body, one after the other."""
    inflated = bytearray()
    while body:
        member = zlib.decompressobj(window)
        inflated += member.decompress(body, bytes_max + 1 - len(inflated))
        if len(inflated) > bytes_max:
            raise httpx.DecodingError(f"the answer is larger than {bytes_max} bytes")
        if not member.eof:
            raise zlib.error("it ends too early")
        body = member.unused_data.lstrip(b"\0")  # padding that gzip allows
    return bytes(inflated)
