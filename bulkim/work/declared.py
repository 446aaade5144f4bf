"""A declared provider held to its own cases: what is sent for them, what their answers mean, and how far each operation is known.

Pure: nothing is sent, and no connection is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from bulkim.catalogue import load as catalogue
from bulkim.catalogue.cases import Case, Sent
from bulkim.catalogue.shapes import Effect, Never, Operation, Provider
from bulkim.catalogue.values import Invalid, checker
from bulkim.codec import decode, encode, pages
from bulkim.codec.encoding import JSON
from bulkim.codec.refusals import lookup
from bulkim.errors import Problem
from bulkim.jobfile import place
from bulkim.model import Answer, Auth, Call, Connection, Item, Kind, Outcome, Page, PageRequest, Reply
from bulkim.sending.doubt import final
from bulkim.vendors import PROVIDERS, provider
from bulkim.yamltree import Path as Place

DECLARED, CASED, SETTLED, BUILT_IN = "declared", "cased", "settled", "built in"
OLD_DAYS = 366
BASE_URL = "https://declared.invalid"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is to be said of a file that holds together."""

    provider: Provider
    problems: tuple[Problem, ...]  # a case that the declaration does not meet
    warnings: tuple[Problem, ...]
    grades: Mapping[str, str]  # operation -> declared, cased, settled
    cases: int


def find(name: str) -> Provider:
    """A built-in provider, or one that a file declares. Raises UsageError; InputError for what is wrong with the file."""
    if name not in PROVIDERS and place.names_a_provider(name):
        path = place.own_provider(name) or Path(name)
        return catalogue.load(
            place.text_of(path, missing="a built-in's name or a file"), str(path), PROVIDERS
        )
    return provider(name)


def inspect(text: str, file: str, *, today: date | None = None) -> Inspection:
    """Hold a file to its cases. Raises InputError for one that does not hold together."""
    declared = catalogue.read(text, file, PROVIDERS)
    made, own = declared.provider, len(declared.base.operations) if declared.base else 0
    problems: list[Problem] = []
    for number, operation in enumerate(made.operations[own:], own):
        for count, case in enumerate(operation.cases):
            at: Place = ("operations", number, "cases", count)
            for message in differences(made, operation, case):
                mark = declared.place(at)
                assert mark is not None
                problems.append(mark.problem(f"{operation.name}, case {count + 1}: {message}"))
    warnings = [
        mark.problem(message, hint)
        for path, message, hint in _doubtful(made, own, today or date.today())  # noqa: DTZ011 - a day is enough
        if (mark := declared.place(path)) is not None
    ]
    grades = {each.name: grade(made, each) for each in made.operations}
    return Inspection(
        made, tuple(problems), tuple(warnings), grades, sum(len(each.cases) for each in made.operations)
    )


def grade(made: Provider, operation: Operation) -> str:
    """How far an operation is known: its shape; its shape and an exchange each way; and what follows when an answer is lost."""
    built_in = PROVIDERS.get(made.quota_of or made.name)
    if built_in is not None and operation in built_in.operations:
        return BUILT_IN
    both = [each for each in operation.cases if each.request is not None and each.reply is not None]
    if not any(_succeeds(each) for each in both):
        return DECLARED
    if operation.effect is Effect.READ:
        return SETTLED
    told = operation.verify is not None and not isinstance(operation.doubt, Never)
    return SETTLED if told and len({each.outcomes for each in both}) > 1 else CASED


def _succeeds(case: Case) -> bool:
    return case.listed is not None or "succeeded" in case.outcomes


# ------------------------------------------------------------------------------------------- cases


def differences(made: Provider, operation: Operation, case: Case) -> Iterator[str]:
    """In what the declaration does not meet one of its cases, both ways."""
    try:
        items = _items(operation, case)
        connection = _connection(made, case)
    except (Invalid, ValueError, KeyError) as error:
        yield f"its items or its app cannot be used: {error}"
        return
    page = PageRequest(operation.batch_max, case.at) if operation.paging else None
    single = len(items) == 1 and operation.single is not None
    if case.request is not None:
        try:
            call = encode(made, operation, connection, items, page=page, single=single)
        except ValueError as error:
            yield f"it cannot be sent: {error}"
        else:
            yield from _unlike(connection, call, case.request)
    if case.reply is not None:
        shown = case.reply
        body = shown.text.encode() if shown.json is None else json.dumps(shown.json).encode()
        reply = Reply(shown.status, body, {key.lower(): value for key, value in shown.headers.items()})
        if page is not None:
            yield from _unlike_page(pages(made, operation, page, reply), case)
        else:
            yield from _unlike_outcomes(operation, decode(made, operation, items, reply), case)


