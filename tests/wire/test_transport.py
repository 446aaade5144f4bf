"""The way to a vendor: addresses, connections, the gate, proxies. Real sockets."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from support.answering import answering, reset
from support.odd_answers import BODY, PLAIN, head

from bulkim.model import Call, Credentials, Fault, Reply
from bulkim.transport import Transport

CALL = Call("DELETE", "/o/a/users/x", "/o/a/users/{username}")
SECOND = head(b"Content-Length: 2") + b"{}"


@pytest.fixture(autouse=True)
def no_proxy_but_ours(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def plain(connection, number: int, request: bytes) -> bool:
    connection.sendall(PLAIN)
    return True


def sends(
    address: str, calls: int = 1, *, between: Callable[[], None] = lambda: None, **options
) -> list[Reply | Fault]:
    """So many calls, one after another, and something that happens between them without the loop."""

    async def main() -> list[Reply | Fault]:
        answers = []
        async with Transport(address, timeout_s=options.pop("timeout_s", 60), **options) as transport:
            for number in range(calls):
                if number:
                    between()
                answers.append(await transport.send(CALL))
        return answers

    return anyio.run(main)


# ------------------------------------------------------------------------------------------- addresses


def two_addresses(monkeypatch, first: tuple[str, int], second: tuple[str, int]) -> None:
    """A name that has these two addresses."""

    async def getaddrinfo(self, host, port, **hints):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", first),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", second),
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


def test_a_first_address_that_does_not_answer_costs_a_quarter_second(monkeypatch):
    with socket.socket() as deaf, answering(plain) as server:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        full = [socket.socket() for _ in range(4)]  # its queue is full, so that a connection to it hangs
        for each in full:
            each.setblocking(False)
            each.connect_ex(deaf.getsockname())
        two_addresses(monkeypatch, deaf.getsockname(), ("127.0.0.1", server.port))
        (reply,) = sends("http://vendor.example", timeout_s=600)
        for each in full:
            each.close()
    assert isinstance(reply, Reply)
    assert reply.body == BODY


def test_a_first_address_that_refuses_costs_nothing(monkeypatch):
    with socket.socket() as closed, answering(plain) as server:
        closed.bind(("127.0.0.1", 0))
        two_addresses(monkeypatch, closed.getsockname(), ("127.0.0.1", server.port))
        (reply,) = sends("http://vendor.example")
    assert isinstance(reply, Reply)


SIX = """
import sys, anyio
from pathlib import Path
from support.answering import answering
from support.odd_answers import PLAIN
from bulkim.model import Call
from bulkim.transport import Transport

async def main(address):
    async with Transport(address, timeout_s=600) as transport:
        print(type(await transport.send(Call("DELETE", "/o/a/users/x", "/o/a/users/{username}"))).__name__)

with answering(lambda connection, number, request: connection.sendall(PLAIN) or True) as server:
    Path("port").write_text(str(server.port))
    print(sys.stdin.readline().strip())
    anyio.run(main, f"http://six.example:{server.port}")
