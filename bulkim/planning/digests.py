"""Keyed digests of what is sent with an item: to see that a row has changed without keeping what was in it.

Without the key, a password cannot be tried against its digest. The key is not kept with the journal, see `bulkim.work.digest_key`.
"""

from __future__ import annotations

import hashlib
import json
import json.encoder
import marshal
from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from typing import Any, Protocol

from bulkim.catalogue.shapes import Operation
from bulkim.journal.records import KEY_NAME
from bulkim.planning.columns import Clean


class Blake(Protocol):
    """What is used of a hash."""

    def update(self, data: bytes, /) -> None:
        """Takes in more."""

    def hexdigest(self) -> str:
        """Of all that was taken in."""

    def copy(self) -> Blake:
        """Another one, that has taken in the same."""


KEY_BYTES = 32
SIZE = 8  # bytes: two values of one user share a digest with a probability of 1 in 18 trillion million
_FORMAT = (
    0  # marshal's: the same for all of Python 3, for text and numbers; it takes a tenth of the time of JSON
)
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str, sort_keys=True).encode
_QUOTED: Callable[[str], str] = json.encoder.encode_basestring  # what `_ENCODE` makes of a text


class ItemDigests:
    """Digests of an operation's items for a plan: `SIZE` bytes in hexadecimal, the key's name left out.

    With the other fields the identity is hashed, so that two users with one password do not look alike. An item that is nothing but its
    identity, which its line shows, has the digest of nothing.
    """

    def __init__(self, fresh: Blake, operation: Operation) -> None:
        """`fresh`: with the key in it, and a text behind it: then the key's block is hashed once for all."""
        self._fresh = fresh.copy
        self._names = tuple(each.name for each in operation.fields)
        structured = any(each.type in {"map", "names"} for each in operation.fields)
        self._packed: Callable[[Any, int], bytes] = _as_json if structured else marshal.dumps
        self._lacking = len(self._names) - len(operation.keys)  # values that an identity alone does not have
        self.of_nothing = fresh.hexdigest()

    def of(self, fields: Mapping[str, Any]) -> str:
        """The digest of one item's typed fields."""
        return self._of(tuple(map(fields.get, self._names)))

    def of_rows(self, clean: Clean) -> Iterable[str]:
        """The digests of all rows of a block, one after the other."""
        rows = clean.rows(self._names)
        if clean.has_gaps:
            return map(self._of, rows)
        fresh, made = self._fresh, list[str]()
        for packed in map(self._packed, rows, repeat(_FORMAT)):
            digest = fresh()
            digest.update(packed)
            made.append(digest.hexdigest())
        return made

    def _of(self, values: tuple[Any, ...]) -> str:
        if values.count(None) == self._lacking:
            return self.of_nothing
        digest = self._fresh()
        digest.update(self._packed(values, _FORMAT))
        return digest.hexdigest()


class Digests:
    """Makes digests with one key."""

    def __init__(self, key: bytes) -> None:
        """`key`: `KEY_BYTES` random bytes."""
        self._fresh = hashlib.blake2b(key=key, digest_size=SIZE, person=b"bulkim.item")
        self._planned = hashlib.blake2b(b"item", key=key, digest_size=SIZE, person=b"bulkim.plan")
        self._text = hashlib.blake2b(key=key, person=b"bulkim.text", digest_size=KEY_BYTES)
        self.key_name = hashlib.blake2b(key=key, digest_size=KEY_NAME, person=b"bulkim.key").digest()

    def of(self, fields: Mapping[str, Any], names: Iterable[str] | None = None) -> bytes:
        """The digest of an item's typed fields, of those named alone if `names` is given. The order does not matter.

        `KEY_NAME` bytes that name the key, then `SIZE` bytes: digests of two keys are not compared.
        """
        chosen = fields if names is None else {name: fields[name] for name in names if name in fields}
        digest = self._fresh.copy()
        digest.update(_ENCODE(chosen).encode("utf-8", "surrogatepass"))
        return self.key_name + digest.digest()

    def of_named(self, names: Iterable[str]) -> Callable[[Mapping[str, Any]], bytes]:
        """Makes what `of` makes of the fields named, in a fifth of the time where they are text: there are millions."""
        leads = [(name, f"{_QUOTED(name)}:") for name in sorted(set(names))]
        fresh, key_name = self._fresh.copy, self.key_name

        def of(fields: Mapping[str, Any]) -> bytes:
            parts = []
            for name, lead in leads:
                if name in fields:
                    if type(value := fields[name]) is not str:
                        return self.of(fields, [name for name, _ in leads])
                    parts.append(lead + _QUOTED(value))
            digest = fresh()
            digest.update(f"{{{','.join(parts)}}}".encode("utf-8", "surrogatepass"))
            return key_name + digest.digest()

        return of

    def of_items(self, operation: Operation) -> ItemDigests:
        """How a plan's digests of the operation's items are made."""
        return ItemDigests(self._planned, operation)

    def of_text(self, text: str) -> str:
        """The digest of a text that may hold secrets, in hexadecimal."""
        digest = self._text.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def _as_json(values: tuple[Any, ...], _format: int) -> bytes:
    return _ENCODE(values).encode("utf-8", "surrogatepass")
