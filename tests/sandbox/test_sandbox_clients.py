"""The vendors' own clients can fetch a token: what they put on the wire, byte for byte, and the programs that put it there.

Read in their sources: the PHP SDK of 2025-12-15 (`Auth::getEasemobAccessToken`, `Http::send`: curl's own Content-Type around
JSON) and the Node examples of 2017-07-31 (`token.js` says `header` where `request.js` reads `headers`, so that no
Content-Type is sent, and the body is chunked).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from urllib.parse import urlsplit

import pytest

PATH = "/sandbox/demo/token"
CREDENTIALS = (
    '"grant_type":"client_credentials","client_id":"sandbox-client","client_secret":"sandbox-secret"'
)
PHP_BODY = "{" + CREDENTIALS + ',"ttl":2592000}'
NODE_BODY = "{" + CREDENTIALS + "}"


def php(host: str) -> str:
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: EasemobServerSDK-PHP/8.2.0\r\nAccept: */*\r\n"
        f"Content-Length: {len(PHP_BODY)}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n{PHP_BODY}"
    )


def node(host: str) -> str:
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"{len(NODE_BODY):x}\r\n{NODE_BODY}\r\n0\r\n\r\n"
    )


def answered(sent: str, host: str, port: int) -> dict:
    with socket.create_connection((host, port), timeout=10) as wire:
        wire.sendall(sent.encode())
        got = b""
        while b"}" not in got:
            more = wire.recv(65536)
            assert more, got
            got += more
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), got
    return json.loads(body)


@pytest.mark.parametrize(("client", "lasts"), [(php, 2_592_000), (node, 60 * 24 * 3600)])
def test_what_the_clients_send_gets_a_token(sandbox, client, lasts):
    place = urlsplit(sandbox.embedded.base_url)
    found = answered(client(place.netloc), place.hostname, place.port)
    assert found["access_token"].startswith("YWMt")
    assert found["expires_in"] == lasts


def fetched(command: list[str]) -> dict:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return json.loads(ended.stdout)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_as_the_php_sdk_uses_it_gets_a_token(sandbox):
    found = fetched(["curl", "-sS", "-X", "POST", "-d", PHP_BODY, sandbox.embedded.base_url + PATH])
    assert found["access_token"].startswith("YWMt")


SCRIPT = """
const http = require('http');
const [host, port, path, body] = process.argv.slice(1);
const request = http.request({host, port, path, method: 'POST', headers: {}, agent: false}, function (answer) {
  let chunks = '';
  answer.setEncoding('utf8');
  answer.on('data', function (chunk) { chunks += chunk; });
  answer.on('end', function () { process.stdout.write(chunks); });
});
request.write(body);
request.end();
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_node_as_the_examples_use_it_gets_a_token(sandbox):
    place = urlsplit(sandbox.embedded.base_url)
    found = fetched(["node", "-e", SCRIPT, "--", place.hostname, str(place.port), PATH, NODE_BODY])
    assert found["access_token"].startswith("YWMt")
