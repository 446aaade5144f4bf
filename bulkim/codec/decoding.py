"""One reply or fault to one outcome an item.

Nothing here raises for what a vendor sends: what is not understood is UNKNOWN, never success. Items are matched by
their folded identity and never by position, except where a reply says nothing but how the whole call went.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

from bulkim.catalogue.shapes import (
    Effect,
    FailuresOnly,
    Lists,
    MapByKey,
    Operation,
    PerItem,
    Provider,
    SplitLists,
    WholeCall,
)
from bulkim.codec import about
from bulkim.codec.encoding import field_value
from bulkim.codec.paging import following, listed, named_rows
from bulkim.codec.refusals import (
    Refusal,
    bad_response,
    either,
    first_at,
    lookup,
    parsed,
    refusal,
    server_time,
    text,
)
from bulkim.dotted import dig
from bulkim.model import Answer, Fault, Item, Kind, Outcome, Page, PageRequest, Reply, Speaker
from bulkim.redact import Echoes

REASON_CHARS_MAX = 500
VAGUE = "either it is so, or there is no such user: the vendor answers both alike"

Named = Iterable[tuple[str, Outcome]]  # what a reply says, by the name it uses


def decode(provider: Provider, operation: Operation, items: Sequence[Item], reply: Reply | Fault) -> Answer:
    """What one sending means for each item, in the order of the batch. Never raises."""
    match reply:
        case Fault():
            answer = Answer((_fault(reply),) * len(items), speaker=_nobody(reply))
        case Reply():
            body = parsed(reply)
            speaker, outcomes = _said(provider, operation, items, reply, body)
            answer = Answer(tuple(outcomes), reply.status, server_time(provider, reply, body), speaker)
        case never:
            assert_never(never)
    assert len(answer.outcomes) == len(items), "one outcome per item"
    if all(each.reason is None for each in answer.outcomes):
        return answer
    echoes = _echoes(operation, items)
    return replace(answer, outcomes=tuple(_finished(each, echoes) for each in answer.outcomes))


def _said(
    provider: Provider, operation: Operation, items: Sequence[Item], reply: Reply, body: Any
) -> tuple[Speaker, list[Outcome]]:
    refused = refusal(provider, operation, reply, body)
    if refused and refused.foreign:
        return Speaker.GATEWAY, _spread(provider, items, refused)
    try:
        about.check(provider, operation, items, body, refused.culprit if refused else None)
        outcomes = (
            _spread(provider, items, refused) if refused else _succeeded(provider, operation, items, body)
        )
    except about.StrangerError as stranger:
        # Another call's answer. Of this call nothing is known: it may have been done.
        return Speaker.ASTRAY, [bad_response(f"the answer is another call's: it is about {stranger}")] * len(
            items
        )
    return Speaker.VENDOR, outcomes


def _nobody(fault: Fault) -> Speaker:
    return Speaker.GATEWAY if fault.code == "bad_response" else Speaker.NOBODY


def pages(provider: Provider, operation: Operation, request: PageRequest, reply: Reply | Fault) -> Page:
    """What a listing's call brought. Never raises."""
    paging = operation.paging
    if paging is None:
        raise TypeError(f"{provider.name} {operation.name} is no listing")
    if isinstance(reply, Fault):
        return Page(_finished(_fault(reply), Echoes((), ())), speaker=_nobody(reply))
    body = parsed(reply)
    clock = server_time(provider, reply, body)
    refused = refusal(provider, operation, reply, body)
    rows = dig(body, paging.items)
    next_at = following(paging, request, reply, body, rows) if isinstance(rows, list) else None
    if next_at == request.at and isinstance(rows, list) and len(rows) < request.size:
        next_at = None  # a last page, which some vendors answer with the cursor that led to it
    if refused:
        outcome = Outcome(refused.kind, refused.code, refused.reason, retry_after_s=refused.retry_after_s)
    elif not isinstance(rows, list):
        outcome = bad_response(f"the answer has no list at {paging.items}")
    elif next_at is not None and next_at == request.at:
        outcome = bad_response("the answer's cursor is the one that was sent: the listing would never end")
    else:
        return Page(_success(provider), listed(provider, paging, rows), next_at, reply.status, clock)
    speaker = Speaker.GATEWAY if refused and refused.foreign else Speaker.VENDOR
    shown = _finished(outcome, Echoes((), ()))
    return Page(shown, http_status=reply.status, server_time=clock, speaker=speaker)


