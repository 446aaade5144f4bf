"""The client's side of the conformance suite: what it sends and what it makes of the answer, case by case.

A case is a file ``<vendor>/<operation>/NN-name.json``, written from a vendor's page:

- ``page``, ``read_on``, ``note``: where it comes from;
- ``connection``, ``operation``, ``items``, ``single``, ``page_request``: what the client is asked to do;
- ``given``: what the server must hold for this to happen: ``users`` (names, or mappings), ``banned``, ``online``, ``mutes``, ``attributes`` ...,
  the ``token``'s state, ``over_limit``, ``plan_full``, the request's ``cursor`` in words, a ``quirk`` in words, or
  ``fault`` for what a server only does when told to;
- ``request``: method, path, query, content_type, and body (JSON) or form;
- ``reply``: status, headers, and body (JSON) or text; ``"*"`` stands for what differs from call to call; with
  ``"order": "any"`` its rows may stand in another order;
- ``sandbox``: why `test_sandbox` leaves the case out;
- ``outcomes``: one an item (one for a page); ``rows`` and ``next`` of a page.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from bulkim.codec import decode, encode, pages
from bulkim.model import Auth, Item, PageRequest, Reply
from bulkim.vendors import PROVIDERS, provider

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*/*.json"))


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def client_side(path, case):
    """Provider, operation, connection, items and page request of a case."""
    vendor = provider(path.parent.parent.name)
    operation = vendor.operation(case["operation"])
    place = dict(case["connection"])
    url = place.pop("base_url")
    app = {key: str(value) for key, value in place.items()}
    connection = vendor.app(app).connect(vendor.name, url, app, Auth("none"))
    items = [
        Item(
            ordinal,
            vendor.folded(fields["username"]),
            fields["username"],
            {name: value for name, value in fields.items() if name != "username"},
        )
        for ordinal, fields in enumerate(case["items"], 1)
    ]
    request = PageRequest(**case["page_request"]) if "page_request" in case else None
    return vendor, operation, connection, items, request


def reply_of(case):
    reply = case["reply"]
    body = json.dumps(reply["body"]) if "body" in reply else reply["text"]
    return Reply(reply["status"], body.encode(), reply.get("headers", {}))


def content_of(call):
    """A call's content, as a case writes it."""
    if not call.body:
        return {}
    if call.content_type == "application/x-www-form-urlencoded":
        return {"form": dict(parse_qsl(call.body.decode(), strict_parsing=True))}
    return {"body": json.loads(call.body)}


def told(expected, outcome):
    """What a case says of an outcome, taken from the outcome."""
    always = {"kind": outcome.kind, "code": outcome.code}
    return always | {name: getattr(outcome, name) for name in expected if name not in always}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE).with_suffix("")))
class TestCase:
    def test_what_is_sent(self, path):
        case = load(path)
        vendor, operation, connection, items, request = client_side(path, case)
        call = encode(vendor, operation, connection, items, single=case.get("single", False), page=request)
        sent = {
            "method": call.method,
            "path": call.path,
            "query": dict(call.query),
            "content_type": call.content_type,
            **content_of(call),
        }
        assert sent == case["request"]

    def test_what_the_answer_means(self, path):
        case = load(path)
        vendor, operation, _, items, request = client_side(path, case)
        if request is None:
            outcomes = decode(vendor, operation, items, reply_of(case)).outcomes
        else:
            page = pages(vendor, operation, request, reply_of(case))
            outcomes = (page.outcome,)
            assert [list(row) for row in page.rows] == case.get("rows", [])
            assert page.next == case.get("next")
        expected = case["outcomes"]
        assert [told(each, outcome) for each, outcome in zip(expected, outcomes, strict=True)] == expected

    def test_it_says_where_it_comes_from(self, path):
        case = load(path)
        assert case["operation"] == path.parent.name
        assert case["page"]
        assert case["read_on"]


@pytest.mark.parametrize("vendor", PROVIDERS.values(), ids=PROVIDERS)
def test_every_operation_begins_with_its_pages_example(vendor):
    first = {path.parent.name for path in (HERE / vendor.name).glob("*/01-page-example.json")}
    assert first == {operation.name for operation in vendor.operations}


@pytest.mark.parametrize("vendor", PROVIDERS.values(), ids=PROVIDERS)
def test_every_form_for_one_item_has_a_case(vendor):
    cases = [load(path) for path in FILES if path.parent.parent.name == vendor.name]
    shown = {case["operation"] for case in cases if case.get("single")}
    assert shown >= {each.name for each in vendor.operations if each.single}


def test_every_documented_code_of_a_vendor_has_a_case():
    for vendor in PROVIDERS.values():
        cases = [load(path) for path in FILES if path.parent.parent.name == vendor.name]
        shown = {outcome["code"] for case in cases for outcome in case["outcomes"]}
        documented = {rule.code for rule in vendor.errors if rule.code} - NOT_OUR_OPERATIONS
        assert documented <= shown, vendor.name


# In the tables for `explain`, but not what any of our operations answers.
NOT_OUR_OPERATIONS = {
    "404", "invalid_grant", "exceed_limit", "group_error", "resource_not_found", "result=false", "10006", "10023",
    "10019",
}  # fmt: skip
