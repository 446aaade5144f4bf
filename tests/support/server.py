"""The sandbox as tests see it: seeded, disturbed, and asked what happened at the server."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bulkim.sandbox import Embedded, SandboxConfig
from bulkim.sandbox.endpoints import DOCUMENTED_LIMITS

APPS = {app.provider: app.key for app in SandboxConfig().apps}  # the sandbox's own, a vendor each
APP = APPS["easemob"]
NO_LIMITS = {pool: None for pools in DOCUMENTED_LIMITS.values() for pool in pools}


class Server:
    def __init__(self, embedded: Embedded) -> None:
        self.base_url = embedded.base_url
        self.control = embedded.control

    @property
    def port(self) -> int:
        return int(self.base_url.rpartition(":")[2])

    def call(self, method: str, path: str, document: Any = None) -> Any:
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.control + path, data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def seed(self, users: int | list[Any], *, app: str = APP, prefix: str = "u", **shared: Any) -> None:
        what = {"count": users, "prefix": prefix} if isinstance(users, int) else {"users": users}
        self.call("POST", "/users", {"app": app, **what, **shared})

    def faults(self, *rules: dict[str, Any]) -> None:
        self.call("PUT", "/faults", list(rules))

    def quirks(self, **quirks: bool) -> None:
        self.call("PUT", "/quirks", {name.replace("_", "-"): on for name, on in quirks.items()})

    def limits(self, **limits: float) -> None:
        self.call("PUT", "/limits", {name.replace("_", "-"): limit for name, limit in limits.items()})

    def latency(self, seconds: float | list[float]) -> None:
        self.call("PUT", "/latency", {"seconds": seconds})

    def stats(self, app: str = APP) -> dict[str, Any]:
        return self.call("GET", "/stats")["apps"][app]

    def users(self, app: str = APP) -> dict[str, dict[str, Any]]:
        return {user["username"]: user for user in self.call("GET", f"/users?app={app}")["users"]}

    def requests(self, operation: str | None = None) -> list[dict[str, Any]]:
        every = self.call("GET", "/requests")["requests"]
        return [each for each in every if operation in (None, each["operation"])]

    def reset(self) -> None:
        self.call("POST", "/reset")


@contextmanager
def serving(**config: Any) -> Iterator[Server]:
    with Embedded(SandboxConfig(**config)) as embedded:
        yield Server(embedded)
