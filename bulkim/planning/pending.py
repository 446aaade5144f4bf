"""Items in the input's order: what the journal still has pending, joined with the secrets that only the input has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from bulkim.errors import InputError, Problem
from bulkim.model import Item

RowSecrets = tuple[int, str | None, dict[str, Any]]
Rows = Iterator[RowSecrets]
Secrets = Callable[[int], Rows]
"""Reads the input after a position: (position, key, secret fields) of each row."""


class PendingItems:
    """Hands out pending items, reading the journal page by page and the input alongside."""

    def __init__(
        self,
        page: Callable[[int], Sequence[Item]],
        *,
        params: Mapping[str, Any],
        secrets: Secrets | None,
        name: str,
    ) -> None:
        """`page(after)` gives the next pending items after a position; `secrets` is None when nothing is secret."""
        self._items = self._stream(page)
        self._params = params
        self._secrets = secrets
        self._name = name

    def take(self, count: int) -> tuple[Item, ...]:
        """The next items, at most `count`; empty when there are no more."""
        return tuple(islice(self._items, count))

    def _stream(self, page: Callable[[int], Sequence[Item]]) -> Iterator[Item]:
        return self.complete(_paged(page))

    def complete(self, pending: Iterable[Item]) -> Iterator[Item]:
        """The pending items, in order of their positions, with params and secrets filled in.

        Raises InputError when the input is not the one that was read before.
        """
        rows: Rows | None = None
        for each in pending:
            fields = {**self._params, **each.fields, "username": each.username}
            if self._secrets and each.position is not None:
                rows = rows or self._secrets(each.position - 1)
                fields.update(self._find(rows, each))
            yield Item(
                each.ordinal, each.key, each.username, fields, each.line, each.attempts, each.doubt_since,
                each.position, each.doubt_clock,
            )  # fmt: skip

    def _find(self, rows: Rows, wanted: Item) -> Mapping[str, Any]:
        for position, key, secrets in rows:
            if position == wanted.position and key == wanted.key:
                if None in secrets.values():
                    raise self._lost(wanted, next(name for name, each in secrets.items() if each is None))
                return secrets
            if position >= (wanted.position or 0):
                break
        message = f"changed while it was being read: user {wanted.username!r} is no longer where it was"
        raise InputError([Problem(self._name, wanted.line, None, message)], hint="run the same command again")

    def _lost(self, wanted: Item, field: str) -> InputError:
        message = f"the file of generated secrets has no {field} for {wanted.username!r} any more"
        hint = "put the file back as it was, then run the same command again"
        return InputError([Problem(self._name, wanted.line, None, message)], hint=hint)


def _paged(page: Callable[[int], Sequence[Item]]) -> Iterator[Item]:
    after = 0
    while rows := page(after):
        yield from rows
        after = rows[-1].position or after