# ------------------------------------------------------------------------------------- whole calls


def _fault(fault: Fault) -> Outcome:
    return Outcome(Kind.UNKNOWN if fault.sent else Kind.TRANSIENT, fault.code, fault.reason)


def _finished(outcome: Outcome, echoes: Echoes) -> Outcome:
    """The last touch, for all outcomes alike: no secret leaves."""
    if outcome.reason is None:
        return outcome
    return replace(outcome, reason=echoes.masked(outcome.reason)[:REASON_CHARS_MAX])


def _echoes(operation: Operation, items: Sequence[Item]) -> Echoes:
    """Finds what a vendor may echo of these items' secrets."""
    values = [str(value) for each in items for name in operation.secrets if (value := each.fields.get(name))]
    return Echoes(values, [each.username for each in items])


def _spread(provider: Provider, items: Sequence[Item], refused: Refusal) -> list[Outcome]:
    """A refusal of the whole call, item by item: bystanders never carry the culprit's error."""
    whole = Outcome(refused.kind, refused.code, refused.reason, retry_after_s=refused.retry_after_s)
    if refused.kind is Kind.POISONED and len(items) == 1:
        return [replace(whole, kind=Kind.GATEWAY if refused.foreign else Kind.REJECTED)]
    if len(items) == 1 or not refused.item:
        return [whole] * len(items)
    culprit = provider.folded(refused.culprit or "")
    named = [provider.folded(each.username) == culprit for each in items]
    if not any(named):
        return [replace(whole, kind=Kind.POISONED)] * len(items)
    return [whole if is_culprit else Outcome(Kind.POISONED) for is_culprit in named]


def _success(provider: Provider, data: Any = None) -> Outcome:
    return Outcome(Kind.SUCCEEDED, provider.envelope.ok[0] if provider.envelope.ok else None, data=data)


# ------------------------------------------------------------------------------------------ shapes


def _succeeded(provider: Provider, operation: Operation, items: Sequence[Item], body: Any) -> list[Outcome]:
    """The outcomes of a call that the vendor took, by the shape of its answer."""
    result = operation.result
    match result:
        case WholeCall():
            return [_whole(provider, operation, result, body)] * len(items)
        case SplitLists():
            named = _split_lists(provider, operation, result, body)
        case PerItem():
            named = _per_item(provider, operation, result, body)
        case Lists():
            named = _lists(provider, operation, result, body)
        case FailuresOnly():
            named = _failures_only(provider, operation, result, body)
        case MapByKey():
            named = _map_by_key(provider, operation, result, body)
        case never:
            assert_never(never)
    if named is None:
        return [bad_response("the answer does not have the documented shape")] * len(items)
    declared = operation.field(result.by)
    fold = provider.fold if result.by == "username" or (declared and declared.user) else str
    return _matched(items, result.by, fold, named, _missing(provider, result))


def _matched(
    items: Sequence[Item], by: str, fold: Callable[[str], str], named: Named, missing: Outcome
) -> list[Outcome]:
    """Puts what the reply says of a name to the items of that name. Raises StrangerError for a name that was not sent."""
    said: dict[str, Outcome] = {}
    for name, outcome in named:
        folded = fold(name)
        before = said.setdefault(folded, outcome)
        if before.kind is not outcome.kind:
            said[folded] = bad_response("the answer says two different things of this user")
    own = (
        [each.username for each in items]
        if by == "username"
        else [str(field_value(each, by)) for each in items]
    )
    asked = list(map(fold, own))
    if strangers := said.keys() - set(asked):
        raise about.StrangerError(min(strangers))
    return [said.get(name, missing) for name in asked]


