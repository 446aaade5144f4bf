"""Faults over real connections: what the client sees, and whether the effect is there all the same."""

from __future__ import annotations

import socket
import time

import httpx
import pytest

from bulkim.sandbox import SandboxConfig
from bulkim.sandbox.fault_rules import FaultRuleError, parse_rules
from bulkim.sandbox.faults import CallFacts, FaultBook

from .helpers import DEMO, Offline


def register(sandbox, *usernames, **options):
    users = [{"username": username, "password": "1"} for username in usernames]
    return sandbox.http.post(f"{sandbox.demo}/users", json=users, **options)


def exists(sandbox, username="user1"):
    return username in sandbox.users()


def fault_of_last_request(sandbox):
    return sandbox.control("GET", "requests", last=1)["requests"][0]["fault"]


# -- each fault


@pytest.mark.parametrize(
    ("do", "effect"),
    [("drop_before", False), ("drop_after", True), ({"drop_after": None, "reset": True}, True)],
)
def test_drop_closes_the_connection(sandbox, do, effect):
    sandbox.faults({"match": {"operation": "register"}, "times": 1, "do": do})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        register(sandbox, "user1")
    assert exists(sandbox) == effect
    assert sandbox.control("GET", "requests")["requests"][-1]["status"] is None
    assert register(sandbox, "user2").status_code == 200


def test_a_dropped_connection_is_closed_on_the_wire(sandbox):
    sandbox.faults({"do": "drop_before"})
    host, port = sandbox.embedded.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            f"GET {DEMO}/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n".encode()
        )
        assert connection.recv(100) == b""


def test_a_reset_is_seen_as_one(sandbox):
    sandbox.faults({"do": {"drop_before": None, "reset": True}})
    host, port = sandbox.embedded.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            f"GET {DEMO}/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n".encode()
        )
        with pytest.raises(ConnectionResetError):
            connection.recv(100)


@pytest.mark.parametrize(
    ("do", "status", "effect"),
    [
        ({"status_before": 503}, 503, False),
        ({"status_after": 500}, 500, True),
        ({"status_before": 504, "html": True}, 504, False),
        ("html_502", 502, False),
        ({"html_502": None, "when": "after"}, 502, True),
    ],
)
def test_status(sandbox, do, status, effect):
    sandbox.faults({"match": {"operation": "register"}, "times": 1, "do": do})
    response = register(sandbox, "user1")
    assert response.status_code == status
    is_html = do == "html_502" or "html" in do or "html_502" in do
    assert response.headers["content-type"].startswith("text/html" if is_html else "application/json")
    assert ("<html>" in response.text) == is_html
    assert exists(sandbox) == effect


def test_truncate_cuts_the_answer_short(sandbox):
    sandbox.faults({"match": {"operation": "register"}, "times": 1, "do": "truncate"})
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete message body|without sending complete"):
        register(sandbox, "user1")
    assert exists(sandbox)


def test_garbage(sandbox):
    sandbox.faults({"match": {"operation": "register"}, "times": 1, "do": "garbage"})
    response = register(sandbox, "user1")
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        response.json()
    assert exists(sandbox)


@pytest.mark.parametrize(("when", "effect"), [("before", False), ("after", True)])
def test_hang_never_answers(sandbox, when, effect):
    sandbox.faults({"match": {"operation": "register"}, "times": 1, "do": {"hang": None, "when": when}})
    with pytest.raises(httpx.ReadTimeout):
        register(sandbox, "user1", timeout=0.1)
    assert exists(sandbox) == effect


def test_delay(sandbox):
    sandbox.faults({"match": {"operation": "register"}, "times": 1, "do": {"delay": 0.1}})
    started = time.monotonic()
    assert register(sandbox, "user1").status_code == 200
    assert time.monotonic() - started >= 0.1


def test_delay_after_the_effect_outlives_an_impatient_client(sandbox):
    sandbox.faults({"match": {"operation": "register"}, "do": {"delay": 0.3, "when": "after"}})
    with pytest.raises(httpx.ReadTimeout):
        register(sandbox, "user1", timeout=0.05)
    assert exists(sandbox)


