"""User attributes (Easemob: user attributes page, read 2026-11).

They are kept by id and need no account: the pages name no error for a user who does not exist.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from bulkim.sandbox.usergrid.errors import Refusal
from bulkim.sandbox.usergrid.exchange import UsergridExchange

TARGETS_MAX = 100
USER_BYTES_MAX = 2048


def set_attributes(x: UsergridExchange) -> dict[str, Any]:
    """The one endpoint whose body is a form, not JSON."""
    if x.request.media_type() != "application/x-www-form-urlencoded":
        raise Refusal(415, "web_application", "Unsupported Media Type")
    username = x.app.fold(x.args[0])
    given = dict(parse_qsl(x.request.body.decode(errors="replace"), keep_blank_values=True))
    attributes = {**x.app.attributes.get(username, {}), **given}
    if _size(attributes) > USER_BYTES_MAX:
        description = (
            f"size of metadata for this single user exceeds the user defined limit, {USER_BYTES_MAX}Bytes"
        )
        raise Refusal(403, "FORBIDDEN", description)
    x.app.attributes[username] = attributes
    x.app.effect(username, "attributes_set")
    return _answer(x, given)


def get_attributes(x: UsergridExchange) -> dict[str, Any]:
    return _answer(x, x.app.attributes.get(x.app.fold(x.args[0]), {}))


def get_attributes_batch(x: UsergridExchange) -> dict[str, Any]:
    document = x.json_object()
    targets, properties = document.get("targets"), document.get("properties")
    if not isinstance(targets, list) or not isinstance(properties, list):
        raise Refusal(400, "BAD_REQUEST", "targets and properties are required")
    if not all(isinstance(text, str) for text in (*targets, *properties)):
        raise Refusal(400, "BAD_REQUEST", "targets and properties must be text")
    if len(targets) > TARGETS_MAX:
        raise Refusal(400, "BAD_REQUEST", f"exceed allowed batch size {TARGETS_MAX}")
    data: dict[str, dict[str, str]] = {}
    for target in targets:
        username = x.app.fold(target)
        attributes = x.app.attributes.get(username, {})
        data[username] = {name: attributes[name] for name in properties if name in attributes}
    return _answer(x, data)


def remove_attributes(x: UsergridExchange) -> dict[str, Any]:
    """All of them; true even if there were none or nobody."""
    username = x.app.fold(x.args[0])
    if x.app.attributes.pop(username, None) is not None or username in x.app.users:
        x.app.effect(username, "attributes_removed")
    return _answer(x, {} if x.quirk("attributes-removed-empty") else True)


def attributes_size(x: UsergridExchange) -> dict[str, Any]:
    return _answer(x, sum(_size(attributes) for attributes in x.app.attributes.values()))


def _size(attributes: dict[str, str]) -> int:
    return sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())


def _answer(x: UsergridExchange, data: Any) -> dict[str, Any]:
    return {"timestamp": x.world.now_ms(), "data": data, "duration": x.duration_ms()}