"""
DROPPED = """
set -e
ip link set lo up
printf '127.0.0.1 localhost\\n::1 six.example\\n127.0.0.1 six.example\\n' > hosts
mount --bind hosts /etc/hosts
"$1" -c "$2" < told &
exec 3> told
while [ ! -s port ]; do sleep 0.02; done
ip6tables -A INPUT -p tcp --dport "$(cat port)" -j DROP
echo dropped >&3
wait %1
"""


def test_where_nothing_comes_back_over_ipv6_it_goes_over_ipv4(tmp_path):
    """A name that has ::1 first, whose packets are dropped: half-broken IPv6, a dead node among several addresses."""
    if missing := [each for each in ("unshare", "ip", "ip6tables", "mount") if not shutil.which(each)]:
        pytest.skip(f"there is no {missing[0]}")
    allowed = subprocess.run(["unshare", "-n", "-m", "ip6tables", "-L"], capture_output=True, check=False)
    if allowed.returncode:
        pytest.skip("no network namespace with IPv6 rules can be made here: needs root")
    os.mkfifo(tmp_path / "told")
    said = subprocess.run(
        ["unshare", "-n", "-m", "bash", "-c", DROPPED, "bash", sys.executable, SIX],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.stdout.split() == ["dropped", "Reply"], said.stderr


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "127.0.0.1:0"])
def test_a_host_that_is_none_is_reached_by_nobody(host):
    (fault,) = sends(f"http://{host}")
    assert isinstance(fault, Fault)
    assert (fault.code, fault.sent) == ("connection", False)


# ----------------------------------------------------------------------------------------- connections


def test_a_connection_is_used_again():
    with answering(plain) as server:
        assert all(isinstance(each, Reply) for each in sends(server.url, 5))
        assert server.connections == 1


@pytest.mark.parametrize("way", ["own", "proxied"])
def test_an_answer_where_nothing_was_asked_is_nobodys(way, monkeypatch):
    """The server says it twice; the copy comes when the first has been read, and before the loop looks again."""
    came = []

    def twice(connection, number: int, request: bytes) -> bool:
        if number == 1:
            came.append(connection)
        connection.sendall(PLAIN if number == 1 else SECOND)
        return True

    def copy() -> None:
        came[0].sendall(PLAIN)
        time.sleep(0.05)  # it is in the client's socket, and the client's loop has not seen it

    with answering(twice) as server:
        if way == "proxied":
            monkeypatch.setenv("http_proxy", server.url)
        first, second = sends("http://vendor.example" if way == "proxied" else server.url, 2, between=copy)
        assert isinstance(first, Reply)
        assert isinstance(second, Reply)
        assert (first.body, second.body) == (BODY, b"{}")
        assert server.connections == 2


@pytest.mark.parametrize("way", ["own", "proxied"])
def test_a_proxied_connection_is_used_again_too(way, monkeypatch):
    with answering(plain) as server:
        if way == "proxied":
            monkeypatch.setenv("http_proxy", server.url)
        sends("http://vendor.example" if way == "proxied" else server.url, 3)
        assert server.connections == 1


def test_after_a_broken_connection_the_next_call_goes_over_a_new_one():
    """Four connections stand idle; the server drops what comes over any of them, and answers on new ones."""

    def answer(connection, number: int, request: bytes) -> bool:
        if number <= 4:
            time.sleep(0.2)  # so that four are in flight
            return plain(connection, number, request)
        return reset(connection) if connection in known else plain(connection, number, request)

    known: set[socket.socket] = set()

    async def main() -> list[Reply | Fault]:
        async with Transport(server.url, timeout_s=60) as transport:
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(transport.send, CALL)
            known.update(server._open)
            assert len(known) == 4
            return [await transport.send(CALL) for _ in range(3)]

    with answering(answer) as server:
        broken, *others = anyio.run(main)
    assert isinstance(broken, Fault)
    assert broken.sent
    assert all(isinstance(each, Reply) for each in others)


def test_a_reply_that_is_distrusted_closes_its_connection():
    async def main() -> None:
        async with Transport(server.url, timeout_s=60) as transport:
            reply = await transport.send(CALL)
            assert isinstance(reply, Reply)
            transport.distrust(reply)
            assert isinstance(await transport.send(CALL), Reply)

    with answering(plain) as server:
        anyio.run(main)
        assert server.connections == 2


def test_what_lies_in_the_socket_is_read_before_the_time_is_over():
    """The loop stands still for longer than the time-out, as in a process that was stopped; the answer came meanwhile."""

    async def main() -> Reply | Fault:
        async with Transport(server.url, timeout_s=0.2) as transport:
            await transport.send(CALL)  # the connection is there
            asyncio.get_running_loop().call_later(0.05, time.sleep, 0.5)
            return await transport.send(CALL)

    def slow(connection, number: int, request: bytes) -> bool:
        time.sleep(0.1 if number > 1 else 0)
        return plain(connection, number, request)

    with answering(slow) as server:
        assert isinstance(anyio.run(main), Reply)


def test_calls_without_an_answer_are_counted():
    async def main() -> list[int]:
        counted = []
        async with Transport(server.url, timeout_s=60) as transport:
            for _ in range(4):
                await transport.send(CALL)
                counted.append(transport.silent)
        return counted

    with answering(lambda c, number, _: reset(c) if number < 3 else plain(c, number, _)) as server:
        assert anyio.run(main) == [1, 2, 0, 0]


# ------------------------------------------------------------------------------------------------ gate


class ShutError(Exception):
    """What a gate raises here."""


@pytest.mark.parametrize("way", ["own", "proxied"])
def test_a_gate_is_asked_with_the_connection_there_and_before_the_first_byte(way, monkeypatch):
    asked = []

    def gate() -> None:
        time.sleep(0.05)
        asked.append((server.connections, len(server.requests)))
        if len(asked) == 2:
            raise ShutError

    async def main() -> None:
        address = "http://vendor.example" if way == "proxied" else server.url
        async with Transport(address, timeout_s=60, gate=gate) as transport:
            assert isinstance(await transport.send(CALL), Reply)
            with pytest.raises(ShutError):
                await transport.send(CALL)
            assert isinstance(await transport.send(CALL), Reply)

    with answering(plain) as server:
        if way == "proxied":
            monkeypatch.setenv("http_proxy", server.url)
        anyio.run(main)
        assert [requests for _, requests in asked] == [0, 1, 1]  # nothing of the second was ever sent
        assert asked[0][0] == 1
        if way == "own":
            assert server.connections == 1


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="TCP_USER_TIMEOUT is Linux's")
def test_the_kernel_gives_up_after_the_time_that_was_told():
    async def main() -> int:
        async with Transport(server.url, timeout_s=60, user_timeout_s=3) as transport:
            await transport.send(CALL)
            wire = transport._idle[0]._connection._wire.get_extra_info("socket")
            return wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    with answering(plain) as server:
        assert anyio.run(main) == 3000


# ---------------------------------------------------------------------------------------------- proxies


@pytest.mark.parametrize(
    "refusal",
    [
        b"",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 407 No\r\n\r\n",
        b"junk\r\n\r\n",
    ],
)
def test_a_proxy_that_makes_no_tunnel_has_sent_nothing(refusal, monkeypatch):
    def hangs_up(connection, number: int, request: bytes) -> bool:
        connection.sendall(refusal)
        return False

    with answering(hangs_up) as server:
        monkeypatch.setenv("https_proxy", server.url)
        (fault,) = sends("https://vendor.example")
        assert server.requests[0].startswith(b"CONNECT vendor.example:443 ")
    assert isinstance(fault, Fault)
    assert (fault.code, fault.sent) == ("connection", False)


def test_a_proxys_password_is_sent_to_it_and_nowhere_else(monkeypatch):
    with answering(plain) as server:
        monkeypatch.setenv("http_proxy", server.url.replace("//", "//me:p%40ss@"))
        (reply,) = sends("http://vendor.example")
        assert b"Proxy-Authorization: Basic bWU6cEBzcw==" in server.requests[0]
    assert isinstance(reply, Reply)


def test_socks(monkeypatch):
    """The hello, the address by name, then the request as it is."""
    said = []

    def socks(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"\x05\x00")
        said.append(connection.recv(100))
        connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
        said.append(connection.recv(4096))
        connection.sendall(PLAIN)

    import threading

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                socks(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("all_proxy", f"socks5h://127.0.0.1:{listening.getsockname()[1]}")
        (reply,) = sends("http://vendor.example")
        thread.join(30)
    assert isinstance(reply, Reply)
    assert b"vendor.example" in said[0]
    assert said[1].startswith(b"DELETE /o/a/users/x HTTP/1.1\r\n")


def test_credentials_with_a_line_break_are_not_sent(monkeypatch):
    async def main() -> Reply | Fault:
        async with Transport("http://vendor.example", timeout_s=60) as transport:
            return await transport.send(CALL, Credentials(headers=(("Authorization", "Bearer t\r\nX: y"),)))

    with answering(plain) as server:
        monkeypatch.setenv("http_proxy", server.url)
        fault = anyio.run(main)
        assert server.requests == []
    assert isinstance(fault, Fault)
    assert not fault.sent