def test_throttle_in_the_vendors_words(offline):
    offline.world.faults = FaultBook([{"do": {"throttle": None, "retry_after": 2}}])
    easemob = offline.call("GET", f"{DEMO}/users")
    assert (easemob.status, easemob.json()["error"]) == (429, "reach_limit")
    assert easemob.headers["retry-after"] == "2"
    assert offline.tencent("im_open_login_svc/kick", {"UserID": "u"})["ErrorCode"] == 60007


def test_error_in_the_vendors_shape(offline):
    error = {"http": 403, "error": "forbidden_op", "description": "no"}
    offline.world.faults = FaultBook([{"do": {"error": error}}])
    answer = offline.call("GET", f"{DEMO}/users")
    assert (answer.status, answer.json()["error"], answer.json()["error_description"]) == (
        403,
        "forbidden_op",
        "no",
    )
    offline.world.faults = FaultBook([{"do": {"error": {"ErrorCode": 60008, "ErrorInfo": "late"}}}])
    answer = offline.tencent("im_open_login_svc/kick", {"UserID": "u"})
    assert answer == {"ActionStatus": "FAIL", "ErrorCode": 60008, "ErrorInfo": "late"}


def test_an_error_in_one_vendors_shape_leaves_the_others_alone(offline):
    offline.world.faults = FaultBook(
        [
            {"match": {"operation": "register"}, "do": {"error": {"http": 400, "error": "illegal_argument"}}},
            {
                "match": {"operation": "disconnect"},
                "do": {"error": {"ErrorCode": 60008, "ErrorInfo": "late"}},
            },
            {"match": {"operation": "ban"}, "do": {"error": {"http": 400, "error": "illegal_argument"}}},
        ]
    )
    assert offline.tencent("im_open_login_svc/multiaccount_import", {"Accounts": ["a"]})["ErrorCode"] == 0
    assert offline.call("GET", f"{DEMO}/users/nobody/disconnect").status == 200
    assert offline.tencent("im_open_login_svc/kick", {"UserID": "a"})["ErrorCode"] == 60008
    told = offline.call(
        "PUT", "/_sandbox/faults", [{"do": {"error": {"ErrorCode": 60008}}}, {"do": "hang"}]
    ).json()
    assert told == {
        "rules": 2,
        "notes": [
            "rule 1: `error` is in the form of Tencent and leaves Easemob and Agora alone; Easemob's and Agora's is "  # noqa: ISC004
            "error: {http: 400, error: illegal_argument, description: no}"
        ],
    }
    assert offline.call("PUT", "/_sandbox/faults", [{"do": "hang"}]).json() == {"rules": 1}


def test_item_errors_leave_the_others_alone(offline):
    offline.world.faults = FaultBook(
        [{"times": 1, "do": {"item_error": {"code": 30008, "reason": "conflict", "user": "b|c"}}}]
    )
    command = "im_open_login_svc/account_delete"
    assert offline.tencent("im_open_login_svc/multiaccount_import", {"Accounts": ["a", "b", "c"]})[
        "FailAccounts"
    ] == [
        "b",
        "c",
    ]
    assert (
        offline.tencent("im_open_login_svc/multiaccount_import", {"Accounts": ["b", "c"]})["FailAccounts"]
        == []
    )
    offline.world.faults = FaultBook(
        [{"times": 1, "do": {"item_error": {"code": 30008, "reason": "conflict", "user": "b"}}}]
    )
    items = {"DeleteItem": [{"UserID": "a"}, {"UserID": "b"}]}
    answers = [offline.tencent(command, items)["ResultItem"] for _ in range(2)]
    assert [[item["ResultCode"] for item in answer] for answer in answers] == [[0, 30008], [70107, 0]]
    assert answers[0][1]["ResultInfo"] == "conflict"


