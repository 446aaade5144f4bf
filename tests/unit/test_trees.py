"""Bodies that are written down as trees, statuses, queries, headers, pages: what is sent and what is made of an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from bulkim.catalogue.load import load
from bulkim.catalogue.shapes import Operation
from bulkim.codec import decode, encode, pages
from bulkim.model import Auth, Item, Kind, PageRequest, Reply

HEAD = """\
provider: 1
name: demo
label: Demo
apps: [{keys: [realm], name: "{realm}", target: "{realm}"}]
identity: {name: id, pattern: "[A-Za-z0-9.]+"}
auth: [bearer]
envelope: {code: error, reason: message}
pools: [{name: all, limit: 1000/10s}]
errors:
  - {kind: throttled, status: 429}
  - {kind: rejected, code: bad}
operations:
"""


def declared(text: str) -> tuple:
    provider = load(HEAD + text, "demo.yaml")
    connection = provider.apps[0].connect(
        "demo", "https://demo.example", {"realm": "r 1"}, Auth("token", "", "t")
    )
    return provider, provider.operations[0], connection


def item(number: int = 1, **fields: object) -> Item:
    return Item(number, f"u{number}", f"u{number}", fields)


TREE = """\
  - name: write
    method: PUT
    path: /realms/{realm}/users/{id}
    effect: ensure
    fields:
      - {name: active, type: bool, param: true, default: true}
      - {name: age, type: int, optional: true}
      - {name: note, optional: true}
      - {name: trace, optional: true, pattern: "[a-z]+"}
    query: {dry: false, v: 2, note: "{note}"}
    headers: {X-Trace: "{trace}", X-Kind: plain}
    content_type: application/merge-patch+json
    body: {json: {profile: {age: "{age}", note: "{note}", const: [1, null, x]}, active: "{active}", "0": "{literal"}}
    statuses: {200: already, 201: succeeded, 204: succeeded, 404: absent}
    pools: [all]
    doubt: repeat
"""


def test_a_tree_keeps_types_and_leaves_out_what_is_not_there():
    provider, made, connection = declared(TREE)
    call = encode(provider, made, connection, [item(age=7, trace="abc")])
    assert json.loads(call.body) == {
        "profile": {"age": 7, "const": [1, None, "x"]},
        "active": True,
        "0": "{literal",
    }
    assert call.path == "/realms/r%201/users/u1"
    assert call.query == (("dry", "false"), ("v", "2"))
    assert call.headers == (("X-Trace", "abc"), ("X-Kind", "plain"))
    assert call.content_type == "application/merge-patch+json"
    call = encode(provider, made, connection, [item(active=False, note="n")])
    assert json.loads(call.body)["active"] is False
    assert call.query[-1] == ("note", "n")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (201, b"", Kind.SUCCEEDED), (204, b"", Kind.SUCCEEDED), (201, b"[]", Kind.SUCCEEDED), (200, b"", Kind.ALREADY),
        (200, b"{}", Kind.UNKNOWN), (404, b"", Kind.ABSENT), (404, b'{"error": "x"}', Kind.ABSENT),
        (404, b"<html>no</html>", Kind.GATEWAY), (201, b"<html>hello</html>", Kind.UNKNOWN),
        (201, b'{"error": "bad"}', Kind.REJECTED), (202, b"", Kind.UNKNOWN), (429, b"", Kind.THROTTLED),
    ],
)  # fmt: skip
def test_statuses_say_what_an_answer_is(status, body, kind):
    provider, made, _ = declared(TREE)
    assert decode(provider, made, [item()], Reply(status, body)).outcomes[0].kind is kind


BATCH = """\
  - name: assign
    method: POST
    path: /groups/{group}
    effect: ensure
    batch_max: 10
    fields:
      - {name: id, key: true}
      - {name: group, key: true, pattern: "[a-z]+"}
      - {name: role, optional: true}
      - {name: reason, optional: true}
    body: {json: {why: "{reason}", members: {$items: {user: "{id}", role: "{role}"}}, by: {$items: {r: "{role}"}, $by: id}}}
    statuses: {207: succeeded}
    result: {per-item: {items: "", key: user.id, code: status, ok: ["200", "201"], reason: error.text}}
    pools: [all]
    doubt: repeat
