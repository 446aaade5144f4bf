"""What the catalogue has to say about a job file: operations, params, columns, pools, batch sizes.

Every check gets sections that have the right shape already, and yields problems at their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bulkim import window
from bulkim.catalogue.called import called_there
from bulkim.catalogue.shapes import Field, Operation, Provider
from bulkim.catalogue.values import Invalid, checker
from bulkim.errors import Problem
from bulkim.text import nearest
from bulkim.yamltree import Node, describe, shown, told

_EMPTY: Mapping[str, Any] = {}


def find_provider(root: Node, providers: Mapping[str, Provider]) -> Provider | Problem | None:
    """The provider that the job names, or why there is none; None where the shape is wrong already."""
    node = root.child("provider")
    if node is None or not isinstance(node.value, str) or not node.value:
        return None
    if node.value in providers:
        return providers[node.value]
    hint = nearest(node.value, providers) or f"one of {', '.join(providers)}"
    return node.mark.problem(f"provider: there is no provider '{shown(node.value)}'", hint)


def find_operation(
    root: Node, provider: Provider | None, providers: Mapping[str, Provider]
) -> Operation | Problem | None:
    """The operation that the job names, or why there is none; None where the shape or the provider is wrong already."""
    node = root.child("operation")
    if node is None or not isinstance(node.value, str) or not node.value:
        return None
    if provider is not None and (operation := provider.operation(node.value)) is not None:
        return operation
    elsewhere = [each.name for each in providers.values() if each.operation(node.value) is not None]
    if provider is None and elsewhere:
        return None
    known = (provider,) if provider is not None else tuple(providers.values())
    names = dict.fromkeys(each.name for one in known for each in one.operations)
    where = f" at {provider.name}" if provider is not None else ""
    hint = (
        f"{' and '.join(elsewhere)} can"
        if elsewhere
        else called_there(node.value, known) or nearest(node.value, names)
    )
    hint = hint or f"one of {', '.join(names)}"
    return node.mark.problem(f"operation: there is no operation '{shown(node.value)}'{where}", hint)


# ------------------------------------------------------------------------------------------- params


def check_params(root: Node, operation: Operation) -> Iterator[Problem]:
    """Every param is known and has a value that its field takes."""
    section = root.child("params")
    given: Mapping[str, Node] = section.value if section is not None else _EMPTY
    fields = param_fields(operation)
    for name, node in given.items():
        if name not in fields:
            yield _unknown_param(name, section or root, operation)
            continue
        try:
            checker(fields[name])(node.plain())
        except Invalid as finding:
            yield node.mark.problem(f"params: {finding}")
    if operation.paging is not None and operation.any_of:
        chosen = [name for name in operation.any_of if name in given and given[name].value is not False]
        if len(chosen) != 1:
            words = " or ".join(operation.any_of)
            mark = section.mark if section is not None else root.key_mark_of(("operation",))
            yield mark.problem(f"{operation.name} needs params: {words}" + (", not both" if chosen else ""))


def param_fields(operation: Operation) -> dict[str, Field]:
    """What may stand under `params`."""
    of_items = (each for each in operation.fields if each.param)
    return {each.name: each for each in (*of_items, *operation.options)}


def typed_params(operation: Operation, params: Mapping[str, Any]) -> dict[str, Any]:
    """Valid params as their fields want them."""
    fields = param_fields(operation)
    return {name: checker(fields[name])(value) for name, value in params.items()}


def _unknown_param(name: str, section: Node, operation: Operation) -> Problem:
    known = param_fields(operation)
    hint = nearest(name, known) or (f"known: {', '.join(known)}" if known else None)
    mark = section.key_mark_of((name,))
    if operation.field(name) is not None:
        return mark.problem(f"'{name}' belongs to each item, not under params", "give it in the source")
    return mark.problem(f"unknown key '{shown(name)}' under params: {operation.name} has no such param", hint)


# ------------------------------------------------------------------------------------------- source


def check_source(root: Node, operation: Operation, provider: Provider) -> Iterator[Problem]:
    """The source fits the operation."""
    section = root.child("source")
    if section is None or section.value is None:
        if operation.paging is None:
            yield root.mark.problem("needs the key 'source'", f"{operation.name} works on items")
        return
    if operation.paging is not None:
        listing = section.child("listing")
        if listing is None or listing.value != operation.lists:
            message = f"{operation.name} takes no items: it works through what the vendor lists"
            narrowed = f", or narrow it: source: {{listing: {operation.lists}, where: {{…}}}}"
            hint = "leave source out" + (narrowed if operation.lists else "")
            yield root.key_mark_of(("source",)).problem(message, hint)
            return
    yield from _check_columns(section, operation, provider)
    yield from _check_where(section)
    yield from _check_items(section, operation, provider)
    yield from _check_listing(section, provider)


def _own_names(operation: Operation, provider: Provider) -> list[str]:
    """The operation's fields as the vendor's users know them."""
    return [provider.identity.name if each.name == "username" else each.name for each in operation.fields]


def _check_columns(section: Node, operation: Operation, provider: Provider) -> Iterator[Problem]:
    columns = section.child("columns")
    if columns is None:
        return
    names = _own_names(operation, provider)
    taken: dict[str, str] = {}
    for name, node in columns.value.items():
        own = "username" if name == provider.identity.name else name
        if name not in {*names, "username"}:
            hint = nearest(name, names) or f"its fields: {', '.join(names)}"
            mark = columns.key_mark_of((name,))
            yield mark.problem(f"source.columns: {operation.name} has no field '{shown(name)}'", hint)
        elif isinstance(node.value, dict):
            yield from _check_made(own, node, operation)
        elif taken.setdefault(node.value, name) != name:
            message = f"source.columns: column '{shown(node.value)}' is taken for {taken[node.value]} already"
            yield node.mark.problem(message)


def _check_made(name: str, node: Node, operation: Operation) -> Iterator[Problem]:
    """A column that is more than a name: either a default or a secret that is made."""
    said, what = node.plain(), f"source.columns.{name}"
    declared = operation.field(name)
    if said.get("generate") is None:
        if said.get("into") is not None:
            yield node.key_mark_of(("into",)).problem(
                f"{what}: into goes with generate", "write generate: 16"
            )
        if said.get("default") is None and said.get("column") is None:
            yield node.mark.problem(f"{what} needs column, default or generate")
        elif said.get("default") is not None and declared is not None:
            try:
                checker(declared)(said["default"])
            except Invalid as finding:
                yield node.mark_of(("default",)).problem(f"{what}.default: {finding}")
        return
    if others := [key for key in ("column", "default") if said.get(key) is not None]:
        yield node.key_mark_of((others[0],)).problem(
            f"{what}: {others[0]} does not go with generate", "leave it out"
        )
    if said.get("into") is None:
        hint = "name the file that keeps the secrets: into: credentials.csv"
        yield node.mark.problem(f"{what} needs the key 'into'", hint)
    if declared is None or not declared.secret:
        secrets = f"its secrets: {', '.join(sorted(operation.secrets))}" if operation.secrets else None
        yield node.mark.problem(f"{what}: only a secret can be generated", secrets)
        return
    try:
        checker(declared)("x" * said["generate"])
    except Invalid as finding:
        yield node.mark_of(("generate",)).problem(f"{what}.generate: {finding}")


def _check_where(section: Node) -> Iterator[Problem]:
    """Each condition says something."""
    where = section.child("where")
    if where is None or section.child("listing") is not None:
        return
    for name, node in where.value.items():
        if not any(value is not None for value in node.plain().values()):
            hint = "equals, in, match, empty or not"
            yield where.key_mark_of((name,)).problem(f"source.where.{name} says nothing", hint)


def _check_items(section: Node, operation: Operation, provider: Provider) -> Iterator[Problem]:
    """Inline items are part of the file: a wrong type or a slip of the pen in a key is the file's problem."""
    items = section.child("items")
    names = _own_names(operation, provider)
    for item in items.value if items is not None else ():
        given: Mapping[str, Node] = item.value if isinstance(item.value, dict) else _EMPTY
        for name, node in given.items():
            declared = operation.field(name)
            if declared is not None and declared.type == "str" and isinstance(node.value, (bool, int, float)):
                what = describe(node) if declared.secret else told((name,), node)
                message = f"source.items: {name}: expected text, got {what}"
                yield node.mark.problem(message, "quote it")
            elif declared is None and (hint := nearest(name, [each for each in names if each not in given])):
                yield item.key_mark_of((name,)).problem(f"source.items: unknown key '{shown(name)}'", hint)