def test_item_errors_when_registering_at_easemob(offline):
    fault = {"item_error": {"code": "x", "reason": "too busy", "user": "b"}}
    offline.world.faults = FaultBook([{"do": fault}])
    rows = [{"username": name, "password": "1"} for name in "abc"]
    document = offline.call("POST", f"{DEMO}/users", rows).json()
    assert [user["username"] for user in document["entities"]] == ["a", "c"]
    assert document["data"] == [{"username": "b", "registerUserFailReason": "too busy"}]


# -- which calls


def facts(**changes):
    return CallFacts(
        **{
            "method": "GET",
            "path": "/o/a/users/u1",
            "operation": "get-user",
            "app": "o/a",
            "provider": "easemob",
            "users": ["u1"],
            **changes,
        }
    )


def fires(match, **changes):
    return FaultBook([{"match": match, "do": "hang"}]).judge(facts(**changes)).end is not None


@pytest.mark.parametrize(
    ("match", "changes", "expected"),
    [
        ({}, {}, True),
        ({"method": "GET"}, {}, True),
        ({"method": "POST"}, {}, False),
        ({"path": "/users/"}, {}, True),
        ({"path": "/users$"}, {}, False),
        ({"operation": "get-user"}, {}, True),
        ({"operation": "delete"}, {}, False),
        ({"app": "o/a"}, {}, True),
        ({"app": "o/b"}, {}, False),
        ({"user": "u."}, {}, True),
        ({"user": "u"}, {}, False),
        ({"user": "u2"}, {"users": ["u1", "u2"]}, True),
        ({"user": ".*"}, {"users": []}, False),
        ({"method": "GET", "operation": "delete"}, {}, False),
    ],
)
def test_match(match, changes, expected):
    assert fires(match, **changes) == expected