"""


def test_items_become_a_list_and_a_map_and_the_rest_parts_calls():
    provider, made, connection = declared(BATCH)
    assert made.shared == ("group", "reason")
    two = [item(1, group="g", role="a"), item(2, group="g")]
    body = json.loads(encode(provider, made, connection, two).body)
    assert body == {
        "members": [{"user": "u1", "role": "a"}, {"user": "u2"}],
        "by": {"u1": {"r": "a"}, "u2": {}},
    }
    with pytest.raises(ValueError, match="takes one group, reason a request"):
        encode(provider, made, connection, [item(1, group="g", reason="x"), item(2, group="g", reason="y")])


def test_a_status_for_each_item():
    provider, made, _ = declared(BATCH)
    rows = [
        {"user": {"id": "u2"}, "status": 201},
        {"user": {"id": "u1"}, "status": 409, "error": {"text": "taken"}},
    ]
    first, second = decode(provider, made, [item(1), item(2)], Reply(207, json.dumps(rows).encode())).outcomes
    assert (first.kind, first.code, first.reason) == (Kind.REJECTED, "409", "taken")
    assert second.kind is Kind.SUCCEEDED


FORM = """\
  - name: remove
    method: POST
    path: /group/quit.json
    effect: delete
    destroys: membership
    batch_max: 20
    fields: [{name: id, key: true}, {name: group, key: true}]
    body: {form: {userId: {$items: "{id}"}, groupId: "{group}", n: 1, deep: {a: b}}}
    pools: [all]
    doubt: repeat
"""


def test_a_form_repeats_a_list():
    provider, made, connection = declared(FORM)
    call = encode(provider, made, connection, [item(1, group="g&"), item(2, group="g&")])
    assert call.content_type == "application/x-www-form-urlencoded"
    assert parse_qsl(call.body.decode()) == [
        ("userId", "u1"), ("userId", "u2"), ("groupId", "g&"), ("n", "1"), ("deep", '{"a": "b"}'),
    ]  # fmt: skip


LIST = """\
  - name: list-users
    method: GET
    path: /users
    effect: read
    batch_max: 2
    query: {sort: id}
    paging: {PAGING}
    pools: [all]
