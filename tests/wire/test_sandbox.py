"""The server's side of the conformance suite: the sandbox is asked what each case asks, over HTTP.

Case by case (their format stands in `test_client`): the server is brought to what the case's `given` says, gets the
case's request with credentials made here, and must answer with the case's status and body. What the client makes of the
real answer must be the case's outcomes. A case that the sandbox cannot be brought to says why: ``"sandbox": "reason"``.

Since one side is held to the very files that the other is held to, neither can be wrong alone.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from support.server import Server

from bulkim.auth.signatures import access_token2_app, usersig
from bulkim.codec import decode, pages
from bulkim.model import Item, PageRequest, Reply
from bulkim.sandbox import App, Embedded, SandboxConfig
from bulkim.sandbox.endpoints import DOCUMENTED_LIMITS
from bulkim.vendors import PROVIDERS, provider

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*/*.json"))
CASES = {str(path.relative_to(HERE).with_suffix("")): json.loads(path.read_text("utf-8")) for path in FILES}
RUNNABLE = [name for name, case in CASES.items() if "sandbox" not in case]
LEFT_OUT_MAX = 10

ORG, APP, SDK_APP_ID = "1122161011178276", "testapp", 88888888
APP_ID, CERTIFICATE = "970CA35de60c44645bbae8a215061b33", "5CFd2fd1755d40ecb72977518be15d3b"
KEY = "a key"

QUIRKS = {
    "delete of a missing user answers 400 management": "delete_missing_400",
    "one existing user refuses the call": "register_some_exist_400",
    "password of a missing user answers 400": "password_missing_400",
    "online status is called State": "online_status_state",
    "the attributes service has its own envelope": "attributes_desc",
    "removed attributes are an empty object": "attributes_removed_empty",
    "the last page repeats the cursor": "cursor_on_last_page",
    "somebody offline cannot be forced offline": "disconnect_offline_false",
}
# A case names scopes as bulkim does.
TENCENT_SCOPES = {"chat": "C2CmsgNospeakingTime", "groupchat": "GroupmsgNospeakingTime"}


def apps(vendor: str, max_users: int | None) -> tuple[App, ...]:
    """The pages' app at one vendor, and another one whose token is good for itself only."""
    if vendor == "tencent":
        return (App("tencent", sdk_app_id=SDK_APP_ID, admin="admin", secret_key=KEY, max_users=max_users),)
    with_id = (
        {"app_id": APP_ID, "app_certificate": CERTIFICATE}
        if vendor == "agora"
        else {"client_id": "id", "client_secret": "secret"}
    )
    return (
        App(vendor, org=ORG, app=APP, tokens=("good",), max_users=max_users, **with_id),
        App(vendor, org=ORG, app="another", tokens=("another",)),
    )


@pytest.fixture(scope="module")
def servers():
    """Started when first asked for: (vendor, what its app is like) -> server."""
    started: dict[tuple[str, str], Server] = {}
    with ExitStack() as stack:

        def serve(vendor: str, how: str) -> Server:
            if (vendor, how) not in started:
                served = () if how == "missing" else apps(vendor, 0 if how == "full" else None)
                embedded = stack.enter_context(Embedded(SandboxConfig(apps=served)))
                started[vendor, how] = Server(embedded)
            return started[vendor, how]

        yield serve


@pytest.fixture(scope="module")
def http():
    with httpx.Client(timeout=10, trust_env=False) as client:
        yield client


