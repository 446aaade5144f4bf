"""A declared provider for a rehearsal: its own cases as a script, which the sandbox plays over a plain set of users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from bulkim.catalogue.addressing import filled, keys_in
from bulkim.catalogue.cases import Answered, Case, Sent
from bulkim.catalogue.proofs import NoAuth, OAuth2Client, auth_keys
from bulkim.catalogue.shapes import Operation, Probe, Provider
from bulkim.errors import UsageError

VALUE = "sandbox"  # of every key of the app, and of every credential


def connection(provider: Provider, url: str) -> dict[str, Any]:
    """A connection to the sandbox at `url`, as a job file would write it."""
    app = {key: 1 if key in provider.apps[0].numbers else VALUE for key in provider.apps[0].keys}
    form = next((each for each in provider.auth if not isinstance(each, NoAuth)), provider.auth[0])
    auth: Any = dict.fromkeys(auth_keys(form), VALUE) if form.secret else "none"
    return {"base_url": url, **app, "auth": auth, "environment": "sandbox"}


def script(provider: Provider, operation: Operation) -> dict[str, Any]:
    """What the sandbox plays. Raises UsageError where the operation, or what settles its doubt, has no case to play."""
    app = dict.fromkeys(provider.apps[0].keys, VALUE)
    root = filled(provider.apps[0].root, app)
    found = [_played(each, root, app) for each in provider.operations]
    have = {each["name"] for each in found if each}
    asked = operation.doubt.operation if isinstance(operation.doubt, Probe) else operation.name
    for name in (operation.name, asked):
        if name not in have:
            raise UsageError(
                f"{provider.name} has no case of {name} with a request and a success: there is nothing to play",
                hint=f"add one under `cases:` of {name}, or run it at a test app of its own",
            )
    token = next((each.path for each in provider.auth if isinstance(each, OAuth2Client)), None)
    return {
        "fold": provider.identity.fold,
        "token": None if token is None else root + filled(token, app),
        "operations": [each for each in found if each],
    }


def _played(operation: Operation, root: str, app: Mapping[str, str]) -> dict[str, Any] | None:
    shown = [(each, each.request, each.reply) for each in operation.cases]
    best = next(
        ((case, sent, reply) for case, sent, reply in shown if sent and reply and _is_success(case)), None
    )
    if best is None:
        return None
    case, sent, reply = best
    assert sent is not None
    assert reply is not None
    user = _user(case)
    segments = [part for part in root.strip("/").split("/") if part]
    segments += [
        "*" if set(keys_in(part)) - set(app) else filled(part, app)
        for part in operation.path.strip("/").split("/")
    ]
    played: dict[str, Any] = {
        "name": operation.name, "method": operation.method, "path": segments, "effect": str(operation.effect),
        "id": user, "where": list(_places(sent, user, len(segments))), "reply": _reply(reply, case),
    }  # fmt: skip
    for key, words in (("absent", {"absent"}), ("already", {"already"})):
        for other, _, answer in shown:
            if answer is not None and len(other.outcomes) == 1 and other.outcomes[0] in words:
                played.setdefault(key, _reply(answer, other))
    if operation.paging is not None:
        played |= {"items": operation.paging.items, "cursor": operation.paging.cursor or "", "where": []}
    return played


def _is_success(case: Case) -> bool:
    return case.listed is not None or "succeeded" in case.outcomes


def _user(case: Case) -> str:
    """The user of the case that succeeded."""
    if not case.items:
        return ""
    row = case.items[case.outcomes.index("succeeded")]
    return str(row["username"] if isinstance(row, Mapping) else row)


def _reply(shown: Answered, case: Case) -> dict[str, Any]:
    row = case.items[0] if case.items else ""
    user = (
        _user(case)
        if "succeeded" in case.outcomes
        else str(row["username"] if isinstance(row, Mapping) else row)
    )
    return {
        "status": shown.status, "json": shown.json, "text": shown.text, "headers": dict(shown.headers), "id": user,
    }  # fmt: skip


def _places(sent: Sent, user: str, length: int) -> Iterator[str]:
    """Where the request names the user."""
    parts = sent.path.strip("/").split("/")
    for number, part in enumerate(parts):
        if unquote(part) == user:
            yield f"path.{length - len(parts) + number}"
    for key, value in (sent.form or {}).items():
        if user in (value if isinstance(value, list | tuple) else [value]):
            yield f"form.{key}"
    for place in dict.fromkeys(_paths(sent.json, user)):
        yield f"json{place}"


def _paths(value: Any, user: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from (f".{key}{rest}" for rest in _paths(each, user))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from (f".*{rest}" for rest in _paths(each, user))
    elif value == user:
        yield ""
