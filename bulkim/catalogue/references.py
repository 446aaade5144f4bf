"""What one declaration of a catalogue names, another one has; and what a declaration must not say.

Each fault is a path into the catalogue as it is written down, what is wrong, and what to do about it or None. It holds
for the built-in catalogues as for a user's file.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bulkim.catalogue.addressing import App, app_keys, keys_in
from bulkim.catalogue.bodies import BY, ITEMS, fields_in, leaves, sole
from bulkim.catalogue.proofs import ApiKey, AuthForm, Digest, OAuth2Client, Signed, kind_of
from bulkim.catalogue.rates import per_second, window
from bulkim.catalogue.shapes import (
    ATTEMPT_KEY,
    Effect,
    Form,
    FormTree,
    Json,
    Names,
    NoBody,
    Object,
    Operation,
    PerItem,
    Pool,
    Probe,
    Provider,
    ReadBack,
    WholeCall,
)
from bulkim.catalogue.tags import TAGS
from bulkim.catalogue.values import Invalid, checker
from bulkim.text import nearest
from bulkim.yamltree import Path, told

Fault = tuple[Path, str, str | None]

RESERVED = frozenset({"base_url", "auth", "environment", "allow_http"})  # keys of every connection
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_PATH = re.compile(r"(/([A-Za-z0-9._~:@!$&'()*+,;=-]+|\{\w+\}))*")


def faults(provider: Provider) -> Iterator[Fault]:
    """Everything that does not hold together."""
    if not _NAME.fullmatch(provider.name):
        yield ("name",), f"'{provider.name}' is not of lower-case letters, digits and -", None
    yield from _twice("operations", [each.name for each in provider.operations])
    yield from _twice("pools", [each.name for each in provider.pools])
    yield from _of_apps(provider)
    yield from _of_auth(provider)
    yield from _of_paths(("envelope",), provider.envelope)
    for number, pool in enumerate(provider.pools):
        try:
            per_second(pool.limit)
        except ValueError as error:
            yield ("pools", number, "limit"), f"{told((), pool.limit)} {error}", None
        else:
            yield from _of_burst(("pools", number, "burst"), pool)
    for number, rule in enumerate(provider.errors):
        if rule.pattern is not None:
            yield from _of_pattern(("errors", number, "pattern"), rule.pattern)
        known = [each.name for each in provider.operations]
        for name in rule.operations:
            if name not in known:
                yield (
                    ("errors", number, "operations"),
                    f"there is no operation '{name}'",
                    nearest(name, known),
                )
    for number, operation in enumerate(provider.operations):
        yield from _of_operation(provider, operation, ("operations", number))


# Where ``a|b`` is whichever is there; and where one path is meant.
_EITHER = ("code", "reason", "state")
_ALONE = ("items", "key", "succeeded", "already", "others", "value", "at", "data", "status", "timestamp_ms")


def _of_paths(path: Path, shape: Any) -> Iterator[Fault]:
    for name in (*_EITHER, *_ALONE):
        said = getattr(shape, name, None) or ""
        if "|" not in said:
            continue
        if name in _ALONE:
            hint = "alternatives are for a code, a reason and a state"
            yield (*path, name), f"{told((), said)} is two paths, and one is taken here", hint
        elif any(not each or each != each.strip() for each in said.split("|")):
            yield (*path, name), f"{told((), said)} has an empty path, or a space", "first.path|second.path"


def _of_burst(where: Path, pool: Pool) -> Iterator[Fault]:
    calls, seconds = window(pool.limit)
    if pool.burst is None:
        return
    if pool.burst < 1:
        yield where, f"{pool.burst} must be at least 1", None
    elif pool.burst > calls:
        hint = "write the limit over a longer time, such as 180/min"
        yield where, f"{pool.burst} calls at once are more than the limit's {calls:g} in {seconds:g} s", hint


def _twice(where: str, names: list[str]) -> Iterator[Fault]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield (where, number, "name"), f"'{name}' is there twice", None
        elif not _NAME.fullmatch(name):
            yield (where, number, "name"), f"'{name}' is not of lower-case letters, digits and -", None


# ------------------------------------------------------------------------------------- addressing


def _of_apps(provider: Provider) -> Iterator[Fault]:
    if not provider.apps:
        yield ("apps",), "names no app", "apps: [{}], where base_url and auth say it all"
    if len(provider.apps) > 1 and not all(each.keys for each in provider.apps):
        yield (
            ("apps",),
            "has a form without keys, which every connection fits",
            "leave it alone, or remove it",
        )
    for number, app in enumerate(provider.apps):
        yield from _of_app(app, ("apps", number))


def _of_app(app: App, path: Path) -> Iterator[Fault]:
    for key in app.keys:
        if key in RESERVED or not _KEY.fullmatch(key):
            yield (*path, "keys"), f"'{key}' cannot name an app", "lower-case letters, digits and _"
    for name, template in (("root", app.root), ("name", app.name), ("target", app.target)):
        for key in keys_in(template):
            if key not in app.keys:
                yield (*path, name), f"'{key}' is none of its keys", nearest(key, app.keys)
    if not _PATH.fullmatch(app.root):
        yield (*path, "root"), f"{told((), app.root)} is no path of whole segments, such as /v1/{{key}}", None
    if missing := [key for key in app.keys if key not in keys_in(app.target)]:
        message = f"lacks {', '.join(missing)}: two apps would share a target"
        yield (*path, "target"), message, f'target: "{"/".join(f"{{{key}}}" for key in app.keys)}"'
    if not keys_in(app.name) and (app.keys or app.name):
        hint = f'name: "{{{app.keys[-1]}}}"' if app.keys else "without keys, the host is the name"
        yield (*path, "name"), "names every app alike: a confirmation would not tell them apart", hint


def _of_auth(provider: Provider) -> Iterator[Fault]:
    if not provider.auth:
        yield ("auth",), "is empty", "none, bearer, basic, api-key, oauth2-client, digest or signed"
    kinds = [kind_of(each) for each in provider.auth]
    taken = [*app_keys(provider.apps), "signature", "random"]
    for number, form in enumerate(provider.auth):
        path: Path = ("auth", number)
        if kinds[number] in kinds[:number]:
            yield path, f"two forms have the secret '{kinds[number]}'", "give one of them another `secret`"
        yield from _of_proof(provider, form, path)
        if form.secret in taken:
            yield path, f"'{form.secret}' is the key of an app already", None


def _of_proof(provider: Provider, form: AuthForm, path: Path) -> Iterator[Fault]:
    """What a form fills in, it has."""
    apps = set(app_keys(provider.apps))
    match form:
        case ApiKey(header=header, query=query) if bool(header) is bool(query):
            yield path, "an API key stands in a `header` or in a `query` parameter", "give one of the two"
        case Signed(headers=headers, query=query):
            yield from _unfilled(
                path, (*headers.values(), *query.values()), {*apps, form.identity, "signature", "random"}
            )
        case Digest(headers=headers):
            yield from _unfilled(
                path, headers.values(), {form.identity, "nonce", "timestamp", "timestamp_ms", "digest"}
            )
            if not any("digest" in keys_in(each) for each in headers.values()):
                yield path, "the digest stands in no header", "headers: {X-Signature: '{digest}'}"
        case OAuth2Client(path=where):
            if not _PATH.fullmatch(where) or not set(keys_in(where)) <= apps:
                yield path, f"'{where}' is no path of whole segments and keys of the app", None


def _unfilled(path: Path, templates: Collection[str], known: Collection[str]) -> Iterator[Fault]:
    for key in (key for each in templates for key in keys_in(each)):
        if key not in known:
            yield path, f"there is no key '{key}' to fill in", nearest(key, known)


# ------------------------------------------------------------------------------------- operations


def _of_operation(provider: Provider, operation: Operation, path: Path) -> Iterator[Fault]:
    yield from _of_names(provider, operation, path)
    yield from _of_path(provider, operation, path)
    yield from _of_trees(provider, operation, path)
    yield from _of_defaults(operation, path)
    for number, field in enumerate(operation.fields):
        if field.pattern is not None:
            yield from _of_pattern((*path, "fields", number, "pattern"), field.pattern)
    if operation.paging is None and "username" not in operation.keys:
        yield (*path, "fields"), "names nobody", "a field `username` with `key: true`"
    if operation.effect is Effect.DELETE and not operation.destroys:
        yield path, "needs the key 'destroys': what goes with it, in the words of a confirmation", None
    yield from _of_batch(operation, path)
    if operation.single is not None:
        yield from _of_operation(provider, operation.single, (*path, "single"))


def _of_batch(operation: Operation, path: Path) -> Iterator[Fault]:
    """What a call of many must have: room for each of them, and nothing secret by which they are told apart."""
    if operation.batch_max < 1:
        yield (*path, "batch_max"), f"{operation.batch_max} must be at least 1", None
    if operation.batch_max <= 1 or operation.paging is not None:
        return
    match operation.body:
        case Object() | Form() | NoBody():
            alone = operation.joined not in keys_in(operation.path)
        case Json(tree=tree) | FormTree(tree=tree):
            alone = not fields_in(tree, inside=True)
        case _:
            alone = False
    if alone or set(operation.keys or ("",)) <= set(operation.shared):
        why = "its body has room for one item" if alone else "its path names one item"
        yield (*path, "batch_max"), f"{why}: the others of a call would be lost", "leave batch_max out"
    for name in operation.shared:
        if name in operation.secrets:
            yield (
                path,
                f"'{name}' is secret, and one call has room for one value of it",
                "leave batch_max out",
            )


def _of_names(provider: Provider, operation: Operation, path: Path) -> Iterator[Fault]:
    fields = [each.name for each in (*operation.fields, *operation.options)]
    operations = [each.name for each in provider.operations]
    if not operation.pools:
        yield (*path, "pools"), "is empty", "the quota that a call draws on"
    yield from _unknown((*path, "pools"), operation.pools, [each.name for each in provider.pools], "pool")
    yield from _of_undoing(operation, operations, path)
    yield from _unknown((*path, "any_of"), operation.any_of, fields, "field")
    yield from _unknown((*path, "otherwise"), operation.otherwise, fields, "field")
    if isinstance(operation.body, Names):
        yield from _unknown((*path, "body"), (operation.body.of, *operation.body.also), fields, "field")
    if not isinstance(operation.result, WholeCall) and operation.paging is None:
        yield from _unknown((*path, "result"), (operation.result.by,), fields, "field")
        yield from _of_paths((*path, "result", TAGS[type(operation.result)]), operation.result)
    if isinstance(operation.body, Form):
        yield from _unknown((*path, "body"), (operation.body.of,), fields, "field")
    yield from _of_fields(operation, path)
    yield from _of_asking(provider, operation, path)


def _of_fields(operation: Operation, path: Path) -> Iterator[Fault]:
    fields = [each.name for each in (*operation.fields, *operation.options)]
    for number, field in enumerate(operation.fields):
        if field.pairs and (field.type != "map" or len(field.pairs) != 2):
            message = "are what the objects of a map's list call the name and the value: [name, value]"
            yield (*path, "fields", number, "pairs"), message, None
        wanted = (field.fallback_of,) if field.fallback_of else ()
        yield from _unknown((*path, "fields", number, "fallback_of"), wanted, fields, "field")
    if isinstance(operation.result, PerItem) and len(operation.result.pairs) not in {0, 2}:
        yield (*path, "result"), "`pairs` are two names: of the name and of the value", None


def _of_asking(provider: Provider, operation: Operation, path: Path) -> Iterator[Fault]:
    """How it is found out afterwards what became of a user."""
    fields = [each.name for each in (*operation.fields, *operation.options)]
    operations = [each.name for each in provider.operations]
    for name, asked in (("doubt", operation.doubt), ("verify", operation.verify)):
        if not isinstance(asked, Probe | ReadBack):
            continue
        yield from _unknown((*path, name), (asked.operation,), operations, "operation")
        named = [*asked.remaining, *asked.same.values()]
        if isinstance(asked, ReadBack):
            named += filter(None, (asked.holds, asked.lacks, asked.lasting))
        yield from _unknown((*path, name), named, fields, "field")
        found = provider.operation(asked.operation)
        if found is not None and found.effect is not Effect.READ:
            yield (*path, name), f"{found.name} does not read", None


def _of_undoing(operation: Operation, operations: Collection[str], path: Path) -> Iterator[Fault]:
    for key, named in (("inverse", operation.inverse), ("restored_by", operation.restored_by)):
        if named is not None:
            yield from _unknown((*path, key), (named,), operations, "operation")
    if operation.restored_by is not None and operation.verify is None:
        yield (*path, "restored_by"), "needs `verify`: that is how it is read what was there before", None


def _unknown(
    path: Path, names: Collection[str], known: Collection[str], what: str, *, also: Collection[str] = ()
) -> Iterator[Fault]:
    """`also` may be meant: what an operation has as soon as it is named."""
    for name in names:
        if name not in known:
            yield path, f"there is no {what} '{name}'", nearest(name, [*known, *also])


def _of_path(provider: Provider, operation: Operation, path: Path) -> Iterator[Fault]:
    if not _PATH.fullmatch(operation.path):
        yield (
            (*path, "path"),
            f"{told((), operation.path)} is no path of whole segments, such as /users/{{username}}",
            None,
        )
        return
    if {".", ".."} & set(operation.path.split("/")):
        yield (*path, "path"), "leads elsewhere by . or ..", None
    apps = [each.keys for each in provider.apps]
    for name in keys_in(operation.path):
        field = operation.field(name)
        if field is None and apps and all(name in keys for keys in apps):
            continue
        if field is None:
            known = [each.name for each in operation.fields]
            yield (
                (*path, "path"),
                f"there is no field '{name}'",
                nearest(name, [*known, provider.identity.name]),
            )
        elif field.pattern is None:
            hint = "a pattern says what may stand in an address"
            yield (*path, "path"), f"the field '{name}' has no pattern", hint


def _of_trees(provider: Provider, operation: Operation, path: Path) -> Iterator[Fault]:
    """Whatever stands for a field in a body, a query or a header names one, and no text is half a field."""
    known = [each.name for each in operation.fields]
    trees: list[tuple[str, Any]] = [("query", operation.query), ("headers", dict(operation.headers))]
    if isinstance(operation.body, Json | FormTree):
        trees.append(("body", operation.body.tree))
    for where, tree in trees:
        below = (*path, where)
        yield from _unknown(below, fields_in(tree), known, "field", also=(provider.identity.name,))
        for leaf in leaves(tree):
            if isinstance(leaf, str) and leaf != ATTEMPT_KEY and not sole(leaf) and keys_in(leaf):
                yield (
                    below,
                    f"'{leaf}' has a field in the midst of text",
                    'a field is a text of its own: "{field}"',
                )
        yield from _of_signs(below, tree, inside=where != "body")
    if isinstance(operation.body, FormTree) and ITEMS in operation.body.tree:
        yield (*path, "body"), "a form is a mapping", None


def _of_signs(path: Path, tree: Any, *, inside: bool) -> Iterator[Fault]:
    """Keys with a $ are ours: $items once, with $by beside it or nothing."""
    if isinstance(tree, Mapping):
        for key in tree:
            if key.startswith("$") and key not in {ITEMS, BY}:
                yield path, f"there is no {key}", f"{ITEMS}, and {BY} beside it"
        if ITEMS in tree and (inside or set(tree) - {ITEMS, BY}):
            what = (
                "is inside another, or where no list can be" if inside else f"has {BY} beside it or nothing"
            )
            yield path, f"{ITEMS} {what}", None
        if BY in tree and (ITEMS not in tree or not isinstance(tree[BY], str)):
            yield path, f"{BY} is the name of a field, beside {ITEMS}", None
        for key, each in tree.items():
            yield from _of_signs(path, each, inside=inside or key == ITEMS)
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from _of_signs(path, each, inside=inside)


def _of_defaults(operation: Operation, path: Path) -> Iterator[Fault]:
    for number, field in enumerate(operation.fields):
        if field.default is None:
            continue
        if field.key or field.secret:
            yield (*path, "fields", number, "default"), "what is secret or a key has no default", None
            continue
        try:
            checker(replace(field, pattern=None))(field.default)
        except Invalid as finding:
            yield (*path, "fields", number, "default"), str(finding), None


def _of_pattern(path: Path, pattern: str) -> Iterator[Fault]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            groups = re.compile(pattern).groupindex
    except (re.error, OverflowError, RecursionError, Warning) as error:
        yield path, f"{told((), pattern)} is not a regular expression: {error}", None
        return
    if strange := set(groups) - {"user"}:
        yield path, f"has the group {', '.join(sorted(strange))}", "only `user` has a meaning"
