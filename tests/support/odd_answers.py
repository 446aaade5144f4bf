"""What servers, gateways and portals answer that is not quite HTTP, and what each answer is believed to be.

One table for both ways to a vendor: `own` is bulkim's HTTP/1.1, `proxied` is httpx behind a proxy. Where they differ, `why`
says so. Every fault here is one that may have been done: an answer came.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field

BODY = b'{"ok": true}'
LENGTH = b"Content-Length: 12"
CHUNKED = b"Transfer-Encoding: chunked"


def head(*headers: bytes, first: bytes = b"HTTP/1.1 200 OK", ends: bytes = b"\r\n") -> bytes:
    return ends.join([first, *headers, b"", b""])


def chunks(*parts: bytes, extension: bytes = b"", trailers: bytes = b"", ends: bytes = b"\r\n") -> bytes:
    sent = b"".join(b"%x%s%s%s%s" % (len(part), extension, ends, part, ends) for part in parts)
    return sent + b"0" + extension + ends + trailers + ends


@dataclass(frozen=True)
class Is:
    """What an answer is believed to be: a reply (`status`, `body`) or a fault (`code`, words of its reason)."""

    status: int | None = None
    body: bytes = BODY
    code: str = ""
    words: str = ""


OK = Is(200)
NOT_HTTP = Is(code="bad_response", words="the answer is not HTTP")
UNDECODED = Is(code="bad_response", words="the answer cannot be decoded")
BROKEN = Is(code="connection", words="the connection broke")
LATE = Is(code="timeout", words="no answer in time")


@dataclass(frozen=True)
class Odd:
    """One answer."""

    name: str
    answer: bytes
    own: Is
    proxied: Is | None = None  # None: the same
    why: str = ""
    closes: bool = False  # the server closes the connection behind it
    resets: bool = False  # or resets it
    endless: bytes = field(default=b"", repr=False)  # and goes on with this until somebody hangs up


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _coded(coding: bytes, body: bytes) -> bytes:
    return head(b"Content-Encoding: " + coding, b"Content-Length: %d" % len(body)) + body


PLAIN = head(LENGTH) + BODY
_STRICT = "h11 is strict here; curl and browsers are not"

ANSWERS: tuple[Odd, ...] = (
    Odd("plain", PLAIN, OK),
    # How long it is
    Odd("chunked", head(CHUNKED) + chunks(BODY[:5], BODY[5:]), OK),
    Odd("chunked in upper case", head(b"TRANSFER-ENCODING: Chunked") + chunks(BODY), OK),
    Odd("chunked and a length", head(CHUNKED, b"Content-Length: 3") + chunks(BODY), OK),
    Odd("chunk extensions", head(CHUNKED) + chunks(BODY, extension=b";a=b"), OK),
    Odd("padded chunk sizes", head(CHUNKED) + chunks(BODY, extension=b"  "), OK),
    Odd("trailers", head(CHUNKED, b"Trailer: X") + chunks(BODY, trailers=b"X: 1\r\nContent-Length: 3\r\n"), OK),
    Odd("identity and a length", head(b"Transfer-Encoding: identity", LENGTH) + BODY, OK, NOT_HTTP, _STRICT),
    Odd("two lengths that agree", head(LENGTH, LENGTH) + BODY, OK),
    Odd("a list of lengths that agree", head(b"Content-Length: 12, 12") + BODY, OK),
    Odd("two lengths that differ", head(LENGTH, b"Content-Length: 3") + BODY, NOT_HTTP),
    Odd("a negative length", head(b"Content-Length: -1") + BODY, NOT_HTTP),
    Odd("a length beyond all numbers", head(b"Content-Length: " + b"9" * 30) + BODY, NOT_HTTP),
    Odd("no length, closed", head() + BODY, OK, closes=True),
    Odd("a length and closed", head(LENGTH, b"Connection: close") + BODY, OK, closes=True),
    Odd("too short", head(LENGTH) + BODY[:5], BROKEN, closes=True),
    Odd("chunks cut off", head(CHUNKED) + chunks(BODY)[:-5], BROKEN, closes=True),
    Odd("too long", PLAIN + b"XXXX", OK),
    Odd("twice", PLAIN + PLAIN, OK),
    Odd("a line break too many", PLAIN + b"\r\n", OK),
    Odd("a line break before", b"\r\n" + PLAIN, OK, NOT_HTTP, _STRICT),
    Odd("never ends", head(LENGTH) + BODY[:5], LATE),
    # Its first line
    Odd("no reason", head(LENGTH, first=b"HTTP/1.1 200") + BODY, OK),
    Odd("HTTP/1.0", head(LENGTH, first=b"HTTP/1.0 200 OK") + BODY, OK),
    Odd("HTTP/1.0 that stays", head(LENGTH, b"Connection: keep-alive", first=b"HTTP/1.0 200 OK") + BODY, OK),
    Odd("a status of one's own", head(LENGTH, first=b"HTTP/1.1 999 X") + BODY, Is(999)),
    Odd("a status of four digits", head(LENGTH, first=b"HTTP/1.1 1000 X") + BODY, NOT_HTTP),
    Odd("a status below 100", head(LENGTH, first=b"HTTP/1.1 099 X") + BODY, NOT_HTTP),
    Odd("HTTP/2", head(LENGTH, first=b"HTTP/2 200") + BODY, NOT_HTTP),
    Odd("HTTP/2 frames", bytes.fromhex("00001204000000000000030000008000040001000000050000ffff"), NOT_HTTP, closes=True),
    Odd("another protocol", b"SSH-2.0-OpenSSH_9\r\n", NOT_HTTP, LATE, "h11 waits for headers"),
    Odd("nothing", b"", BROKEN, closes=True),
    Odd("a reset", b"", BROKEN, resets=True),
    Odd("only half a first line", b"HTTP/1.1 20", BROKEN, closes=True),
    # Its headers
    Odd("LF alone", head(LENGTH, ends=b"\n") + BODY, OK),
    Odd("a folded header", head(b"X: a\r\n b", LENGTH) + BODY, OK),
    Odd("a blank before the colon", head(b"X : a", LENGTH) + BODY, OK, NOT_HTTP, _STRICT),
    Odd("a blank before the length's colon", head(b"Content-Length : 12") + BODY, OK, NOT_HTTP, _STRICT),
    Odd("a header without a name", head(b": a", LENGTH) + BODY, OK, NOT_HTTP, _STRICT),
    Odd("a header without a colon", head(b"nonsense", LENGTH) + BODY, OK, NOT_HTTP, _STRICT),
    Odd("a control character", head(b"X: a\x01b", LENGTH) + BODY, OK),
    Odd("text that is not ASCII", head("X: é".encode(), LENGTH) + BODY, OK),
    Odd("a header of 90 kB", head(b"X: " + b"a" * 90_000, LENGTH) + BODY, OK),
    Odd("a thousand headers", head(*(b"X-%d: a" % number for number in range(1000)), LENGTH) + BODY, OK),
    Odd("upgrade offered", head(b"Upgrade: h2c", b"Connection: Upgrade, Keep-Alive", LENGTH) + BODY, OK),
    # Interim answers
    Odd("100 first", head(first=b"HTTP/1.1 100 Continue") + PLAIN, OK),
    Odd("103 and 102 first", head(b"Link: </x>", first=b"HTTP/1.1 103 Hints") + head(first=b"HTTP/1.1 102 P") + PLAIN, OK),
    Odd("100 before two lengths", head(first=b"HTTP/1.1 100 Continue") + head(LENGTH, LENGTH) + BODY, OK),
    Odd("101", head(b"Upgrade: h2c", b"Connection: Upgrade", first=b"HTTP/1.1 101 Switching") + b"\0\0", NOT_HTTP),
    # Statuses without a body
    Odd("204", head(first=b"HTTP/1.1 204 No Content"), Is(204, b"")),
    Odd("204 with a body", head(LENGTH, first=b"HTTP/1.1 204 No Content") + BODY, Is(204, b"")),
    Odd("304 with a length", head(LENGTH, first=b"HTTP/1.1 304 Not Modified"), Is(304, b"")),
    # Codings that nobody asked for
    Odd("gzip", _coded(b"gzip", gzip.compress(BODY)), OK),
    Odd("x-gzip", _coded(b"x-gzip", gzip.compress(BODY)), OK),
    Odd("gzip in two members", _coded(b"gzip", gzip.compress(BODY[:5]) + gzip.compress(BODY[5:])), OK),
    Odd("deflate", _coded(b"deflate", zlib.compress(BODY)), OK),
    Odd("deflate without its header", _coded(b"deflate", _raw_deflate(BODY)), OK),
    Odd("gzip over deflate", _coded(b"deflate, gzip", gzip.compress(zlib.compress(BODY))), OK),
    Odd("identity", _coded(b"identity", BODY), OK),
    Odd("gzip and chunked", head(b"Transfer-Encoding: gzip, chunked") + chunks(gzip.compress(BODY)), OK, NOT_HTTP, _STRICT),
    Odd("gzip that is none", _coded(b"gzip", BODY), UNDECODED),
    Odd("gzip cut off", _coded(b"gzip", gzip.compress(BODY)[:-6]), UNDECODED),
    Odd("a bomb", _coded(b"gzip", gzip.compress(b"a" * (33 * 1024 * 1024))), UNDECODED),
    Odd("four codings", _coded(b"gzip, gzip, gzip, gzip", BODY), UNDECODED),
    Odd("br", _coded(b"br", b"\x0b\x05\x80"), UNDECODED),
    # Without end
    Odd("an endless first line", b"HTTP/1.1 200 ", NOT_HTTP, endless=b"a" * 65536),
    Odd("an endless header's name", b"HTTP/1.1 200 OK\r\nX", NOT_HTTP, endless=b"a" * 65536),
    Odd("an endless header", b"HTTP/1.1 200 OK\r\nX: ", NOT_HTTP, endless=b"a" * 65536),
    Odd("endless headers", b"HTTP/1.1 200 OK\r\n", NOT_HTTP, endless=b"X: a\r\n" * 5000),
    Odd("an endless chunk extension", head(CHUNKED) + b"1;", NOT_HTTP, endless=b"a" * 65536),
    Odd("endless trailers", head(CHUNKED) + b"0\r\nX: ", NOT_HTTP, endless=b"a" * 65536),
    Odd("endless interim answers", b"", NOT_HTTP, LATE, "httpcore reads on", endless=head(first=b"HTTP/1.1 102 P") * 3000),
    Odd("an endless body", head(), UNDECODED, endless=b"a" * 1024 * 1024),
    Odd("an endless body in chunks", head(CHUNKED), UNDECODED, endless=b"100000\r\n" + b"a" * 1024 * 1024 + b"\r\n"),
    Odd("a length of 500 MB", head(b"Content-Length: 524288000"), UNDECODED, endless=b"a" * 1024 * 1024),
)  # fmt: skip
