"""Every odd answer, over both ways to a vendor, and over the way with the bytes split anywhere."""

from __future__ import annotations

import asyncio

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.answering import answering, reset
from support.odd_answers import ANSWERS, Is, Odd, head

from bulkim.model import Call, Fault, Reply
from bulkim.transport import BODY_BYTES_MAX, Transport
from bulkim.transport.coding import decoded
from bulkim.transport.http1 import Connection, _parser

CALL = Call("DELETE", "/o/a/users/x", "/o/a/users/{username}", body=b"{}")
WAYS = ("own", pytest.param("proxied", marks=pytest.mark.slow))
LATE_S = 0.7  # of those that never end; everything else is awaited for long
PATIENCE_S = 60.0


SECOND = b'{"second": true}'


def served(odd: Odd, way: str, monkeypatch) -> list[Reply | Fault]:
    """What comes of two calls: the first is answered oddly, the second plainly."""

    def answer(connection, number: int, request: bytes) -> bool:
        if number > 1:
            connection.sendall(head(b"Content-Length: %d" % len(SECOND)) + SECOND)
            return True
        connection.sendall(odd.answer)
        while odd.endless:
            connection.sendall(odd.endless)
        return reset(connection) if odd.resets else not odd.closes

    expected = odd.proxied if way == "proxied" and odd.proxied else odd.own
    timeout_s = LATE_S if expected.code == "timeout" else PATIENCE_S

    async def calls(address: str) -> list[Reply | Fault]:
        async with Transport(address, timeout_s=timeout_s) as transport:
            return [await transport.send(CALL), await transport.send(CALL)]

    for name in ("http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with answering(answer) as server:
        if way == "proxied":
            monkeypatch.setenv("http_proxy", server.url)
        return anyio.run(calls, "http://vendor.example" if way == "proxied" else server.url)


def judged(expected: Is, reply: Reply | Fault) -> None:
    if expected.code:
        assert isinstance(reply, Fault), reply
        assert (reply.code, reply.sent) == (expected.code, True)
        assert expected.words in reply.reason
    else:
        assert isinstance(reply, Reply), reply
        assert (reply.status, reply.body) == (expected.status, expected.body)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("odd", ANSWERS, ids=lambda odd: odd.name)
def test_what_an_answer_is_believed_to_be(odd, way, monkeypatch):
    first, second = served(odd, way, monkeypatch)
    judged(odd.proxied if way == "proxied" and odd.proxied else odd.own, first)
    judged(Is(200, SECOND), second)  # what came too much, or never, is nobody else's answer


def test_a_difference_has_a_reason():
    assert all(odd.why for odd in ANSWERS if odd.proxied)
    assert len({odd.name for odd in ANSWERS}) == len(ANSWERS)


# ------------------------------------------------------------------------------- split anywhere


class Wire:
    """What a Connection writes to: nothing leaves."""

    def __init__(self) -> None:
        self.closing = False

    def write(self, data: bytes) -> None: ...

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True


def fed(parts: list[bytes], *, closes: bool) -> tuple[object, ...]:
    """What a connection makes of an answer that comes in these parts."""

    async def main() -> tuple[object, ...]:
        connection, wire = Connection(BODY_BYTES_MAX), Wire()
        connection._wire = wire
        connection._parser = _parser(connection)
        waiting = asyncio.ensure_future(connection.exchange(b"", b"", None))
        await asyncio.sleep(0)
        for part in parts:
            if not wire.closing:
                connection.data_received(part)
        if closes and not wire.closing:
            connection.connection_lost(None)
        if connection._done is not None and not connection._done.done():
            waiting.cancel()
        try:
            response = await waiting
        except asyncio.CancelledError:
            return ("waits",)
        except httpx.HTTPError as error:
            return (type(error).__name__,)
        headers = response.headers.raw
        try:
            body = decoded(
                b"".join([part async for part in response.stream]), headers, bytes_max=BODY_BYTES_MAX
            )
        except httpx.DecodingError:
            return ("DecodingError",)
        return (response.status_code, headers, body)

    return asyncio.run(main())


SHORT = [odd for odd in ANSWERS if len(odd.answer) < 2000 and not odd.resets]


@settings(max_examples=400)
@given(st.data())
def test_where_an_answer_is_split_changes_nothing(data):
    odd = data.draw(st.sampled_from(SHORT))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(odd.answer)), max_size=12)))
    parts = [
        odd.answer[at:to] for at, to in zip([0, *cuts], [*cuts, len(odd.answer)], strict=True) if at < to
    ]
    assert fed(parts, closes=odd.closes) == fed([odd.answer] if odd.answer else [], closes=odd.closes)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n", b"Content-Length: 3\r\n", b"\r\n", b"\n", b"abc",
                 b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"Transfer-Encoding: identity\r\n",
                 b"Content-Encoding: gzip\r\n", b"Content-Length: 4\r\n", b": x\r\n", b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n"]
            ),
        ),
        max_size=14,
    ),
    st.booleans(),
)  # fmt: skip
def test_no_bytes_break_it(parts, closes):
    ended = fed([part for part in parts if part], closes=closes)
    assert (
        ended[0] in {"waits", "RemoteProtocolError", "ReadError", "DecodingError"} or 200 <= ended[0] <= 999
    )