def _check_listing(section: Node, provider: Provider) -> Iterator[Problem]:
    listing = section.child("listing")
    if listing is None:
        return
    if provider.operation(f"list-{listing.value}") is None:
        yield listing.mark.problem(
            f"source.listing: {provider.name} has no list of {listing.value}",
            _unlisted(provider, f"list-{listing.value}"),
        )
    where = section.child("where")
    if listing.value == "mutes" and where is not None:
        for key in where.value:
            if key != "match":
                message = f"source.where.{key}: a list of mutes says nothing about that"
                yield where.key_mark_of((key,)).problem(message, "only match narrows it")


def _unlisted(provider: Provider, wanted: str) -> str | None:
    """A declared provider may well have the list, by another name."""
    paged = [each.name for each in provider.operations if each.paging is not None and each.lists is None]
    if not paged:
        return None
    return f"it is read by an operation called '{wanted}': is {' or '.join(map(repr, paged))} that one? Then call it so"


# --------------------------------------------------------------------------------------------- rest


def check_snapshot(root: Node, operation: Operation, provider: Provider) -> Iterator[Problem]:
    """What is there before can be read and set again, where that is asked for."""
    node = root.child("snapshot")
    if node is not None and node.value is True and not operation.can_look:
        able = ", ".join(each.name for each in provider.operations if each.can_look)
        message = f"snapshot: nothing can restore what was there before {operation.name} at {provider.label}"
        yield node.mark.problem(message, f"known for: {able}" if able else "leave it out")


