"""What somebody meets who declares an API by the docs alone: words for every key, paths with alternatives, an API without tenants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from bulkim.catalogue.load import load
from bulkim.catalogue.published import provider_schema
from bulkim.catalogue.tags import TAGS
from bulkim.catalogue.words import ABOUT
from bulkim.codec import decode
from bulkim.errors import InputError
from bulkim.model import Auth, Item, Kind, Reply
from bulkim.planning.existing import parts_for_existing
from bulkim.vendors import PROVIDERS
from bulkim.work.declared import inspect

MEMBERS = """\
provider: 1
name: members
label: Members
identity: {name: login, pattern: "[a-z]+"}
apps: [{root: /v2}]
auth: [bearer]
envelope: {code: error.code|code, reason: error.message|message}
pools: [{name: api, limit: 15/s}]
errors:
  - {code: taken, kind: already, item: true}
  - {code: weak_secret, kind: rejected, item: true}
  - {code: too_many, kind: poisoned}
operations:
  - name: register
    method: POST
    path: /members
    effect: create
    batch_max: 20
    body: {json: {members: {$items: {login: "{login}"}}}}
    result: {per-item: {items: results, key: login, code: error.code|status, ok: ["201"], reason: error.message|note}}
    pools: [api]
    doubt: {repeat: {because: a login is unique}}
    cases:
      - items: [ann, bob]
        request: {method: POST, path: /v2/members, json: {members: [{login: ann}, {login: bob}]}}
        reply: {status: 200, json: {results: [{login: ann, status: 201}, {login: bob, status: 409, error: {code: taken}}]}}
        outcomes: [succeeded, already]