class Stage:
    """One case at one server: brings it about, asks, and reads the answer."""

    def __init__(self, name, case, servers, http):
        self.vendor, _, _ = name.partition("/")
        self.case, self.given, self.http = case, case.get("given", {}), http
        how = "missing" if "app" in self.given else "full" if "plan_full" in self.given else "usual"
        self.server = servers(self.vendor, how)
        self.app = str(SDK_APP_ID) if self.vendor == "tencent" else f"{ORG}/{APP}"

    def answer(self):
        """What came back, and the cursor that was really sent."""
        while True:
            began = time.monotonic()
            self.server.call("POST", "/reset")
            self._seed()
            at = self._cursor()
            self._disturb()
            request = self.case["request"]
            answer = self._ask(request, request["query"] | ({"cursor": at} if at else {}))
            if (
                time.monotonic() - began < 0.4 or "mutes" not in self.given
            ):  # or a mute has counted down meanwhile
                return answer, at

    def _ask(self, request, query):
        headers, signed = self._credentials()
        content = b""
        if "form" in request:
            content = urlencode(request["form"]).encode()
        elif "body" in request:
            content = json.dumps(request["body"]).encode()
        if request["content_type"]:
            headers["content-type"] = request["content_type"]
        url = self.server.base_url + request["path"]
        return self.http.request(
            request["method"], url, params=query | signed, content=content, headers=headers
        )

    def _credentials(self):
        """Headers and query that prove who asks, as good or bad as the case wants them."""
        token, now = self.given.get("token", "good"), int(time.time())
        if self.vendor == "tencent":
            key = "of another app" if token == "other_app" else KEY
            issued = now - 7200 if token == "expired" else now
            signature = usersig(SDK_APP_ID, "admin", key, issued_at=issued, expire_s=3600)
            common = {
                "sdkappid": SDK_APP_ID,
                "identifier": "admin",
                "random": 99999999,
                "contenttype": "json",
            }
            return {}, {**common, "usersig": signature}
        if token == "expired":
            token = self._expired(now)
        elif token == "other_app":
            token = "another"
        elif self.vendor == "agora":
            token = access_token2_app(APP_ID, CERTIFICATE, issued_at=now, expire_s=600, salt=1)
        return {"authorization": f"Bearer {token}"}, {}

    def _expired(self, now):
        if self.vendor == "agora":
            return access_token2_app(APP_ID, CERTIFICATE, issued_at=now - 700, expire_s=600, salt=1)
        self.server.quirks(ttl_milliseconds=True)  # so that it has expired when it arrives
        wish = {"grant_type": "client_credentials", "client_id": "id", "client_secret": "secret", "ttl": 1}
        fetched = self.http.post(f"{self.server.base_url}/{self.app}/token", json=wish)
        time.sleep(0.002)
        return fetched.json()["access_token"]

    def _seed(self):
        """Users of `given`, with all that it says of each."""
        if "app" in self.given:
            return
        users = {}
        for user in self.given.get("users", ()):
            about = {"username": user} if isinstance(user, str) else user
            users[about["username"]] = about
        traits = {
            "banned": {"activated": False},
            "online": {"online": True},
            "push_online": {"status": "PushOnline"},
        }
        for trait, seeded in traits.items():
            for name in self.given.get(trait, ()):
                users.setdefault(name, {"username": name}).update(seeded)
        for trait, field in (("mutes", "mutes"), ("attributes", "attributes"), ("devices", "devices"), ("offline_messages", "messages"), ("offline_count", "offline_count")):  # fmt: skip
            for name, value in self.given.get(trait, {}).items():
                if trait == "mutes" and self.vendor == "tencent":
                    value = {TENCENT_SCOPES[scope]: seconds for scope, seconds in value.items()}  # noqa: PLW2901
                users.setdefault(name, {"username": name})[field] = value
        if users:
            self.server.seed(list(users.values()), app=self.app)
        if "attribute_names" in self.given:
            names = {str(number): name for number, name in enumerate(self.given["attribute_names"])}
            request = {"method": "POST", "path": "/v4/all_member_push/im_set_attr_name",
                       "content_type": "application/json", "body": {"AttrNames": names}}  # fmt: skip
            assert self._ask(request, {}).json()["ErrorCode"] == 0

    def _cursor(self):
        """The real cursor of a listing that was begun, for the page's made-up one."""
        if "cursor" not in self.given:
            return None
        first = {"method": "GET", "path": f"/{self.app}/users", "content_type": None}
        return self._ask(first, {"limit": self.case["request"]["query"]["limit"]}).json()["cursor"]

    def _disturb(self):
        if quirk := self.given.get("quirk"):
            self.server.quirks(**{QUIRKS[quirk]: True})
        if self.given.get("over_limit"):
            self.server.call("PUT", "/limits", dict.fromkeys(DOCUMENTED_LIMITS[self.vendor], 0))
        if self.given.get("fault"):
            self.server.faults(*faults(self.vendor, self.case["reply"]))


ROWS = ("ResultItem", "InfoItem", "BlackListCheckItem")


def faults(vendor, reply):
    """The rules that make the sandbox answer like this."""
    body = reply.get("body")
    if not isinstance(body, dict):
        rule = {"status_before": reply["status"], "html": "<html>" in reply["text"]}
        return [{"do": "garbage" if reply["status"] == 200 else rule}]
    if named := _named(body):
        return named
    if vendor == "tencent":
        return [{"do": {"error": {"ErrorCode": body["ErrorCode"], "ErrorInfo": body["ErrorInfo"]}}}]
    error = {"http": reply["status"], "error": body["error"], "description": body["error_description"]}
    return [{"do": {"error": error}}]


