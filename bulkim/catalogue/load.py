"""A catalogue from a YAML file: the shapes' own words, every problem with its line and column.

There is no second language. A key is a field of the shape, a union says which shape it means by a tag (`tags`), and a
shape of which nothing is said but the tag is the tag alone: ``doubt: never``, ``auth: [bearer]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bulkim.catalogue.hazards import hazards
from bulkim.catalogue.references import faults
from bulkim.catalogue.renaming import named
from bulkim.catalogue.shapes import Effect, ErrorRule, Operation, Pool, Provider
from bulkim.catalogue.tags import FORMAT, TAGS, VERBATIM, members
from bulkim.errors import InputError, Problem
from bulkim.text import nearest
from bulkim.yamltree import Mark, Node, Path, dotted, parse, shown, told

_TYPES: Mapping[type[Any], tuple[str, str | None]] = {  # type -> in words, and what to do where it is another
    str: ("text", "quote it"),
    int: ("a whole number", "without quotes and units"),
    float: ("a number", "without quotes and units"),
    bool: ("true or false", None),
}
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Extension:
    """A file that adds to a provider, and overrides nothing of it."""

    name: str
    extends: str
    label: str = ""
    operations: tuple[Operation, ...] = ()
    errors: tuple[ErrorRule, ...] = ()
    pools: tuple[Pool, ...] = ()
    hosts: tuple[str, ...] = ()
    source: str = ""
    read_on: str = ""

    def onto(self, base: Provider) -> Provider:
        """The base with what is added. It draws on the base's quota."""
        return replace(
            base,
            name=self.name,
            label=self.label or f"{base.label} ({self.name})",
            operations=(*base.operations, *self.operations),
            errors=(*base.errors, *self.errors),
            pools=(*base.pools, *self.pools),
            hosts=self.hosts,
            quota_of=base.quota_of or base.name,
            source=self.source,
            read_on=self.read_on,
        )


@dataclass(frozen=True, slots=True)
class Declared:
    """A provider and the file that declares it: `added` are the operations, error rows and pools of the file's own."""

    provider: Provider
    root: Node
    base: Provider | None = None

    def place(self, path: Path) -> Mark | None:
        """Where a path into the provider stands in the file; None: in the base."""
        if self.base is not None and len(path) > 1 and path[0] in {"operations", "errors", "pools"}:
            number = int(path[1]) - len(getattr(self.base, str(path[0])))
            return self.root.mark_of((path[0], number, *path[2:])) if number >= 0 else None
        return self.root.mark_of(path)


def load(text: str, file: str, bases: Mapping[str, Provider] = MappingProxyType({})) -> Provider:
    """The provider that a file declares, on top of one of `bases` if it says so. Raises InputError with every problem."""
    return read(text, file, bases).provider


def is_provider(text: str) -> bool:
    """Whether a file declares a provider: its first key is ``provider:``, with the format's number. A job's names one."""
    return bool(_FIRST.match(text))


_FIRST = re.compile(r'(\s*(#[^\n]*|---)?\n)*[\s{]*"?provider"?\s*:\s*[0-9]+\s*([#,\n}]|$)')


def read(text: str, file: str, bases: Mapping[str, Provider] = MappingProxyType({})) -> Declared:
    """The same with the file's places. Raises InputError."""
    root, problems = parse(text, file, number_keys=True)
    reader = _Reader(root, problems)
    version = root.child("provider")
    if not isinstance(root.value, dict) or version is None:
        message = "a provider's file begins with `provider: 1`"
        raise InputError([*problems, root.mark.problem(message)])
    if version.value != FORMAT or isinstance(version.value, bool):
        message = f"provider: expected {FORMAT}, the version of the format"
        raise InputError([*problems, version.mark.problem(message)])
    del root.value["provider"]
    found = reader.shape(Extension if "extends" in root.value else Provider, root, ())
    base = bases.get(found.extends) if isinstance(found, Extension) else None
    if isinstance(found, Extension) and base is None:
        message = f"there is no provider '{shown(found.extends)}'"
        reader.wrong(root.value["extends"], ("extends",), message, nearest(found.extends, bases))
    if problems or found is _MISSING:
        raise InputError(_in_order(problems))
    made = named(found.onto(base) if base is not None else found)
    declared = Declared(made, root, base)
    for path, message, hint in (*faults(made), *hazards(made)):
        if (mark := declared.place(path)) is not None:
            words = made.identity.named
            problems.append(mark.problem(words(f"{dotted(path)}: {message}"), hint and words(hint)))
    if problems:
        raise InputError(_in_order(problems))
    return declared


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda each: (each.line or 0, each.column or 0))


@cache
def _hints(shape: Any) -> Mapping[str, Any]:
    return get_type_hints(shape)


