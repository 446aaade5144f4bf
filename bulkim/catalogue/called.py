"""A vendor's own name for an operation: the last part of its path, as its pages have it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bulkim.catalogue.shapes import Operation, Provider

_LETTERS_MIN = 4  # a shorter end of a word says nothing
_NAMED_MAX = 3  # with more of them the word says nothing, either


def called_there(word: str, providers: Iterable[Provider]) -> str | None:
    """``at Tencent Chat that is `register` `` for what the vendor calls so; None where it calls nothing so."""
    wanted = _plain(word)
    if len(wanted) < _LETTERS_MIN:
        return None
    found = {each.label: _named(wanted, each) for each in providers}
    told = [
        f"at {label} that is {' or '.join(f'`{name}`' for name in names)}"
        for label, names in found.items()
        if names
    ]
    return "; ".join(told) or None


def _named(wanted: str, provider: Provider) -> list[str]:
    """The vendor's operations that are called so; else those whose name ends so."""
    for alike in (str.__eq__, str.endswith):
        names = [each.name for each in provider.operations if alike(_plain(_own_name(each)), wanted)]
        if names:
            return names if len(names) <= _NAMED_MAX else []
    return []


def _own_name(operation: Operation) -> str:
    parts = [part for part in operation.path.split("/") if part and "{" not in part]
    return parts[-1] if parts else ""


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
