"""The request on the wire: through a proxy that the environment names (httpx's own transport), and without."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from support.apps import write_job
from support.here import bulkim_here

from bulkim.model import Call, Credentials, Fault, Reply
from bulkim.transport import Transport

CALL = Call("DELETE", "/o/a/users/x%2F1", "/o/a/users/{username}", query=(("q", "1 2"),))
CREDENTIALS = Credentials(headers=(("Authorization", "Bearer t"),))
ANSWER = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def proxied(monkeypatch):
    """Sends CALL to a base URL through a proxy that answers as told: (the first request's head, what came back)."""

    def send(base_url: str, answer: bytes) -> tuple[list[bytes], Reply | Fault]:
        heads: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            writer.close()

        async def main() -> Reply | Fault:
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
                monkeypatch.setenv(name, address)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            async with server, Transport(base_url, timeout_s=5) as transport:
                return await transport.send(CALL, CREDENTIALS)

        reply = anyio.run(main)
        return heads[0].split(b"\r\n"), reply

    return send


def test_plain_http_is_forwarded_with_the_whole_url(proxied):
    head, reply = proxied("http://vendor.example:8080", ANSWER)
    assert head[0] == b"DELETE http://vendor.example:8080/o/a/users/x%2F1?q=1+2 HTTP/1.1"
    assert b"Host: vendor.example:8080" in head
    assert b"Authorization: Bearer t" in head
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.headers) == (200, b"{}", {"date": "now"})


def test_https_is_tunnelled_and_a_refused_tunnel_sent_nothing(proxied):
    head, reply = proxied("https://vendor.example", b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    assert head[0] == b"CONNECT vendor.example:443 HTTP/1.1"
    assert not any(b"Bearer" in line for line in head)
    assert isinstance(reply, Fault)
    assert not reply.sent


def test_a_header_cannot_smuggle_a_second_one():
    async def main() -> Reply | Fault:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Transport(f"http://127.0.0.1:{port}", timeout_s=5) as transport:
            return await transport.send(CALL, Credentials(headers=(("Authorization", "Bearer t\r\nX: y"),)))

    reply = anyio.run(main)
    assert isinstance(reply, Fault)
    assert not reply.sent


@pytest.mark.parametrize("command", ["run", pytest.param("verify", marks=pytest.mark.slow)])
def test_a_proxy_that_is_none_ends_the_command_before_anything_is_written(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_job(
        tmp_path,
        "job",
        "easemob",
        "https://vendor.example",
        "register",
        [{"username": "u", "password": "pw"}],
    )
    if command == "verify":
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
        bulkim_here("run", "job.yaml", "--yes")  # reaches nobody, and leaves a run to verify
    runs = bulkim_here("runs", "--json").json if command == "verify" else []
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:port")
    ended = bulkim_here(*(("run", "job.yaml") if command == "run" else ("verify", "last")))
    assert ended.code == 3, ended.err
    assert "https_proxy" in ended.err
    assert "Traceback" not in ended.err
    assert (bulkim_here("runs", "--json").json or []) == runs
