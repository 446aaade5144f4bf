"""What a declaration of one's own must not say, because it could harm somebody: stricter than for what is built in.

Each hazard is a path into the declaration, what is wrong, and what to do about it or None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from bulkim.catalogue.addressing import App, keys_in
from bulkim.catalogue.bodies import fields_in
from bulkim.catalogue.proofs import ApiKey, AuthForm, Digest, Signed
from bulkim.catalogue.references import Fault
from bulkim.catalogue.shapes import ATTEMPT_KEY, Effect, Operation, Provider, Repeat
from bulkim.model import Kind
from bulkim.yamltree import Path, shown

_HOST = re.compile(r"https?://(\*|(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*)(:[0-9]{1,5})?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({
    "accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie", "expect", "host",
    "keep-alive", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_LONGEST = 1_000  # characters of a pattern


def hazards(provider: Provider) -> Iterator[Fault]:
    """Everything that could harm somebody."""
    for number, host in enumerate(provider.hosts):
        if not _HOST.fullmatch(host):
            yield (
                ("hosts", number),
                f"'{host}' is no host",
                "https://*, https://*.example.com or https://example.com:8443",
            )
    for number, form in enumerate(provider.auth):
        yield from _of_proof(form, ("auth", number))
    if provider.identity.pattern is not None:
        yield from _of_pattern(("identity", "pattern"), provider.identity.pattern)
    for number, rule in enumerate(provider.errors):
        if rule.pattern is not None:
            yield from _of_pattern(("errors", number, "pattern"), rule.pattern)
    for number, operation in enumerate(provider.operations):
        yield from _of_operation(provider.apps, operation, ("operations", number))


def _of_proof(form: AuthForm, path: Path) -> Iterator[Fault]:
    names: tuple[str, ...] = ()
    if isinstance(form, ApiKey) and form.header:
        names = (form.header,)
    elif isinstance(form, Digest | Signed):
        names = tuple(form.headers)
    for name in names:
        if not _HEADER.fullmatch(name):
            yield path, f"'{shown(name)}' is no header's name", None
        elif name.lower() in _OURS - {"authorization"}:
            yield path, f"{name} is set by bulkim alone", None


def _of_statuses(operation: Operation, path: Path) -> Iterator[Fault]:
    for status, kind in operation.statuses.items():
        good = 200 <= status < 300
        if not (good or (400 <= status < 500 and kind is not Kind.SUCCEEDED)):
            hint = "successes are 2xx; of 4xx say what they mean, and leave all others to the error rows"
            yield (
                (*path, "statuses", str(status)),
                f"{status} is no status that can be taken for {kind}",
                hint,
            )


def _of_operation(apps: tuple[App, ...], operation: Operation, path: Path) -> Iterator[Fault]:
    yield from _of_statuses(operation, path)
    if operation.method not in _METHODS:
        yield (*path, "method"), f"'{operation.method}' is none of {', '.join(_METHODS)}", None
    for number, field in enumerate(operation.fields):
        if field.pattern is not None:
            yield from _of_pattern((*path, "fields", number, "pattern"), field.pattern)
    for where, names in (("path", keys_in(operation.path)), ("query", fields_in(operation.query))):
        for name in names:
            if name in operation.secrets:
                message = f"'{name}' is secret, and addresses are written down by every machine on the way"
                yield (*path, where), message, "send it in the body or in a header"
    yield from _of_headers(operation, path)
    yield from _of_doubt(operation, path)
    beside = [name for name in operation.keys if name != "username"]
    if operation.secrets and beside:
        message = f"'{beside[0]}' cannot be a key beside a secret: secrets are found again in the list by the user alone"
        yield (
            (*path, "fields"),
            message,
            "leave `key: true` to the user, or send the secret by another operation",
        )
    if operation.single is not None:
        yield from _of_operation(apps, operation.single, (*path, "single"))


def _of_doubt(operation: Operation, path: Path) -> Iterator[Fault]:
    """What is sent again must not be done again."""
    doubt = operation.doubt
    blind = operation.effect is Effect.CREATE and isinstance(doubt, Repeat) and not doubt.because
    keyed = ATTEMPT_KEY in operation.headers.values()
    if blind and not keyed:
        hint = (
            f"settle it by a probe; or send a header with an idempotency key, '{ATTEMPT_KEY}'; or, where the vendor makes none twice,"
            ' say so: doubt: {repeat: {because: "a second request is answered with 409"}}'
        )
        yield (*path, "doubt"), "a create that is sent again may create twice", hint
    if keyed and operation.batch_max > 1:
        message = "an attempt's key is an item's: a call of many may be cut into others when it is sent again"
        yield (*path, "headers"), message, "leave batch_max out"


def _of_headers(operation: Operation, path: Path) -> Iterator[Fault]:
    for name, text in operation.headers.items():
        where = (*path, "headers", name)
        if not _HEADER.fullmatch(name):
            yield where, "is no header's name", None
        elif name.lower() in _OURS:
            hint = "`auth:` proves who calls, `content_type:` says what is sent"
            yield where, f"{name} is set by bulkim alone", hint
        elif not (text.isascii() and text.isprintable()):
            yield where, "holds what no header can carry", "plain ASCII"
    for name in fields_in(operation.headers):
        field = operation.field(name)
        if field is not None and field.pattern is None:
            yield (
                (*path, "headers"),
                f"the field '{name}' has no pattern",
                "a pattern says what may stand in a header",
            )


# ------------------------------------------------------------------------------------------- patterns


def _of_pattern(path: Path, pattern: str) -> Iterator[Fault]:
    try:
        parsed = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return  # said elsewhere
    if len(pattern) > _LONGEST:
        yield path, f"is longer than {_LONGEST:,} characters", None
    elif _endless(parsed, inside=False):
        message = "repeats what repeats: some text would take it for ever"
        yield path, message, "write the inner repetition so that it never gives back: [a-z]++ for [a-z]+"


def _endless(parsed: Any, *, inside: bool) -> bool:
    """Whether a repetition without a bound holds something that can match one text in two ways."""
    before = None  # what the element before repeats without a bound
    for kind, value in parsed:
        repeats = kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT} and value[1] > _FEW and value[0] != value[1]
        if _ambiguous(kind, value, inside=inside) or (repeats and str(value[2]) == before):
            return True
        before = str(value[2]) if repeats else None
    return False


def _ambiguous(kind: Any, value: Any, *, inside: bool) -> bool:
    if kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT}:
        least, most, body = value
        return (inside and least != most) or _endless(body, inside=inside or most > _FEW)
    if kind is kinds.BRANCH:
        alike = inside and not _told_apart(value[1])
        return alike or any(_endless(each, inside=inside) for each in value[1])
    if kind is kinds.SUBPATTERN:
        return _endless(value[-1], inside=inside)
    if kind in {kinds.ASSERT, kinds.ASSERT_NOT}:
        return _endless(value[1], inside=inside)
    return kind is kinds.GROUPREF


_FEW = 16  # repetitions of a group that are still few


def _told_apart(branches: Any) -> bool:
    """Whether the first character says which branch it is."""
    first = [each[0] if len(each) else None for each in branches]
    literals = {value for each in first if each and each[0] is kinds.LITERAL for value in (each[1],)}
    return len(literals) == len(first)
