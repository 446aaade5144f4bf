"""Starting, stopping, connections: the server around the application."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import timedelta

import httpx
import pytest

from bulkim.sandbox import Embedded, PortTakenError, SandboxConfig, serve
from bulkim.sandbox.fault_rules import FaultRuleError

from .helpers import TOKEN


def test_embedded_serves_and_leaves_nothing_behind():
    before = threading.enumerate()
    with Embedded() as embedded:
        assert embedded.base_url.startswith("http://127.0.0.1:")
        assert embedded.control == f"{embedded.base_url}/_sandbox"
        response = httpx.get(f"{embedded.base_url}/sandbox/demo/users", headers=TOKEN)
        assert response.status_code == 200
    assert threading.enumerate() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(embedded.base_url)


def test_stopping_does_not_wait_for_calls_that_hang():
    with Embedded(SandboxConfig(faults=[{"do": "hang"}])) as embedded:
        host, port = embedded.base_url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)))
        connection.sendall(b"GET /sandbox/demo/users HTTP/1.1\r\nHost: x\r\n\r\n")
        while not httpx.get(f"{embedded.control}/requests").json()["requests"]:
            pass
    with connection:  # it would have hung for ever
        assert connection.recv(10) == b""


def test_an_embedded_can_be_started_again_but_not_twice():
    embedded = Embedded()
    for _ in range(2):
        with embedded, pytest.raises(RuntimeError, match="running already"):
            embedded.start()
    embedded.stop()


def test_a_taken_port_is_said_at_once():
    with Embedded() as embedded:
        port = int(embedded.base_url.rpartition(":")[2])
        with pytest.raises(
            PortTakenError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"
        ):
            Embedded(port=port).start()
        with pytest.raises(PortTakenError):
            serve(port=port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org", ""])
def test_only_loopback(host):
    with pytest.raises(ValueError, match=r"the sandbox listens on loopback only"):
        Embedded(host=host).start()


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_other_loopback_addresses(host):
    with Embedded(host=host) as embedded:
        assert httpx.get(f"{embedded.control}/stats").status_code == 200


def test_a_bad_configuration_is_said_at_once():
    with pytest.raises(FaultRuleError, match="rule 1: `do`"):
        Embedded(SandboxConfig(faults=[{"do": "explode"}])).start()
    with pytest.raises(ValueError, match="latency: expected seconds"):
        Embedded(SandboxConfig(latency=-1)).start()


def test_importing_the_package_imports_no_server():
    code = "import sys, bulkim.sandbox; print([n for n in ('starlette', 'uvicorn', 'httptools') if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_connections_are_kept_alive(sandbox):
    before = sandbox.control("GET", "stats")["connections"]["total"]
    with httpx.Client(headers=TOKEN) as client:
        for _ in range(20):
            assert client.get(f"{sandbox.demo}/users").status_code == 200
        connections = client.get(f"{sandbox.embedded.control}/stats").json()["connections"]
    assert connections["total"] == before + 1


def test_answers_do_not_wait_for_delayed_acknowledgements(sandbox):
    """With Nagle's algorithm on, each of these would take 40 ms, but for the first; without, some do not on any machine."""
    sandbox.http.get(f"{sandbox.demo}/users")
    assert min(sandbox.http.get(f"{sandbox.demo}/users").elapsed for _ in range(25)) < timedelta(seconds=0.03)


def test_a_request_cut_short_has_no_effect(sandbox):
    host, port = sandbox.embedded.base_url.removeprefix("http://").split(":")
    body = b'{"username": "user1", "password": "1"}'
    head = (
        b"POST /sandbox/demo/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-token\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + body)
    assert sandbox.users() == {}


def curl(*arguments):
    result = subprocess.run(
        ["curl", "-sS", *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return json.loads(result.stdout)


def test_the_pages_own_curl_calls(sandbox):
    """As printed, with the placeholders filled in; curl calls JSON a form where nobody says what it is."""
    token = ["-H", "Authorization: Bearer sandbox-token", "-H", "Accept: application/json"]
    users = '[{"username":"user1", "password":"123"}, {"username":"user2", "password":"456"}]'
    url = f"{sandbox.demo}/users"
    registered = curl("-X", "POST", *token, url, "-d", users)
    assert [user["username"] for user in registered["entities"]] == ["user1", "user2"]
    assert curl("-X", "DELETE", *token, f"{url}/user1")["action"] == "delete"
    assert curl("-X", "GET", *token, f"{url}?limit=2")["count"] == 1
    assert curl("-X", "DELETE", *token, f"{url}?limit=2")["entities"][0]["username"] == "user2"


@pytest.fixture
def program():
    """`python -m bulkim.sandbox` on a free port, and the line it says it listens with."""
    command = [sys.executable, "-W", "error", "-m", "bulkim.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline()
        process.kill()


def test_the_program_says_where_it_listens_and_leaves_quietly(program):
    process, line = program
    assert line.startswith("sandbox listening on http://127.0.0.1:")
    url = line.split()[-1]
    assert curl(f"{url}/_sandbox/stats")["requests"] == 0
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
    assert process.stderr.read() == ""


def test_the_program_refuses_a_taken_port_and_bad_rules(sandbox, tmp_path):
    rules = tmp_path / "faults.json"
    rules.write_text('[{"do": "explode"}]')
    port = sandbox.embedded.base_url.rpartition(":")[2]
    for arguments, message in (
        (["--port", port], "cannot listen on"),
        (["--faults", str(rules)], "rule 1: `do`"),
    ):
        command = [sys.executable, "-m", "bulkim.sandbox", *arguments]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False, env=os.environ
        )
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith(f"error: {message}")
