"""What a vendor can do, declared as data: `bulkim.codec` knows the shapes, `bulkim.vendors` fills them in.

There are no callables in a declaration. A new operation is one `Operation`; if it needs more, a shape is missing here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from bulkim.catalogue.addressing import App, AuthForm, keys_in, kind_of
from bulkim.model import Kind


class Effect(StrEnum):
    """What an operation does to the vendor's state; decides what "already" and "absent" mean and how doubt is settled."""

    CREATE = "create"  # exists already -> unchanged
    ENSURE = "ensure"  # sets a state; absent -> failed
    DELETE = "delete"  # absent -> unchanged
    READ = "read"  # harmless to repeat
    DISRUPT = "disrupt"  # does something to a person each time it is sent


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an item."""

    name: str
    wire: str | None = None  # the name on the wire, where it differs
    key: bool = False  # part of the item's identity
    secret: bool = False  # never stored
    optional: bool = False
    param: bool = False  # the job's `params` may supply it
    type: Literal["str", "int", "bool", "map", "names", "seconds"] = "str"  # seconds: -1 for ever
    sent: bool = True  # False: known and checked, but this vendor has no use for it
    fixed: Any = None  # sent in place of the item's own value whenever the item gives one
    fallback_of: str | None = None  # sent only where the item does not give that other field
    bytes_max: int | None = None
    chars_max: int | None = None
    pattern: str | None = None  # must match the whole value
    minimum: int | None = None
    maximum: int | None = None
    forever: int | None = None  # what the wire says for -1
    user: bool = False  # another user's id: compared as the vendor compares usernames
    help: str = ""


# ---- bodies


@dataclass(frozen=True, slots=True)
class NoBody:
    """No body at all; some pages demand a Content-Type header all the same."""

    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A JSON array of one object an item, bare (`root=None`) or under a key. A call for one item may be the bare object."""

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


Body = NoBody | Rows | Object | Names | Form

# ---- results


@dataclass(frozen=True, slots=True)
class WholeCall:
    """One answer for all items. A value that contradicts `accept` is looked up in the error table as ``name=value``."""

    data: str | None = None  # dotted path of what a read returns for its one item (``entities.0``)
    pick: tuple[str, ...] = ()  # or these top-level fields of it, as an object
    accept: Mapping[str, Any] = field(default_factory=dict)  # dotted path -> value that a success must show
    # values of `pick` that, all together, are answered of a user who does not exist as well
    vague: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SplitLists:
    """Those that succeeded in one list, those that failed in another."""

    succeeded: str
    failed: str
    key: str  # the username's name in both lists' objects
    reason: str | None = None
    code: str | None = None
    by: str = "username"  # the item's field that the key's values are


@dataclass(frozen=True, slots=True)
class PerItem:
    """One object an item with a code each."""

    items: str
    key: str
    code: str
    reason: str
    ok: tuple[str, ...]  # codes that mean success
    state: str | None = None  # beside a code of success, the value of this field is looked up as a code
    by: str = "username"  # the item's field that the key's values are


@dataclass(frozen=True, slots=True)
class FailuresOnly:
    """A list of the usernames that failed; all others succeeded."""

    failed: str
    by: str = "username"  # the item's field that the list's values are


@dataclass(frozen=True, slots=True)
class MapByKey:
    """Username -> value: an object, or a list of one-key objects, at the dotted path `at`.

    `key`: the path holds a list of objects instead, each with the username under this name.
    """

    at: str
    key: str | None = None
    value: str | None = None  # with `key`: the field to return; None: the whole object
    by: str = "username"  # the item's field that the keys are values of
    missing: Literal["unknown", "absent", "empty"] = "unknown"  # what a username that is not there means


Result = WholeCall | SplitLists | PerItem | FailuresOnly | MapByKey


@dataclass(frozen=True, slots=True)
class Paging:
    """The operation takes no items: each call answers a page, and what it lists becomes items."""

    items: str  # dotted path of the page's list
    key: str  # the username's name in its objects
    size: str  # query parameter of the page's size
    by: Literal["cursor", "number"]
    at: str  # query parameter of the cursor or the page's number
    cursor: str | None = None  # dotted path of the next cursor; absent on the last page
    merge: bool = False  # rows repeat a username (one a scope): they are merged into one item


# ---- doubt


@dataclass(frozen=True, slots=True)
class Repeat:
    """Sending it again is harmless: that settles it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask `operation` about the user; each condition that is set must hold for "it was done by us"."""

    operation: str
    created: str | None = None  # this data field (ms) must not lie before our first doubtful sending
    exists: bool | None = None  # the user must (not) be there
    # data field -> value; "": the data itself, "a|b": whichever is there
    equals: Mapping[str, Any] = field(default_factory=dict)
    remaining: tuple[str, ...] = ()  # fields of the item that data, under their wire names, counts down from
    already: str | None = None  # code of an item that was so before us
    not_done: Literal["send", "unknown"] = "send"  # what follows when it was not


@dataclass(frozen=True, slots=True)
class Never:
    """Nothing can settle it: the item ends unknown."""


Doubt = Repeat | Probe | Never

# ---- reading back


