"""Decoding: one outcome an item, whatever the vendor sends."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.catalogue.shapes import Effect, Field, Operation, PerItem
from bulkim.codec import decode, pages
from bulkim.model import Fault, Item, Kind, Outcome, PageRequest, Reply
from bulkim.vendors import PROVIDERS, provider

CASES = [
    (vendor, operation)
    for vendor in PROVIDERS.values()
    for operation in vendor.operations
    if not operation.paging
]
LISTINGS = [
    (vendor, operation)
    for vendor in PROVIDERS.values()
    for operation in vendor.operations
    if operation.paging
]
EASEMOB = provider("easemob")
TENCENT = provider("tencent")


def items(*usernames, **fields):
    return [Item(n, name.lower(), name, fields) for n, name in enumerate(usernames, 1)]


def reply(body, status=200, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, content, {name.replace("_", "-"): value for name, value in headers.items()})


def outcomes(vendor, operation, batch, answer):
    return decode(vendor, vendor.operation(operation), batch, answer).outcomes


def kinds(*args):
    return [each.kind for each in outcomes(*args)]


# ----------------------------------------------------------------------------------------- for all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["error", "error_description", "entities", "data", "username", "user1", "result", "timestamp"]
            )
            | st.sampled_from(
                ["ErrorCode", "ActionStatus", "ErrorInfo", "ResultItem", "UserID", "ResultCode", "To_Account"]
            )
            | st.sampled_from(["QueryResult", "ErrorList", "FailAccounts", "UserAttrs", "cursor"])
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
BODIES = st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode())
STATUSES = st.sampled_from(
    [200, 201, 204, 301, 400, 401, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504, 520]
)
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=30))
REPLIES = st.builds(Reply, STATUSES, BODIES, HEADERS) | st.builds(
    Fault, st.sampled_from(["timeout", "connection", "bad_response"]), st.text(), st.booleans()
)


@given(st.sampled_from(CASES), st.integers(1, 5), REPLIES)
def test_there_is_one_outcome_an_item_for_anything(case, count, answer):
    vendor, operation = case
    batch = items(*(f"user{n}" for n in range(1, count + 1)), message_id="m", attributes={})
    decoded = decode(vendor, operation, batch, answer)
    assert len(decoded.outcomes) == count
    assert all(isinstance(each, Outcome) for each in decoded.outcomes)


@given(st.sampled_from(LISTINGS), REPLIES, st.none() | st.just("2"))
def test_any_page_is_a_page(case, answer, at):
    vendor, operation = case
    page = pages(vendor, operation, PageRequest(10, at), answer)
    assert page.outcome.kind is Kind.SUCCEEDED or not (page.rows or page.next)


@given(st.sampled_from(CASES), BODIES, st.sampled_from([500, 502, 503, 504, 520, 302, 204]))
def test_no_status_but_200_is_a_success(case, body, status):
    vendor, operation = case
    for outcome in decode(vendor, operation, items("user1", message_id="m"), Reply(status, body)).outcomes:
        assert outcome.kind not in {Kind.SUCCEEDED, Kind.ALREADY, Kind.ABSENT}


# From four characters on: a shorter one would mask half of every sentence.
SECRET = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=4, max_size=20)


@given(st.text(max_size=20), st.lists(SECRET, min_size=1, max_size=3), st.text(max_size=20), STATUSES)
def test_no_reason_holds_a_secret(before, secrets, after, status):
    batch = [Item(n, f"u{n}", f"u{n}", {"password": secret}) for n, secret in enumerate(secrets)]
    text = before + after.join(secrets)
    body = {"error": "illegal_argument", "error_description": text}
    told = [each.reason or "" for each in outcomes(EASEMOB, "register", batch, reply(body, status))]
    rows = [{"username": each.username, "registerUserFailReason": text} for each in batch]
    told += [
        each.reason or ""
        for each in outcomes(EASEMOB, "register", batch, reply({"entities": [], "data": rows}))
    ]
    assert not [reason for reason in told for secret in secrets if secret in reason]


# ------------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("operation", "sent", "kind"),
    [
        ("delete", True, Kind.UNKNOWN),
        ("delete", False, Kind.TRANSIENT),
        ("get-user", True, Kind.UNKNOWN),
        ("get-user", False, Kind.TRANSIENT),
    ],
)
def test_a_fault_is_in_doubt_only_when_it_was_sent(operation, sent, kind):
    (outcome,) = outcomes(EASEMOB, operation, items("u"), Fault("timeout", "no answer in 10 s", sent))
    assert (outcome.kind, outcome.code, outcome.reason) == (kind, "timeout", "no answer in 10 s")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"entities": [', b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_200_that_is_not_the_vendors_is_in_doubt(body):
    (outcome,) = outcomes(EASEMOB, "delete", items("u"), Reply(200, body))
    assert (outcome.kind, outcome.code) == (Kind.UNKNOWN, "bad_response")


def test_a_200_with_an_error_is_no_success():
    assert kinds(EASEMOB, "delete", items("u"), reply({"error": "x"})) == [Kind.UNKNOWN]
    assert kinds(EASEMOB, "delete", items("u"), reply({"error": {"code": 1}})) == [Kind.UNKNOWN]


# ------------------------------------------------------------------------------- refusals of a call

EXISTS = {
    "error": "duplicate_unique_property_exists",
    "error_description": "Application a Entity user requires that property named username be unique, value of b exists",
}


def test_the_culprit_is_named_and_the_others_are_bystanders():
    a, b, c = outcomes(EASEMOB, "register", items("a", "B", "c"), reply(EXISTS, 400))
    assert (b.kind, b.code) == (Kind.ALREADY, "duplicate_unique_property_exists")
    assert a == c == Outcome(Kind.POISONED)


def test_a_culprit_that_nobody_knows_poisons_all():
    assert kinds(EASEMOB, "register", items("x", "y"), reply(EXISTS, 400)) == [Kind.POISONED] * 2


def test_alone_it_is_the_culprit():
    assert kinds(EASEMOB, "register", items("b"), reply(EXISTS, 400)) == [Kind.ALREADY]


@pytest.mark.parametrize("count", [1, 3])
def test_a_body_that_is_too_large_is_split_until_it_cannot_be(count):
    batch = items(*(f"u{n}" for n in range(count)))
    expected = [Kind.GATEWAY] if count == 1 else [Kind.POISONED] * count
    assert kinds(EASEMOB, "register", batch, Reply(413, b"<html>")) == expected


def test_an_echoed_password_is_masked():
    body = {
        "error": "duplicate_unique_property_exists",
        "error_description": "the same user b has a different password, the passwords are hunter2,correct horse",
    }
    _, b = outcomes(EASEMOB, "register", items("a", "b", password="hunter2"), reply(body, 400))
    assert b == Outcome(
        Kind.REJECTED,
        "duplicate_unique_property_exists",
        "the same user b has a different password, the passwords are ***",
    )


@pytest.mark.parametrize(
    ("password", "said", "kept"),
    [
        ("anna", "username [anna] is not legal", "username [anna] is not legal"),
        ("anna", "username [Anna1] is not legal", "username [Anna1] is not legal"),
        ("p", "Application app: username [anna] is not legal", "Application app: username [anna] is not legal"),
        ("annapurna", "anna: annapurna is no password", "anna: *** is no password"),
        ("hunter2", "password hunter2 is too short", "password *** is too short"),
        ("p", "the same user anna has a different password, the passwords are p,q",
         "the same user anna has a different password, the passwords are ***"),
    ],
)  # fmt: skip
def test_masking_leaves_ids_and_other_words_alone(password, said, kept):
    body = {"error": "illegal_argument", "error_description": said}
    batch = items("anna", "Anna1", password=password)
    assert {each.reason for each in outcomes(EASEMOB, "register", batch, reply(body, 400))} - {None} == {kept}


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "Sat, 21 Nov 2026 10:00:09 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 9.0),
        ({"retry_after": "Sat, 21 Nov 2026 10:00:09 GMT"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-1"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, wait_s):
    (outcome,) = outcomes(EASEMOB, "delete", items("u"), reply({"error": "reach_limit"}, 429, **headers))
    assert (outcome.kind, outcome.retry_after_s) == (Kind.THROTTLED, wait_s)


@pytest.mark.parametrize(
    ("body", "headers", "clock"),
    [
        ({"timestamp": 1542559539776}, {"date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 1542559539.776),
        ({}, {"date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 1795255200.0),
        ({"timestamp": "1542559539776"}, {}, None),
        ({"timestamp": True}, {"date": "yesterday"}, None),
    ],
)
def test_the_vendors_clock(body, headers, clock):
    assert (
        decode(EASEMOB, EASEMOB.operation("delete"), items("u"), reply(body, **headers)).server_time == clock
    )


# -------------------------------------------------------------------------------------- by identity


def test_rows_are_matched_by_name_and_not_by_place():
    body = {"entities": [{"username": "c"}, {"username": "aa"}], "data": []}
    assert kinds(EASEMOB, "register", items("Aa", "b", "C"), reply(body)) == [
        Kind.SUCCEEDED,
        Kind.UNKNOWN,
        Kind.SUCCEEDED,
    ]


def test_case_counts_at_tencent():
    body = {"ActionStatus": "OK", "ErrorCode": 0, "ResultItem": [{"UserID": "aa", "ResultCode": 0}]}
    assert kinds(TENCENT, "delete", items("Aa", "aa"), reply(body)) == [Kind.UNKNOWN, Kind.SUCCEEDED]


def test_the_same_said_twice_is_said_once():
    body = {"entities": [{"username": "a"}, {"username": "A"}]}
    assert kinds(EASEMOB, "register", items("a"), reply(body)) == [Kind.SUCCEEDED]


def test_a_contradiction_is_in_doubt():
    body = {
        "entities": [{"username": "a"}],
        "data": [{"username": "a", "registerUserFailReason": "the a already exists"}],
    }
    assert kinds(EASEMOB, "register", items("a"), reply(body)) == [Kind.UNKNOWN]


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("the user3 already exists", Kind.ALREADY, "duplicate_unique_property_exists"),
        ("username [user3] is not legal", Kind.REJECTED, "illegal_argument"),
        ("something new", Kind.REJECTED, "rejected"),
        (None, Kind.REJECTED, "rejected"),
    ],
)
def test_why_a_row_failed(reason, kind, code):
    body = {"entities": [], "data": [{"username": "user3", "registerUserFailReason": reason}]}
    assert outcomes(EASEMOB, "register", items("user3"), reply(body)) == (Outcome(kind, code, reason),)


def test_a_list_that_is_missing_is_empty():
    assert kinds(EASEMOB, "register", items("a"), reply({"entities": [{"username": "a"}]})) == [
        Kind.SUCCEEDED
    ]
    assert kinds(EASEMOB, "register", items("a"), reply({})) == [Kind.UNKNOWN]


def test_reads_put_the_answer_into_data():
    body = {"entities": [{"username": "a", "created": 1}]}
    (outcome,) = outcomes(EASEMOB, "get-user", items("A"), reply(body))
    assert outcome.data == {"username": "a", "created": 1}


def test_a_map_may_be_a_list_of_one_key_objects():
    body = {"data": [{"user1": "online"}, {"user2": "offline"}]}
    told = outcomes(EASEMOB, "online-status", items("User2", "user1", "user3"), reply(body))
    assert [(each.kind, each.data) for each in told] == [
        (Kind.SUCCEEDED, "offline"),
        (Kind.SUCCEEDED, "online"),
        (Kind.UNKNOWN, None),
    ]


def test_a_value_that_contradicts_success():
    (outcome,) = outcomes(EASEMOB, "disconnect", items("a"), reply({"data": {"result": False}}))
    assert (outcome.kind, outcome.code) == (Kind.REJECTED, "result=false")
    assert kinds(EASEMOB, "disconnect", items("a"), reply({"data": {"result": 1}})) == [Kind.UNKNOWN]
    assert kinds(EASEMOB, "mute", items("a"), reply({"data": {"result": "later"}})) == [Kind.UNKNOWN]


# ---------------------------------------------------------------------------------------- Tencent


def test_tencent_needs_its_error_code():
    assert kinds(TENCENT, "mute", items("a"), reply({"ErrorCode": 0, "ErrorInfo": ""})) == [Kind.SUCCEEDED]
    assert kinds(TENCENT, "mute", items("a"), reply({"ActionStatus": "OK"})) == [Kind.UNKNOWN]
    assert kinds(TENCENT, "mute", items("a"), reply({"ActionStatus": "FAIL", "ErrorCode": 0})) == [
        Kind.UNKNOWN
    ]
    assert kinds(TENCENT, "mute", items("a"), reply({"ErrorCode": False})) == [Kind.UNKNOWN]


def test_tencent_success_has_the_code_0():
    assert outcomes(TENCENT, "mute", items("a"), reply({"ErrorCode": 0}))[0].code == "0"


def test_a_timeout_of_the_call_is_in_doubt_and_one_of_an_item_is_not():
    whole = {"ActionStatus": "FAIL", "ErrorCode": 70169, "ErrorInfo": "timeout"}
    assert kinds(TENCENT, "delete", items("a", "b"), reply(whole)) == [Kind.UNKNOWN] * 2
    row = {"UserID": "a", "ResultCode": 70169, "ResultInfo": "timeout"}
    body = {"ActionStatus": "OK", "ErrorCode": 0, "ResultItem": [row]}
    assert outcomes(TENCENT, "delete", items("a"), reply(body)) == (
        Outcome(Kind.TRANSIENT, "70169", "timeout"),
    )


def test_a_code_that_nobody_documented():
    """It is a refusal, in the vendor's words: of an item, and of a call."""
    row = {"UserID": "a", "ResultCode": 12345, "ResultInfo": "?"}
    body = {"ActionStatus": "OK", "ErrorCode": 0, "ResultItem": [row]}
    assert outcomes(TENCENT, "delete", items("a"), reply(body)) == (Outcome(Kind.REJECTED, "12345", "?"),)
    body = {"ActionStatus": "FAIL", "ErrorCode": 12345, "ErrorInfo": "?"}
    assert outcomes(TENCENT, "delete", items("a"), reply(body)) == (Outcome(Kind.REJECTED, "12345", "?"),)
    assert kinds(TENCENT, "delete", items("a", "b"), reply(body)) == [Kind.REJECTED] * 2
    teapot = {"error": "never_seen", "error_description": "?"}
    assert kinds(EASEMOB, "delete", items("a"), reply(teapot, status=418)) == [Kind.REJECTED]
    assert kinds(EASEMOB, "delete", items("a"), reply(teapot, status=520)) == [Kind.UNKNOWN]