def check_pools(root: Node, provider: Provider) -> Iterator[Problem]:
    """`rate.pools` names pools of the vendor."""
    section = root.at(("rate", "pools"))
    names = [each.name for each in provider.pools]
    for name in section.value if section is not None else ():
        if name not in names:
            hint = nearest(name, names) or f"known: {', '.join(names)}"
            mark = root.key_mark_of(("rate", "pools", name))
            yield mark.problem(f"rate.pools: {provider.name} has no pool '{shown(name)}'", hint)


def check_batch(root: Node, operation: Operation, *, open_registration: bool) -> Iterator[Problem]:
    """`batch` is not more than the vendor takes."""
    node = root.child("batch")
    if node is None or node.value is None:
        return
    most = 1 if open_registration else operation.batch_max
    if node.value > most:
        why = (
            "open registration takes one user"
            if open_registration
            else f"{operation.name} takes at most {most}"
        )
        yield node.mark.problem(f"batch {node.value}: {why} a request")


def check_window(root: Node) -> Iterator[Problem]:
    """Its time zone is one that this machine knows."""
    section = root.child("window")
    node = section.child("zone") if section is not None and isinstance(section.value, dict) else section
    if section is None or node is None or not isinstance(node.value, str):
        return
    name = window.split(node.value)[1] if node is section else node.value
    try:
        window.find_zone(name or "UTC")
    except ValueError:
        known = window.zone_names()
        hint = nearest(str(name), known) or "a name such as Europe/Berlin or Asia/Shanghai"
        hint = hint if known else "this machine has no time zone database: pip install tzdata"
        yield node.mark.problem(f"window: there is no time zone '{shown(str(name))}'", hint)


def check_guard(root: Node, operation: Operation) -> Iterator[Problem]:
    """An operation that picks its own victims cannot spare anybody."""
    protect = root.at(("guard", "protect"))
    if protect is not None and protect.value and operation.paging is not None and operation.destroys:
        message = f"guard.protect: {operation.name} cannot honour it: the vendor chooses the users"
        yield protect.mark.problem(message, "use a listing with delete instead")