"""
ITEMS = tuple(Item(number, name, name, {"username": name}) for number, name in enumerate(("ann", "bob"), 1))


def _properties(schema: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        for name, about in schema.get("properties", {}).items():
            yield f"{place}.{name}", about
        for name, each in schema.items():
            yield from _properties(each, f"{place}.{name}")
    elif isinstance(schema, list):
        for each in schema:
            yield from _properties(each, place)


def test_no_property_is_without_a_description():
    found = dict(_properties(provider_schema()))
    assert len(found) > 200
    assert [place for place, about in found.items() if len(about.get("description", "")) < 8] == []


def test_no_kind_and_no_effect_is_without_a_description():
    for name in ("Kind", "Effect"):
        words = provider_schema()["$defs"][name]["oneOf"]
        assert all(each["description"].endswith(".") for each in words), name
    assert len(provider_schema()["$defs"]["Kind"]["oneOf"]) == len(Kind)


def test_no_description_is_of_a_key_that_is_gone():
    assert {*TAGS} <= {*ABOUT}
    for shape, about in ABOUT.items():
        assert {each.name for each in fields(shape)} == {*about}, shape


# ------------------------------------------------------------------------------------- alternatives


def _decoded(text: str, body: str, status: int = 200) -> list[tuple[Kind, str | None, str | None]]:
    made = load(text, "members.yaml")
    answer = decode(made, made.operations[0], ITEMS, Reply(status, body.encode(), {}))
    return [(each.kind, each.code, each.reason) for each in answer.outcomes]


def test_the_code_and_the_reason_of_an_items_row_may_have_alternatives():
    body = (
        '{"results": [{"login": "ann", "status": 201},'
        ' {"login": "bob", "status": 422, "error": {"code": "weak_secret"}, "note": "longer"}]}'
    )
    assert _decoded(MEMBERS, body) == [
        (Kind.SUCCEEDED, "201", None), (Kind.REJECTED, "weak_secret", "longer"),
    ]  # fmt: skip


def test_a_truth_value_is_named_by_the_alternative_that_it_stands_at():
    text = MEMBERS.replace('error.code|status, ok: ["201"]', 'why|done, ok: ["done=true"]')
    body = '{"results": [{"login": "ann", "done": true}, {"login": "bob", "why": "taken", "done": false}]}'
    assert [code for _, code, _ in _decoded(text, body)] == [None, "taken"]


@pytest.mark.parametrize(
    "result",
    [
        "{split-lists: {succeeded: done, failed: results, key: login, code: error.code|status, reason: error.message|note}}",
        "{failures-only: {failed: results, key: login, code: error.code|status, reason: error.message|note}}",
    ],
)
def test_lists_of_those_that_failed_take_alternatives_too(result):
    at = MEMBERS.index("{per-item")
    text = MEMBERS[:at] + result + MEMBERS[MEMBERS.index("\n", at) :]
    rows = '{"login": "ann", "status": "taken"}, {"login": "bob", "error": {"code": "weak_secret", "message": "longer"}}'
    assert _decoded(text, f'{{"done": [], "results": [{rows}]}}') == [
        (Kind.ALREADY, "taken", None), (Kind.REJECTED, "weak_secret", "longer"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", ['{"error": {"code": "too_many"}}', '{"code": "too_many"}'])
def test_the_code_of_a_whole_answer_may_have_alternatives(body):
    assert [kind for kind, *_ in _decoded(MEMBERS, body, 413)] == [Kind.POISONED] * 2


# ---------------------------------------------------------------------------------------- cases


@pytest.mark.parametrize("path", ["/members", "/v2/members"])
def test_a_cases_path_is_the_pages_whole_one_or_the_one_below_root(path):
    assert inspect(MEMBERS.replace("path: /v2/members", f"path: {path}"), "members.yaml").problems == ()


def test_another_path_is_said_both_ways():
    found = inspect(MEMBERS.replace("path: /v2/members", "path: /v1/members"), "members.yaml").problems
    assert [each.message for each in found] == [
        "register, case 1: path: /members, or /v2/members with the app's root, is sent where the case has /v1/members"
    ]


def test_a_case_of_one_item_cannot_be_poisoned_and_it_is_said_why():
    case = (
        "      - items: [ann]\n        reply: {status: 413, json: {error: {code: too_many}}}\n"
        "        outcomes: [poisoned]\n"
    )
    found = inspect(MEMBERS + case, "members.yaml").problems
    assert len(found) == 1
    assert found[0].message == (
        "register, case 2: item 1 is rejected where the case has poisoned: alone, there is nobody else to blame;"
        " a call of two items shows it poisoned"
    )
    assert inspect(MEMBERS + case.replace("[ann]", "[ann, bob]").replace("[poisoned]", "[poisoned, poisoned]"), "m").problems == ()  # fmt: skip


def test_a_create_that_repeats_blindly_is_told_three_ways():
    with pytest.raises(InputError) as raised:
        load(MEMBERS.replace("{repeat: {because: a login is unique}}", "repeat"), "members.yaml")
    (problem,) = raised.value.problems
    for way in ("a probe", "{$attempt_key}", 'doubt: {repeat: {because: "'):
        assert way in (problem.hint or "")


# ------------------------------------------------------------------------------- without tenants


def test_without_keys_the_host_is_the_app():
    found = load(MEMBERS, "members.yaml").connect("https://members.example:8443", {}, Auth("token"))
    assert (found.app_name, found.target, found.root) == ("members.example:8443",) * 2 + ("/v2",)


# ----------------------------------------------------------------------------------------- plan


def test_calls_for_users_who_exist_are_foretold_only_where_they_poison_a_call():
    made = load(MEMBERS, "members.yaml")
    assert not parts_for_existing(made, made.operations[0])
    whole = load(MEMBERS.replace("{code: taken,", "{code: taken, status: 409,"), "members.yaml")
    assert parts_for_existing(whole, whole.operations[0])
    easemob, register = PROVIDERS["easemob"], PROVIDERS["easemob"].operation("register")
    assert register is not None
    assert parts_for_existing(easemob, register)
