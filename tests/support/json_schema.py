"""A validator for the part of JSON Schema that the published schema uses, so that no library is needed for it."""

from __future__ import annotations

import re
from typing import Any

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
KNOWN = {
    "$defs", "$schema", "$ref", "title", "description", "examples", "default", "type", "enum", "const", "properties",
    "additionalProperties", "required", "items", "minItems", "minLength", "maxLength", "minimum", "maximum",
    "exclusiveMinimum", "pattern", "oneOf", "anyOf", "allOf", "if", "then",
}  # fmt: skip


class Validator:
    """Says whether values fit a schema; a keyword that it does not know is an AssertionError."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._root = schema

    def fits(self, value: Any, schema: Any = None) -> bool:
        """Whether the value fits the whole schema, or a part of it."""
        schema = self._root if schema is None else schema
        if isinstance(schema, bool):
            return schema
        assert schema.keys() <= KNOWN, schema.keys() - KNOWN
        return (
            self._combined(value, schema)
            and ("type" not in schema or _typed(schema["type"], value))
            and value in schema.get("enum", [value])
            and value == schema.get("const", value)
            and (not isinstance(value, dict) or self._mapping(value, schema))
            and (not isinstance(value, list) or self._list(value, schema))
            and (not isinstance(value, str) or _text(value, schema))
            and (not _typed("number", value) or _number(value, schema))
        )

    def _combined(self, value: Any, schema: dict[str, Any]) -> bool:
        name = schema.get("$ref", "").removeprefix("#/$defs/")
        return (
            (not name or self.fits(value, self._root["$defs"][name]))
            and ("oneOf" not in schema or sum(self.fits(value, each) for each in schema["oneOf"]) == 1)
            and ("anyOf" not in schema or any(self.fits(value, each) for each in schema["anyOf"]))
            and all(self.fits(value, each) for each in schema.get("allOf", ()))
            and ("if" not in schema or not self.fits(value, schema["if"]) or self.fits(value, schema["then"]))
        )

    def _mapping(self, value: dict[str, Any], schema: dict[str, Any]) -> bool:
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        return all(name in value for name in schema.get("required", ())) and all(
            self.fits(each, properties.get(name, others)) for name, each in value.items()
        )

    def _list(self, value: list[Any], schema: dict[str, Any]) -> bool:
        return len(value) >= schema.get("minItems", 0) and all(
            self.fits(each, schema.get("items", True)) for each in value
        )


def _typed(types: str | list[str], value: Any) -> bool:
    names = [types] if isinstance(types, str) else types
    return any(
        isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
        for name in names
    )


def _text(value: str, schema: dict[str, Any]) -> bool:
    long_enough = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    return long_enough and re.search(schema.get("pattern", ""), value) is not None


def _number(value: float, schema: dict[str, Any]) -> bool:
    within = schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return within and value > schema.get("exclusiveMinimum", value - 1)
