"""A catalogue as plain values, in the words of its own shapes: what `load` reads back to an equal one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any

from bulkim.catalogue.shapes import Effect, Operation, Provider
from bulkim.catalogue.tags import FORMAT, TAGS, VERBATIM


def written(provider: Provider) -> dict[str, Any]:
    """The provider as a file holds it. What has its default is left out."""
    return {"provider": FORMAT, **_fields(provider)}


def _fields(value: Any) -> dict[str, Any]:
    answered = {"doubt"} if isinstance(value, Operation) and value.effect is not Effect.READ else set()
    return {
        each.name: _plain(getattr(value, each.name))
        for each in fields(value)
        if each.name in answered or getattr(value, each.name) != _default(each)
    }


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        inside = _fields(value)
        if (tag := TAGS.get(type(value))) is None:
            return inside
        if type(value) in VERBATIM:
            return {tag: _plain(getattr(value, VERBATIM[type(value)]))}
        return {tag: inside} if inside else tag
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