def _items(operation: Operation, case: Case) -> tuple[Item, ...]:
    """The case's rows as a job would read them: typed, and what is missing said."""
    found = []
    for number, row in enumerate(case.items, 1):
        given = {"username": row} if not isinstance(row, Mapping) else dict(row)
        if strange := set(given) - {each.name for each in operation.fields}:
            raise ValueError(f"there is no field {', '.join(sorted(strange))}")
        fields = {
            each.name: checker(each)(given[each.name]) for each in operation.fields if each.name in given
        }
        name = str(fields.get("username", f"user{number}"))
        found.append(Item(number, name, name, fields))
    return tuple(found)


def _connection(made: Provider, case: Case) -> Connection:
    form = made.app(case.app) if case.app else made.apps[0]
    values = {key: "1" if key in form.numbers else key for key in form.keys} | dict(case.app)
    return made.connect(BASE_URL, values, Auth("none"))


def _unlike(connection: Connection, call: Call, wanted: Sent) -> Iterator[str]:
    if call.method != wanted.method:
        yield f"method: {call.method} is sent where the case has {wanted.method}"
    if wanted.path not in (call.path, call.path.removeprefix(connection.root)):
        root = f", or {call.path} with the app's root," if connection.root else ""
        below = call.path.removeprefix(connection.root) or "/"
        yield f"path: {below}{root} is sent where the case has {wanted.path}"
    if wanted.query is not None:
        expected = [(key, each) for key, value in wanted.query.items() for each in _texts(value)]
        if sorted(call.query) != sorted(expected):
            yield f"query: {_shown(dict(call.query))} is sent where the case has {_shown(wanted.query)}"
    given = {name.lower(): value for name, value in call.headers}
    if call.content_type:
        given["content-type"] = call.content_type
    for name, value in wanted.headers.items():
        if given.get(name.lower()) != value:
            yield f"header {name}: {given.get(name.lower())} is sent where the case has {value}"
    yield from _unlike_body(call, wanted)


def _unlike_body(call: Call, wanted: Sent) -> Iterator[str]:
    text = call.body.decode("utf-8", "replace")
    if wanted.json is not None:
        is_json = call.content_type is not None and (
            JSON in call.content_type or "+json" in call.content_type
        )
        found = json.loads(text) if text and is_json else None
        if found != wanted.json or _types(found) != _types(wanted.json):
            yield f"body: {_shown(found)} is sent where the case has {_shown(wanted.json)}"
    elif wanted.form is not None:
        expected = [(key, each) for key, value in wanted.form.items() for each in _texts(value)]
        if sorted(parse_qsl(text, keep_blank_values=True)) != sorted(expected):
            yield f"form: {text} is sent where the case has {_shown(wanted.form)}"
    elif wanted.text is not None and text != wanted.text:
        yield f"body: {text} is sent where the case has {wanted.text}"


def _texts(value: Any) -> list[str]:
    many = value if isinstance(value, list | tuple) else [value]
    return [each if isinstance(each, str) else json.dumps(each) for each in many]


def _types(value: Any) -> Any:
    """1, 1.0 and true are equal in Python, and three things on the wire."""
    return json.dumps(value, sort_keys=True)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 400 else f"{text[:400]}…"


def _unlike_outcomes(operation: Operation, answer: Answer, case: Case) -> Iterator[str]:
    outcomes = answer.outcomes
    if case.outcomes and len(case.outcomes) != len(outcomes):
        yield f"outcomes: {len(case.outcomes)} for {len(outcomes)} items"
        return
    for number, (outcome, wanted) in enumerate(zip(outcomes, case.outcomes, strict=False), 1):
        status = final(operation, outcome)
        if wanted not in {str(outcome.kind), str(status) if status else None}:
            why = f" ({outcome.code}: {outcome.reason})" if outcome.reason else ""
            yield f"item {number} is {outcome.kind}{why} where the case has {wanted}{_alone(outcomes, wanted)}"
    for number, (outcome, code) in enumerate(zip(outcomes, case.codes, strict=False), 1):
        if outcome.code != code:
            yield f"item {number} has the code {outcome.code} where the case has {code}"


