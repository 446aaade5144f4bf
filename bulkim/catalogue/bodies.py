"""What a request carries: short forms for the usual bodies, and trees for all others.

A tree is literal but for three things: a text that is exactly one ``{field}`` is that field's value with its type, and a
key without one is left out; ``{$items: TREE}`` is a list with one element an item; ``{$items: TREE, $by: field}`` is a
mapping. There is no other syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ITEMS, BY = "$items", "$by"
_ALONE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class NoBody:
    """No body at all; some pages demand a Content-Type header all the same."""

    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A JSON array of one object an item, bare or under a key. A call for one item may be the bare object."""

    root: str | None = None
    single_object: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """One JSON object with the item's fields."""


@dataclass(frozen=True, slots=True)
class Names:
    """A JSON object whose `root` is the array of usernames.

    `also` names fields that are sent beside it, once for the whole call. They are shared (`Operation.shared`), but for a
    read's lists of names: who asks for more than one wanted asks for the union.
    """

    root: str
    also: tuple[str, ...] = ()
    of: str = "username"  # the field whose values the array holds


@dataclass(frozen=True, slots=True)
class Form:
    """A form body: the pairs of the item's map field `of`."""

    of: str


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON body, written down as a tree."""

    tree: Any


@dataclass(frozen=True, slots=True)
class FormTree:
    """A form body: a mapping of names to texts, numbers, truth values or lists of them; a list is sent as so many pairs."""

    tree: Mapping[str, Any]


Body = NoBody | Rows | Object | Names | Form | Json | FormTree


def sole(text: Any) -> str | None:
    """The field that a text stands for; None where it is literal."""
    found = _ALONE.fullmatch(text) if isinstance(text, str) else None
    return found[1] if found else None


def leaves(tree: Any, *, inside: bool | None = None) -> Iterator[Any]:
    """Every scalar of a tree, ``$by`` as ``{field}``; only those inside ``$items`` or only those outside where asked."""
    return (leaf for leaf, each in _leaves(tree, False) if inside is None or each is inside)


def _leaves(tree: Any, inside: bool) -> Iterator[tuple[Any, bool]]:
    if isinstance(tree, Mapping):
        if ITEMS in tree:
            yield from _leaves(tree[ITEMS], True)
            if BY in tree:
                yield f"{{{tree[BY]}}}", True
            return
        for each in tree.values():
            yield from _leaves(each, inside)
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from _leaves(each, inside)
    else:
        yield tree, inside


def fields_in(tree: Any, *, inside: bool | None = None) -> tuple[str, ...]:
    """The fields that a tree names, each once."""
    found = (sole(leaf) for leaf in leaves(tree, inside=inside))
    return tuple(dict.fromkeys(each for each in found if each))