def test_throttling_at_tencent_is_a_200():
    body = {"ActionStatus": "FAIL", "ErrorCode": 60007, "ErrorInfo": "freq"}
    assert kinds(TENCENT, "delete", items("a", "b"), reply(body)) == [Kind.THROTTLED] * 2


def test_70050_waits_a_minute():
    (outcome,) = outcomes(TENCENT, "mute", items("a"), reply({"ErrorCode": 70050, "ErrorInfo": "limited"}))
    assert (outcome.kind, outcome.retry_after_s) == (Kind.UNAUTHORIZED, 60)


def test_failures_only():
    body = {"ActionStatus": "OK", "ErrorCode": 0, "FailAccounts": ["b"]}
    assert [each.code for each in outcomes(TENCENT, "register", items("a", "b"), reply(body))] == [
        "0",
        "not_imported",
    ]


# ------------------------------------------------------------------------------------------ pages


def page(operation, body, at=None):
    return pages(EASEMOB, EASEMOB.operation(operation), PageRequest(2, at), reply(body))


def test_a_listing_ends_where_the_cursor_does():
    more = page("list-users", {"entities": [{"username": "a"}], "cursor": "next"})
    assert (more.rows, more.next) == ((("a", {"username": "a"}),), "next")
    assert page("list-users", {"entities": [{"username": "a"}]}).next is None


