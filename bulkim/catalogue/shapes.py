"""What a vendor can do, declared as data: `bulkim.codec` knows the shapes, `bulkim.vendors` fills them in.

There are no callables in a declaration. A new operation is one `Operation`; if it needs more, a shape is missing here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from bulkim.catalogue.addressing import App, Identity, keys_in
from bulkim.catalogue.bodies import (
    Body,
    Form,
    FormTree,
    Json,
    Names,
    NoBody,
    Object,
    Rows,
    fields_in,
)
from bulkim.catalogue.cases import Case
from bulkim.catalogue.proofs import AuthForm, kind_of
from bulkim.catalogue.rates import per_second
from bulkim.catalogue.results import (
    FailuresOnly,
    Lists,
    MapByKey,
    Paging,
    PerItem,
    Result,
    SplitLists,
    WholeCall,
)
from bulkim.model import Auth, Connection, Kind

__all__ = [
    "ATTEMPT_KEY", "Body", "Case", "Doubt", "Effect", "Envelope", "ErrorRule", "FailuresOnly", "Field", "Form", "FormTree", "Json", "Learn",
    "Lists", "MapByKey", "Names", "Never", "NoBody", "Object", "Operation", "Paging", "PerItem", "Pool", "Probe", "Provider",
    "ReadBack", "Repeat", "Result", "Rows", "SplitLists", "WholeCall",
]  # fmt: skip
# In a header: what tells one sending of an item from all others, stable over retries.
ATTEMPT_KEY = "{$attempt_key}"


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
    # Of a map that is sent as a list of objects: what they call the name, and what the value. ``[Tag, Value]``
    pairs: tuple[str, ...] = ()
    default: Any = None  # where neither the row nor `params` gives it
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

    @property
    def needed(self) -> bool:
        """Whether every item must have it."""
        return not self.optional and self.default is None


# ---- doubt


@dataclass(frozen=True, slots=True)
class Repeat:
    """Sending it again is harmless: that settles it."""

    because: str = ""  # of a create: why a second sending creates nothing, as the vendor says it


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask `operation` about the user; each condition that is set must hold for "it was done by us"."""

    operation: str
    created: str | None = None  # this data field (ms) must not lie before our first doubtful sending
    exists: bool | None = None  # the user must (not) be there
    # data field -> value, or a list of values of which it is one; "": the data itself, "a|b": whichever is there
    equals: Mapping[str, Any] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)  # data field -> field whose value it must have
    remaining: tuple[str, ...] = ()  # fields of the item that data, under their wire names, counts down from
    already: str | None = None  # code of an item that was so before us
    not_done: Literal["send", "unknown"] = "send"  # what follows when it was not
    nobody: Literal["send", "absent"] = "send"  # what follows when there is no such user


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
    # fields of the item: 0 must be 0, for ever for ever, anything else above 0
    remaining: tuple[str, ...] = ()
    same: Mapping[str, str] = field(default_factory=dict)  # data field -> field whose value it must have
    # field of type ``map``: data must have its pairs; any other: data, a list, its values
    holds: str | None = None
    lacks: str | None = None  # field of names, or of one: data must have none of them
    among: str | None = None  # data is a list of objects, and `holds` and `lacks` look at this of them
    lasting: str | None = None  # field of seconds for which `holds` is so; 0: `lacks` instead


