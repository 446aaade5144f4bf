"""pydantic's errors -> problems at their places, in words for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from bulkim.errors import Problem
from bulkim.jobfile.hooks import service
from bulkim.jobfile.schema import SOURCE_KINDS
from bulkim.text import nearest
from bulkim.yamltree import Node, Path, describe, dotted, shown, told

_EXPECTED = {  # pydantic's error types -> what was wanted
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOUNDS = {
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
}


def complaints(
    error: ValidationError, root: Node, shape: type[BaseModel], auth_words: Sequence[str]
) -> Iterator[tuple[Path, Problem]]:
    """Every error of validating `root` against `shape` as a problem, with the path it is about.

    `auth_words` are the keys of all forms of credentials.
    """
    for detail in error.errors(include_url=False, include_input=False):
        path = _path(detail["loc"], root)
        yield path, _problem(detail, path, root, shape, auth_words)


def _path(loc: Iterable[int | str], root: Node) -> Path:
    """The error's place in the file: pydantic's, without the names of a union's forms (``<csv>``)."""
    path: Path = ()
    node: Node | None = root
    for part in loc:
        below = node.child(part) if node is not None else None
        if below is not None or not str(part).startswith("<"):
            path, node = (*path, part), below
    return path


def _problem(
    detail: ErrorDetails, path: Path, root: Node, shape: type[BaseModel], auth_words: Sequence[str]
) -> Problem:
    if detail["type"] == "extra_forbidden":
        return _unknown_key(path, root, keys_at(shape, detail["loc"][:-1]))
    node = root.at(path)
    value = node.value if node is not None else None
    if detail["type"] == "form":
        message, hint = _no_form(detail["msg"], path, value, auth_words)
    else:
        beside = root.at((*path[:-1], "url"))
        url = str(beside.value) if beside is not None else ""
        message, hint = _words(detail, path, value, url)
    return root.mark_of(path).problem(message, hint)


def keys_at(shape: type[BaseModel], loc: Iterable[int | str]) -> Sequence[str]:
    """The keys that may stand at pydantic's place: of the shape that the place leads to."""
    found: Any = shape
    for part in loc:
        if isinstance(part, int):
            continue
        if _is_shape(found) and part in found.model_fields:
            found = found.model_fields[part].annotation
        else:
            found = next((each for tag, each in _members(found) if tag == part), found)
    fields = next((each for _, each in _members(found) if _is_shape(each)), shape).model_fields
    return tuple(about.alias or name for name, about in fields.items())


def _members(annotation: Any, tag: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """What an annotation may be, each with the tag by which pydantic's places name it."""
    if get_origin(annotation) is Annotated:
        kind, *about = get_args(annotation)
        yield from _members(kind, next((each.tag for each in about if isinstance(each, Tag)), tag))
        return
    yield tag, annotation
    for each in get_args(annotation):
        yield from _members(each, tag)


def _is_shape(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _words(detail: ErrorDetails, path: Path, value: Any, url: str) -> tuple[str, str | None]:
    """What is wrong, and what to do about it. `url`: an address that stands beside it."""
    kind, context, name = detail["type"], detail.get("ctx", {}), dotted(path)
    message, hint = f"{name} {detail['msg'].removeprefix('Input ')}", None
    if kind == "missing":
        message = f"{dotted(path[:-1])} needs the key '{path[-1]}'".lstrip()
    elif kind in _EXPECTED:
        message, hint = _wrong_type(_EXPECTED[kind], path, value)
    elif kind == "literal_error":
        message, hint = _wrong_choice(str(context["expected"]).replace("'", ""), path, value, url)
    elif kind == "value_error":
        message = f"{name}{_value(path, value)} {context['error']}"
    elif kind in _BOUNDS:
        message = f"{name}{_value(path, value)} {_BOUNDS[kind].format(**context)}"
    return message, hint


def _value(path: Path, value: Any) -> str:
    """The value, where it is one and may be shown."""
    words = told(path, value)
    return "" if words == describe(value) else f" {words}"


def _wrong_choice(expected: str, path: Path, value: Any, url: str) -> tuple[str, str | None]:
    known = expected.replace(" or ", ", ").split(", ")
    hint = nearest(value, known) if isinstance(value, str) else None
    if path[:1] == ("notify",) and url and (wanted := service(url)):
        hint = f"write format: {wanted}"
    return f"{dotted(path)}: expected {expected}, got {told(path, value)}", hint


def _wrong_type(expected: str, path: Path, value: Any) -> tuple[str, str | None]:
    hint = None
    if expected == "text" and isinstance(value, (bool, int, float)):
        hint = "quote it"
    elif expected == "a list" and isinstance(value, str):
        hint = "write [one, two]"
    elif expected in {"a number", "a whole number"} and isinstance(value, str):
        hint = "without quotes and units"
    return f"{dotted(path)}: expected {expected}, got {told(path, value)}", hint


def _no_form(message: str, path: Path, value: Any, auth_words: Sequence[str]) -> tuple[str, str | None]:
    """None of the forms that may stand there."""
    name = dotted(path)
    if isinstance(value, dict):
        hints = (nearest(key, SOURCE_KINDS if name == "source" else auth_words) for key in value)
        return f"{name}: {message}", next((hint for hint in hints if hint), None)
    if name == "source" and isinstance(value, str):
        return f"{name}: {message}, got {told(path, value)}", "for a CSV file write {csv: FILE}"
    return f"{name}: {message}; this is {told(path, value)}", None


def _unknown_key(path: Path, root: Node, known: Sequence[str]) -> Problem:
    mark, key = root.key_mark_of(path), str(path[-1])
    inside = f" under {dotted(path[:-1])}" if path[:-1] else ""
    if path[:-1] == ("source",) and key in SOURCE_KINDS:
        return mark.problem(f"source takes one of {', '.join(SOURCE_KINDS)}, not two", "remove one of them")
    if path[:-1] == ("source",) and key in {"columns", "trim"} and "listing" in known:
        message = f"{dotted(path)}: a listing has usernames and no columns"
        return mark.problem(message, "`params` gives every user the same; several columns are a file's")
    return mark.problem(
        f"unknown key '{shown(key)}'{inside}", nearest(key, known) or f"known: {', '.join(known)}"
    )
