"""Who an answer comes from, and whom it is about, before it is believed."""

from __future__ import annotations

import json

import pytest
from support.jobs import at

from bulkim.auth.credentials import credential
from bulkim.codec import decode, pages
from bulkim.errors import RefusedError
from bulkim.model import Auth, Batch, Fault, Item, Kind, Mode, PageRequest, Reply, Speaker
from bulkim.sending.retry import Policy, decide
from bulkim.text import page_words, place
from bulkim.vendors import PROVIDERS

EASEMOB, TENCENT = PROVIDERS["easemob"], PROVIDERS["tencent"]
NGINX = (
    b"<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n"
    b"<center><h1>400 Bad Request</h1></center>\r\n<center>No required SSL certificate was sent</center>\r\n"
    b"<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
)


def item(name: str = "u1", **fields: object) -> Item:
    return Item(1, name.lower(), name, {"username": name, **fields})


def answered(provider, name, items, reply):
    return decode(provider, provider.operation(name), items, reply)


def said(body, status=200, **headers):
    return Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)


# ---------------------------------------------------------------------------------- whom it is about

ASTRAY = [
    ("delete", {"entities": [{"username": "u0"}]}),
    ("delete", {"path": "/users/u0"}),
    ("delete", {"uri": "https://a1.example.com/org/app/users/u0"}),
    ("get-user", {"entities": [{"username": "u0", "activated": True}]}),
    ("set-password", {"path": "/users/u0/password"}),
    ("ban", {"entities": [{"username": "u0", "activated": False}]}),
    ("unban", {"entities": [{"username": "u0"}]}),
    ("devices", {"path": "/users/u0/resources", "data": []}),
    ("disconnect", {"uri": "https://a1.example.com/org/app/users/u0/disconnect", "data": {"result": True}}),
    ("offline-count", {"data": {"u0": 3}}),
    ("get-mute", {"data": {"userid": "org#app_u0", "chat": 0, "groupchat": 0, "chatroom": 0}}),
    ("get-attributes", {"data": {"u0": {}}}),
]


@pytest.mark.parametrize(("name", "body"), ASTRAY)
def test_an_answer_about_another_is_believed_in_nothing(name, body):
    answer = answered(EASEMOB, name, (item(password="x", message_id="7", attributes=["a"]),), said(body))
    assert answer.speaker is Speaker.ASTRAY
    assert [(each.kind, each.code) for each in answer.outcomes] == [(Kind.UNKNOWN, "bad_response")]
    assert "u0" in answer.outcomes[0].reason


@pytest.mark.parametrize(("name", "body"), ASTRAY)
def test_the_same_about_ours_is_no_contradiction(name, body):
    ours = json.loads(json.dumps(body).replace("u0", "U1"))
    answer = answered(EASEMOB, name, (item(password="x", message_id="7", attributes=["a"]),), said(ours))
    assert answer.speaker is Speaker.VENDOR
    assert answer.outcomes[0].kind is Kind.SUCCEEDED


@pytest.mark.parametrize(
    "body",
    [
        {"path": "/users"},  # vendors write some addresses short
        {"uri": "https://a1.example.com/org/users/users"},  # an app that is called users
        {"path": "/mutes/u0"},
        {"path": 7, "uri": None, "entities": "u0"},
    ],
)
def test_what_names_nobody_contradicts_nobody(body):
    assert answered(EASEMOB, "delete", (item(),), said(body)).speaker is Speaker.VENDOR


def test_a_refusal_of_anothers_name_is_no_verdict():
    taken = {"error": "duplicate_unique_property_exists", "error_description": "value of u0 exists"}
    answer = answered(EASEMOB, "register", (item(password="x"),), said(taken, 400))
    assert (answer.speaker, answer.outcomes[0].kind) == (Speaker.ASTRAY, Kind.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("delete", {"ResultItem": [{"UserID": "u0", "ResultCode": 0}, {"UserID": "u1", "ResultCode": 0}]}),
        ("register", {"FailAccounts": ["u0"]}),
        ("online-status", {"QueryResult": [{"To_Account": "u0", "Status": "Online"}]}),
        ("get-attributes", {"UserAttrs": [{"To_Account": "u0", "Attrs": {}}]}),
    ],
)
def test_at_tencent_too(name, body):
    answer = answered(TENCENT, name, (item(),), said({"ActionStatus": "OK", "ErrorCode": 0, **body}))
    assert answer.speaker is Speaker.ASTRAY
    assert answer.outcomes[0].kind is Kind.UNKNOWN


# ----------------------------------------------------------------------------------- who says it


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
@pytest.mark.parametrize("status", [400, 402, 407, 409, 411, 414, 418, 421, 431, 451, 511])
@pytest.mark.parametrize("body", [NGINX, b"", b'{"message": "no Route matched"}', b"[]"])
def test_what_lacks_the_vendors_form_is_no_verdict_about_users(provider, status, body):
    items = tuple(Item(n, f"u{n}", f"u{n}", {"password": "x"}) for n in range(3))
    answer = answered(provider, "register", items, said(body, status))
    assert answer.speaker is Speaker.GATEWAY
    assert {(each.kind, each.code) for each in answer.outcomes} <= {
        (Kind.GATEWAY, str(status)),
        (Kind.FATAL, str(status)),
    }


