"""The `connection` section: named ones from connections.yaml, `${VAR}` from the environment, and the sandbox's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from bulkim.catalogue.shapes import Provider
from bulkim.errors import InputError, Problem
from bulkim.jobfile.complaints import nearest
from bulkim.jobfile.schema import AUTH_KEYS, ConnectionShape
from bulkim.jobfile.values import is_plain_and_remote
from bulkim.model import Auth, Connection
from bulkim.yamltree import Mark, Node, decode, parse, shown

FILE_NAME = "connections.yaml"
APP_KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {  # provider -> what names an app there, in either form
    "easemob": (("org", "app"),),
    "agora": (("org", "app"), ("app_id",)),
    "tencent": (("sdk_app_id",),),
}
_SANDBOX: Mapping[str, Mapping[str, Any]] = {  # the embedded sandbox's own apps
    "easemob": {"org": "sandbox", "app": "demo", "auth": {"token": "sandbox-token"}},
    "agora": {
        "org": "sandbox",
        "app": "agora",
        "auth": {
            "app_id": "970CA35de60c44645bbae8a215061b33",
            "app_certificate": "5CFd2fd1755d40ecb72977518be15d3b",
        },
    },
    "tencent": {
        "sdk_app_id": 1400000000,
        "auth": {"identifier": "administrator", "secret_key": "sandbox-secret-key"},
    },
}
_VARIABLE = re.compile(r"\$(\$)?\{([^{}]*)(\})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def sandbox(provider: str, url: str) -> dict[str, Any]:
    """The connection of a rehearsal, as a job file would write it."""
    return {**_SANDBOX.get(provider, {}), "base_url": url, "environment": "sandbox"}


# --------------------------------------------------------------------------------- connections.yaml


def look_up(name: Node, beside: Path) -> tuple[Node, list[Problem]]:
    """The entry of a connection file that a job names, and what else is wrong with that file.

    Looks beside the job file, then in the user's configuration folder. Raises InputError when it is in neither.
    """
    known: list[str] = []
    places = [beside.parent / FILE_NAME, Path(platformdirs.user_config_dir("bulkim")) / FILE_NAME]
    for path in places:
        entries, problems = _entries(path)
        if name.value in entries:
            return entries[name.value], problems
        known += entries
    wanted = shown(name.value)
    if not known:
        hint = f"neither {places[0]} nor {places[1]} has one"
        raise InputError([name.mark.problem(f"connection: there is no connection '{wanted}'", hint)])
    hint = nearest(name.value, known) or f"known: {', '.join(map(shown, dict.fromkeys(known)))}"
    raise InputError([name.mark.problem(f"connection: there is no connection '{wanted}'", hint)])


def _entries(path: Path) -> tuple[dict[str, Node], list[Problem]]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        raise InputError([Mark(str(path)).problem(f"cannot be read: {error.strerror}")]) from None
    root, problems = parse(decode(raw, str(path)), str(path))
    if not isinstance(root.value, dict):
        raise InputError([root.mark.problem("expected a mapping of names to connections")])
    return root.value, problems


# ------------------------------------------------------------------------------------------- ${VAR}


def expand(section: Node, env: Mapping[str, str]) -> Iterator[tuple[Node, Problem]]:
    """Replaces `${VAR}` in every text of the section, in one pass; yields what could not be, with its node.

    ``$${`` means ``${``; any other ``$`` is itself. A problem never shows a variable's value.
    """
    for _, node in section.scalars():
        if isinstance(node.value, str) and "${" in node.value:
            value, complaints = _expanded(node.value, env)
            for message, hint in complaints:
                yield node, node.mark.problem(message, hint)
            if not complaints:
                node.value = value


def has_variable(node: Node) -> bool:
    """Whether a value refers to the environment."""
    return isinstance(node.value, str) and any(not match[1] for match in _VARIABLE.finditer(node.value))


def _expanded(text: str, env: Mapping[str, str]) -> tuple[str, list[tuple[str, str | None]]]:
    complaints: list[tuple[str, str | None]] = []

    def replaced(match: re.Match[str]) -> str:
        escaped, name, closed = match.groups()
        if escaped:
            return match[0][1:]
        if not closed or not _NAME.fullmatch(name):
            complaints.append(
                (
                    "${...} holds the name of an environment variable and nothing else",
                    "for a literal ${ write $${",
                )
            )
        elif name not in env:
            complaints.append((f"the environment variable {name} is not set", f"export {name}=..."))
        elif not env[name].isprintable():
            complaints.append(
                (f"the environment variable {name} holds a line end or another control character", None)
            )
        else:
            return env[name]
        return ""

    return _VARIABLE.sub(replaced, text), complaints


# ------------------------------------------------------------------------------------------- checks


def check(section: Node, data: Mapping[str, Any], provider: Provider, operation: str) -> Iterator[Problem]:
    """What a well-formed connection lacks or has too much for its vendor."""
    yield from _check_app(section, data, provider)
    yield from _check_auth(section, data["auth"], provider, operation)
    if is_plain_and_remote(data["base_url"]) and not data.get("allow_http"):
        message = "connection.base_url: plain http would send credentials in clear to another machine"
        yield section.mark_of(("base_url",)).problem(message, "write https, or allow_http: true")


def _check_app(section: Node, data: Mapping[str, Any], provider: Provider) -> Iterator[Problem]:
    forms = APP_KEYS.get(provider.name, ())
    mine = dict.fromkeys(key for form in forms for key in form)
    for key in ("org", "app", "app_id", "sdk_app_id"):
        if mine and data.get(key) is not None and key not in mine:
            message = f"connection.{key} is not for {provider.name}"
            yield section.key_mark_of((key,)).problem(message, f"it has {', '.join(mine)}")
    complete = [form for form in forms if all(data.get(key) is not None for key in form)]
    words = " or ".join(" and ".join(form) for form in forms)
    if forms and not complete:
        yield section.mark.problem(f"a connection to {provider.name} needs {words}")
    elif len(complete) > 1:
        yield section.mark.problem(f"a connection to {provider.name} needs {words}, not both")


def _check_auth(
    section: Node, data: Mapping[str, Any] | str, provider: Provider, operation: str
) -> Iterator[Problem]:
    if isinstance(data, str) and data != "none":
        return  # a variable that is not set
    kind, mark = auth_kind(data), section.mark_of(("auth",))
    if kind not in provider.auth:
        forms = ", ".join(_written(each) for each in provider.auth)
        yield mark.problem(
            f"connection.auth: {provider.name} does not take {_written(kind)}", f"it takes {forms}"
        )
    elif kind == "none" and operation != "register":
        yield mark.problem(f"connection.auth: none is for register only, not for {operation}")


def auth_kind(data: Mapping[str, Any] | str) -> str:
    """Which of `model.Auth.kind` a well-formed `auth` is."""
    if isinstance(data, str):
        return "none"
    return next(kind for kind, (_, secret) in AUTH_KEYS.items() if secret in data)


def _written(kind: str) -> str:
    """An auth kind as a job file writes it."""
    return "none" if kind == "none" else f"{{{', '.join(key for key in AUTH_KEYS[kind] if key)}}}"


# ----------------------------------------------------------------------------------------- building


def build(provider: str, data: Mapping[str, Any]) -> Connection:
    """The connection that a valid section describes. `data` is the dump of a `ConnectionShape`."""
    kind = auth_kind(data["auth"])
    identity, secret = AUTH_KEYS.get(kind, ("", ""))
    auth: Mapping[str, str] = data["auth"] if kind != "none" else {}
    return Connection(
        provider=provider,
        base_url=data["base_url"],
        auth=Auth(kind, auth.get(identity, ""), auth.get(secret, "")),  # type: ignore[arg-type]
        org=data["org"],
        app=data["app"],
        app_id=data["app_id"],
        sdk_app_id=data["sdk_app_id"],
        environment=data["environment"],
        allow_http=data["allow_http"],
    )


def sandbox_connection(provider: str, url: str) -> Connection:
    """A provider's app in the sandbox at `url`."""
    return build(provider, ConnectionShape.model_validate(sandbox(provider, url)).model_dump())


def secrets_of(section: Node) -> Iterator[Node]:
    """What a connection's `auth` holds that is not an identity."""
    public = [identity for identity, _ in AUTH_KEYS.values()]
    auth = section.child("auth")
    for path, node in auth.scalars() if auth is not None else ():
        if path and path[-1] not in public:
            yield node
