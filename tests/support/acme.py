"""A server for `tests/vendors/acme.yaml`: a vendor that nobody but that file knows. It shares no code with bulkim."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ACME = Path(__file__).parents[1] / "vendors" / "acme.yaml"
ROOT = "/v1/workspaces/w1/users"
KEY = "acme-secret-key"


class Acme(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        weather = self.server.weather(self.server.calls)
        self.server.calls += 1
        size = int(self.headers.get("content-length") or 0)
        sent = json.loads(self.rfile.read(size)) if size else {}
        name = self.path.removeprefix(f"{ROOT}/")
        users, effects = self.server.users, self.server.effects
        if weather == "busy":
            status, said = 429, {"error": "busy"}
        elif weather == "gateway":
            status, said = 502, None
        elif self.headers["x-api-key"] != KEY:
            status, said = 401, {"error": "bad_key"}
        elif (self.command, name) == ("POST", "bulk"):
            results = [
                {"id": each["id"], "status": "exists" if each["id"] in users else "created"}
                for each in sent["users"]
            ]
            effects.update(each["id"] for each in results if each["status"] == "created")
            users.update({each["id"]: each for each in sent["users"]})
            status, said = 200, {"results": results}
        elif name not in users:
            status, said = 404, {"error": "not_found", "message": f"no user {name}"}
        else:
            status, said = 200, users.pop(name) if self.command == "DELETE" else users[name]
        body = b"<html>Bad Gateway</html>" if said is None else json.dumps(said).encode()
        if weather == "lost":  # done, and never answered
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that the server looks for

    def log_message(self, *_):
        pass


@contextmanager
def serving(weather: Callable[[int], str] = lambda _: "fine") -> Iterator[ThreadingHTTPServer]:
    """The server while it runs. `weather` says of each call by its number: fine, busy, gateway, lost."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Acme)
    server.handle_error = lambda *_: None  # a client that was killed
    server.users, server.effects, server.calls, server.weather = {}, Counter(), 0, weather
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
