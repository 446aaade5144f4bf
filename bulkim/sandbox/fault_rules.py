"""Faults on request: rules that say which calls go wrong, and how.

A rule is a mapping; a faults file is a list of them. The first rule that fires decides how a call ends; `delay`
and `item_error` rules apply on top of it.

    - match: {operation: register, user: "u1.*"}    # also: method, path, app
      after: 2                                      # leave the first two matching calls alone
      times: 1                                      # then fire once; and/or `probability: 0.1` with `seed: 7`
      do: drop_after                                # or a mapping: {delay: 0.5, when: after}

`path` is a regular expression found anywhere in the path, `user` one that matches a whole id (any id of the call).
What `do` can be:

    drop_before, drop_after   close the connection without, or with, the effect; `reset: true` for an RST
    status_before: 503        that status without the effect; `html: true` for a gateway's page
    status_after: 500         the effect, then that status
    html_502                  a gateway's 502 page, `when: before` (default) or `after` the effect
    truncate                  the effect, then half of the answer and a closed connection
    garbage                   the effect, then 200 with something that is not JSON
    delay: 0.5                seconds, `when: before` (default) or `after` the effect
    hang                      never an answer, `when: before` (default) or `after` the effect
    throttle                  the vendor's own over-limit answer; `retry_after: 2` adds the header
    error: {http: 403, error: forbidden_op, description: no}    Easemob's and Agora's own words
    error: {ErrorCode: 60008, ErrorInfo: late}                  Tencent's
    item_error: {code: 30008, reason: conflict, user: "u.*"}    those items fail, the others go through;
                                                                after, times, probability count per user

An `error` is an answer in one vendor's shape, so its rule leaves the calls of the others alone: made up for them, it would
be an answer that they never give. Where `match` says that it can meet no other calls, the rule is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bulkim.sandbox.endpoints import OPERATIONS, TENCENT, USERGRID

Kind = Literal["drop", "status", "truncate", "garbage", "delay", "hang", "throttle", "item_error", "error"]
When = Literal["before", "after"]


USERGRID_VENDORS, TENCENT_VENDORS = frozenset({"easemob", "agora"}), frozenset({"tencent"})
ALL_VENDORS = USERGRID_VENDORS | TENCENT_VENDORS
_USERGRID_ERROR, _TENCENT_ERROR = ("http", "error", "description"), ("ErrorCode", "ErrorInfo")
_OPERATIONS_OF = {
    USERGRID_VENDORS: frozenset(each.operation for each in USERGRID),
    TENCENT_VENDORS: frozenset(each.operation for each in TENCENT),
}
_RIGHT_FORM = {
    USERGRID_VENDORS: "Easemob's and Agora's is error: {http: 400, error: illegal_argument, description: no}",
    TENCENT_VENDORS: 'Tencent\'s is error: {ErrorCode: 40006, ErrorInfo: "no"}',
}


class FaultRuleError(ValueError):
    """A rule cannot be used: which one, which field, and what would be valid."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. Each kind uses its own few of the fields."""

    name: str  # as the rule spelled it, for the request log
    kind: Kind
    when: When  # before or after the effect
    status: int = 0
    html: bool = False
    reset: bool = False
    seconds: float = 0.0
    retry_after: float | None = None
    error: Mapping[str, Any] = field(default_factory=dict)
    code: int | str = 0
    reason: str = ""
    user: re.Pattern[str] = re.compile(".*")


@dataclass(frozen=True, slots=True)
class Rule:
    method: str | None
    path: re.Pattern[str] | None
    operation: str | None
    user: re.Pattern[str] | None
    app: str | None
    after: int
    times: int | None
    probability: float | None
    seed: int
    fault: Fault
    vendors: frozenset[str] = ALL_VENDORS  # whose calls it can meet

    @property
    def note(self) -> str | None:
        """What a rule's author may not expect: whom it leaves alone."""
        if self.fault.kind != "error" or self.vendors == _matched_vendors(self.operation, self.app):
            return None
        others = ALL_VENDORS - self.vendors
        return f"`error` is in the form of {_names(self.vendors)} and leaves {_names(others)} alone; {_RIGHT_FORM[others]}"


@dataclass(frozen=True, slots=True)
class _Form:
    """One spelling of `do`: what it means and what may stand beside it."""

    kind: Kind
    when: When
    argument: Literal["none", "status", "seconds", "error", "item_error"]
    options: tuple[str, ...] = ()


