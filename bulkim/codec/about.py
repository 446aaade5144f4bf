"""Whom an answer is about, where it says so: it is held against what was asked.

A front end can deliver an answer twice, or one to the wrong caller; the connection is the same, and nothing else tells. So an answer that
names somebody who was not asked about is believed in nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from bulkim.catalogue.shapes import Operation, Provider, WholeCall
from bulkim.codec.encoding import field_value
from bulkim.model import Item

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
APP_SEGMENTS = 2  # before an operation's own path in a whole address: /{org}/{app}, /app-id/{app_id}


class StrangerError(Exception):
    """An answer names somebody who was not asked about. Its text is the name."""


def check(
    provider: Provider, operation: Operation, items: Sequence[Item], body: Any, culprit: str | None
) -> None:
    """Raises StrangerError when an answer is about others. What it does not say is no contradiction.

    Answers that have a row for each item are held against them where those are matched. A refused call of many names its
    culprit in words that a vendor may alter; there the call is narrowed down.
    """
    envelope = provider.envelope
    if culprit and len(items) == 1 and provider.folded(culprit) != provider.folded(items[0].username):
        raise StrangerError(culprit)
    if not isinstance(body, dict):
        return
    if isinstance(operation.result, WholeCall):
        for path in envelope.names:
            for name in _at(body, path.split(".")):
                if not any(_same(provider, name, each.username) for each in items):
                    raise StrangerError(name)
    if len(items) == 1:
        for path in envelope.addresses:
            for address in _at(body, path.split(".")):
                _hold(provider, operation, items[0], address)


def _at(value: Any, path: Sequence[str]) -> Iterator[str]:
    """The texts at a dotted path; ``*`` goes through a list."""
    if not path:
        if isinstance(value, str):
            yield value
    elif path[0] == "*":
        for each in value if isinstance(value, list) else ():
            yield from _at(each, path[1:])
    elif isinstance(value, dict):
        yield from _at(value.get(path[0]), path[1:])


def _same(provider: Provider, said: str, asked: str) -> bool:
    """Also where the app stands before the name: ``org#app_name``."""
    folded = provider.folded(asked)
    return provider.folded(said).endswith(f"_{folded}") if "#" in said else provider.folded(said) == folded


def _hold(provider: Provider, operation: Operation, item: Item, address: str) -> None:
    """An answer's address against the operation's. Vendors write some short (``/users``): those say nothing."""
    wanted = operation.path.strip("/").split("/")
    whole = "://" in address
    found = [unquote(each) for each in (urlsplit(address).path if whole else address).strip("/").split("/")]
    found = found[APP_SEGMENTS:] if whole else found
    if len(found) != len(wanted):
        return
    pairs = list(zip(wanted, found, strict=True))
    if any(part != there for part, there in pairs if not part.startswith("{")):
        return
    for part, there in pairs:
        if placeholder := _PLACEHOLDER.fullmatch(part):
            if (value := field_value(item, placeholder[1])) is None:  # a key of the app
                continue
            asked = str(value)
            fold = provider.folded if placeholder[1] == "username" else str
            if fold(there) != fold(asked):
                raise StrangerError(there)
