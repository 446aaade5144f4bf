"""From what was there before a run to what sets it again. Pure, but for the passwords of users who are made again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

from bulkim.catalogue.shapes import Effect, Operation, ReadBack
from bulkim.codec.encoding import field_value, wire_fields
from bulkim.dotted import dig
from bulkim.journal.records import Before
from bulkim.model import Item
from bulkim.sending.asking import names_of
from bulkim.sending.doubt import equals
from bulkim.work.spooled import Spooled

PASSWORD_BYTES = 12  # of a new one, which is 16 characters long
NAMED_MAX = 20  # users in a note


@dataclass(slots=True)
class Named:
    """Users and what is to be said of each: how many, and the first of them."""

    number: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, username: str, what: str) -> None:
        """One more."""
        self.number += 1
        if self.number <= NAMED_MAX:
            self.first.append((username, what))


@dataclass(slots=True)
class Restoring:
    """What is to be set again and what is to be taken away, an item a user; and who cannot be restored."""

    sets: Spooled = field(default_factory=Spooled)
    lifts: Spooled = field(default_factory=Spooled)
    unchanged: int = 0  # as the run left them, so they were before
    unknown: Named = field(default_factory=Named)  # why nobody knows what was there
    stays: Named = field(default_factory=Named)  # what the vendor cannot take away


def restoring(
    operation: Operation, found: Iterable[Before], params: Mapping[str, Any], *, by: Operation, lifting: bool, now: float
) -> Restoring:  # fmt: skip
    """What restores these items: `by` sets them again. `params` are the run's; `lifting`: something can take away what was not
    there before.
    """
    assert operation.verify is not None, "what can be restored can be read back"
    result = Restoring()
    for each in found:
        _restore(operation, operation.verify, each, params, result, by=by, lifting=lifting, now=now)
    return result


def _restore(
    operation: Operation, declared: ReadBack, before: Before, params: Mapping[str, Any], result: Restoring,
    *, by: Operation, lifting: bool, now: float,
) -> None:  # fmt: skip
    done, image = before.done, before.image
    if by.effect is Effect.CREATE:
        result.sets.add({"username": done.username, **_anew(by, image.get("data"))})
        return
    if "data" not in image:
        why = "there was no such user" if image.get("absent") else str(image.get("unknown", "nobody looked"))
        result.unknown.add(done.username, why)
        return
    sent, data = Item(done.ordinal, done.key, done.username, {**params, **done.fields}), image["data"]
    if declared.remaining:
        sets, lifts = (
            _mutes(operation, declared, sent, data, elapsed_s=now - (done.looked_at or now)),
            list[str](),
        )
        if not all(isinstance(value, int) for value in sets.values()):
            result.unknown.add(done.username, "the answer lacks a remaining time")
            return
    elif (found := _values(declared, by, sent, data)) is not None:
        sets, lifts = found
    elif not all(equals(data, path, wanted) for path, wanted in declared.equals.items()):
        result.sets.add({"username": done.username})
        return
    else:
        sets, lifts = {}, []
    if sets:
        result.sets.add({"username": done.username, **sets})
    if lifts and lifting:
        result.lifts.add({"username": done.username, str(declared.holds): lifts})
    elif lifts:
        result.stays.add(done.username, ", ".join(lifts))
    result.unchanged += not (sets or lifts)


def _values(
    declared: ReadBack, by: Operation, sent: Item, data: Any
) -> tuple[dict[str, Any], list[str]] | None:
    """What had another value before, and what had none; None: the operation sets no values."""
    if declared.holds:
        changed, new = _attributes(field_value(sent, declared.holds) or {}, data)
        return {declared.holds: changed} if changed else {}, new
    if declared.same:
        return _fields(declared, sent, data)
    into = next((each.name for each in by.fields if each.type == "map"), None)
    if into is None:
        return None
    names = names_of(field_value(sent, declared.lacks)) if declared.lacks else None
    taken = _taken(names, data)
    return {into: taken} if taken else {}, []


def _mutes(
    operation: Operation, declared: ReadBack, sent: Item, data: Any, *, elapsed_s: float
) -> dict[str, Any]:
    """Seconds by field as they would be now: what was left then, less what has passed; 0 lifts, -1 is for ever."""
    on_wire, found = wire_fields(operation, sent), dict[str, Any]()
    named: set[str] = set()
    for each in operation.fields:
        wire = each.wire or each.name
        if each.name not in declared.remaining or wire not in on_wire or wire in named:
            continue
        named.add(wire)
        left = dig(data, wire)
        for_ever = each.forever if each.forever is not None else -1
        if isinstance(left, bool) or not isinstance(left, int):
            found[each.name] = None
        elif left != on_wire[wire] or left not in {0, for_ever}:
            found[each.name] = -1 if left == for_ever else max(0, round(left - elapsed_s))
    return found


def _anew(by: Operation, data: Any) -> dict[str, Any]:
    """What makes a user again: what is known of them, and new secrets."""
    known = {each.name: dig(data, each.wire or each.name) for each in by.fields if each.name != "username"}
    new = {each.name: token_urlsafe(PASSWORD_BYTES) for each in by.fields if each.secret and each.needed}
    return {**{name: value for name, value in known.items() if isinstance(value, str) and value}, **new}


def _fields(declared: ReadBack, sent: Item, data: Any) -> tuple[dict[str, Any], list[str]]:
    """What had another value before, and what had none."""
    pairs = {name: (field_value(sent, name), dig(data, path)) for path, name in declared.same.items()}
    changed = {name: was for name, (now, was) in pairs.items() if now is not None and was != now}
    return (
        {name: was for name, was in changed.items() if was is not None},
        [name for name, was in changed.items() if was is None],
    )


def _taken(names: list[str] | None, data: Any) -> dict[str, Any]:
    """What was there of these names, or at all."""
    before: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    return {name: value for name, value in before.items() if names is None or name in names}


def _attributes(written: Mapping[str, Any], data: Any) -> tuple[dict[str, Any], list[str]]:
    """What had another value before, and what was not there."""
    before: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    there = {name: before[name] for name in written if before.get(name) is not None}
    changed = {name: was for name, was in there.items() if str(was) != str(written[name])}
    return changed, [name for name in names_of(written) if before.get(name) is None]
