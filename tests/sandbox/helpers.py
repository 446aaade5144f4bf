"""What the sandbox's tests talk through."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from bulkim.sandbox import Embedded, SandboxConfig, create_app

TOKEN = {"Authorization": "Bearer sandbox-token"}
DEMO = "/sandbox/demo"
AGORA = "/sandbox/agora"
SDK_APP_ID = 1400000000


def user_sig(
    *,
    identifier: str = "administrator",
    sdk_app_id: int = SDK_APP_ID,
    key: str = "sandbox-secret-key",
    now: int,
    lifetime: int = 3600,
) -> str:
    """A UserSig after Tencent's page, written here again so that the sandbox does not mark its own homework."""
    claims: dict[str, Any] = {
        "TLS.identifier": identifier,
        "TLS.sdkappid": sdk_app_id,
        "TLS.time": now,
        "TLS.expire": lifetime,
    }
    text = "".join(f"{name}:{value}\n" for name, value in claims.items())
    signature = base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()
    document = json.dumps({"TLS.ver": "2.0", **claims, "TLS.sig": signature})
    packed = base64.b64encode(zlib.compress(document.encode())).decode()
    return packed.replace("+", "*").replace("/", "-").replace("=", "_")


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.epoch = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.epoch + self.now

    def pass_s(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Offline:
    """The application without a network: every call happens at the clock's instant."""

    config: SandboxConfig = field(default_factory=SandboxConfig)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.app = create_app(self.config, self.clock)

    @property
    def world(self) -> Any:
        return self.app.world

    def call(
        self,
        method: str,
        url: str,
        document: Any = None,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        parts = urlsplit(url)
        headers = {"host": "vendor.example", **(TOKEN if headers is None else headers)}
        if body is None:
            body = b"" if document is None else json.dumps(document).encode()
            if document is not None:
                headers = {"content-type": "application/json", **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50000),
        }
        return asyncio.run(self._exchange(scope, body))

    async def _exchange(self, scope: dict[str, Any], body: bytes) -> Answer:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, sent[1]["body"])

    def register(self, *usernames: str, app: str = DEMO) -> None:
        users = [{"username": username, "password": "1"} for username in usernames]
        assert self.call("POST", f"{app}/users", users).status == 200

    def tencent(self, command: str, document: Any, **changes: Any) -> Any:
        """A signed command. `changes` replace a query parameter, or drop it when None."""
        parameters = {
            "sdkappid": SDK_APP_ID,
            "identifier": "administrator",
            "usersig": user_sig(now=int(self.clock.wall())),
            "random": 99999999,
            "contenttype": "json",
            **changes,
        }
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        answer = self.call("POST", f"/v4/{command}?{query}", document, headers={})
        assert answer.status == 200
        return answer.json()


@dataclass
class Sandbox:
    """A running server, emptied for each test."""

    embedded: Embedded
    http: httpx.Client

    @property
    def demo(self) -> str:
        return self.embedded.base_url + DEMO

    def control(self, method: str, name: str, document: Any = None, **query: Any) -> Any:
        response = self.http.request(
            method, f"{self.embedded.control}/{name}", json=document, params=query or None
        )
        assert response.status_code == 200, response.text
        return response.json()

    def faults(self, *rules: dict[str, Any]) -> None:
        self.control("PUT", "faults", list(rules))

    def stats(self, app: str = "sandbox/demo") -> Any:
        return self.control("GET", "stats")["apps"][app]

    def users(self, app: str = "sandbox/demo") -> dict[str, Any]:
        return {user["username"]: user for user in self.control("GET", "users", app=app)["users"]}
