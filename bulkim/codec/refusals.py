"""Whether a call was refused, and what the vendor's error table says of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from bulkim.catalogue.shapes import (
    ErrorRule,
    FailuresOnly,
    MapByKey,
    Operation,
    PerItem,
    Provider,
    SplitLists,
    WholeCall,
)
from bulkim.codes import OWN
from bulkim.dotted import dig
from bulkim.model import Kind, Outcome, Reply
from bulkim.text import page_words, place, whole

# Where a body may have half a character: escaped, as a byte sequence that UTF-8 forbids, or in UTF-16.
_MAY_BE_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|\0")
TEXT_CHARS_MAX = 10_000  # of a vendor's sentence that is looked at


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that did not succeed as a whole."""

    kind: Kind
    code: str
    reason: str | None
    item: bool = False  # it is about one item of the call
    culprit: str | None = None  # which, when the vendor names it
    retry_after_s: float | None = None
    foreign: bool = False  # it is not the vendor who says so


def parsed(reply: Reply) -> Any:
    """The body as JSON; None where it is not (a JSON ``null`` says as little). Its text is whole: see `text.whole`."""
    try:
        value = json.loads(reply.body)
        return _whole(value) if _MAY_BE_HALF.search(reply.body) else value
    except (ValueError, RecursionError):
        return None


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {whole(name): _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


def either(value: Any, paths: str) -> Any:
    """What lies at the first of the paths ``a|b`` at which something does."""
    return first_at(value, paths)[1]


def first_at(value: Any, paths: str) -> tuple[str, Any]:
    """The same, with the path; None at the last where nothing lies at any."""
    *first, last = paths.split("|")
    return next(
        ((path, there) for path in first if (there := dig(value, path)) is not None), (last, dig(value, last))
    )


def text(value: Any) -> str | None:
    """A code or a reason as text. None for what is neither text nor number, and for nothing at all."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)[:TEXT_CHARS_MAX] or None


def bad_response(reason: str) -> Outcome:
    """The vendor's answer makes no sense: it may have done it."""
    return Outcome(Kind.UNKNOWN, "bad_response", reason)


def refusal(provider: Provider, operation: Operation, reply: Reply, body: Any) -> Refusal | None:
    """Why the call failed as a whole, or None if it did not."""
    if 300 <= reply.status < 400:
        return Refusal(Kind.FATAL, "redirect", _redirected(reply), foreign=True)
    envelope = provider.envelope
    raw_code = either(body, envelope.code) if envelope.code else None
    code, reason = text(raw_code), text(either(body, envelope.reason) if envelope.reason else None)
    said = operation.statuses.get(reply.status) if operation.statuses else _USUAL.get(reply.status)
    if said is Kind.SUCCEEDED and _of_an_item(operation, envelope.code):
        raw_code = code = reason = None
    declared = reply.status in operation.statuses
    silent = declared and not reply.body.strip()
    if said is Kind.SUCCEEDED:
        other = declared and body is not None and not isinstance(body, dict)  # an array, or a bare true
        if (silent or other) and _asks_nothing(operation):
            return None
        if isinstance(body, list) and _wants_list(operation):
            return None
        doubtful = _no_answer(provider, reply, body, raw_code)
        if doubtful is not None or _is_success(provider, body, raw_code, code):
            return doubtful
    elif not (_is_the_vendors(provider, body) or (said and silent)):
        return _gateways(provider, operation, reply)
    code = code or str(reply.status)
    rule, culprit = lookup(provider, operation, status=reply.status, code=code, reason=reason)
    wait_s = max(
        (s for s in (rule.wait_s if rule else None, retry_after_s(reply)) if s is not None), default=None
    )
    return Refusal(
        kind=rule.kind if rule else _unruled(provider, reply, said),
        code=code,
        reason=reason,
        item=rule.item if rule else False,
        culprit=culprit,
        retry_after_s=wait_s,
    )


def _of_an_item(operation: Operation, code: str | None) -> bool:
    """Whether a success has the envelope's code in its list of those that failed (``errors.0.code``): they are judged one by one,
    and who is in no such list was done.
    """
    match operation.result:
        case SplitLists(failed=failed) | FailuresOnly(failed=failed) | PerItem(items=failed):
            return bool(code and failed) and any(
                each.startswith(f"{failed}.") for each in (code or "").split("|")
            )
        case _:
            return False


def _no_answer(provider: Provider, reply: Reply, body: Any, raw_code: Any) -> Refusal | None:
    """A status of success with a body that is nobody's, or that says neither."""
    ok, code = provider.envelope.ok, text(raw_code)
    if not isinstance(body, dict) or (ok and code is None):
        reason = f"HTTP {reply.status} with a body that is not the vendor's JSON{_quoted(reply)}"
        return Refusal(Kind.UNKNOWN, "bad_response", reason, foreign=True)
    if not _is_success(provider, body, raw_code, code) and (code is None or code in ok):
        reason = f"HTTP {reply.status} that says neither success nor what went wrong"
        return Refusal(Kind.UNKNOWN, "bad_response", reason)
    return None


def _is_success(provider: Provider, body: Any, raw_code: Any, code: str | None) -> bool:
    envelope = provider.envelope
    marked = envelope.status is not None and body.get(envelope.status) == envelope.failed
    return not marked and (code in envelope.ok if envelope.ok else raw_code is None)


_USUAL = {200: Kind.SUCCEEDED}


def _asks_nothing(operation: Operation) -> bool:
    """Whether the status alone says it all."""
    result = operation.result
    if operation.paging is not None or not isinstance(result, WholeCall):
        return False
    return result.data is None and not result.pick and not result.accept


def _wants_list(operation: Operation) -> bool:
    """Whether the body may be an array: what is read of it begins at its root, or nothing is."""
    if operation.paging is not None:
        return not operation.paging.items
    match operation.result:
        case WholeCall(data=data):
            return data is not None and data.partition(".")[0].isdigit() | (not data)
        case PerItem(items=path) | MapByKey(at=path) | FailuresOnly(failed=path):
            return not path
        case _:
            return False


def _unruled(provider: Provider, reply: Reply, said: Kind | None) -> Kind:
    """What follows from a refusal in the vendor's own words whose code no table knows: it is a verdict all the same.

    A server that failed may have done it; and so may one that names a fault beside a status of success, unless the vendor
    says with codes alone how a call went.
    """
    if said not in {None, Kind.SUCCEEDED}:
        return said or Kind.UNKNOWN
    verdict = bool(provider.envelope.ok) if said else 400 <= reply.status < 500
    return Kind.REJECTED if verdict else Kind.UNKNOWN


def _is_the_vendors(provider: Provider, body: Any) -> bool:
    """Whether an answer has anything of what the vendor's answers have."""
    envelope = provider.envelope
    paths = [
        each for each in (envelope.code, envelope.reason, envelope.status, envelope.timestamp_ms) if each
    ]
    return isinstance(body, dict) and (not paths or any(either(body, path) is not None for path in paths))


# What is so whoever says it: an address that is none, too many calls, an answer that did not come, a body too large.
_SAID_BY_ALL = frozenset((Kind.FATAL, Kind.UNAUTHORIZED, Kind.THROTTLED, Kind.UNKNOWN, Kind.POISONED))


def _gateways(provider: Provider, operation: Operation, reply: Reply) -> Refusal:
    """A refusal that lacks the vendor's envelope: a load balancer's, a proxy's, a portal's."""
    code = str(reply.status)
    rule, _ = lookup(provider, operation, status=reply.status, code=code)
    if rule and rule.kind in _SAID_BY_ALL:
        kind = rule.kind
    else:
        kind = Kind.GATEWAY if 400 <= reply.status < 500 or reply.status == 511 else Kind.UNKNOWN
    reason = f"HTTP {code}, and not in the vendor's form{_quoted(reply)}"
    return Refusal(kind, code, reason, retry_after_s=retry_after_s(reply), foreign=True)


def _redirected(reply: Reply) -> str:
    where = place(reply.headers.get("location", ""))
    return (
        f"HTTP {reply.status} leads to {where or 'no other address'}; bulkim follows nowhere with credentials"
    )


def _quoted(reply: Reply) -> str:
    said = page_words(reply.body)
    return f': "{said}"' if said else ", which is empty" if not reply.body.strip() else ""


def lookup(
    provider: Provider,
    operation: Operation,
    *,
    status: int | None = None,
    code: str | None = None,
    reason: str | None = None,
) -> tuple[ErrorRule | None, str | None]:
    """The first rule that fits, and the user whom its pattern names.

    A row inside an answer has no HTTP status: then a rule must fit by its code, or by its pattern if there is no code.
    """
    for rule in provider.errors:
        if not _concerns(rule, operation, status, code):
            continue
        if rule.pattern is None:
            return rule, None
        if reason is not None and (found := re.search(rule.pattern, reason)):
            return rule, found.groupdict().get("user")
    return None, None


def _concerns(rule: ErrorRule, operation: Operation, status: int | None, code: str | None) -> bool:
    if rule.operations and operation.name not in rule.operations:
        return False
    if status is not None:
        return rule.status in (None, status) and rule.code in (None, code)
    return rule.pattern is not None if code is None else rule.code == code


def decided_by(provider: Provider, operation: Operation, code: str, reason: str | None) -> ErrorRule | None:
    """The rule that a code and a reason came from, where the HTTP status was not kept: for who explains them later.

    Rules are tried in their order, as `lookup` does: one without a code fits by its words, or by a status that stands
    for a code.
    """
    for rule in provider.errors:
        if rule.operations and operation.name not in rule.operations:
            continue
        named = rule.code == code if rule.code else str(rule.status) == code
        if rule.pattern is None:
            if named:
                return rule
        elif (named or (rule.code is None and code not in OWN)) and re.search(rule.pattern, reason or ""):
            return rule
    return None


def retry_after_s(reply: Reply) -> float | None:
    """The Retry-After header: seconds, or a date that is compared with the vendor's own Date."""
    header = reply.headers.get("retry-after", "").strip()
    if header.isascii() and header.isdigit():
        return float(header[:9])
    until, now = _date(header), _date(reply.headers.get("date", ""))
    return max(0.0, (until - now) / timedelta(seconds=1)) if until and now else None


def server_time(provider: Provider, reply: Reply, body: Any) -> float | None:
    """The vendor's clock in Unix seconds, from the body or from the Date header."""
    path = provider.envelope.timestamp_ms
    stamp = dig(body, path) if path else None
    if isinstance(stamp, int | float) and not isinstance(stamp, bool) and 0 < stamp < 1e14:
        return stamp / 1000
    date = _date(reply.headers.get("date", ""))
    return date.timestamp() if date else None


def _date(header: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(header)
    except (TypeError, ValueError, OverflowError):
        return None
    return date if date.tzinfo else None  # without a zone it cannot be compared
