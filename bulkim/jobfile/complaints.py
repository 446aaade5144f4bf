"""pydantic's errors -> problems at their places, in words for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bulkim.errors import Problem
from bulkim.jobfile import schema
from bulkim.jobfile.schema import AUTH_KEYS, SOURCE_KINDS
from bulkim.yamltree import Node, Path, describe, shown

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
_SHAPES: Mapping[str, type[BaseModel]] = {  # the last part of pydantic's place -> what has keys there
    "<mapping>": schema.ConnectionShape,
    "<token>": schema.TokenAuth,
    "<client>": schema.ClientAuth,
    "<app_certificate>": schema.CertificateAuth,
    "<user_sig>": schema.UserSigAuth,
    "<csv>": schema.CsvSource,
    "<text>": schema.TextSource,
    "<jsonl>": schema.JsonlSource,
    "<items>": schema.ItemsSource,
    "<listing>": schema.ListingSource,
    "<run>": schema.RunSource,
    "where": schema.WhereShape,
    "rate": schema.RateShape,
    "guard": schema.GuardShape,
    "<window>": schema.WindowShape,
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the known word which `word` was probably meant to be."""
    by_lower = {each.lower(): each for each in known}
    match = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean '{by_lower[match[0]]}'?" if match else None


def dotted(path: Sequence[Any]) -> str:
    """A path as it is typed with --set: ``rate.limit``."""
    return ".".join(str(part) for part in path)


def complaints(error: ValidationError, root: Node) -> Iterator[tuple[Path, Problem]]:
    """Every error of validating `root` as a problem, with the path it is about."""
    for detail in error.errors(include_url=False, include_input=False):
        path = _path(detail["loc"], root)
        yield path, _problem(detail, path, root)


def _path(loc: Iterable[int | str], root: Node) -> Path:
    """The error's place in the file: pydantic's, without the names of a union's forms (``<csv>``)."""
    path: Path = ()
    node: Node | None = root
    for part in loc:
        below = node.child(part) if node is not None else None
        if below is not None or not str(part).startswith("<"):
            path, node = (*path, part), below
    return path


def _problem(detail: ErrorDetails, path: Path, root: Node) -> Problem:
    if detail["type"] == "extra_forbidden":
        return _unknown_key(detail, path, root)
    node = root.at(path)
    message, hint = _words(detail, path, node.value if node is not None else None)
    return root.mark_of(path).problem(message, hint)


def _words(detail: ErrorDetails, path: Path, value: Any) -> tuple[str, str | None]:
    """What is wrong, and what to do about it."""
    kind, context, name = detail["type"], detail.get("ctx", {}), dotted(path)
    message, hint = f"{name} {detail['msg'].removeprefix('Input ')}", None
    if kind == "missing":
        message = f"{dotted(path[:-1])} needs the key '{path[-1]}'".lstrip()
    elif kind in _EXPECTED:
        message, hint = _wrong_type(_EXPECTED[kind], value, name)
    elif kind == "literal_error":
        message, hint = _wrong_choice(str(context["expected"]).replace("'", ""), value, name)
    elif kind == "form":
        message, hint = _no_form(detail["msg"], value, name)
    elif kind == "value_error":
        message = f"{name} {context['error']}"
    elif kind in _BOUNDS:
        message = f"{name} {_BOUNDS[kind].format(**context)}"
    return message, hint


def _wrong_choice(expected: str, value: Any, name: str) -> tuple[str, str | None]:
    if not isinstance(value, str):
        return f"{name}: expected {expected}, got {describe(value)}", None
    hint = nearest(value, expected.replace(" or ", ", ").split(", "))
    return f"{name}: expected {expected}, got '{shown(value)}'", hint


def _wrong_type(expected: str, value: Any, name: str) -> tuple[str, str | None]:
    hint = None
    if expected == "text" and isinstance(value, (bool, int, float)):
        hint = "quote it"
    elif expected == "a list" and isinstance(value, str):
        hint = "write [one, two]"
    elif expected in {"a number", "a whole number"} and isinstance(value, str):
        hint = "without quotes and units"
    return f"{name}: expected {expected}, got {describe(value)}", hint


def _no_form(message: str, value: Any, name: str) -> tuple[str, str | None]:
    """None of the forms that may stand there."""
    if isinstance(value, dict):
        words = (
            SOURCE_KINDS if name == "source" else [key for pair in AUTH_KEYS.values() for key in pair if key]
        )
        hints = (nearest(key, words) for key in value)
        return f"{name}: {message}", next((hint for hint in hints if hint), None)
    if name == "source" and isinstance(value, str):
        return f"{name}: {message}, got text", "for a CSV file write {csv: FILE}"
    return f"{name}: {message}; this is {describe(value)}", None


def _unknown_key(detail: ErrorDetails, path: Path, root: Node) -> Problem:
    mark, key = root.key_mark_of(path), str(path[-1])
    inside = f" under {dotted(path[:-1])}" if path[:-1] else ""
    if path[:-1] == ("source",) and key in SOURCE_KINDS:
        return mark.problem(f"source takes one of {', '.join(SOURCE_KINDS)}, not two", "remove one of them")
    parent = str(detail["loc"][-2]) if len(detail["loc"]) > 1 else ""
    known = _SHAPES.get(parent, schema.JobShape).model_fields
    hint = nearest(key, known) or f"known: {', '.join(known)}"
    return mark.problem(f"unknown key '{shown(key)}'{inside}", hint)
