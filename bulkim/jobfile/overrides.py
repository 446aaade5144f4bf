"""What `--set KEY=VALUE` means: YAML, and for a key that takes text the text as the shell gives it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from bulkim.errors import InputError, Problem
from bulkim.yamltree import Mark, Node, parse

_KINDS: dict[Any, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "truth",
    list: "list",
    dict: "mapping",
    NoneType: "nothing",
}


def value_of(key: str, text: str, mark: Mark, shape: type[BaseModel]) -> tuple[Node, list[Problem]]:
    """The value as a tree, and what is wrong with it. Raises InputError for what is not YAML where YAML is wanted."""
    if not text.strip():
        return Node("", mark), []
    kinds = kinds_at(shape, key.split("."))
    try:
        node, problems = parse(text, mark.file, place=mark)
    except InputError:
        if "text" not in kinds or not text.isprintable():
            raise
        return Node(text, mark), []
    quoted = isinstance(node.value, str) and text[0] == text[-1] and text[0] in "\"'"
    if "text" not in kinds or quoted or _kind(node) in kinds - {"text"}:
        return node, problems
    return Node(text, mark), []


def _kind(node: Node) -> str:
    """What a tree is; a mapping of nothing but names (`{first}`) is text with columns in it."""
    value = node.value
    if isinstance(value, dict) and value and all(each.value is None for each in value.values()):
        return "text"
    return _KINDS.get(type(value), "")


def kinds_at(shape: type[BaseModel], path: Sequence[str]) -> frozenset[str]:
    """What may stand at a place of a shape: text, number, truth, list, mapping, nothing; empty where anything may, or nothing."""
    found: list[Any] = [shape]
    for part in path:
        found = [below for each in found for below in _below(each, part)]
    return frozenset(kind for each in found for member in _members(each) if (kind := _named(member)))


def _below(annotation: Any, part: str) -> Iterator[Any]:
    for member in _members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            for name, about in member.model_fields.items():
                if part == (about.alias or name):
                    yield about.annotation
        elif get_origin(member) is dict:
            yield get_args(member)[1]


def _members(annotation: Any) -> Iterator[Any]:
    """Whatever an annotation may be."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin is Literal:
        yield from map(type, get_args(annotation))
    elif origin in {dict, list} or not get_args(annotation):
        yield annotation
    else:
        for each in get_args(annotation):
            yield from _members(each)


def _named(member: Any) -> str | None:
    if isinstance(member, type) and issubclass(member, BaseModel):
        return "mapping"
    return _KINDS.get(get_origin(member) or member)