_FORMS: dict[str, _Form] = {
    "drop_before": _Form("drop", "before", "none", ("reset",)),
    "drop_after": _Form("drop", "after", "none", ("reset",)),
    "status_before": _Form("status", "before", "status", ("html",)),
    "status_after": _Form("status", "after", "status", ("html",)),
    "html_502": _Form("status", "before", "none", ("when",)),
    "truncate": _Form("truncate", "after", "none"),
    "garbage": _Form("garbage", "after", "none"),
    "delay": _Form("delay", "before", "seconds", ("when",)),
    "hang": _Form("hang", "before", "none", ("when",)),
    "throttle": _Form("throttle", "before", "none", ("retry_after",)),
    "error": _Form("error", "before", "error"),
    "item_error": _Form("item_error", "before", "item_error"),
}

_RULE_FIELDS = ("match", "after", "times", "probability", "seed", "do")
_MATCH_FIELDS = ("method", "path", "operation", "user", "app")
_METHODS = ("GET", "POST", "PUT", "DELETE")


def parse_rules(raw: object) -> tuple[Rule, ...]:
    if not isinstance(raw, list | tuple):
        raise FaultRuleError(f"faults: expected a list of rules, got {_say(raw)}")
    return tuple(_parse_rule(number, rule) for number, rule in enumerate(raw, start=1))


def _parse_rule(number: int, raw: object) -> Rule:
    here = f"rule {number}"
    rule = _mapping(here, raw, _RULE_FIELDS)
    if "do" not in rule:
        raise FaultRuleError(f"{here}: `do` is missing; expected one of {', '.join(_FORMS)}")
    match = _mapping(f"{here}: `match`", rule.get("match", {}), _MATCH_FIELDS)
    operation = _choice(f"{here}: `match.operation`", match.get("operation"), OPERATIONS)
    app = _text(f"{here}: `match.app`", match.get("app"))
    fault, matched = _parse_do(f"{here}: `do`", rule["do"]), _matched_vendors(operation, app)
    if not matched:
        raise FaultRuleError(f"{here}: `match`: no vendor has both this operation and this app")
    return Rule(
        method=_choice(f"{here}: `match.method`", match.get("method"), _METHODS),
        path=_pattern(f"{here}: `match.path`", match.get("path")),
        operation=operation,
        user=_pattern(f"{here}: `match.user`", match.get("user")),
        app=app,
        after=_count(f"{here}: `after`", rule.get("after", 0)),
        times=None if rule.get("times") is None else _count(f"{here}: `times`", rule["times"]),
        probability=_probability(f"{here}: `probability`", rule.get("probability")),
        seed=_count(f"{here}: `seed`", rule.get("seed", number)),
        fault=fault,
        vendors=_vendors(f"{here}: `do`.{fault.name}", fault, matched),
    )


def _matched_vendors(operation: str | None, app: str | None) -> frozenset[str]:
    """Whose calls a rule's `match` lets through. Tencent's apps are numbers, those of the others are `org/app`."""
    found = ALL_VENDORS
    for vendors, operations in _OPERATIONS_OF.items():
        if operation is not None and operation not in operations:
            found -= vendors
    if app is not None:
        found &= TENCENT_VENDORS if app.isdigit() else USERGRID_VENDORS
    return found


def _vendors(here: str, fault: Fault, matched: frozenset[str]) -> frozenset[str]:
    """Whose calls the rule can meet. Raises FaultRuleError where its error can be none of theirs."""
    if fault.kind == "item_error" and matched == TENCENT_VENDORS and not str(fault.code).isdigit():
        raise FaultRuleError(f"{here}.code: Tencent's codes are numbers, got {_say(fault.code)}")
    if fault.kind != "error":
        return matched
    form = TENCENT_VENDORS if "ErrorCode" in fault.error else USERGRID_VENDORS
    if not form & matched:
        raise FaultRuleError(
            f"{here}: this form is {_names(form)}'s, and `match` lets only calls of {_names(matched)} through; "
            f"{_RIGHT_FORM[matched]}"
        )
    return form & matched


def _names(vendors: frozenset[str]) -> str:
    return " and ".join(each.capitalize() for each in ("easemob", "agora", "tencent") if each in vendors)


def _parse_do(here: str, raw: object) -> Fault:
    named: Mapping[str, Any] = {raw: None} if isinstance(raw, str) else _mapping(here, raw, None)
    names = [name for name in named if name in _FORMS]
    if len(names) != 1:
        raise FaultRuleError(f"{here}: expected exactly one of {', '.join(_FORMS)}, got {_say(raw)}")
    name = names[0]
    form = _FORMS[name]
    options = _mapping(
        f"{here}.{name}", {key: value for key, value in named.items() if key != name}, form.options
    )
    fault = Fault(
        name=name,
        kind=form.kind,
        when=_when(f"{here}.when", options.get("when", form.when)),
        html=_flag(f"{here}.html", options.get("html", False)),
        reset=_flag(f"{here}.reset", options.get("reset", False)),
        retry_after=_seconds(f"{here}.retry_after", options["retry_after"])
        if "retry_after" in options
        else None,
    )
    return _with_argument(f"{here}.{name}", fault, form, named[name])


