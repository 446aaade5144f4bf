"""The JSON Schema (draft 2020-12) of files that declare a provider, for editors: the shapes themselves, read off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bulkim.catalogue.load import Extension
from bulkim.catalogue.shapes import Provider
from bulkim.catalogue.tags import FORMAT, TAGS, VERBATIM, members
from bulkim.catalogue.words import ABOUT, VERSION, of_choice

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def provider_schema() -> dict[str, Any]:
    """The schema of a file that declares a provider, or adds to one."""
    shapes: dict[str, Any] = {}
    either = [
        _shape(each, shapes, {"provider": {"const": FORMAT, "description": VERSION}})
        for each in (Provider, Extension)
    ]
    return {
        "$schema": DIALECT, "title": "bulkim provider", "type": "object", "required": ["provider"],
        "oneOf": either, "$defs": shapes,
    }  # fmt: skip


def _shape(shape: type[Any], shapes: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    kinds = get_type_hints(shape)
    about = ABOUT[shape]
    properties = {
        each.name: {"description": about[each.name], **_value(kinds[each.name], shapes)}
        for each in fields(shape)
    }
    needed = [each.name for each in fields(shape) if _demanded(each)]
    return {
        "type": "object", "description": _said(shape), "properties": {**more, **properties},
        "required": [*more, *needed], "additionalProperties": False,
    }  # fmt: skip


def _demanded(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(kind: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    if kind is Any:
        return {}
    choices = members(kind)
    if choices[0] in TAGS:
        return {"oneOf": [one for each in choices for one in _tagged(each, shapes)]}
    if len(choices) > 1:
        return {"anyOf": [_value(each, shapes) for each in choices]}
    return _plain(choices[0], shapes)


def _plain(kind: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    origin, inside = get_origin(kind), get_args(kind)
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if origin is Literal:
        return {"enum": list(inside)}
    if origin is tuple:
        return {"type": "array", "items": _value(inside[0], shapes)}
    if origin is not None:
        return {"type": "object", "additionalProperties": _value(inside[1], shapes)}
    if issubclass(kind, Enum):
        shapes[kind.__name__] = {
            "oneOf": [{"const": each.value, "description": of_choice(each)} for each in kind]
        }
        return {"$ref": f"#/$defs/{kind.__name__}"}
    return _referred(kind, shapes)


def _referred(shape: type[Any], shapes: dict[str, Any]) -> dict[str, Any]:
    assert is_dataclass(shape)
    if shape.__name__ not in shapes:
        shapes[shape.__name__] = {}  # an operation holds one
        shapes[shape.__name__] = _shape(shape, shapes, {})
    return {"$ref": f"#/$defs/{shape.__name__}"}


def _tagged(shape: type[Any], shapes: dict[str, Any]) -> list[dict[str, Any]]:
    """A shape of a union: its tag alone where nothing must be said, or the tag as the only key."""
    tag = TAGS[shape]
    if shape in VERBATIM:
        about = ABOUT[shape][VERBATIM[shape]]
        inside, alone = (
            {"description": about, **_value(get_type_hints(shape)[VERBATIM[shape]], shapes)},
            False,
        )
    else:
        inside = {"description": _said(shape), **_referred(shape, shapes)}
        alone = not any(map(_demanded, fields(shape)))
    keyed = {"type": "object", "properties": {tag: inside}, "required": [tag], "additionalProperties": False}
    return [{"const": tag, "description": _said(shape)}, keyed] if alone else [keyed]


def _said(shape: type[Any]) -> str:
    """What a shape is, as its docstring says: without the paragraphs for who writes code."""
    return " ".join((shape.__doc__ or "").partition("\n\n")[0].split()).replace("``", "`")
