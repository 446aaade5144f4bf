"""Items to one HTTP call.

A path is made of the declaration's literal segments and of values that are percent-encoded whole, so that an id can
never address anything but itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, assert_never
from urllib.parse import parse_qsl, quote, urlencode

from bulkim.catalogue.shapes import (
    ATTEMPT_KEY,
    Field,
    Form,
    FormTree,
    Json,
    Names,
    NoBody,
    Object,
    Operation,
    Paging,
    Provider,
    Rows,
)
from bulkim.codec.trees import as_text, built, pairs
from bulkim.model import Call, Connection, Item, PageRequest

JSON = "application/json"
COMMA = "%2C"
FORM = "application/x-www-form-urlencoded"
Pairs = tuple[tuple[str, str], ...]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def encode(
    provider: Provider,
    operation: Operation,
    connection: Connection,
    items: Sequence[Item],
    *,
    single: bool = False,
    page: PageRequest | None = None,
    run: str = "",
) -> Call:
    """The call that does `operation` to all `items`, without credentials.

    `single` takes the form for one item a request where the vendor has another one. A paging operation takes a `page`
    instead of items. `run` is what an attempt's key is made from, beside the item. Raises ValueError for what no valid
    plan contains.
    """
    form = operation.single if single and operation.single else operation
    paged: Pairs = ()
    if form.paging is not None:
        if items:
            raise ValueError(f"{provider.name} {form.name} takes no items")
        paged = _page_pairs(form.paging, page or PageRequest(size=form.batch_max))
    else:
        if not 1 <= len(items) <= (1 if single else form.batch_max):
            raise ValueError(f"{provider.name} {form.name} does not take {len(items)} items a request")
        if len(items) > 1 and (part := parting(form)) and len({part(each) for each in items}) > 1:
            shared = ", ".join(form.shared)
            raise ValueError(f"{provider.name} {form.name} takes one {shared} a request")
    in_query = paged if form.paging is None or form.paging.within == "query" else ()
    body, content_type = _body(form, items, single=single, paged=() if in_query else paged)
    return Call(
        method=form.method,
        path=connection.root + _path(form, items, connection.app),
        template=provider.app(connection.app).root + form.path,
        query=_query(form, items, in_query),
        headers=_headers(form, items, run=run) if form.headers else (),
        body=body,
        content_type=form.content_type or content_type,
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
    return {
        each.wire or each.name: value
        for each, value in ((operation.field(name), value) for name, value in values(operation, item).items())
        if each is not None
    }


def values(operation: Operation, item: Item) -> dict[str, Any]:
    """The same by the fields' own names."""
    given = {
        each.name: value
        for each in operation.fields
        if (value := _or_default(each, field_value(item, each.name))) is not None
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
        each.name: _on_wire(each, given[each.name])
        for each in operation.fields
        if each.name in given and each.sent and each.fallback_of not in given
    }


def _or_default(field: Field, value: Any) -> Any:
    return field.default if value is None else value


def field_value(item: Listed, name: str) -> Any:
    """An item's own value of a field; None where it has none."""
    return item.username if name == "username" else item.fields.get(name)


def _path(operation: Operation, items: Sequence[Item], app: Mapping[str, str]) -> str:
    path = operation.path

    def segment(match: re.Match[str]) -> str:
        name = match[1]
        if name == operation.joined:
            return COMMA.join(_segment(path, name, field_value(each, name)) for each in items)
        value = field_value(items[0], name) if items else None
        value = app.get(name) if value is None else value
        return _segment(path, name, value)

    return _PLACEHOLDER.sub(segment, path)


def _segment(path: str, name: str, value: Any) -> str:
    text = "" if value is None else str(value)
    if text in {"", ".", ".."}:
        raise ValueError(f"{name} is {text!r}: it would change the meaning of the path {path}")
    return quote(text, safe="")