# ---- operations, errors, providers


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint."""

    name: str
    method: str
    path: str  # below the app's root; {field} is filled with the item's field, percent-encoded
    effect: Effect
    fields: tuple[Field, ...] = ()
    body: Body = field(default_factory=NoBody)
    query: Mapping[str, Any] = field(default_factory=dict)  # constants, and ``{field}``
    headers: Mapping[str, str] = field(default_factory=dict)  # constants, ``{field}``, and ``{$attempt_key}``
    content_type: str | None = None  # where the body's own is not wanted
    # What an HTTP status means; a success is then decoded. Empty: 200 is one. All others are the error table's.
    statuses: Mapping[int, Kind] = field(default_factory=dict)
    result: Result = field(default_factory=WholeCall)
    batch_max: int = 1
    # the field whose values stand in its segment of the path together: /users/a%2Cb
    joined: str | None = None
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
    # The operation that sets again what was there before, which is what `verify` asks; of a deletion, that makes users again.
    restored_by: str | None = None
    blind: str = ""  # what an item that succeeded may hide, where that matters to the inverse
    help: str = ""
    source: str = ""  # the vendor's page
    read_on: str = ""
    cases: tuple[Case, ...] = ()  # documented exchanges, which `bulkim check` holds the declaration to

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
        match self.body:
            case Names(also=also) if self.effect is not Effect.READ:
                beside = also
            case Json(tree=tree) | FormTree(tree=tree):
                beside = fields_in(tree, inside=False)
            case _:
                beside = ()
        named = (*keys_in(self.path), *fields_in(self.query), *fields_in(self.headers), *beside)
        own = {each.name for each in self.fields}
        return tuple(dict.fromkeys(name for name in named if name in own and name != self.joined))

    @property
    def can_look(self) -> bool:
        """Whether what is there can be read before it is written over, and be set again."""
        return self.restored_by is not None and self.verify is not None and self.paging is None

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the fields that are never stored."""
        return frozenset(each.name for each in self.fields if each.secret)

    @property
    def required(self) -> frozenset[str]:
        """Names of the fields that no item may lack."""
        return frozenset(each.name for each in self.fields if each.needed)


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
class Learn:
    """Headers of every answer that say how much of a quota is left. They may slow a pool down, never speed it up."""

    remaining: str  # calls that are left
    reset: str  # when the quota is whole again
    unit: Literal["seconds", "epoch"] = "seconds"  # of `reset`: from now, or since 1970


@dataclass(frozen=True, slots=True)
class Pool:
    """A quota as the vendor counts it, for each app."""

    name: str
    limit: float | str  # calls in a sliding second, or text: ``50/s``, ``1200/min``, ``1000/10s``
    help: str = ""
    source: str = ""  # where the vendor says so
    learn: Learn | None = None
    burst: int | None = (
        None  # calls that may come at once, within the limit: made up for after a wait. None: an even pace
    )

    @property
    def limit_per_s(self) -> float:
        """Calls a second; as many, evenly, keep within any longer window."""
        return per_second(self.limit)

    @property
    def burst_s(self) -> float:
        """The seconds that a burst is worth; 0: none."""
        return (self.burst or 0) / self.limit_per_s


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where a vendor's answers say how the call went, apart from the HTTP status (dotted paths)."""

    code: str | None = None  # "a|b": whichever is there
    reason: str | None = None  # likewise
    ok: tuple[str, ...] = ()  # codes that mean success; empty: the HTTP status does
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
    identity: Identity
    operations: tuple[Operation, ...]
    errors: tuple[ErrorRule, ...]
    pools: tuple[Pool, ...]
    envelope: Envelope
    apps: tuple[App, ...]  # the forms in which a connection may name an app
    auth: tuple[AuthForm, ...]  # the credentials that it takes
    quota_of: str = ""  # the provider whose quota it draws on, where that is another one
    hosts: tuple[str, ...] = ()  # where `base_url` may lead beside this machine; empty: anywhere
    source: str = ""  # the vendor's page
    read_on: str = ""

    def connect(self, base_url: str, app: Mapping[str, str], auth: Auth, **others: Any) -> Connection:
        """The connection to an app of this vendor's, as `App.connect`. Raises ValueError, KeyError."""
        account = self.quota_of or self.name
        return self.app(app).connect(self.name, base_url, app, auth, account=account, **others)

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

    @property
    def fold(self) -> Callable[[str], str]:
        """Makes of a username what the vendor compares; for whoever has many."""
        return str.lower if self.identity.fold == "lower" else str

    def folded(self, username: str) -> str:
        """The username as the vendor compares it."""
        return self.fold(username)
