"""The tables of docs/provider-file.md: the published schema of a provider's file, read off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bulkim.catalogue.published import provider_schema

Schema = Mapping[str, Any]
# A shape -> the heading that it stands under, as a link writes it.
ANCHORS = {
    "Identity": "identity", "App": "apps", "Envelope": "envelope", "Pool": "pools", "Learn": "learn", "ErrorRule": "errors",
    "Kind": "kinds", "Operation": "operations", "Effect": "effects", "Field": "fields", "ReadBack": "verify", "Paging": "paging",
    "Case": "cases", "Sent": "request", "Answered": "reply",
}  # fmt: skip
UNIONS = ("auth", "body", "result", "doubt")  # properties that are one of several shapes, told by a word
WORDS = ("Kind", "Effect")
TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


def parts() -> Iterator[tuple[str, Callable[[], str]]]:
    """Each generated part of the page, by its name."""
    schema = provider_schema()
    shapes: Mapping[str, Schema] = schema["$defs"]
    for name, shape in {"file": schema["oneOf"][0], "extension": schema["oneOf"][1]}.items():
        yield f"declares {name}", lambda shape=shape: keys(shape)
    for name in ANCHORS:
        yield f"declares {name}", lambda shape=shapes[name]: words(shape) if "oneOf" in shape else keys(shape)
    places = {**schema["oneOf"][0]["properties"], **shapes["Operation"]["properties"]}
    for name in UNIONS:
        yield f"declares {name}", lambda of=places[name]: union(of.get("items", of), shapes)


def keys(shape: Schema) -> str:
    """A table of a shape's properties."""
    needed = shape["required"]
    return _table(
        ("key", "value", "meaning"),
        [
            (f"`{name}`" + (" (required)" if name in needed else ""), kind(name, about), about["description"])
            for name, about in shape["properties"].items()
        ],
    )


def words(shape: Schema) -> str:
    """A table of an enumeration's words."""
    return _table(
        ("word", "meaning"), [(f"`{each['const']}`", each["description"]) for each in shape["oneOf"]]
    )


def union(of: Schema, shapes: Mapping[str, Schema]) -> str:
    """The words that tell the shapes apart, and the keys of each shape."""
    found = {word: inside for each in of["oneOf"] for word, inside in each.get("properties", {}).items()}
    pieces = [
        _table(("word", "meaning"), [(f"`{word}`", each["description"]) for word, each in found.items()])
    ]
    for word, inside in found.items():
        shape = shapes.get(inside.get("$ref", "").rpartition("/")[2], {})
        if shape.get("properties"):
            pieces.append(f"Under `{word}`:\n\n{keys(shape)}")
    return "\n".join(pieces)


def kind(name: str, about: Schema) -> str:
    """What may stand there, in words."""
    choices = about.get("oneOf") or about.get("anyOf")
    if "$ref" in about:
        shape = about["$ref"].rpartition("/")[2]
        found = f"[{'one of ' + ANCHORS[shape] if shape in WORDS else 'mapping'}](#{ANCHORS[shape]})"
    elif name in UNIONS and choices:
        found = f"[one of these](#{name})"
    elif choices:
        found = " or ".join(dict.fromkeys(kind(name, each) for each in choices))
    elif "enum" in about or "const" in about:
        found = ", ".join(f"`{each}`" for each in about.get("enum", (about.get("const"),)))
    elif about.get("type") == "array":
        found = _list(name, about["items"])
    elif about.get("type") == "object":
        inside = kind(name, about.get("additionalProperties") or {})
        found = "mapping" if inside == "text" else f"mapping to {inside}"
    else:
        found = TYPES.get(about.get("type", ""), "anything")
    return found


def _list(name: str, items: Schema) -> str:
    if name in UNIONS:
        return f"list of [these](#{name})"
    of = kind(name, items)
    if found := re.fullmatch(r"\[mapping\]\(#(.*)\)", of):
        return f"list of [mappings](#{found[1]})"
    return {"text": "list of text", "anything": "list"}.get(of, f"list of {of}")


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