def _query(operation: Operation, items: Sequence[Item], paged: Pairs) -> Pairs:
    """The declared parameters, then those of the page, which stand above them."""
    if not operation.query:
        return paged
    first = values(operation, items[0]) if items else {}
    taken = {name for name, _ in paged}
    return (*(each for each in pairs(built(operation.query, [first])) if each[0] not in taken), *paged)


def _headers(operation: Operation, items: Sequence[Item], *, run: str) -> Pairs:
    first = values(operation, items[0]) if items else {}
    made = {
        name: attempt_key(run, items) if text == ATTEMPT_KEY else text
        for name, text in operation.headers.items()
    }
    return tuple(pairs(built(made, [first])))


def attempt_key(run: str, items: Sequence[Item]) -> str:
    """The same for every sending of these items in one run, and for nothing else: a UUID in form."""
    digest = hashlib.sha256("\0".join((run, *(each.key for each in items))).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def _page_pairs(paging: Paging, page: PageRequest) -> Pairs:
    size = (paging.size, str(page.size))
    match paging.by:
        case "cursor":
            return (size,) if page.at is None else (size, (paging.at, page.at))
        case "number":
            return ((paging.at, page.at or str(paging.first)), size)
        case "offset":
            return ((paging.at, page.at or "0"), size)
        case "next-url" | "link":  # the vendor wrote the whole query of the next page
            return (size,) if page.at is None else tuple(parse_qsl(page.at, keep_blank_values=True))
        case never:
            assert_never(never)


def _body(
    operation: Operation, items: Sequence[Item], *, single: bool, paged: Pairs
) -> tuple[bytes, str | None]:
    match operation.body:
        case NoBody(content_type=content_type):
            return (_json(_numbers(paged)), JSON) if paged else (b"", content_type)
        case Json(tree=tree) | FormTree(tree=tree):
            found = built(tree, [values(operation, each) for each in items])
            if isinstance(operation.body, FormTree):
                return urlencode([*pairs(found), *paged]).encode(), FORM
            return _json(found | _numbers(paged) if paged else found), JSON
        case Form(of=of):
            given = wire_fields(operation, items[0])[_wire_name(operation, of)]
            return urlencode({key: as_text(value) for key, value in given.items()}).encode(), FORM
        case Rows() | Object() | Names():
            return _json(_short(operation, operation.body, items, single=single)), JSON
        case never:
            assert_never(never)


def _short(operation: Operation, body: Rows | Object | Names, items: Sequence[Item], *, single: bool) -> Any:
    match body:
        case Rows(root=root, single_object=single_object):
            rows = _rows(operation, items)
            if single and single_object:
                return rows[0]
            return rows if root is None else {root: rows}
        case Object():
            return _rows(operation, items[:1])[0]
        case Names(root=root, also=also, of=of):
            beside = {_wire_name(operation, name): _beside(operation, items, name) for name in also}
            return {root: [field_value(each, of) for each in items], **beside}
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
    plain = field.type == "str" and field.sent and field.fixed is None
    return plain and field.fallback_of is None and field.default is None


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
            return _map_on_wire(field, value)
        case "names":
            # The names of what was set: `remove-attributes` accepts the items of `set-attributes`.
            return [value] if isinstance(value, str) else [str(name) for name in value]
        case never:
            assert_never(never)


def _map_on_wire(field: Field, value: Mapping[str, Any]) -> Any:
    if not field.pairs:
        return dict(value)
    name, pair = field.pairs
    return [{name: key, pair: each} for key, each in value.items()]


def _numbers(paged: Pairs) -> dict[str, Any]:
    """A page's parameters in a JSON body: sizes and numbers as numbers."""
    return {name: int(text) if text.isascii() and text.isdigit() else text for name, text in paged}


_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # dumps would make one each time


def _json(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    try:
        return _ENCODE(value).encode()
    except UnicodeEncodeError:  # half of a surrogate pair has no UTF-8; JSON can still escape it
        return json.dumps(value, separators=(",", ":")).encode()