"""


def listed(paging: str, body: object, *, at: str | None = None, headers: dict | None = None) -> tuple:
    provider, made, connection = declared(LIST.replace("{PAGING}", paging))
    request = PageRequest(2, at)
    call = encode(provider, made, connection, (), page=request)
    page = pages(provider, made, request, Reply(200, json.dumps(body).encode(), headers or {}))
    return call.query, [name for name, _ in page.rows], page.next


USERS = [{"id": "a"}, {"id": "b"}]


@pytest.mark.parametrize(
    ("paging", "body", "headers", "second"),
    [
        ("{items: users, key: id, size: n, by: cursor, at: c, cursor: next}", {"users": USERS, "next": "x"}, {}, (("sort", "id"), ("n", "2"), ("c", "x"))),
        ("{items: '', key: id, size: n, by: number, at: p}", USERS, {}, (("sort", "id"), ("p", "2"), ("n", "2"))),
        ("{items: '', key: id, size: n, by: number, at: p, first: 0}", USERS, {}, (("sort", "id"), ("p", "1"), ("n", "2"))),
        ("{items: '', key: id, size: n, by: offset, at: skip}", USERS, {}, (("sort", "id"), ("skip", "2"), ("n", "2"))),
        ("{items: u, key: id, size: n, by: next-url, cursor: meta.next}", {"u": USERS, "meta": {"next": "https://elsewhere.example/steal?n=2&t=9"}}, {}, (("sort", "id"), ("n", "2"), ("t", "9"))),
        ("{items: '', key: id, size: n, by: link}", USERS, {"link": '</u?n=2>; rel="self", </u?after=b&n=2>; rel="next"'}, (("sort", "id"), ("after", "b"), ("n", "2"))),
    ],
)  # fmt: skip
def test_pages_follow_each_other(paging, body, headers, second):
    query, names, following = listed(paging, body, headers=headers)
    assert names == ["a", "b"]
    assert ("n", "2") in query
    assert listed(paging, body, at=following)[0] == second


@pytest.mark.parametrize(
    ("paging", "body"),
    [
        ("{items: users, key: id, size: n, by: cursor, at: c, cursor: next}", {"users": USERS}),
        ("{items: '', key: id, size: n, by: number, at: p}", []),
        ("{items: '', key: id, size: n, by: offset, at: skip}", []),
        ("{items: u, key: id, size: n, by: next-url, cursor: next}", {"u": USERS, "next": None}),
        ("{items: '', key: id, size: n, by: link}", USERS),
    ],
)
def test_each_kind_of_paging_ends(paging, body):
    assert listed(paging, body)[2] is None


def test_a_page_that_is_asked_for_in_the_body():
    text = LIST.replace("{PAGING}", "{items: users, key: id, size: n, by: number, at: p, within: body}")
    provider, made, connection = declared(text.replace("GET", "POST") + "    body: {json: {filter: {}}}\n")
    call = encode(provider, made, connection, (), page=PageRequest(2, "3"))
    assert json.loads(call.body) == {"filter": {}, "p": 3, "n": 2}
    assert call.query == (("sort", "id"),)


def test_an_attempts_key_is_the_same_for_every_sending_of_an_item_in_a_run():
    text = TREE.replace("X-Kind: plain", 'Idempotency-Key: "{$attempt_key}"')
    provider, made, connection = declared(text)

    def key(number: int, run: str) -> str:
        call = encode(provider, made, connection, [item(number)], run=run)
        return dict(call.headers)["Idempotency-Key"]

    assert key(1, "r1") == key(1, "r1")
    assert len({key(1, "r1"), key(2, "r1"), key(1, "r2")}) == 3


def test_the_declaration_is_what_is_read():
    _, made, _ = declared(TREE)
    assert isinstance(made, Operation)
    assert made.fields[0].name == "username"
    assert made.fields[0].wire == "id"


@pytest.mark.parametrize(
    ("link", "goes_on"),
    [
        ('</u?x=1>; rel="next"', "x=1"),
        ("</u?x=1>;rel=next", "x=1"),
        ('</u?x=1>; title="a, b; c"; rel="next"', "x=1"),
        ('</u?x=1>; rel="prefetch next"; foo=bar', "x=1"),
        ('</u?x=1>; REL="Next"', "x=1"),
        ('</u?a,b=1>; rel="prev", </u?x=1>; rel="next"', "x=1"),
        ('</u?x=1>; rel="nextish"', None),
        ('</u?x=1>; title="rel=next"; rel="last"', None),
        ('</u?x=1>; title="; rel=next"', None),
        ('</u>; rel="next"', None),
        ("<" * 5000 + '"' * 5000, None),
        ("", None),
    ],
)
def test_the_address_in_a_header_link(link, goes_on):
    assert listed("{items: '', key: id, size: n, by: link}", USERS, headers={"link": link})[2] == goes_on


PARTLY = """\
  - name: invite
    method: POST
    path: /people
    effect: create
    batch_max: 20
    body: {json: {data: {$items: {id: "{id}"}}}}
    result: {RESULT}
    pools: [all]
    doubt: never
"""


@pytest.mark.parametrize(
    "result",
    [
        "split-lists: {succeeded: data, failed: errors, key: id, code: code, reason: title}",
        "failures-only: {failed: errors, key: id, code: code, reason: title}",
    ],
)
def test_errors_of_single_items_do_not_refuse_a_call_that_did_the_others(result):
    """An API that puts both into `errors`: taken for a refusal, the call would be sent again one by one, and those done twice."""
    provider, operation, _ = declared(PARTLY.replace("RESULT", result))
    provider = replace(
        provider, envelope=replace(provider.envelope, code="errors.0.code", reason="errors.0.title")
    )
    batch = [item(1), item(2)]
    body = {"data": [{"id": "u1"}], "errors": [{"id": "u2", "code": "bad", "title": "is locked"}]}
    said = decode(provider, operation, batch, Reply(200, json.dumps(body).encode()))
    assert [(each.kind, each.code) for each in said.outcomes] == [
        (Kind.SUCCEEDED, None),
        (Kind.REJECTED, "bad"),
    ]
    refused = decode(provider, operation, batch, Reply(400, json.dumps({"errors": body["errors"]}).encode()))
    assert {each.kind for each in refused.outcomes} == {Kind.REJECTED}, (
        "a status of failure is about all of them"
    )