def _with_argument(here: str, fault: Fault, form: _Form, argument: Any) -> Fault:
    common: dict[str, Any] = {
        name: getattr(fault, name) for name in ("name", "kind", "when", "html", "reset", "retry_after")
    }
    if form.argument == "status":
        return Fault(**common, status=_status(here, argument))
    if form.argument == "seconds":
        return Fault(**common, seconds=_seconds(here, argument))
    if form.argument == "error":
        error = _mapping(here, argument, (*_USERGRID_ERROR, *_TENCENT_ERROR))
        if ("http" in error) == ("ErrorCode" in error):
            raise FaultRuleError(
                f"{here}: expected {{http, error, description}}, as Easemob and Agora answer, or {{ErrorCode, ErrorInfo}}, "
                "as Tencent does"
            )
        _mapping(here, error, _USERGRID_ERROR if "http" in error else _TENCENT_ERROR)
        if "http" in error:
            _status(f"{here}.http", error["http"])
        else:
            _count(f"{here}.ErrorCode", error["ErrorCode"])
        return Fault(**common, error=error)
    if form.argument == "item_error":
        item = _mapping(here, argument, ("code", "reason", "user"))
        if not isinstance(item.get("code"), int | str):
            raise FaultRuleError(f"{here}.code: expected the vendor's code, got {_say(item.get('code'))}")
        user = _pattern(f"{here}.user", item.get("user")) or re.compile(".*")
        return Fault(**common, code=item["code"], reason=str(item.get("reason", "")), user=user)
    if argument not in (None, True, {}):
        raise FaultRuleError(f"{here}: takes no value, got {_say(argument)}")
    return Fault(**{**common, "html": True}, status=502) if fault.name == "html_502" else fault


def _mapping(here: str, raw: object, fields: Sequence[str] | None) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise FaultRuleError(f"{here}: expected a mapping, got {_say(raw)}")
    for key in raw:
        if fields is not None and key not in fields:
            valid = ", ".join(fields) or "nothing"
            raise FaultRuleError(f"{here}: unknown field {_say(key)}; expected {valid}")
    return raw


def _choice(here: str, raw: object, choices: Sequence[str]) -> str | None:
    if raw is not None and raw not in choices:
        raise FaultRuleError(f"{here}: expected one of {', '.join(choices)}, got {_say(raw)}")
    return None if raw is None else str(raw)


def _when(here: str, raw: object) -> When:
    if raw == "before":
        return "before"
    if raw == "after":
        return "after"
    raise FaultRuleError(f"{here}: expected one of before, after, got {_say(raw)}")


def _pattern(here: str, raw: object) -> re.Pattern[str] | None:
    text = _text(here, raw)
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise FaultRuleError(f"{here}: expected a regular expression, got {text!r}: {error}") from None


def _text(here: str, raw: object) -> str | None:
    if raw is not None and not isinstance(raw, str):
        raise FaultRuleError(f"{here}: expected text, got {_say(raw)}")
    return raw


def _flag(here: str, raw: object) -> bool:
    if not isinstance(raw, bool):
        raise FaultRuleError(f"{here}: expected true or false, got {_say(raw)}")
    return raw


def _status(here: str, raw: object) -> int:
    if not isinstance(raw, int) or not 400 <= raw <= 599:
        raise FaultRuleError(f"{here}: expected an HTTP status from 400 to 599, got {_say(raw)}")
    return raw


def _count(here: str, raw: object) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
        raise FaultRuleError(f"{here}: expected a whole number from 0, got {_say(raw)}")
    return raw


def _seconds(here: str, raw: object) -> float:
    if not isinstance(raw, int | float) or isinstance(raw, bool) or not 0 <= raw < 86_400:
        raise FaultRuleError(f"{here}: expected seconds, got {_say(raw)}")
    return float(raw)


def _probability(here: str, raw: object) -> float | None:
    if raw is not None and (not isinstance(raw, int | float) or isinstance(raw, bool) or not 0 <= raw <= 1):
        raise FaultRuleError(f"{here}: expected a number from 0 to 1, got {_say(raw)}")
    return None if raw is None else float(raw)


def _say(raw: object) -> str:
    return repr(raw)[:80]
