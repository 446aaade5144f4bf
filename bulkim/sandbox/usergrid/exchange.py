"""One call to an Easemob or Agora app, and what its handlers need of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkim.sandbox.endpoints import USERS, Endpoint
from bulkim.sandbox.fault_rules import Fault
from bulkim.sandbox.faults import NO_FAULT, Verdict
from bulkim.sandbox.http import Request, Response, json_response, parse_json
from bulkim.sandbox.state import AppState, User, World
from bulkim.sandbox.usergrid.auth import authenticate
from bulkim.sandbox.usergrid.errors import Refusal, illegal, no_such_user

BODY_BYTES_MAX = 5 * 1024  # only with the quirk `body-413`
_UNREAD = object()

Handler = Callable[["UsergridExchange"], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint and what answers there."""

    endpoint: Endpoint
    path: tuple[str, ...]  # its segments
    handler: Handler

    @property
    def method(self) -> str:
        return self.endpoint.method

    @property
    def operation(self) -> str:
        return self.endpoint.operation


@dataclass(slots=True)
class UsergridExchange:
    world: World
    app: AppState
    request: Request
    route: Route
    args: tuple[str, ...]
    verdict: Verdict = NO_FAULT
    _document: Any = field(default=_UNREAD)

    @property
    def operation(self) -> str:
        return self.route.operation

    @property
    def pools(self) -> Sequence[str]:
        """The route's pools, moved by the two quirks about who shares what."""
        provider, endpoint = self.app.config.provider, self.route.endpoint
        if provider == "easemob" and self.quirk("easemob-separate-pools"):
            return endpoint.pools("agora")
        pools = endpoint.pools(provider)
        if provider == "agora" and self.quirk("agora-shared-pool") and endpoint.in_users:
            return (USERS, *pools)
        return pools

    def quirk(self, name: str) -> bool:
        return name in self.world.quirks

    # -- what the server asks

    def users(self) -> Sequence[str]:
        """The ids the call is about: of a list that somebody owns, the owner; of a group, its members."""
        if self.route.path[0] == "users" and len(self.args) > 0:
            return self.args[:1]
        if self.route.path[0] in {"chatgroups", "chatrooms"} and len(self.args) > 1:
            return self.args[1].split(",")
        try:
            document = self._read_json()
        except ValueError:
            document = None
        if isinstance(document, list):
            return [str(row.get("username", "")) for row in document if isinstance(row, dict)]
        if isinstance(document, dict):
            for name in ("usernames", "targets"):
                if isinstance(document.get(name), list):
                    return [str(username) for username in document[name]]
            if "username" in document:
                return [str(document["username"])]
        return self.args[:1]

    def run(self, verdict: Verdict) -> Response:
        self.verdict = verdict
        try:
            if self.quirk("body-413") and len(self.request.body) > BODY_BYTES_MAX:
                return Response(413, b"<h1>413 Request Entity Too Large</h1>", "text/html")
            if not self.route.endpoint.open_to_all:
                authenticate(self.world, self.app, self.request)
            return json_response(self.route.handler(self))
        except Refusal as refusal:
            return self.refused(refusal)

    def throttled(self, retry_after: float | None) -> Response:
        if retry_after is None and self.quirk("retry-after"):
            retry_after = 1
        headers = () if retry_after is None else (("retry-after", f"{retry_after:g}"),)
        if self.quirk("throttle-503"):
            return Response(503, b"Service Temporarily Unavailable", "text/plain", headers)
        return self.refused(Refusal(429, "reach_limit", "This request has reached api limit"), headers)

    def error(self, fault: Fault) -> Response:
        error = fault.error
        status = error.get("http", 500)
        return self.refused(Refusal(status, str(error.get("error", "")), str(error.get("description", ""))))

    def refused(self, refusal: Refusal, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        self.app.refusals[refusal.error] += 1
        document = refusal.document(now_ms=self.world.now_ms(), duration_ms=self.duration_ms())
        if self.route.path[0] == "metadata" and self.quirk("attributes-desc"):
            words = refusal.description if refusal.status == 403 else refusal.error
            document = {**self.timing(), "desc": words}
        return json_response(document, refusal.status, headers)

    # -- what handlers ask

    def json(self) -> Any:
        """The body's document. 415 without a JSON Content-Type, 400 when it is not JSON."""
        lenient = self.route.endpoint.open_to_all or self.quirk("content-type-lenient")
        if self.request.media_type() != "application/json" and not lenient:
            raise Refusal(415, "web_application", "Unsupported Media Type")
        try:
            return self._read_json()
        except ValueError as error:
            raise Refusal(400, "json_parse", f"Unexpected character: {error}") from None

    def json_object(self) -> dict[str, Any]:
        document = self.json()
        if not isinstance(document, dict):
            raise Refusal(400, "json_parse", "Unexpected character ('['): expected a JSON object")
        return document

    def usernames(self, most: int, too_many: str) -> list[str]:
        """The list called `usernames`: 400 where it is none, or empty, or longer than `most`."""
        names = self.json_object().get("usernames")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise illegal("usernames is required")
        if len(names) > most:
            raise illegal(too_many)
        return names

    def user(self) -> User:
        user = self.app.find(self.args[0])
        if user is None:
            raise no_such_user()
        return user

    def whole_number(self, name: str, default: int, most: int) -> int:
        """A query parameter, clamped to 1..most as the vendor does with too large a limit."""
        text = self.request.query_value(name)
        if text is None:
            return default
        try:
            return min(max(int(text), 1), most)
        except ValueError:
            raise illegal(f"{name} [{text}] is not a number") from None

    def duration_ms(self) -> int:
        return max(0, int((self.world.clock.monotonic() - self.request.arrived) * 1000))

    def timing(self) -> dict[str, Any]:
        return {"timestamp": self.world.now_ms(), "duration": self.duration_ms()}

    def identity(self) -> dict[str, Any]:
        return {"organization": self.app.config.org, "applicationName": self.app.config.app}

    def uri(self, path: str | None = None) -> str:
        """The request's URL, or the app's URL followed by `path`."""
        if path is None:
            return self.request.url()
        host = self.request.headers.get("host", "localhost")
        return f"http://{host}/{self.app.config.org}/{self.app.config.app}{path}"

    def _read_json(self) -> Any:
        if self._document is _UNREAD:
            self._document = parse_json(self.request.body)
        return self._document


def entity(user: User, *, with_nickname: bool = True) -> dict[str, Any]:
    """A user as `entities[]` shows it."""
    shown: dict[str, Any] = {
        "uuid": user.uuid,
        "type": "user",
        "created": user.created_ms,
        "modified": user.modified_ms,
        "username": user.username,
        "activated": user.activated,
    }
    if with_nickname and user.nickname is not None:
        shown["nickname"] = user.nickname
    return shown
