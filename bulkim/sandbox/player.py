"""Plays a script: answers that somebody wrote down, over a plain set of users. It knows no vendor and counts no quota.

An operation of a script has `method`, `path` (segments; ``*`` is any), `effect`, `where` (places of user ids in a request:
``path.2``, ``form.userId``, ``json.members.*.id``), `id` (the user of the written answer), `reply`, and where they are
written down `absent` and `already`; a listing has `items` and `cursor`, dotted paths. A reply has `status`, `json` or
`text`, and `headers`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from bulkim.sandbox.http import Request, Response, json_response


class Player:
    """One script, and who is there."""

    def __init__(self, script: Mapping[str, Any]) -> None:
        self._operations: Sequence[Mapping[str, Any]] = script["operations"]
        self._token: str | None = script.get("token")
        self._fold = str.lower if script.get("fold") == "lower" else str
        self._first_pages: dict[str, str] = {}
        self.users: set[str] = set()

    def seed(self, users: Sequence[str]) -> None:
        """Let these be there."""
        self.users.update(map(self._fold, users))

    def answer(self, request: Request) -> Response:
        """What the script says to a request."""
        if request.path == self._token:
            return json_response({"access_token": "played", "token_type": "Bearer", "expires_in": 3600})
        operation = next((each for each in self._operations if _is_of(each, request)), None)
        if operation is None:
            return json_response({"error": "the script has no such request"}, 501)
        if "items" in operation:
            return self._page(operation, request)
        users = list(dict.fromkeys(_users(operation, request)))
        return _reply(operation, self._chosen(operation, users), users)

    def _chosen(self, operation: Mapping[str, Any], users: Sequence[str]) -> Any:
        """Which answer it is, and what becomes of the users."""
        folded = {self._fold(each) for each in users}
        there = folded <= self.users
        match operation["effect"]:
            case "create":
                known = len(users) == 1 and there
                self.users |= folded
                return operation.get("already") or operation["reply"] if known else operation["reply"]
            case "delete":
                self.users -= folded
        return operation["reply"] if there or not operation.get("absent") else operation["absent"]

    def _page(self, operation: Mapping[str, Any], request: Request) -> Response:
        """The page that is written down, and after it an empty one."""
        first = self._first_pages.setdefault(operation["name"], request.query_string)
        reply = dict(operation["reply"])
        if request.query_string != first:
            reply["json"] = _emptied(
                _emptied(reply.get("json"), operation["items"], []), operation["cursor"], None
            )
            reply["headers"] = {}
        return _response(reply, reply.get("json"))


def _is_of(operation: Mapping[str, Any], request: Request) -> bool:
    path = operation["path"]
    return (
        operation["method"] == request.method
        and len(path) == len(request.segments)
        and all(part in ("*", there) for part, there in zip(path, request.segments, strict=True))
    )


def _users(operation: Mapping[str, Any], request: Request) -> Iterator[str]:
    for place in operation["where"]:
        kind, _, rest = place.partition(".")
        if kind == "path":
            yield unquote(request.segments[int(rest)])
        elif kind == "form":
            yield from parse_qs(request.body.decode("utf-8", "replace")).get(rest, [])
        else:
            yield from _at(_parsed(request.body), rest.split("."))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _at(value: Any, path: Sequence[str]) -> Iterator[str]:
    if not path:
        if isinstance(value, str | int):
            yield str(value)
    elif isinstance(value, list):
        for each in value if path[0] == "*" else ():
            yield from _at(each, path[1:])
    elif isinstance(value, dict):
        yield from _at(value.get(path[0]), path[1:])


def _reply(operation: Mapping[str, Any], reply: Mapping[str, Any], users: Sequence[str]) -> Response:
    known = reply.get("id", operation["id"])
    return _response(reply, _said(reply.get("json"), known, users))


def _said(value: Any, known: str, users: Sequence[str]) -> Any:
    """The answer with these users for the one that was written down; a list that holds them has a row for each."""
    if isinstance(value, dict):
        return {
            users[0] if key == known and users else key: _said(each, known, users)
            for key, each in value.items()
        }
    if isinstance(value, list):
        row = next((each for each in value if known in json.dumps(each, ensure_ascii=False)), None)
        return value if row is None else [_said(row, known, [each]) for each in users]
    return users[0] if users and value == known else value


def _emptied(value: Any, path: str, end: Any) -> Any:
    if not path:
        return end if isinstance(value, list) else value
    name, _, rest = path.partition(".")
    if not isinstance(value, dict) or name not in value:
        return value
    return {**value, name: _emptied(value[name], rest, end) if rest else end}


def _response(reply: Mapping[str, Any], document: Any) -> Response:
    headers = tuple((name.lower(), text) for name, text in reply.get("headers", {}).items())
    if document is None:
        return Response(reply["status"], reply.get("text", "").encode(), "application/json", headers)
    return Response(reply["status"], json.dumps(document).encode(), "application/json", headers)