def test_a_cursor_that_repeats_behind_a_full_page_is_an_error():
    rows = [{"username": "a"}, {"username": "b"}]
    turning = page("list-users", {"entities": rows, "cursor": "same"}, at="same")
    assert (turning.outcome.kind, turning.outcome.code, turning.rows) == (Kind.UNKNOWN, "bad_response", ())


def test_a_short_page_that_repeats_the_cursor_is_the_last():
    for rows in ([{"username": "a"}], []):
        last = page("list-users", {"entities": rows, "cursor": "same"}, at="same")
        assert (last.outcome.kind, len(last.rows), last.next) == (Kind.SUCCEEDED, len(rows), None)


def test_a_batch_of_old_names_nobody_who_failed():
    """Recorded in 2019: no list of failures at all."""
    body = {"action": "post", "entities": [{"username": "a"}, {"username": "b"}], "duration": 51}
    assert kinds(EASEMOB, "register", items("a", "b"), reply(body)) == [Kind.SUCCEEDED] * 2


def test_failures_that_are_named_with_a_code():
    body = {"ActionStatus": "OK", "ErrorCode": 0, "ErrorList": [{"To_Account": "b", "ErrorCode": 90035}]}
    for operation in ("set-attributes", "remove-attributes"):
        said = outcomes(TENCENT, operation, items("a", "b"), reply(body))
        assert [(each.kind, each.code) for each in said] == [(Kind.SUCCEEDED, "0"), (Kind.REJECTED, "90035")]