def _missing(provider: Provider, result: SplitLists | PerItem | Lists | FailuresOnly | MapByKey) -> Outcome:
    """What it means for an item that the answer does not name it."""
    unnamed = bad_response("the answer does not mention this user")
    match result:
        case SplitLists() | PerItem() | Lists():
            return unnamed
        case FailuresOnly():
            return _success(provider)
        case MapByKey(missing="unknown"):
            return unnamed
        case MapByKey(missing="absent"):
            return Outcome(Kind.ABSENT)
        case MapByKey(missing="already"):
            return Outcome(Kind.ALREADY)
        case MapByKey():
            return _success(provider, {})
        case never:
            assert_never(never)


def _whole(provider: Provider, operation: Operation, result: WholeCall, body: Any) -> Outcome:
    for path, wanted in result.accept.items():
        value = dig(body, path)
        if value is None:
            return bad_response(f"the answer has nothing at {path}")
        if not any(
            value == each and type(value) is type(each)
            for each in (wanted if isinstance(wanted, list) else [wanted])
        ):
            return _contradiction(provider, operation, path, value)
    if result.pick:
        if not isinstance(body, dict) or not all(name in body for name in result.pick):
            return bad_response(f"the answer lacks one of {', '.join(result.pick)}")
        picked = {name: body[name] for name in result.pick}
        caveat = VAGUE if result.vague and picked == result.vague else None
        return replace(_success(provider, picked), reason=caveat)
    if result.data is None:
        return _success(provider)
    data = dig(body, result.data)
    return (
        bad_response(f"the answer has nothing at {result.data}") if data is None else _success(provider, data)
    )


def _contradiction(provider: Provider, operation: Operation, path: str, value: Any) -> Outcome:
    """HTTP 200 that does not say what a success says, e.g. ``data.result: false``."""
    code = f"{path.rpartition('.')[2]}={json.dumps(value)}"[:80]
    rule, _ = lookup(provider, operation, status=200, code=code)
    reason = f"the vendor answered {path} {json.dumps(value)[:80]}"
    return Outcome(rule.kind, code, reason) if rule else bad_response(reason)


def _split_lists(provider: Provider, operation: Operation, result: SplitLists, body: Any) -> Named | None:
    succeeded, failed = dig(body, result.succeeded), dig(body, result.failed)
    already = dig(body, result.already) if result.already else None
    lists = (succeeded, failed, already)
    if all(rows is None for rows in lists) or not all(isinstance(rows, list | None) for rows in lists):
        return None
    if operation.effect is Effect.READ:
        named = [(name, _success(provider, row)) for name, row in named_rows(succeeded, result.key)]
    else:
        done = _success(provider)
        named = [(name, done) for name, _ in named_rows(succeeded, result.key)]
    named += [(name, Outcome(Kind.ALREADY)) for name, _ in named_rows(already, result.key)]
    for name, row in named_rows(failed, result.key):
        named.append((name, _failed_row(provider, operation, *_told(row, result.code, result.reason))))
    return named


def _per_item(provider: Provider, operation: Operation, result: PerItem, body: Any) -> Named | None:
    found = dig(body, result.items)
    rows = [found] if isinstance(found, dict) and dig(found, result.key) is not None else found
    if not isinstance(rows, list):
        return None
    named = [
        (name, _per_item_row(provider, operation, result, row)) for name, row in named_rows(rows, result.key)
    ]
    if result.others:
        told = {name for name, _ in named}
        named += [each for each in _bare(provider, operation, body, result.others) if each[0] not in told]
    return named


