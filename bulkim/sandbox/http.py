"""HTTP as the sandbox's handlers see it: a request that has been read, a response not yet written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote


@dataclass(frozen=True, slots=True)
class Request:
    """One request, body and all."""

    method: str
    path: str  # percent-decoded and without its query, for messages and logs
    segments: tuple[str, ...]  # the path as a gateway understands it, see `split_path`
    query_string: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    arrived: float  # monotonic seconds: when the request's head was complete

    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.query_string, keep_blank_values=True)

    def query_value(self, name: str) -> str | None:
        values = self.query().get(name)
        return values[0] if values else None

    def url(self) -> str:
        """The URL without its query, as the vendors echo it in `uri`."""
        return f"http://{self.headers.get('host', 'localhost')}{self.path}"

    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    content_type: str = "application/json;charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=())


def json_response(document: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, headers=headers)


def parse_json(body: bytes) -> Any:
    """The body's document; ValueError unless it is JSON and can be said in UTF-8 again (no lone surrogates)."""
    document = json.loads(body)
    if b"\\u" in body:
        json.dumps(document, ensure_ascii=False).encode()
    return document


def split_path(raw_path: str) -> tuple[str, ...]:
    """The path's segments after what every gateway does to them: empty ones merged, dot segments resolved.

    This is why `DELETE /users/`, `DELETE /users/.` and `DELETE /users/x/..` all reach the mass delete at the
    vendor, and therefore here: an emulator that was kinder would hide the accident.
    """
    segments: list[str] = []
    for raw in raw_path.split("/"):
        segment = unquote(raw)
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return tuple(segments)
