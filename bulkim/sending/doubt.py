"""What an outcome makes of an item: its end, or what a probe reveals about an unanswered sending.

Pure arithmetic over the catalogue's declarations. Times are Unix seconds by the session's clock, which nobody can
set, unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, assert_never

from bulkim.catalogue.shapes import Effect, Operation, Probe
from bulkim.codec.encoding import field_value, wire_fields
from bulkim.dotted import dig
from bulkim.model import Item, Kind, Outcome, Status
from bulkim.text import utc

CLOCK_ERROR_S = 2.0  # what remains of a clock difference after correcting for it
COUNTDOWN_ERROR_S = 5.0  # a mute's remaining time is read a little after it was set

RECONCILED = "reconciled"


def final(operation: Operation, outcome: Outcome) -> Status | None:
    """How an item with this outcome ends; None: it has not ended, something must follow."""
    match outcome.kind:
        case Kind.SUCCEEDED:
            return Status.SUCCEEDED
        case Kind.ALREADY:
            return Status.UNCHANGED
        case Kind.ABSENT:
            return Status.UNCHANGED if operation.effect is Effect.DELETE else Status.FAILED
        case Kind.REJECTED:
            return Status.FAILED
        case (
            Kind.POISONED
            | Kind.THROTTLED
            | Kind.TRANSIENT
            | Kind.UNKNOWN
            | Kind.UNAUTHORIZED
            | Kind.EXHAUSTED_PLAN
            | Kind.FATAL
            | Kind.GATEWAY
        ):
            return None
        case never:
            assert_never(never)


def after_doubt(operation: Operation, item: Item, outcome: Outcome) -> Outcome:
    """The outcome of a repeated sending, in the light of an earlier one that was never answered.

    A user who is gone now was deleted by us. A user who exists now may have been created by us: only a probe can tell. Without one
    they are not ours, for what is ours may be undone; but it is said.
    """
    if item.doubt_since is None:
        return outcome
    if operation.effect is Effect.DELETE and outcome.kind is Kind.ABSENT:
        return Outcome(
            Kind.SUCCEEDED, RECONCILED, "gone after our own unanswered request (it may have been gone before)"
        )
    asks_when = isinstance(operation.doubt, Probe) and operation.doubt.created is not None
    if asks_when and outcome.kind is Kind.ALREADY:
        return Outcome(Kind.UNKNOWN, outcome.code, outcome.reason)
    if operation.effect is Effect.CREATE and outcome.kind is Kind.ALREADY:
        maybe = "there after our own unanswered request, which may have created it"
        return replace(outcome, reason=f"{outcome.reason} ({maybe})" if outcome.reason else maybe)
    return outcome


def settled(
    operation: Operation, item: Item, probe_outcome: Outcome, *, server_time: float | None, now: float
) -> Outcome | None:
    """What the probe's answer reveals about the item's unanswered sending; None: it was not done, send it (again).

    `server_time` is the vendor's clock in the probe's answer, `now` the session's when it arrived. A probe that failed for
    reasons of its own (throttled, time-out) is not for here: repeat it.
    """
    probe = operation.doubt
    if not isinstance(probe, Probe) or item.doubt_since is None:
        raise TypeError(f"{operation.name} of {item.username!r} is not settled by a probe")
    elapsed_s = _elapsed_s(item, item.doubt_since, server_time=server_time, now=now)
    match probe_outcome.kind:
        case Kind.ABSENT:
            return _nobody(probe, probe_outcome)
        case Kind.SUCCEEDED if probe_outcome.reason is not None:  # it may be said of nobody
            return _not_done(probe, f"asked afterwards: {probe_outcome.reason}")
        case Kind.SUCCEEDED if probe.created is not None:
            since = _since(item.doubt_since, item.doubt_clock, server_time=server_time, now=now)
            return _created(probe, probe_outcome.data, since=since)
        case Kind.SUCCEEDED:
            return _there(operation, probe, item, probe_outcome.data, elapsed_s=elapsed_s)
        case _:
            return Outcome(Kind.UNKNOWN, probe_outcome.code, f"asked afterwards: {probe_outcome.reason}")


def _since(
    doubt_since: float, by: Literal["vendor", "none"] | None, *, server_time: float | None, now: float
) -> float | None:
    """When the first unanswered sending was, by the vendor's clock; None: nobody can tell."""
    match by:
        case None:
            return None if server_time is None else server_time - (now - doubt_since)
        case "vendor":
            return doubt_since
        case "none":
            return None
        case never:
            assert_never(never)