def _lists(provider: Provider, operation: Operation, result: Lists, body: Any) -> Named | None:
    done = dig(body, result.succeeded)
    if not isinstance(done, list):
        return None
    named = [(name, _success(provider)) for each in done if (name := text(each)) is not None]
    return named + [each for path in result.failed for each in _bare(provider, operation, body, path)]


def _bare(provider: Provider, operation: Operation, body: Any, path: str) -> list[tuple[str, Outcome]]:
    """A list of names that failed; what the list is called says why."""
    found, code = dig(body, path), path.rpartition(".")[2]
    names = (text(each) for each in (found if isinstance(found, list) else ()))
    return [(name, _failed_row(provider, operation, code, None)) for name in names if name is not None]


def _per_item_row(
    provider: Provider, operation: Operation, result: PerItem, row: Mapping[str, Any]
) -> Outcome:
    path, said = first_at(row, result.code)
    code = f"{path}={json.dumps(said)}" if isinstance(said, bool) else text(said)
    reason = text(either(row, result.reason)) if result.reason else None
    data = _read(result, row) if operation.effect is Effect.READ else None
    if code is None:
        return bad_response(f"the user's row has no {result.code}")
    if code not in result.ok:
        return replace(_failed_row(provider, operation, code, reason), data=data)
    state = text(either(row, result.state)) if result.state else None
    rule, _ = lookup(provider, operation, code=state) if state else (None, None)
    if rule:
        return Outcome(rule.kind, state, reason or f"{result.state}: {state}", data)
    return Outcome(Kind.SUCCEEDED, None if isinstance(said, bool) else code, data=data)


def _read(result: PerItem, row: Mapping[str, Any]) -> Any:
    found = dig(row, result.value) if result.value else row
    if not result.pairs:
        return found
    name, value = result.pairs
    rows = found if isinstance(found, list) else []
    return {str(each[name]): each.get(value) for each in rows if isinstance(each, dict) and name in each}


def _failed_row(provider: Provider, operation: Operation, code: str | None, reason: str | None) -> Outcome:
    """What the vendor says of one item by name. That is an answer, so it leaves nothing in doubt."""
    rule, _ = lookup(provider, operation, code=code, reason=reason)
    if rule is None:
        return Outcome(Kind.REJECTED, code or "rejected", reason)
    kind = Kind.TRANSIENT if rule.kind is Kind.UNKNOWN else rule.kind
    return Outcome(kind, code or rule.code or "rejected", reason, retry_after_s=rule.wait_s)


def _failures_only(provider: Provider, operation: Operation, result: FailuresOnly, body: Any) -> Named | None:
    failed = dig(body, result.failed)
    if failed is not None and not isinstance(failed, list):
        return None
    if result.key is not None:
        return [
            (name, _failed_row(provider, operation, *_told(row, result.code, result.reason)))
            for name, row in named_rows(failed, result.key)
        ]
    refused = Outcome(
        Kind.REJECTED, "not_imported", "the vendor lists the user as failed and gives no reason"
    )
    return [(str(name), refused) for name in failed or () if isinstance(name, str | int)]


def _told(row: Mapping[str, Any], code: str | None, reason: str | None) -> tuple[str | None, str | None]:
    """A row's code and reason, where it has such fields."""
    return text(either(row, code)) if code else None, text(either(row, reason)) if reason else None


def _map_by_key(provider: Provider, operation: Operation, result: MapByKey, body: Any) -> Named | None:
    found = dig(body, result.at)
    if isinstance(found, dict):
        pairs: Iterable[tuple[str, Any]] = found.items()
    elif not isinstance(found, list):
        return None
    elif result.key is None:
        rows = [{row: {}} if isinstance(row, str) else row for row in found]
        pairs = [pair for row in rows if isinstance(row, dict) for pair in row.items()]
    else:
        pairs = [
            (name, dig(row, result.value) if result.value else row)
            for name, row in named_rows(found, result.key)
        ]
    reads = operation.effect is Effect.READ
    return [
        (name, _success(provider, value if reads else None)) for name, value in pairs if value is not None
    ]
