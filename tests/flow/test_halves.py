"""Text that cannot be written: half an emoji in a vendor's JSON, bytes that are no text on a command line.

Whatever a vendor says, the run is accounted for, the journal can be read, and nobody is taken for somebody else.
"""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading

import pytest
from support.here import bulkim_here
from support.processes import bulkim, environment

HALF = r"\ud83d"  # as JSON writes it
LISTED = rf'{{"entities": [{{"username": "anna"}}, {{"username": "b{HALF}"}}, {{"username": "b\ud83e"}}], "count": 3}}'


class Vendor(http.server.BaseHTTPRequestHandler):
    """Lists users with half an emoji, and refuses everybody with one."""

    seen: list[str]

    def do_GET(self) -> None:
        self._say(200, LISTED)

    def do_DELETE(self) -> None:
        self.server.seen.append(self.path)
        self._say(403, rf'{{"error": "forbidden{HALF}", "error_description": "no {HALF} \ud83d\ude00"}}')

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vendor():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def job(folder, vendor, operation: str, source: str) -> str:
    (folder / "job.yaml").write_text(
        f"name: halves\nprovider: easemob\noperation: {operation}\nretries: 0\n"
        f'connection: {{base_url: "http://127.0.0.1:{vendor.server_port}", org: o, app: a, auth: {{token: t}}}}\n{source}'
    )
    return "job.yaml"


def test_a_listed_half_is_nobody_who_can_be_hit(tmp_path, vendor):
    said = bulkim("run", job(tmp_path, vendor, "delete", "source: {listing: users}\n"), "--yes", cwd=tmp_path)
    assert "bug of bulkim" not in said.err
    assert "UnicodeEncodeError" not in said.err
    assert {path.rpartition("/")[2] for path in vendor.seen} == {"anna"}
    rows = bulkim_here("results", "last", "--json").json
    assert len({row["username"] for row in rows}) == 3, "two different halves stay two"
    assert [row["code"] for row in rows].count("invalid") == 2


def test_a_listing_itself(tmp_path, vendor):
    said = bulkim("run", job(tmp_path, vendor, "list-users", ""), "--json", cwd=tmp_path)
    assert (said.code, said.json["counts"]["succeeded"]) == (0, 3), said.err
    for style in ("csv", "jsonl", "junit", "table"):
        assert bulkim_here("results", "last", "--format", style, "-o", f"out.{style}").code == 0
        (tmp_path / f"out.{style}").read_text(encoding="utf-8")
    assert bulkim_here("report", "last", "-o", "run.html").code == 0


def test_a_refusal_with_a_half(tmp_path, vendor):
    said = bulkim(
        "run", job(tmp_path, vendor, "delete", "source: {items: [u1, u2]}\n"), "--yes", "-vv", cwd=tmp_path
    )
    assert said.code not in {0, 3, 70}, said.err
    assert "bug of bulkim" not in said.err
    (row, *_) = bulkim_here("show", "last", "u1", "--json").json["items"]
    assert "😀" in json.dumps(row, ensure_ascii=False)


@pytest.mark.parametrize(
    "words",
    [["show", b"\xff"], ["results", "last", "--code", b"\xff"], ["run", b"\xff.yaml"], ["retry", b"\xff"], ["explain", "easemob", b"\xff"]],
)  # fmt: skip
def test_bytes_that_are_no_text(tmp_path, vendor, words):
    name = job(tmp_path, vendor, "delete", "source: {items: [u1]}\n")
    (tmp_path / name).rename(tmp_path / "x.yaml")
    bulkim_here("run", "x.yaml", "--sandbox", "--yes", "-q")
    with open(bytes(tmp_path) + b"/\xff.yaml", "w") as file:  # noqa: PTH123 - a name that no Path has
        file.write((tmp_path / "x.yaml").read_text())
    said = subprocess.run(
        [sys.executable, "-m", "bulkim", *words], cwd=tmp_path, env=environment(PYTHONUTF8="1"), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode in {2, 3}, said.stderr
    assert b"bug of bulkim" not in said.stderr


def test_a_token_that_no_header_can_carry(tmp_path, vendor):
    name = job(tmp_path, vendor, "delete", "source: {items: [u1]}\n")
    (tmp_path / name).write_text((tmp_path / name).read_text().replace("token: t", 'token: "研发"'))
    said = bulkim("run", name, "--yes", cwd=tmp_path)
    assert said.code == 6, said.err
    assert "no request can carry" in said.err + said.out
    assert vendor.seen == []