def _named(body):
    """The rules for those whom the answer names one by one."""
    if failed := body.get("FailAccounts"):
        return [{"do": {"item_error": {"code": 1, "user": "|".join(failed)}}}]
    if rows := next((body[name] for name in ROWS if name in body), None):
        bad = [row for row in rows if row["ResultCode"]]
        named = "UserID" if "UserID" in rows[0] else "To_Account"
        return [
            {"do": {"item_error": {"code": row["ResultCode"], "reason": row["ResultInfo"], "user": row[named]}}}
            for row in bad
        ]  # fmt: skip
    if "UnKnowFailed" in (body.get("data") or {}):
        return [
            {"do": {"item_error": {"code": code, "user": "|".join(body["data"][code])}}}
            for code in ("UnKnowFailed", "maxLimitFailed")
        ]
    if rows := body.get("ErrorList"):
        return [{"do": {"item_error": {"code": row["ErrorCode"], "user": row["To_Account"]}}} for row in rows]
    return None


# A refusal's sentences differ from page to page; what the client reads in them is compared by the outcomes. Not every
# page shows the other two.
WORDS = {"error_description", "ErrorInfo"}
MAY_LACK = {"exception", "ActionStatus"}


def refusal(body):
    """What is the same on all pages of a refusal."""
    if not isinstance(body, dict) or not ("error" in body or body.get("ErrorCode")):
        return body
    assert all(body.get(name, "text") for name in WORDS), body
    return {name: value for name, value in body.items() if name not in WORDS | MAY_LACK}


def in_order(body):
    """With the rows of its lists in an order of our own."""
    if isinstance(body, dict):
        return {name: in_order(value) for name, value in body.items()}
    if isinstance(body, list) and all(isinstance(row, dict) and row for row in body):
        return sorted(body, key=lambda row: row.get("UserID") or row.get("To_Account") or min(row))
    return body


def differences(expected, actual, at="body"):
    """Where the answer is not what the case says; "*" is anything."""
    if expected == "*":
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in sorted(expected.keys() | actual.keys()):
            if name not in actual:
                yield f"{at}.{name} is missing"
            elif name not in expected:
                yield f"{at}.{name} is {actual[name]!r}, and the case has none"
            else:
                yield from differences(expected[name], actual[name], f"{at}.{name}")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for place, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(one, other, f"{at}.{place}")
    elif expected != actual or type(expected) is not type(actual):
        yield f"{at} is {actual!r}, not {expected!r}"


def told(vendor, case, reply, at):
    """The outcomes, rows and next cursor that the client reads in the answer."""
    who = provider(vendor)
    operation = who.operation(case["operation"])
    if "page_request" in case:
        request = PageRequest(**case["page_request"])
        page = pages(who, operation, PageRequest(request.size, at or request.at), reply)
        return [page.outcome], [list(row) for row in page.rows], page.next
    items = [
        Item(place, who.folded(fields["username"]), fields["username"], {name: value for name, value in fields.items() if name != "username"})
        for place, fields in enumerate(case["items"], 1)
    ]  # fmt: skip
    return list(decode(who, operation, items, reply).outcomes), [], None


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_sandbox_answers_as_the_case_says(name, servers, http):
    case = CASES[name]
    stage = Stage(name, case, servers, http)
    response, at = stage.answer()
    assert response.status_code == case["reply"]["status"], response.text

    if "body" in case["reply"]:
        expected = json.dumps(case["reply"]["body"])
        if at:
            expected = expected.replace(case["page_request"]["at"], at)
        sorted_out = in_order if case.get("order") == "any" else lambda body: body
        bodies = [sorted_out(refusal(body)) for body in (json.loads(expected), response.json())]
        assert not list(differences(*bodies))

    reply = Reply(response.status_code, response.content, dict(response.headers))
    outcomes, rows, following = told(stage.vendor, case, reply, at)
    said = [{"kind": str(each.kind), "code": each.code, "data": each.data} for each in outcomes]
    expected = [
        {name: each[name] for name in ("kind", "code", "data") if name in each} for each in case["outcomes"]
    ]
    assert len(said) == len(expected)
    for one, other in zip(expected, said, strict=True):
        assert not list(differences(one, {name: other[name] for name in one}, "outcome"))
    assert not list(differences(case.get("rows", []), rows, "rows"))
    assert (following is None) == (case.get("next") is None)


def test_few_cases_are_beyond_the_sandbox():
    left_out = {name: case["sandbox"] for name, case in CASES.items() if "sandbox" in case}
    assert all(isinstance(reason, str) and reason for reason in left_out.values())
    assert len(left_out) <= LEFT_OUT_MAX, left_out


@pytest.mark.parametrize("vendor", PROVIDERS.values(), ids=PROVIDERS)
def test_every_operation_of_a_vendor_is_asked_of_the_sandbox(vendor):
    asked = {tuple(name.split("/")[:2]) for name in RUNNABLE}
    assert {(vendor.name, operation.name) for operation in vendor.operations} <= asked


def test_every_case_names_its_page_and_when_it_was_read():
    assert [name for name, case in CASES.items() if not case.get("page") or not case.get("read_on")] == []
