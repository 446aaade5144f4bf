"""What a page of a listing holds, and how the listing goes on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, assert_never
from urllib.parse import urlsplit

from bulkim.catalogue.shapes import Paging, Provider
from bulkim.codec.refusals import text
from bulkim.dotted import dig
from bulkim.model import PageRequest, Reply

_LINK = re.compile(r'<([^<>]*)>((?:[^",<]|"[^"]*")*)')  # an address and its parameters
_NEXT = re.compile(r';\s*rel\s*=\s*(?:next(?=[\s;]|$)|"(?:[^"]*\s)?next(?:\s[^"]*)?")', re.IGNORECASE)


def named_rows(rows: list[Any] | None, key: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """The rows that name a user."""
    for row in rows or ():
        if isinstance(row, dict) and (name := text(dig(row, key))) is not None:
            yield name, row


def listed(provider: Provider, paging: Paging, rows: list[Any]) -> tuple[tuple[str, Any], ...]:
    """(username, row) pairs of a page, one a user where rows repeat them."""
    if not paging.merge:
        return tuple(named_rows(rows, paging.key))
    merged: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, row in named_rows(rows, paging.key):
        first, before = merged.get(provider.folded(name), (name, {}))
        merged[provider.folded(name)] = (first, before | row)
    return tuple(merged.values())


def following(paging: Paging, request: PageRequest, reply: Reply, body: Any, rows: list[Any]) -> str | None:
    """Where the next page begins; None where this one was the last."""
    match paging.by:
        case "cursor":
            # A short page may still carry a cursor; only its absence ends the listing.
            return text(dig(body, paging.cursor or ""))
        case "number":
            # Pages are not always full: only an empty one ends the listing.
            return str(int(request.at or paging.first) + 1) if rows else None
        case "offset":
            return str(int(request.at or 0) + len(rows)) if rows else None
        case "next-url":
            return _query_of(text(dig(body, paging.cursor or "")))
        case "link":
            links = _LINK.findall(reply.headers.get("link", ""))
            return _query_of(next((address for address, about in links if _NEXT.search(about)), None))
        case never:
            assert_never(never)


def _query_of(address: str | None) -> str | None:
    """Of the next page's address only what is asked: where it is, is the declaration's to say."""
    return urlsplit(address).query or None if address else None
