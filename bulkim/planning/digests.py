"""Keyed digests of what is sent with an item: to see that a row has changed without keeping what was in it.

Without the key, a password cannot be tried against its digest. The key is not kept with the journal, see `bulkim.work.digest_key`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from bulkim.journal.records import KEY_NAME

KEY_BYTES = 32
SIZE = 8  # bytes: two values of one user share a digest with a probability of 1 in 18 trillion million
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str, sort_keys=True).encode


class Digests:
    """Makes digests with one key."""

    def __init__(self, key: bytes) -> None:
        """`key`: `KEY_BYTES` random bytes."""
        self._fresh = hashlib.blake2b(key=key, digest_size=SIZE, person=b"bulkim.item")
        self.key_name = hashlib.blake2b(key=key, digest_size=KEY_NAME, person=b"bulkim.key").digest()

    def of(self, fields: Mapping[str, Any], names: Iterable[str] | None = None) -> bytes:
        """The digest of an item's typed fields, of those named alone if `names` is given. The order does not matter.

        `KEY_NAME` bytes that name the key, then `SIZE` bytes: digests of two keys are not compared.
        """
        chosen = fields if names is None else {name: fields[name] for name in names if name in fields}
        digest = self._fresh.copy()
        digest.update(_ENCODE(chosen).encode("utf-8", "surrogatepass"))
        return self.key_name + digest.digest()