def test_it_is_quoted():
    answer = answered(EASEMOB, "delete", (item(),), said(NGINX, 400))
    expected = '"400 Bad Request No required SSL certificate was sent nginx/1.22.1"'
    assert expected in answer.outcomes[0].reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_stops_at_once_and_names_the_host(status):
    reply = said(b"", status, location="https://elsewhere.example:8443/login?token=secret")
    answer = answered(EASEMOB, "delete", (item(),), reply)
    (outcome,) = answer.outcomes
    assert (outcome.kind, outcome.code) == (Kind.FATAL, "redirect")
    assert "https://elsewhere.example:8443" in outcome.reason
    assert "secret" not in outcome.reason
    decision = decide(
        EASEMOB.operation("delete"), Batch((item(),), tries=1), answer, policy=Policy(), began_at=0, now=0
    )
    assert decision.stop.exit_code == 6
    page = pages(EASEMOB, EASEMOB.operation("list-users"), PageRequest(100), reply)
    assert (page.outcome.kind, page.speaker) == (Kind.FATAL, Speaker.GATEWAY)


def test_what_is_no_http_is_a_gateways_and_a_broken_connection_nobodys():
    for fault, speaker in (
        (Fault("bad_response", "x", sent=True), Speaker.GATEWAY),
        (Fault("connection", "x", sent=True), Speaker.NOBODY),
    ):
        assert answered(EASEMOB, "delete", (item(),), fault).speaker is speaker


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"", ""),
        (b"<title>Log in</title><body></body>", "Log in"),
        (b"<script>var x = '<p>'</script><style>p{}</style><p>Hotel &amp; WiFi</p>", "Hotel & WiFi"),
        (b"plain\n words\x00\x1b[31m", "plain words[31m"),
        ("页面".encode(), "页面"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_page_words(page, words):
    assert page_words(page) == words


def test_page_words_are_bounded():
    assert len(page_words(b"<p>" + b"a" * 10_000_000)) == 120


@pytest.mark.parametrize(
    "address", ["", "/login", "https://", "http://[::1", "https://h:port/", "https://a b/"]
)
def test_what_is_no_address_names_no_place(address):
    assert place(address) == ""


# ------------------------------------------------------------------------------------ what follows


def follows(
    status: int, *, gateways: int, tries: int = 1, met: bool = False, operation: str = "delete", **batch
):
    answer = answered(EASEMOB, operation, (item(),), said(NGINX, status))
    return decide(
        EASEMOB.operation(operation), Batch((item(),), tries=tries, **batch), answer,
        policy=Policy(retries=5), began_at=7.0, now=8.0, gateways=gateways, met=met,
    )  # fmt: skip


def test_a_few_answers_of_a_gateway_end_the_run_and_no_item():
    for gateways in range(1, 5):
        goes_on = follows(400, gateways=gateways)
        assert (goes_on.stop, goes_on.final, len(goes_on.again)) == (None, (), 1)
    ended = follows(400, gateways=5)
    assert (ended.stop.exit_code, ended.stop.code, ended.final) == (4, "gateway", ())
    assert "No required SSL certificate was sent" in ended.stop.reason
    assert ended.again[0].batch.items[0].doubt_since is None  # it was refused, so nothing was done


def test_what_may_have_been_done_stays_in_doubt():
    assert follows(502, gateways=50).stop is None  # a vendor that is restarted
    ended = follows(502, gateways=6, tries=6)
    assert (ended.stop.code, ended.final) == ("gateway", ())
    assert ended.again[0].batch.items[0].doubt_since == 7.0


def test_asking_ends_there_too():
    ended = follows(502, gateways=6, operation="get-user", mode=Mode.PROBE, probes=5)
    assert (ended.stop.code, ended.final) == ("gateway", ())


def test_one_item_that_a_gateway_never_lets_through_fails_where_others_pass():
    (final,) = follows(400, gateways=1, tries=6, met=True).final
    assert (str(final.status), final.code) == ("failed", "400")
    (final,) = follows(413, gateways=9, met=True).final
    assert (str(final.status), final.code) == ("failed", "413")
    assert follows(413, gateways=5, met=False).stop.code == "gateway"


def test_a_token_is_asked_for_at_no_other_address():
    connection = at(
        "easemob", "https://a1.example.com", Auth("client_secret", "id", "s3cret"), org="o", app="a"
    )
    fetched = credential(connection, EASEMOB)
    with pytest.raises(RefusedError, match=r"https://elsewhere\.example;"):
        fetched.accept(said(b"", 302, location="https://elsewhere.example/x?y=z"), 0.0)
