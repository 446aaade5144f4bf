"""What an answer says of each item, and how a listing goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class WholeCall:
    """One answer for all items. A value that contradicts `accept` is looked up in the error table as ``name=value``."""

    data: str | None = None  # dotted path of what a read returns for its one item (``entities.0``)
    pick: tuple[str, ...] = ()  # or these top-level fields of it, as an object
    # dotted path -> value that a success must show, or a list of values of which it must show one
    accept: Mapping[str, Any] = field(default_factory=dict)
    # values of `pick` that, all together, are answered of a user who does not exist as well
    vague: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SplitLists:
    """Those that succeeded in one list, those that failed in another, and those that were so already in a third."""

    succeeded: str
    failed: str
    key: str  # the username's name in the lists' objects
    already: str | None = None
    reason: str | None = None  # paths in a row, "a|b": whichever is there
    code: str | None = None
    by: str = "username"  # the item's field that the key's values are


@dataclass(frozen=True, slots=True)
class PerItem:
    """One object an item with a code each, or a truth value, which is the code ``name=true``; a bare object is one row."""

    items: str
    key: str
    code: str  # a path in a row, "a|b": whichever is there
    ok: tuple[str, ...]  # codes that mean success
    reason: str | None = None
    state: str | None = None  # beside a code of success, the value of this field is looked up as a code
    value: str | None = None  # of a read: the field to return; None: the whole object
    # What a read returns is a list of names and values under these names: it becomes a map.
    pairs: tuple[str, ...] = ()
    # A list of bare usernames beside it; of whom no row speaks, its name is the code.
    others: str | None = None
    by: str = "username"  # the item's field that the key's values are


@dataclass(frozen=True, slots=True)
class Lists:
    """Bare usernames in a list of those that succeeded, and in lists of those that failed, whose names are their codes."""

    succeeded: str
    failed: tuple[str, ...]
    by: str = "username"  # the item's field that the lists' values are


@dataclass(frozen=True, slots=True)
class FailuresOnly:
    """A list of those that failed, which may be absent; all others succeeded."""

    failed: str
    key: str | None = None  # the username's name in the list's objects; None: it is a list of bare usernames
    code: str | None = None  # paths in a row, "a|b": whichever is there
    reason: str | None = None
    by: str = "username"  # the item's field that the list's values are


@dataclass(frozen=True, slots=True)
class MapByKey:
    """Username -> value: an object, or a list of one-key objects, or of bare usernames, at the dotted path `at`.

    `key`: the path holds a list of objects instead, each with the username under this name.
    """

    at: str
    key: str | None = None
    value: str | None = None  # with `key`: the field to return; None: the whole object
    by: str = "username"  # the item's field that the keys are values of
    missing: Literal["unknown", "absent", "empty", "already"] = (
        "unknown"  # what a username that is not there means
    )


Result = WholeCall | SplitLists | PerItem | Lists | FailuresOnly | MapByKey


@dataclass(frozen=True, slots=True)
class Paging:
    """The operation takes no items: each call answers a page, and what it lists becomes items."""

    items: str  # dotted path of the page's list
    key: str  # the username's name in its objects
    size: str  # parameter of the page's size
    by: Literal["cursor", "number", "offset", "next-url", "link"]
    at: str = ""  # parameter of the cursor, the page's number or the offset
    # Dotted path of the next cursor, or of the next page's address: absent on the last page. Pages by number and by
    # offset end with an empty one; a header Link with the one that has no rel="next".
    cursor: str | None = None
    first: int = 1  # the number of the first page
    within: Literal["query", "body"] = "query"  # where the parameters stand
    merge: bool = False  # rows repeat a username (one a scope): they are merged into one item
