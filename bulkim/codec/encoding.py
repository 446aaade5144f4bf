"""Items to one HTTP call.

A path is made of the declaration's literal segments and of values that are percent-encoded whole, so that an id can
never address anything but itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, assert_never
from urllib.parse import quote, urlencode

from bulkim.catalogue.shapes import Field, Form, Names, NoBody, Object, Operation, Paging, Provider, Rows
from bulkim.model import Call, Connection, Item, PageRequest

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def encode(
    provider: Provider,
    operation: Operation,
    connection: Connection,
    items: Sequence[Item],
    *,
    single: bool = False,
    page: PageRequest | None = None,
) -> Call:
    """The call that does `operation` to all `items`, without credentials.

    `single` takes the form for one item a request where the vendor has another one. A paging operation takes a `page`
    instead of items. Raises ValueError for what no valid plan contains.
    """
    form = operation.single if single and operation.single else operation
    if form.paging is not None:
        if items:
            raise ValueError(f"{provider.name} {form.name} takes no items")
        query = _page_query(form.paging, page or PageRequest(size=form.batch_max))
    else:
        if not 1 <= len(items) <= (1 if single else form.batch_max):
            raise ValueError(f"{provider.name} {form.name} does not take {len(items)} items a request")
        if len(items) > 1 and (part := parting(form)) and len({part(each) for each in items}) > 1:
            shared = ", ".join(form.shared)
            raise ValueError(f"{provider.name} {form.name} takes one {shared} a request")
        query = ()
    body, content_type = _body(form, items, single=single)
    return Call(
        method=form.method,
        path=connection.root + _path(form.path, items),
        template=provider.app(connection.app).root + form.path,
        query=query,
        body=body,
        content_type=content_type,
    )


class Listed(Protocol):
    """What has a user and fields: an item, or a row of a plan."""

    @property
    def username(self) -> str:
        """As the source writes it."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """Typed, params included."""


def parting(operation: Operation) -> Callable[[Listed], Hashable] | None:
    """What tells items apart that cannot go in one call: the values of their shared fields. None: all may go together."""
    names = operation.shared
    return (lambda each: tuple(_comparable(field_value(each, name)) for name in names)) if names else None


def _comparable(value: Any) -> Hashable:
    """A value by what is sent of it: 1 and true and "1" are three."""
    return value if isinstance(value, str) else json.dumps([value], sort_keys=True, default=str)


def wire_fields(operation: Operation, item: Item) -> dict[str, Any]:
    """What the vendor gets of an item: wire name -> value, fields of the path included."""
    given = {
        each.name: value for each in operation.fields if (value := field_value(item, each.name)) is not None
    }
    if operation.any_of and not any(name in given for name in operation.any_of):
        given |= operation.otherwise
    missing = [
        each.name for each in operation.fields if not each.optional and each.sent and each.name not in given
    ]
    if operation.any_of and not any(name in given for name in operation.any_of):
        missing.append(" or ".join(operation.any_of))
    if missing:
        raise ValueError(f"{operation.name} of {item.username!r} lacks {', '.join(missing)}")
    return {
        each.wire or each.name: _on_wire(each, given[each.name])
        for each in operation.fields
        if each.name in given and each.sent and each.fallback_of not in given
    }


def field_value(item: Listed, name: str) -> Any:
    """An item's own value of a field; None where it has none."""
    return item.username if name == "username" else item.fields.get(name)


def _path(path: str, items: Sequence[Item]) -> str:
    def segment(match: re.Match[str]) -> str:
        name = match[1]
        value = field_value(items[0], name)
        text = "" if value is None else str(value)
        if text in {"", ".", ".."}:
            raise ValueError(f"{name} is {text!r}: it would change the meaning of the path {path}")
        return quote(text, safe="")

    return _PLACEHOLDER.sub(segment, path)


def _page_query(paging: Paging, page: PageRequest) -> tuple[tuple[str, str], ...]:
    size = (paging.size, str(page.size))
    match paging.by:
        case "cursor":
            return (size,) if page.at is None else (size, (paging.at, page.at))
        case "number":
            return ((paging.at, page.at or "1"), size)
        case never:
            assert_never(never)


def _body(operation: Operation, items: Sequence[Item], *, single: bool) -> tuple[bytes, str | None]:
    match operation.body:
        case NoBody(content_type=content_type):
            return b"", content_type
        case Rows(root=root, single_object=single_object):
            rows = _rows(operation, items)
            if single and single_object:
                return _json(rows[0]), JSON
            return _json(rows if root is None else {root: rows}), JSON
        case Object():
            return _json(_rows(operation, items[:1])[0]), JSON
        case Names(root=root, also=also, of=of):
            beside = {_wire_name(operation, name): _beside(operation, items, name) for name in also}
            return _json({root: [field_value(each, of) for each in items], **beside}), JSON
        case Form(of=of):
            pairs = wire_fields(operation, items[0])[_wire_name(operation, of)]
            return urlencode({key: _form_text(value) for key, value in pairs.items()}).encode(), FORM
        case never:
            assert_never(never)


def _rows(operation: Operation, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Items as JSON objects: what is not in the path already."""
    in_path = set(_PLACEHOLDER.findall(operation.path))
    if operation.any_of or not all(_is_text(each) for each in operation.fields):
        written = [wire_fields(operation, each) for each in items]
        return [{name: value for name, value in row.items() if name not in in_path} for row in written]
    fields = [(each.name, each.wire or each.name, each.optional) for each in operation.fields]
    rows = []
    for item in items:  # as `wire_fields` does it, without asking of each item what holds for all
        row = {}
        for name, wire, optional in fields:
            value = item.username if name == "username" else item.fields.get(name)
            if value is None and not optional:
                wire_fields(operation, item)  # raises
            if value is not None and wire not in in_path:
                row[wire] = str(value)
        rows.append(row)
    return rows


def _is_text(field: Field) -> bool:
    """Whether a field is sent just as it is."""
    return field.type == "str" and field.sent and field.fixed is None and field.fallback_of is None


def _beside(operation: Operation, items: Sequence[Item], name: str) -> Any:
    """What stands beside the array: the value that all items share, or the union of a read's lists."""
    wire = _wire_name(operation, name)
    if name in operation.shared or len(items) == 1:
        return wire_fields(operation, items[0])[wire]
    return list(dict.fromkeys(value for each in items for value in wire_fields(operation, each)[wire]))


def _wire_name(operation: Operation, name: str) -> str:
    declared = operation.field(name)
    return (declared.wire if declared else None) or name


def _on_wire(field: Field, value: Any) -> Any:
    if field.fixed is not None:
        return field.fixed
    match field.type:
        case "str":
            return str(value)
        case "int" | "seconds":
            number = int(value)
            return field.forever if number == -1 and field.forever is not None else number
        case "bool":
            return bool(value)
        case "map":
            return dict(value)
        case "names":
            # The names of what was set: `remove-attributes` accepts the items of `set-attributes`.
            return [value] if isinstance(value, str) else [str(name) for name in value]
        case never:
            assert_never(never)


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair has no UTF-8; JSON can still escape it
        return json.dumps(value, separators=(",", ":")).encode()
