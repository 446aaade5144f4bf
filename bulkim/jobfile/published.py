"""The job file's JSON Schema (draft 2020-12), for editors: the shapes, with what the catalogue knows filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from bulkim.catalogue.shapes import Field, Operation, Provider
from bulkim.jobfile.catalogued import job_shape
from bulkim.jobfile.checks import param_fields

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE = r"/|\.(ya?ml|json)$"  # a provider that is named by its file: what it declares, no schema of ours knows
_TYPES: Mapping[str, Mapping[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "seconds": {"type": "integer"},
    "bool": {"type": "boolean"},
    "map": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
    "names": {"type": "array", "items": {"type": "string"}, "minItems": 1},
}


def json_schema(
    providers: Mapping[str, Provider], own: Mapping[str, Provider | None] = MappingProxyType({})
) -> dict[str, Any]:
    """The schema of a job file that may use these providers, and those of the user's `own` by their names. None: there is a file
    of that name, and it does not hold together.
    """
    schema: dict[str, Any] = _tidied(job_shape(providers).model_json_schema(mode="validation"))
    operations = dict.fromkeys(each.name for one in providers.values() for each in one.operations)
    properties = schema["properties"]
    strict = {"connection": properties["connection"], "operation": {"enum": list(operations)}}
    properties["provider"]["anyOf"] = [
        {"type": "string", "enum": list(providers)},
        *([{"type": "string", "enum": list(own)}] if own else []),
        {"type": "string", "pattern": FILE},
    ]
    properties["operation"]["anyOf"] = [{"type": "string", "enum": list(operations)}, {"type": "string"}]
    properties["connection"] = {
        "description": strict["connection"].get("description"),
        "anyOf": [{"type": "string"}, {"type": "object"}],
    }
    built_in = {"if": {"properties": {"provider": {"enum": list(providers)}}}, "then": {"properties": strict}}
    known = {**providers, **{name: one for name, one in own.items() if one is not None}}
    schema["allOf"] = [built_in, *(rule for name, one in known.items() for rule in _rules(name, one))]
    return {"$schema": DIALECT, **schema, "title": "bulkim job"}


def _tidied(node: Any) -> Any:
    """Without pydantic's titles, and without null, which nobody needs to be offered."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidy = {
        key: _tidied(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
    choices = tidy.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        choices = [each for each in choices if each != {"type": "null"}]
        del tidy["anyOf"]
        tidy = {**choices[0], **tidy} if len(choices) == 1 else {"anyOf": choices, **tidy}
    return tidy


def _rules(name: str, provider: Provider) -> Iterator[dict[str, Any]]:
    """What holds once the provider is chosen, and once the operation is."""
    offered = {"operation": {"enum": [each.name for each in provider.operations]}}
    forms = [{"required": list(form.keys)} for form in provider.apps]
    connection = {"connection": {"if": {"type": "object"}, "then": {"oneOf": forms}}}
    yield _when({"provider": name}, {"properties": offered | connection})
    for each in provider.operations:
        chosen = {"provider": name, "operation": each.name}
        yield _when(chosen, _of_operation(each))


def _of_operation(operation: Operation) -> dict[str, Any]:
    params = {name: _of_field(each) for name, each in param_fields(operation).items()}
    properties: dict[str, Any] = {
        "params": {"properties": params, "additionalProperties": False},
        "batch": {"maximum": operation.batch_max},
    }
    if operation.paging is not None:
        narrowed = {"properties": {"listing": {"const": operation.lists}}, "required": ["listing"]}
        return {"properties": {**properties, "source": narrowed if operation.lists else False}}
    columns = {each.name: {"description": each.help} for each in operation.fields}
    properties["source"] = {"properties": {"columns": {"properties": columns, "additionalProperties": False}}}
    return {"properties": properties, "required": ["source"]}


def _of_field(field: Field) -> dict[str, Any]:
    about = {"description": field.help, "minimum": field.minimum, "maximum": field.maximum}
    return {**_TYPES[field.type], **{key: value for key, value in about.items() if value not in (None, "")}}


def _when(chosen: Mapping[str, str], then: Mapping[str, Any]) -> dict[str, Any]:
    properties = {key: {"const": value} for key, value in chosen.items()}
    return {"if": {"properties": properties, "required": list(chosen)}, "then": dict(then)}
