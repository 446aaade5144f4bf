"""What an answer about a user says of what a run did to them. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from bulkim.catalogue.shapes import Operation, ReadBack
from bulkim.codec.encoding import field_value, wire_fields
from bulkim.dotted import dig
from bulkim.model import Item, Kind, Outcome
from bulkim.sending.asking import names_of
from bulkim.sending.doubt import COUNTDOWN_ERROR_S, equals

Fold = Callable[[str], str]


class Verdict(StrEnum):
    """What reading back says of one item."""

    HOLDS = "holds"
    DRIFT = "drift"
    EXPIRED = "expired"  # a mute whose time is over: there is nothing to see any more
    UNKNOWN = "unknown"  # the vendor gave no answer about this user


def judge(
    operation: Operation,
    declared: ReadBack,
    item: Item,
    outcome: Outcome,
    *,
    elapsed_s: float,
    fold: Fold = str,
    sent_s: float | None = None,
) -> tuple[Verdict, str]:
    """What an answer about the user says of the item; `elapsed_s` is how long ago it ended. Pure.

    `fold` is how the vendor compares usernames. `sent_s`: how long ago it was sent at the most; then a mute that somebody has set
    anew since has drifted too, though the user is still muted.
    """
    refused = outcome.kind is Kind.REJECTED
    if refused or (outcome.reason is not None and outcome.kind is Kind.SUCCEEDED):  # it may be said of nobody
        return Verdict.UNKNOWN, f"{outcome.code}: {outcome.reason}" if refused else str(outcome.reason)
    if outcome.kind is Kind.ABSENT:
        return (Verdict.DRIFT, "there is no such user") if declared.exists else (Verdict.HOLDS, "gone")
    if not declared.exists:
        return Verdict.DRIFT, "the user is there"
    return _state(operation, declared, item, outcome.data, elapsed_s=elapsed_s, fold=fold, sent_s=sent_s)


def _state(
    operation: Operation,
    declared: ReadBack,
    item: Item,
    data: Any,
    *,
    elapsed_s: float,
    fold: Fold,
    sent_s: float | None,
) -> tuple[Verdict, str]:
    """What is said of a user who is there as they should."""
    if declared.remaining:
        return _muted(operation, declared, item, data, elapsed_s=elapsed_s, sent_s=sent_s)
    wanted = {**declared.equals, **{path: field_value(item, name) for path, name in declared.same.items()}}
    wrong = [path for path, value in wanted.items() if not equals(data, path, value)]
    if wrong:
        return Verdict.DRIFT, ", ".join(f"{path or 'it'} is {_json(dig(data, path))}" for path in wrong)
    if not declared.holds and not declared.lacks:
        return Verdict.HOLDS, "there"
    if declared.lasting:
        seconds, forever = _lasts(operation, declared.lasting, item)
        if seconds == 0:
            declared = replace(declared, holds=None, lacks=declared.holds)
        elif seconds != forever and seconds <= elapsed_s + COUNTDOWN_ERROR_S:
            return Verdict.EXPIRED, "its time is over"
    if isinstance(data, list):
        return _listed(operation, declared, item, data, fold)
    return _attributes(declared, item, data)


def _muted(
    operation: Operation, declared: ReadBack, item: Item, data: Any, *, elapsed_s: float, sent_s: float | None
) -> tuple[Verdict, str]:
    sent = wire_fields(operation, item)
    scopes = {
        each.wire or each.name: each.forever for each in operation.fields if each.name in declared.remaining
    }
    asked = {name: value for name, value in sent.items() if name in scopes}
    remaining = {name: dig(data, name) for name in asked}
    words = ", ".join(f"{name}: {_json(value)} s remain" for name, value in remaining.items())
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in remaining.values()):
        return Verdict.UNKNOWN, f"the answer lacks a remaining time ({words})"
    over = {
        name
        for name, value in asked.items()
        if value > 0 and value != scopes[name] and value <= elapsed_s + COUNTDOWN_ERROR_S
    }
    if not all(_still(asked[name], remaining[name], scopes[name]) for name in asked if name not in over):
        return Verdict.DRIFT, words
    if sent_s is not None and any(
        _set_anew(value, remaining[name], scopes[name], elapsed_s, sent_s) for name, value in asked.items()
    ):
        return Verdict.DRIFT, words
    return (Verdict.EXPIRED, f"its time is over ({words})") if over else (Verdict.HOLDS, words)


def _lasts(operation: Operation, name: str, item: Item) -> tuple[int, int | None]:
    """For how many seconds it was asked, as sent, and what is sent for ever."""
    field = operation.field(name)
    assert field is not None, f"{operation.name} has no {name}"
    return wire_fields(operation, item)[field.wire or field.name], field.forever


def _set_anew(asked: int, remaining: int, forever: int | None, elapsed_s: float, sent_s: float) -> bool:
    """Whether a countdown does not stand where the run's own would: it began between the sending and the end of the item."""
    if asked <= 0 or asked == forever:
        return False
    least, most = max(0.0, asked - sent_s), max(0.0, asked - elapsed_s)
    return not least - COUNTDOWN_ERROR_S <= remaining <= most + COUNTDOWN_ERROR_S


def _still(asked: int, remaining: int, forever: int | None) -> bool:
    """0 is lifted, for ever is for ever; any other time may have been changed, but not lifted."""
    if asked <= 0 or asked == forever:
        return remaining == asked
    return remaining > 0


def _attributes(declared: ReadBack, item: Item, data: Any) -> tuple[Verdict, str]:
    found: Mapping[str, Any] = data if isinstance(data, dict) else {}
    if declared.holds:
        wanted = field_value(item, declared.holds) or {}
        wrong = [name for name, value in wanted.items() if _text(found.get(name)) != _text(value)]
    else:
        wrong = [name for name in names_of(field_value(item, declared.lacks or "")) if name in found]
    if wrong:
        return Verdict.DRIFT, ", ".join(f"{name} is {_json(found.get(name))}" for name in wrong)
    return Verdict.HOLDS, "as it was left"


def _listed(
    operation: Operation, declared: ReadBack, item: Item, data: list[Any], fold: Fold
) -> tuple[Verdict, str]:
    """Of tags, members, contacts: whether the list has what the item names."""
    about = declared.holds or declared.lacks or ""
    field = operation.field(about)
    alike = fold if field is not None and field.user else str
    rows = [each.get(declared.among) if isinstance(each, dict) else each for each in data]
    found = {alike(str(each)) for each in rows if each is not None}
    wrong = [
        name for name in names_of(field_value(item, about)) if (alike(name) in found) is bool(declared.lacks)
    ]
    if wrong:
        return Verdict.DRIFT, f"{', '.join(map(_json, wrong))} {'is' if declared.lacks else 'is not'} there"
    return Verdict.HOLDS, "as it was left"


def _text(value: Any) -> str:
    """Attributes come back as text, whatever they were sent as."""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
