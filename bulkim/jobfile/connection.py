"""The `connection` section: named ones from connections.yaml, `${VAR}` from the environment, what its vendor wants."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bulkim.catalogue.addressing import App, app_keys, may_lead
from bulkim.catalogue.proofs import AuthForm, NoAuth, auth_keys, kind_of, written
from bulkim.catalogue.shapes import Provider
from bulkim.errors import InputError, Problem
from bulkim.jobfile.values import is_plain_and_remote
from bulkim.model import Auth, Connection
from bulkim.places import config_folder
from bulkim.text import nearest
from bulkim.yamltree import Mark, Node, decode, parse, shown

FILE_NAME = "connections.yaml"
_VARIABLE = re.compile(r"\$(\$)?\{([^{}]*)(\})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


# --------------------------------------------------------------------------------- connections.yaml


def look_up(name: Node, beside: Path) -> tuple[Node, list[Problem]]:
    """The entry of a connection file that a job names, and what else is wrong with that file.

    Looks beside the job file, then in the user's configuration folder. Raises InputError when it is in neither.
    """
    known: list[str] = []
    places = _places(beside)
    for path in places:
        entries, problems = _entries(path)
        if name.value in entries:
            return entries[name.value], problems
        known += entries
    wanted = shown(name.value)
    if not known:
        words = " nor ".join(map(str, places))
        hint = f"neither {words} has one" if len(places) > 1 else f"{words} has none"
        raise InputError([name.mark.problem(f"connection: there is no connection '{wanted}'", hint)])
    hint = nearest(name.value, known) or f"known: {', '.join(map(shown, dict.fromkeys(known)))}"
    raise InputError([name.mark.problem(f"connection: there is no connection '{wanted}'", hint)])


def _places(beside: Path) -> list[Path]:
    """Where connection files may be, the nearest first."""
    with suppress(OSError):  # who has no home has the one beside the job file
        return [beside.parent / FILE_NAME, config_folder() / FILE_NAME]
    return [beside.parent / FILE_NAME]


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


class Unset(NamedTuple):
    """A variable that is not set, and the place that wants it."""

    name: str
    path: tuple[str | int, ...]  # below `connection`
    node: Node
    problem: Problem


def expand(section: Node, env: Mapping[str, str]) -> Iterator[tuple[Node, Problem, Unset | None]]:
    """Replaces `${VAR}` in every text of the section, in one pass; yields what could not be, with its node.

    ``$${`` means ``${``; any other ``$`` is itself. A problem never shows a variable's value.
    """
    for path, node in section.scalars():
        if isinstance(node.value, str) and "${" in node.value:
            value, complaints = _expanded(node.value, env)
            for message, hint, name in complaints:
                problem = node.mark.problem(message, hint)
                yield node, problem, Unset(name, path, node, problem) if name else None
            if not complaints:
                node.value = value


def without(unset: Iterable[Unset], providers: Iterable[Provider]) -> Iterator[Problem]:
    """Puts something of the right shape where a variable is not set, for what sends nothing; yields where nothing would do."""
    apps = [app for one in providers for app in one.apps]
    for each in unset:
        match each.path:
            case ("auth" | "notify", *_) | ("environment",):
                pass  # any text will do, and `${NAME}` says what it is
            case ("base_url",):
                each.node.value = nowhere(each.name)
            case (key,) if any(key in app.numbers for app in apps):
                each.node.value = "1"
            case (key,) if any(key in app.keys for app in apps):
                each.node.value = each.name
            case _:
                yield each.problem


def nowhere(name: str) -> str:
    """An address that stands for a variable's, where nobody is called."""
    return f"https://{name.lower().replace('_', '-').strip('-')}.invalid"


def elsewhere(problems: Iterable[Problem], unset: Iterable[Unset]) -> list[Problem]:
    """Those that are not about a value which nobody knows."""
    places = {(each.problem.file, each.problem.line, each.problem.column) for each in unset}
    return [each for each in problems if (each.file, each.line, each.column) not in places]


def has_variable(node: Node) -> bool:
    """Whether a value refers to the environment."""
    return isinstance(node.value, str) and any(not match[1] for match in _VARIABLE.finditer(node.value))


def _expanded(text: str, env: Mapping[str, str]) -> tuple[str, list[tuple[str, str | None, str | None]]]:
    """The text, or what is wrong with it: message, hint, and the variable that is not set."""
    complaints: list[tuple[str, str | None, str | None]] = []

    def replaced(match: re.Match[str]) -> str:
        escaped, name, closed = match.groups()
        if escaped:
            return match[0][1:]
        if not closed or not _NAME.fullmatch(name):
            complaints.append(
                (
                    "${...} holds the name of an environment variable and nothing else",
                    "for a literal ${ write $${",
                    None,
                )
            )
        elif name not in env:
            complaints.append((f"the environment variable {name} is not set", f"export {name}=...", name))
        elif not env[name].isprintable():
            complaints.append(
                (
                    f"the environment variable {name} holds a line end or another control character",
                    None,
                    None,
                )
            )
        else:
            return env[name]
        return ""

    return _VARIABLE.sub(replaced, text), complaints


# ------------------------------------------------------------------------------------------- checks


def check(
    section: Node, data: Mapping[str, Any], provider: Provider, operation: str, known: Collection[str]
) -> Iterator[Problem]:
    """What a well-formed connection lacks or has too much for its vendor. `known` are all vendors' keys of apps."""
    yield from _check_app(section, data, provider, known)
    yield from _check_auth(section, data["auth"], provider, operation)
    if provider.hosts and not may_lead(provider.hosts, data["base_url"]):
        message = (
            f"connection.base_url: {provider.name} is declared for other hosts, and a token goes nowhere else"
        )
        hint = f"its `hosts` are {', '.join(provider.hosts)}"
        yield section.mark_of(("base_url",)).problem(message, hint)
    if is_plain_and_remote(data["base_url"]) and not data.get("allow_http"):
        message = "connection.base_url: plain http would send credentials in clear to another machine"
        yield section.mark_of(("base_url",)).problem(message, "write https, or allow_http: true")


def _check_app(
    section: Node, data: Mapping[str, Any], provider: Provider, known: Collection[str]
) -> Iterator[Problem]:
    mine = tuple(app_keys(provider.apps))
    for key in known:
        if data.get(key) is not None and key not in mine:
            message = f"connection.{key} is not for {provider.name}"
            yield section.key_mark_of((key,)).problem(
                message, f"it has {', '.join(mine) or 'base_url and auth alone'}"
            )
    complete = _complete(data, provider)
    words = " or ".join(" and ".join(form.keys) for form in provider.apps)
    if not complete:
        yield section.mark.problem(f"a connection to {provider.name} needs {words}")
    elif len(complete) > 1:
        yield section.mark.problem(f"a connection to {provider.name} needs {words}, not both")


def _complete(data: Mapping[str, Any], provider: Provider) -> list[App]:
    """The forms of which every key is there."""
    return [form for form in provider.apps if all(data.get(key) is not None for key in form.keys)]


def _check_auth(
    section: Node, data: Mapping[str, Any] | str, provider: Provider, operation: str
) -> Iterator[Problem]:
    if isinstance(data, str) and data != "none":
        return  # a variable that is not set
    form, mark = auth_form(data, provider), section.mark_of(("auth",))
    if form is None:
        given = "none" if isinstance(data, str) else f"{{{', '.join(data)}}}"
        forms = ", ".join(written(each) for each in provider.auth)
        yield mark.problem(f"connection.auth: {provider.name} does not take {given}", f"it takes {forms}")
    elif isinstance(form, NoAuth) and operation not in form.operations:
        only = " and ".join(form.operations)
        yield mark.problem(f"connection.auth: none is for {only} only, not for {operation}")


def auth_form(data: Mapping[str, Any] | str, provider: Provider) -> AuthForm | None:
    """The provider's form of a well-formed `auth`; None where it has no such form."""
    given = set() if isinstance(data, str) else set(data)
    return next((each for each in provider.auth if set(auth_keys(each)) == given), None)


# ----------------------------------------------------------------------------------------- building


def build(provider: Provider, data: Mapping[str, Any]) -> Connection:
    """The connection that a valid section describes: plain values of the section's shape."""
    form = auth_form(data["auth"], provider)
    assert form is not None, "`check` has seen it"
    given: Mapping[str, str] = data["auth"] if form.secret else {}
    auth = Auth(kind_of(form), given.get(form.identity, ""), given.get(form.secret, ""))
    app = _complete(data, provider)[0]
    values = {key: str(data[key]) for key in app.keys}
    others = {"environment": data.get("environment"), "allow_http": bool(data.get("allow_http"))}
    return provider.connect(data["base_url"], values, auth, **others)


def secrets_of(section: Node, provider: Provider) -> Iterator[Node]:
    """What a connection's `auth` holds that is not an identity."""
    public = [each.identity for each in provider.auth]
    auth = section.child("auth")
    for path, node in auth.scalars() if auth is not None else ():
        if path and path[-1] not in public:
            yield node