def _alone(outcomes: Sequence[Outcome], wanted: str) -> str:
    if wanted != Kind.POISONED or len(outcomes) > 1:
        return ""
    return ": alone, there is nobody else to blame; a call of two items shows it poisoned"


def _unlike_page(page: Page, case: Case) -> Iterator[str]:
    names = tuple(name for name, _ in page.rows)
    if case.listed is not None and names != case.listed:
        why = f" ({page.outcome.reason})" if page.outcome.reason else ""
        yield f"{_shown(names)} is listed{why} where the case has {_shown(case.listed)}"
    if case.listed is not None and page.next != case.next:
        yield f"the next page is {page.next} where the case has {case.next}"
    if case.outcomes and str(page.outcome.kind) not in case.outcomes:
        yield f"the page is {page.outcome.kind} where the case has {case.outcomes[0]}"


# ---------------------------------------------------------------------------------------- warnings


def _doubtful(made: Provider, own: int, today: date) -> Iterator[tuple[Place, str, str | None]]:
    yield from _aged(("read_on",), made.read_on, made.source, today)
    for number, pool in enumerate(made.pools):
        if not (pool.source or pool.help):
            yield (
                ("pools", number),
                f"nothing says where the limit of {pool.name} is from",
                "source: the page, or a message",
            )
    for number, operation in enumerate(made.operations[own:], own):
        path: Place = ("operations", number)
        if operation.effect is not Effect.READ and operation.verify is None:
            yield path, f"{operation.name} cannot be verified: nothing is read back", "verify: {operation: …}"
        if isinstance(operation.doubt, Never):
            yield (*path, "doubt"), f"{operation.name}: an unanswered request ends unknown", None
        if not operation.cases:
            yield (
                path,
                f"{operation.name} has no case: nothing shows that it is right",
                "cases: an exchange from the page",
            )
        yield from _unpaged(operation, path)
        if operation.read_on:
            yield from _aged((*path, "read_on"), operation.read_on, operation.source, today)
    reached = list(_reached(made, own))
    for number, rule in enumerate(made.errors):
        if not any(rule is each for each in reached):
            said = rule.code or rule.status or rule.pattern
            yield ("errors", number), f"no case reaches the row of {said}", "a case with such an answer"


def _aged(path: Place, read_on: str, source: str, today: date) -> Iterator[tuple[Place, str, str | None]]:
    if not read_on:
        if source:
            yield path, "nothing says when the page was read", "read_on: 2026-11"
        return
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})(?:-[0-9]{2})?", read_on)
    if found is None or not 1 <= int(found[2]) <= 12:
        yield path, f"'{read_on}' is no month", "read_on: 2026-11"
    elif (today - date(int(found[1]), int(found[2]), 1)).days > OLD_DAYS:
        yield path, f"the page was read in {read_on}: more than a year ago", "read it again"


def _unpaged(operation: Operation, path: Place) -> Iterator[tuple[Place, str, str | None]]:
    """A full first page that ends a listing."""
    for number, case in enumerate(operation.cases):
        if operation.paging and case.listed and case.next is None and len(case.listed) >= operation.batch_max:
            message = f"{operation.name}: the page is full, and no second one is asked for"
            yield (*path, "cases", number), message, "say by which cursor, number or address it goes on"


def _reached(made: Provider, own: int) -> Iterator[Any]:
    """The error rows that some case's answer is decided by."""
    for operation in made.operations[own:]:
        for case in operation.cases:
            if case.reply is None or not case.items:
                continue
            shown = case.reply
            body = shown.text.encode() if shown.json is None else json.dumps(shown.json).encode()
            try:
                answer = decode(made, operation, _items(operation, case), Reply(shown.status, body))
            except (Invalid, ValueError):
                continue
            for outcome in answer.outcomes:
                if outcome.kind is not Kind.SUCCEEDED:
                    for status in (shown.status, None):
                        rule, _ = lookup(
                            made, operation, status=status, code=outcome.code, reason=outcome.reason
                        )
                        yield rule
