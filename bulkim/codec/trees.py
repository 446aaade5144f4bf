"""A body that is written down as a tree, filled in for the items of one call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bulkim.catalogue.bodies import BY, ITEMS, sole

_NOTHING: Any = object()  # a field that an item does not have: its key is left out

Values = Mapping[str, Any]  # field -> its value as it is sent


def built(tree: Any, items: Sequence[Values]) -> Any:
    """The tree with what the items have; what all of them share is read off the first."""
    found = _built(tree, items[0] if items else {}, items)
    return {} if found is _NOTHING else found


def _built(tree: Any, values: Values, items: Sequence[Values]) -> Any:
    if (name := sole(tree)) is not None:
        return values.get(name, _NOTHING)
    if isinstance(tree, Mapping):
        if ITEMS in tree:
            return _each(tree, items)
        pairs = ((key, _built(each, values, items)) for key, each in tree.items())
        return {key: each for key, each in pairs if each is not _NOTHING}
    if isinstance(tree, list | tuple):
        return [found for each in tree if (found := _built(each, values, items)) is not _NOTHING]
    return tree


def _each(tree: Mapping[str, Any], items: Sequence[Values]) -> Any:
    found = [(each, _built(tree[ITEMS], each, ())) for each in items]
    kept = [(values, one) for values, one in found if one is not _NOTHING]
    if BY in tree:
        return {as_text(values[tree[BY]]): one for values, one in kept}
    return [one for _, one in kept]


def pairs(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A built mapping as a form's or a query's pairs: a list as so many."""
    for key, value in found.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            yield key, as_text(each)


def as_text(value: Any) -> str:
    """A value where only text can stand: numbers and truth values as JSON has them, anything deeper as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