class _Reader:
    """One file; problems are collected, and what has one is `_MISSING`."""

    def __init__(self, root: Node, problems: list[Problem]) -> None:
        self.root, self.problems = root, problems

    def wrong(self, node: Node, path: Path, message: str, hint: str | None = None) -> Any:
        """A problem at a value; nothing is made of it."""
        self.problems.append(node.mark.problem(f"{dotted(path)}: {message}" if path else message, hint))
        return _MISSING

    def value(self, kind: Any, node: Node, path: Path) -> Any:
        """What a node says, as its annotation wants it."""
        if kind is Any:
            return node.plain()
        choices = members(kind)
        if len(choices) < len(get_args(kind)) and node.value is None:
            return None
        one = choices[0]
        if one in TAGS:
            return self.tagged(choices, node, path)
        if len(choices) > 1:  # of scalars: the one whose type it has
            one = next((each for each in choices if type(node.value) is each), one)
        return self.plain(one, node, path)

    def plain(self, kind: Any, node: Node, path: Path) -> Any:
        """A value of one kind."""
        origin, inside = get_origin(kind), get_args(kind)
        if isinstance(kind, type) and is_dataclass(kind):
            found = self.shape(kind, node, path)
        elif origin is Literal:
            found = self.choice(inside, node, path)
        elif isinstance(kind, type) and issubclass(kind, Enum):
            found = self.choice([each.value for each in kind], node, path)
            found = found if found is _MISSING else kind(found)
        elif origin is tuple:
            found = self.sequence(inside[0], node, path)
        elif origin is not None:
            found = self.mapping(inside, node, path)
        else:
            found = self.scalar(kind, node, path)
        return found

    def scalar(self, kind: type[Any], node: Node, path: Path) -> Any:
        """Text, a number or a truth value."""
        value, (words, hint) = node.value, _TYPES[kind]
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is kind:
            return value
        return self.wrong(node, path, f"expected {words}, got {told(path, node)}", hint)

    def choice(self, known: Any, node: Node, path: Path) -> Any:
        """One of a few words."""
        if node.value in known and isinstance(node.value, str):
            return node.value
        hint = nearest(node.value, known) if isinstance(node.value, str) else None
        return self.wrong(node, path, f"expected one of {', '.join(known)}, got {told(path, node)}", hint)

    def sequence(self, kind: Any, node: Node, path: Path) -> Any:
        """A list, as the tuple that shapes hold."""
        if not isinstance(node.value, list):
            hint = "write [one, two]" if isinstance(node.value, str) else None
            return self.wrong(node, path, f"expected a list, got {told(path, node)}", hint)
        found = [self.value(kind, each, (*path, number)) for number, each in enumerate(node.value)]
        return _MISSING if _MISSING in found else tuple(found)

    def mapping(self, kinds: Any, node: Node, path: Path) -> Any:
        """A mapping with keys of the file's own."""
        if not isinstance(node.value, dict):
            return self.wrong(node, path, f"expected a mapping, got {told(path, node)}")
        found = {}
        for key, each in node.value.items():
            if kinds[0] is int and not key.isdigit():
                self.problems.append(
                    node.keys.get(key, node.mark).problem(f"{dotted(path)}: '{shown(key)}' is no number")
                )
                found[key] = _MISSING
            else:
                found[int(key) if kinds[0] is int else key] = self.value(kinds[1], each, (*path, key))
        return _MISSING if any(each is _MISSING for each in found.values()) else found

    def tagged(self, shapes: tuple[type[Any], ...], node: Node, path: Path) -> Any:
        """One shape of a union: a tag alone, or a mapping with the tag as its only key."""
        by_tag = {TAGS[each]: each for each in shapes}
        if isinstance(node.value, str):
            tag, inside = node.value, Node({}, node.mark)
        elif isinstance(node.value, dict) and len(node.value) == 1:
            tag, inside = next(iter(node.value.items()))
        else:
            return self.wrong(
                node, path, f"expected one of {', '.join(by_tag)}, with its keys below it", "one key"
            )
        if tag not in by_tag:
            hint = nearest(tag, by_tag) or f"one of {', '.join(by_tag)}"
            return self.wrong(node, path, f"there is no shape '{shown(tag)}'", hint)
        shape, path = by_tag[tag], path if isinstance(node.value, str) else (*path, tag)
        if shape in VERBATIM:
            kind = _hints(shape)[VERBATIM[shape]]  # type: ignore[arg-type]  # a class is hashable
            tree = self.value(kind, inside, path)
            return tree if tree is _MISSING else shape(tree)
        return self.shape(shape, inside, path)

    def shape(self, shape: type[Any], node: Node, path: Path) -> Any:
        """A dataclass from a mapping of its fields."""
        if not isinstance(node.value, dict):
            return self.wrong(node, path, f"expected a mapping, got {told(path, node)}")
        kinds = _hints(shape)  # type: ignore[arg-type]  # a class is hashable
        known = {each.name: each for each in fields(shape)}
        for key in node.value:
            if key not in known:
                inside = f" under {dotted(path)}" if path else ""
                hint = nearest(key, known) or f"known: {', '.join(known)}"
                mark = node.keys.get(key, node.mark)
                self.problems.append(mark.problem(f"unknown key '{shown(key)}'{inside}", hint))
        given = {
            key: self.value(kinds[key], each, (*path, key))
            for key, each in node.value.items()
            if key in known
        }
        lacking = [
            name for name, each in known.items() if name not in given and _demanded(shape, each, given)
        ]
        for name in lacking:
            self.problems.append(node.mark.problem(f"{dotted(path)} needs the key '{name}'".strip()))
        if lacking or any(each is _MISSING for each in given.values()):
            return _MISSING
        return shape(**given)


def _demanded(shape: type[Any], field: Any, given: Mapping[str, Any]) -> bool:
    """Whether a file must say it: what has no default, and how doubt is settled where something is written."""
    if shape is Operation and field.name == "doubt":
        return given.get("effect", _MISSING) not in {Effect.READ, _MISSING}
    return field.default is MISSING and field.default_factory is MISSING
