"""The how-to about another API is carried out as it is written, against a small server that stands for that API."""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.processes import bulkim

PAGE = (Path(__file__).parents[2] / "docs/how-to/providers.md").read_text()
SECRETS = {"ZULIP_EMAIL": "bot@example.com", "ZULIP_API_KEY": "k3y-of-the-bot"}


class Zulip(BaseHTTPRequestHandler):
    def answer(self):
        proof = base64.b64encode(":".join(SECRETS.values()).encode()).decode()
        name = self.path.removeprefix("/api/v1/users/")
        active = self.server.active
        if self.headers["authorization"] != f"Basic {proof}":
            status, said = 401, {"code": "UNAUTHORIZED", "result": "error", "msg": "Invalid API key"}
        elif name not in active:
            status, said = 400, {"code": "BAD_REQUEST", "result": "error", "msg": "No such user"}
        else:
            active[name] = active[name] and self.command != "DELETE"
            user = {"user_id": int(name), "is_active": active[name]}
            status, said = (
                200,
                {"result": "success", "msg": "", **({"user": user} if self.command == "GET" else {})},
            )
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_DELETE = answer  # noqa: N815 - the names that the server looks for

    def log_message(self, *_):
        pass


@pytest.fixture
def zulip():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Zulip)
    server.active = dict.fromkeys(("8", "9", "10", "11"), True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_the_page_is_carried_out(zulip, tmp_path):
    for name, text in re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", PAGE, flags=re.DOTALL):
        here = f"http://127.0.0.1:{zulip.server_port}"
        (tmp_path / name).write_text(text.replace("https://example.zulipchat.com", here))
    commands = 0
    for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL):
        for command, promised in re.findall(r"\$ bulkim ([^\n]*)\n((?:[^$\n][^\n]*\n)*)", block):
            ended = bulkim(*command.split(), cwd=tmp_path, **SECRETS)
            assert ended.code == 0, (command, ended.err)
            for line in promised.splitlines():
                assert line in ended.out + ended.err, (command, line)
            commands += 1
    assert commands == 5
    assert zulip.active == {"8": False, "9": False, "10": False, "11": True}