def test_numbered_pages_end_with_an_empty_one_and_merge_scopes():
    rows = [{"username": "a", "chat": 5}, {"username": "b", "chat": 0}, {"username": "A", "chatroom": -1}]
    first = page("list-mutes", {"data": {"data": rows}})
    assert first.rows == (
        ("a", {"username": "A", "chat": 5, "chatroom": -1}),
        ("b", {"username": "b", "chat": 0}),
    )
    assert first.next == "2"
    assert page("list-mutes", {"data": {"data": []}}, at="2").next is None


def test_a_page_that_failed_says_why():
    listing = EASEMOB.operation("list-users")
    throttled = pages(EASEMOB, listing, PageRequest(2), reply({"error": "reach_limit"}, 429, retry_after="3"))
    assert throttled.outcome == Outcome(Kind.THROTTLED, "reach_limit", None, None, 3.0)
    oldest = EASEMOB.operation("delete-oldest")
    assert (
        pages(EASEMOB, oldest, PageRequest(2), Fault("timeout", "", sent=True)).outcome.kind is Kind.UNKNOWN
    )
    with pytest.raises(TypeError):
        pages(EASEMOB, EASEMOB.operation("delete"), PageRequest(2), reply({}))


def test_a_row_of_names_and_values_is_read_as_a_map():
    result = PerItem("rows", "id", "code", ("0",), value="profile", pairs=("Tag", "Value"))
    operation = Operation(
        "o", "POST", "/", Effect.READ, (Field("username", key=True),), result=result, batch_max=2
    )
    rows = [
        {"id": "a", "code": 0, "profile": [{"Tag": "x", "Value": 1}, {"Tag": "y", "Value": "z"}, {"odd": 1}]},
        {"id": "b", "code": 0},
    ]
    reply = Reply(200, json.dumps({"rows": rows}).encode())
    items = [Item(n, name, name, {}) for n, name in enumerate("ab", 1)]
    outcomes = decode(provider("easemob"), operation, items, reply).outcomes
    assert [each.data for each in outcomes] == [{"x": 1, "y": "z"}, {}]


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        (True, Kind.SUCCEEDED, None),
        (False, Kind.REJECTED, "ok=false"),
        ("true", Kind.REJECTED, "true"),  # text is a code of the vendor's, whatever it spells
        (1, Kind.REJECTED, "1"),
        (None, Kind.UNKNOWN, "bad_response"),
        ([], Kind.UNKNOWN, "bad_response"),
    ],
)
def test_a_row_may_say_true_or_false_for_its_code(said, kind, code):
    result = PerItem("rows", "id", "ok", ("ok=true",))
    operation = Operation("o", "POST", "/", Effect.ENSURE, (Field("username", key=True),), result=result)
    [found] = decode(EASEMOB, operation, items("a"), reply({"rows": [{"id": "a", "ok": said}]})).outcomes
    assert (found.kind, found.code) == (kind, code)


def test_a_bare_object_is_one_row():
    result = PerItem("row", "id", "ok", ("ok=true",))
    operation = Operation("o", "POST", "/", Effect.ENSURE, (Field("username", key=True),), result=result)
    [found] = decode(EASEMOB, operation, items("a"), reply({"row": {"id": "A", "ok": True}})).outcomes
    assert found.kind is Kind.SUCCEEDED