@dataclass(frozen=True, slots=True)
class ReadBack:
    """How `verify` sees whether an operation's outcome still holds; each condition that is set must hold."""

    operation: str  # what to ask about the user
    exists: bool = True  # the user must (not) be there
    # data field -> value, as in `Probe.equals`
    equals: Mapping[str, Any] = field(default_factory=dict)
    remaining: tuple[
        str, ...
    ] = ()  # fields of the item: 0 must be 0, for ever for ever, anything else above 0
    holds: str | None = None  # field of type ``map``: data must have its pairs
    lacks: str | None = None  # field of type ``names``: data must have none of them


# ---- operations, errors, providers


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint."""

    name: str
    method: str
    path: str  # below the app's root; {field} is filled with the item's field, percent-encoded
    effect: Effect
    fields: tuple[Field, ...] = ()
    body: Body = NoBody()
    result: Result = WholeCall()
    batch_max: int = 1
    pools: tuple[str, ...] = ()  # the operation's own pool first, then those it lies inside
    doubt: Doubt = Repeat()
    paging: Paging | None = None
    options: tuple[Field, ...] = ()  # `params` of the whole job, not of an item
    any_of: tuple[str, ...] = ()  # at least one of these fields must be there ...
    otherwise: Mapping[str, Any] = field(default_factory=dict)  # ... or these fields take these values
    single: Operation | None = None  # the form used with `batch: 1`, where it is another endpoint
    destroys: str | None = None  # what goes with it, in the words of a confirmation prompt
    verify: ReadBack | None = None  # None: nothing tells afterwards
    inverse: str | None = None
    blind: str = ""  # what an item that succeeded may hide, where that matters to the inverse
    help: str = ""
    source: str = ""  # the vendor's page
    read_on: str = ""

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((each for each in self.fields if each.name == name), None)

    @property
    def lists(self) -> str | None:
        """What a listing lists, ``users`` or ``mutes``; None where it is no listing."""
        return self.name.removeprefix("list-") if self.name.startswith("list-") else None

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the fields that make an item's identity."""
        return tuple(each.name for each in self.fields if each.key)

    @property
    def shared(self) -> tuple[str, ...]:
        """Names of the fields that a call has room for once: all its items must have the same value."""
        if self.batch_max == 1 or self.paging is not None:
            return ()
        beside = self.body.also if isinstance(self.body, Names) and self.effect is not Effect.READ else ()
        return tuple(dict.fromkeys((*keys_in(self.path), *beside)))

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the fields that are never stored."""
        return frozenset(each.name for each in self.fields if each.secret)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One row of a vendor's error table. None matches anything; the first rule that matches decides."""

    kind: Kind
    status: int | None = None  # HTTP status
    code: str | None = None  # the vendor's code, as text
    pattern: str | None = None  # searched in the reason; a group `user` names the culprit
    operations: tuple[str, ...] = ()  # empty: all
    item: bool = False  # is about one item: in a call of many it poisons the others
    wait_s: float | None = None  # wait at least this long before trying again
    meaning: str = ""
    remedy: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """A quota as the vendor counts it: calls in a sliding second, for each app."""

    name: str
    limit_per_s: float
    help: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where a vendor's answers say how the call went, apart from the HTTP status (dotted paths)."""

    code: str
    reason: str
    ok: tuple[str, ...] = ()  # codes that mean success; empty: HTTP 200 does
    status: str | None = None  # a field that must not be `failed`
    failed: str = "FAIL"
    timestamp_ms: str | None = None  # the vendor's clock
    # Where an answer says whom it is about: users (``*`` goes through a list), and the address that was called.
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """One vendor."""

    name: str
    label: str
    fold: Literal["lower", "exact"]  # how the vendor compares usernames
    operations: tuple[Operation, ...]
    errors: tuple[ErrorRule, ...]
    pools: tuple[Pool, ...]
    envelope: Envelope
    apps: tuple[App, ...]  # the forms in which a connection may name an app
    auth: tuple[AuthForm, ...]  # the credentials that it takes

    def operation(self, name: str) -> Operation | None:
        """The operation of that name, or None."""
        return next((each for each in self.operations if each.name == name), None)

    def app(self, keys: Collection[str]) -> App:
        """The form of these keys. Raises ValueError."""
        for each in self.apps:
            if len(each.keys) == len(keys) and all(key in keys for key in each.keys):
                return each
        raise ValueError(f"{self.name} names no app by {', '.join(keys) or 'nothing'}")

    def auth_form(self, kind: str) -> AuthForm:
        """The credentials' form, by `model.Auth.kind`. Raises ValueError."""
        for each in self.auth:
            if kind_of(each) == kind:
                return each
        raise ValueError(f"{self.name} takes no {kind}")

    def pool(self, name: str) -> Pool:
        """The pool of that name. Raises KeyError."""
        for each in self.pools:
            if each.name == name:
                return each
        raise KeyError(name)

    def rules(self, code: str) -> tuple[ErrorRule, ...]:
        """All rows of the error table about a vendor's code or an HTTP status, for `explain`."""
        return tuple(each for each in self.errors if code in (each.code, str(each.status)))

    def folded(self, username: str) -> str:
        """The username as the vendor compares it."""
        return username.lower() if self.fold == "lower" else username