def test_after_and_times():
    book = FaultBook([{"after": 2, "times": 3, "do": "hang"}])
    assert [book.judge(facts()).end is not None for _ in range(7)] == [
        False,
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_probability_is_repeatable():
    rule = {"probability": 0.3, "seed": 7, "do": "hang"}
    runs = []
    for _ in range(2):
        book = FaultBook([rule])
        runs.append([book.judge(facts()).end is not None for _ in range(1000)])
    assert runs[0] == runs[1]
    assert 250 < sum(runs[0]) < 350


def test_the_first_rule_that_fires_ends_the_call_and_delays_add_up():
    book = FaultBook(
        [
            {"do": {"delay": 1}},
            {"times": 1, "do": "drop_before"},
            {"do": {"delay": 2}},
            {"do": {"delay": 4, "when": "after"}},
            {"do": "hang"},
        ]
    )
    first, second = book.judge(facts()), book.judge(facts())
    assert first.end is not None
    assert first.end.name == "drop_before"
    assert (first.delay_before_s, first.delay_after_s) == (3, 4)
    assert second.end is not None
    assert second.end.name == "hang"


def test_a_call_over_the_limit_uses_up_no_fault():
    offline = Offline(SandboxConfig(limits={"users": 0}, faults=[{"times": 1, "do": "garbage"}]))
    assert offline.call("GET", f"{DEMO}/users").status == 429
    offline.world.set_limits({"users": 1})
    assert offline.call("GET", f"{DEMO}/users").body.startswith(b"<!--")


# -- bad rules


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "faults: expected a list of rules, got {}"),
        (["drop_before"], "rule 1: expected a mapping, got 'drop_before'"),
        ([{"do": "hang"}, {"do": "hang", "tims": 1}], "rule 2: unknown field 'tims'; expected match, after, times"),
        ([{}], "rule 1: `do` is missing; expected one of drop_before, drop_after"),
        ([{"do": "explode"}], "rule 1: `do`: expected exactly one of drop_before, drop_after"),
        ([{"do": {"hang": None, "garbage": None}}], "rule 1: `do`: expected exactly one of"),
        ([{"do": {"status_before": 200}}], "rule 1: `do`.status_before: expected an HTTP status from 400 to 599, got 200"),
        ([{"do": {"status_before": True}}], "expected an HTTP status from 400 to 599, got True"),
        ([{"do": {"delay": -1}}], "rule 1: `do`.delay: expected seconds, got -1"),
        ([{"do": {"delay": 1, "when": "later"}}], "rule 1: `do`.when: expected one of before, after, got 'later'"),
        ([{"do": {"delay": 1, "html": True}}], "rule 1: `do`.delay: unknown field 'html'; expected when"),
        ([{"do": {"hang": 5}}], "rule 1: `do`.hang: takes no value, got 5"),
        ([{"do": {"error": {}}}], "rule 1: `do`.error: expected {http, error, description}, as Easemob and Agora answer, or {ErrorCode,"),
        ([{"do": {"error": {"http": "x"}}}], "rule 1: `do`.error.http: expected an HTTP status"),
        ([{"do": {"error": {"http": 400, "ErrorInfo": "x"}}}], "rule 1: `do`.error: unknown field 'ErrorInfo'; expected http, error,"),
        ([{"match": {"operation": "add-tags"}, "do": {"error": {"http": 400}}}], "this form is Easemob and Agora's, and `match` lets only"),
        ([{"match": {"operation": "add-tags"}, "do": {"error": {"http": 400}}}], "Tencent's is error: {ErrorCode: 40006, ErrorInfo: \"no\"}"),
        ([{"match": {"app": "1400000000"}, "do": {"error": {"http": 400}}}], "lets only calls of Tencent through"),
        ([{"match": {"operation": "ban"}, "do": {"error": {"ErrorCode": 1}}}], "lets only calls of Easemob and Agora through"),
        ([{"match": {"app": "sandbox/demo"}, "do": {"error": {"ErrorCode": 1}}}], "is error: {http: 400, error: illegal_argument"),
        ([{"match": {"operation": "add-tags"}, "do": {"item_error": {"code": "no"}}}], "item_error.code: Tencent's codes are numbers"),
        ([{"match": {"app": "1400000000", "operation": "ban"}, "do": "hang"}], "rule 1: `match`: no vendor"),
        ([{"do": {"error": {"ErrorCode": "x"}}}], "rule 1: `do`.error.ErrorCode: expected a whole number"),
        ([{"do": {"item_error": {}}}], "rule 1: `do`.item_error.code: expected the vendor's code"),
        ([{"do": {"item_error": {"code": 1, "user": "("}}}], "rule 1: `do`.item_error.user: expected a regular expression"),
        ([{"do": "hang", "after": -1}], "rule 1: `after`: expected a whole number from 0, got -1"),
        ([{"do": "hang", "times": 1.5}], "rule 1: `times`: expected a whole number from 0, got 1.5"),
        ([{"do": "hang", "probability": 2}], "rule 1: `probability`: expected a number from 0 to 1, got 2"),
        ([{"do": "hang", "match": {"operation": "regster"}}], "rule 1: `match.operation`: expected one of add-contact, add-tags,"),
        ([{"do": "hang", "match": {"method": "get"}}], "rule 1: `match.method`: expected one of GET, POST, PUT, DELETE"),
        ([{"do": "hang", "match": {"path": "["}}], "rule 1: `match.path`: expected a regular expression, got '['"),
        ([{"do": "hang", "match": {"user": 5}}], "rule 1: `match.user`: expected text, got 5"),
        ([{"do": "hang", "match": {"uri": "x"}}], "rule 1: `match`: unknown field 'uri'; expected method, path,"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_named_with_its_field_and_the_valid_choices(rules, message):
    with pytest.raises(FaultRuleError) as refused:
        parse_rules(rules)
    assert message in str(refused.value)


def test_a_bad_rule_leaves_the_old_ones_in_force(sandbox):
    sandbox.faults({"do": {"status_before": 503}})
    response = sandbox.http.put(f"{sandbox.embedded.control}/faults", json=[{"do": "explode"}])
    assert response.status_code == 400
    assert response.json()["error"].startswith("rule 1: `do`")
    assert sandbox.http.get(f"{sandbox.demo}/users").status_code == 503