def _elapsed_s(item: Item, doubt_since: float, *, server_time: float | None, now: float) -> float | None:
    """How long ago it was; None: nobody can tell."""
    if item.doubt_clock is None:
        return now - doubt_since
    since = _since(doubt_since, item.doubt_clock, server_time=server_time, now=now)
    return None if since is None or server_time is None else server_time - since


def _there(
    operation: Operation, probe: Probe, item: Item, data: Any, *, elapsed_s: float | None
) -> Outcome | None:
    """A user who exists, and what the probe says of them."""
    if probe.exists is False:
        return _not_done(probe, "asked afterwards: the user is still there")
    wanted = {**probe.equals, **{path: field_value(item, name) for path, name in probe.same.items()}}
    if not all(equals(data, path, value) for path, value in wanted.items()):
        return _not_done(probe, "asked afterwards: it is not so")
    if probe.remaining:
        return _counting_down(operation, probe, item, data, elapsed_s=elapsed_s)
    return Outcome(Kind.SUCCEEDED, RECONCILED, "asked afterwards: it is so")


def _nobody(probe: Probe, probe_outcome: Outcome) -> Outcome | None:
    """There is no such user."""
    if probe.exists is False:
        return Outcome(Kind.SUCCEEDED, RECONCILED, "asked afterwards: the user is gone")
    nobody = "asked afterwards: there is no such user"
    if probe.nobody == "absent":
        return Outcome(Kind.ABSENT, probe_outcome.code, nobody)
    return _not_done(probe, nobody)


def _not_done(probe: Probe, reason: str) -> Outcome | None:
    return None if probe.not_done == "send" else Outcome(Kind.UNKNOWN, None, reason)


def _created(probe: Probe, data: Any, *, since: float | None) -> Outcome:
    """A user who exists: ours, if created no earlier than our first sending. `since` is by the vendor's clock.

    Where nobody can tell, they are not ours: what is ours may be undone, and somebody would lose a user.
    """
    created_ms = dig(data, probe.created or "")
    if isinstance(created_ms, bool) or not isinstance(created_ms, int | float) or not 0 < created_ms < 1e14:
        return Outcome(
            Kind.UNKNOWN, "bad_response", "the user exists, but the vendor does not say since when"
        )
    when = utc(created_ms / 1000)
    if since is None:
        unclear = f"created {when}; no clock tells whether before our own unanswered request"
        return Outcome(Kind.ALREADY, probe.already, unclear)
    if created_ms / 1000 >= since - CLOCK_ERROR_S:
        return Outcome(Kind.SUCCEEDED, RECONCILED, f"created {when}, not before our own unanswered request")
    return Outcome(Kind.ALREADY, probe.already, f"created {when}, before our first request")


def equals(data: Any, path: str, wanted: Any) -> bool:
    """Whether data shows the value at the path, or one of a list of values; ``a|b`` is whichever is there."""
    found = next((value for each in path.split("|") if (value := dig(data, each)) is not None), None)
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    return any(type(found) is type(each) and bool(found == each) for each in values)


def _counting_down(
    operation: Operation, probe: Probe, item: Item, data: Any, *, elapsed_s: float | None
) -> Outcome | None:
    """Whether what remains of each asked time is what our own request would have left of it."""
    sent = wire_fields(operation, item)
    names = {field.wire or field.name for field in operation.fields if field.name in probe.remaining}
    asked = {name: value for name, value in sent.items() if name in names}
    remaining = {name: dig(data, name) for name in asked}
    if not all(isinstance(value, int) for value in remaining.values()):
        return Outcome(Kind.UNKNOWN, "bad_response", "asked afterwards: the answer lacks a remaining time")
    if all(_left_of(asked[name], remaining[name], elapsed_s) for name in asked):
        return Outcome(Kind.SUCCEEDED, RECONCILED, f"asked afterwards: {_words(remaining)} s remain")
    if any(_ran_out(asked[name], remaining[name], elapsed_s) for name in asked):
        return Outcome(Kind.UNKNOWN, None, "too late to tell: the time that was asked for has run out")
    return _not_done(probe, f"asked afterwards: {_words(remaining)} s remain")


def _ran_out(asked_s: int, remaining_s: int, elapsed_s: float | None) -> bool:
    """Whether a mute may have been done and be over."""
    return remaining_s == 0 < asked_s and (elapsed_s is None or asked_s <= elapsed_s + COUNTDOWN_ERROR_S)


def _left_of(asked_s: int, remaining_s: int, elapsed_s: float | None) -> bool:
    if asked_s <= 0:  # lifted, or for ever
        return remaining_s == asked_s
    if elapsed_s is None:
        return False
    return remaining_s > 0 and asked_s - elapsed_s - COUNTDOWN_ERROR_S <= remaining_s <= asked_s


def _words(remaining: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in remaining.items())
