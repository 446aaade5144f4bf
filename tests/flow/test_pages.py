"""The client against what neither side wrote: each endpoint of five pages of the vendors, answered with the page's example.

The server (`support.pages`) knows the examples by method and path and nothing else, so a request that differs from its
page's is not answered at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from support.jobs import job, rows
from support.pages import AGORA, EASEMOB, REGISTER_ONE, TENCENT, serving_pages

from bulkim.model import Auth, Source
from bulkim.work import runner

TOKEN = Auth("token", secret="YourAppToken")
ADMIN = Auth("secret_key", "admin", "a key")
PAGES = {"easemob": EASEMOB, "agora": AGORA, "tencent": TENCENT}


@dataclass(frozen=True)
class Example:
    """What is asked with a page's own example request, and how the items must end."""

    operation: str
    request: tuple[str, str]
    items: list[Any]
    ends: dict[str, tuple[str, str | None]]
    data: dict[str, Any] = field(default_factory=dict)
    body: Any = None  # that must arrive
    batch: int | None = None
    params: dict[str, Any] = field(default_factory=dict)


U = "/XXXX/XXXX/users"
DONE = ("succeeded", None)
THREE = [{"username": f"user{n}", "password": word} for n, word in ((1, "123"), (2, "456"), (3, "789"))]
EXISTS = ("unchanged", "duplicate_unique_property_exists")
MUTED = {"chat": 100, "groupchat": 100, "chatroom": 100}

BOTH = [
    Example("register", ("POST", U), THREE, {"user1": DONE, "user2": DONE, "user3": EXISTS}, body=THREE),
    Example("get-user", ("GET", f"{U}/XXXX"), ["XXXX"], {"XXXX": DONE}, data={"XXXX": {"nickname": "testuser"}}),
    Example("set-password", ("PUT", f"{U}/user1/password"), [{"username": "user1", "password": "new"}], {"user1": DONE},
            body={"newpassword": "new"}),
    Example("online-status", ("GET", f"{U}/user1/status"), ["user1"], {"user1": DONE}, data={"user1": "offline"}, batch=1),
    Example("online-status", ("POST", f"{U}/batch/status"), ["user1", "user2"], {"user1": DONE, "user2": DONE},
            data={"user2": "offline"}, body={"usernames": ["user1", "user2"]}),
    Example("offline-count", ("GET", f"{U}/user1/offline_msg_count"), ["user1"], {"user1": DONE}, data={"user1": 0}),
    Example("offline-message-status", ("GET", f"{U}/user1/offline_msg_status/123"), [{"username": "user1", "message_id": "123"}],
            {"user1": DONE}, data={"user1": "delivered"}),
    Example("unban", ("POST", f"{U}/user1/activate"), ["user1"], {"user1": DONE}),
]  # fmt: skip
EXAMPLES = {
    "easemob": [
        *BOTH,
        Example("delete", ("DELETE", f"{U}/XXXX"), ["XXXX"], {"XXXX": DONE}),
        Example("devices", ("GET", f"{U}/XXXX/resources"), ["XXXX"], {"XXXX": DONE},
                data={"XXXX": [{"res": "android_XXXX", "device_uuid": "2a54-XXXX", "device_name": "HUAWEI-XXXX"}]}),
        Example("ban", ("POST", f"{U}/user1/deactivate"), ["user1"], {"user1": DONE}),
        Example("disconnect", ("GET", f"{U}/user1/disconnect"), ["user1"], {"user1": DONE}),
        Example("mute", ("POST", "/XXXX/XXXX/mutes"), ["zs1"], {"zs1": DONE}, params=MUTED, body={"username": "zs1", **MUTED}),
        Example("get-mute", ("GET", "/XXXX/XXXX/mutes/zs1"), ["zs1"], {"zs1": DONE}, data={"zs1": {"chatroom": 96}}),
    ],
    "agora": [
        *BOTH,
        Example("delete", ("DELETE", f"{U}/user1"), ["user1"], {"user1": DONE}),
        Example("ban", ("POST", f"{U}/XXXX/deactivate"), ["XXXX"], {"XXXX": DONE}),
        Example("disconnect", ("GET", f"{U}/XXXX/disconnect"), ["XXXX"], {"XXXX": DONE}),
    ],
    "tencent": [
        Example("delete", ("POST", "/v4/im_open_login_svc/account_delete"), ["UserID_1", "UserID_2"],
                {"UserID_1": ("succeeded", "0"), "UserID_2": ("unchanged", "70107")},
                body={"DeleteItem": [{"UserID": "UserID_1"}, {"UserID": "UserID_2"}]}),
        Example("remove-attributes", ("POST", "/v4/all_member_push/im_remove_attr"), ["xiaojun013", "xiaojun012"],
                {"xiaojun013": ("succeeded", "0"), "xiaojun012": ("succeeded", "0")}, params={"attributes": ["sex", "city"]},
                body={"UserAttrs": [{"To_Account": "xiaojun013", "Attrs": ["sex", "city"]},
                                    {"To_Account": "xiaojun012", "Attrs": ["sex", "city"]}]}),
    ],
}  # fmt: skip
TABLE = [(vendor, example) for vendor, examples in EXAMPLES.items() for example in examples]


def a_job(vendor, operation, pages, source, **changes):
    where = {"sdk_app_id": 88888888} if vendor == "tencent" else {"org": "XXXX", "app": "XXXX"}
    auth = ADMIN if vendor == "tencent" else TOKEN
    return job(operation, pages.base_url, source, provider=vendor, auth=auth, **where, **changes)


def named(value):
    return f"{value.operation}{'-one' if value.batch else ''}" if isinstance(value, Example) else value


@pytest.mark.parametrize(("vendor", "example"), TABLE, ids=named)
def test_example(tmp_path, vendor, example):
    with serving_pages(PAGES[vendor]) as pages:
        asking = a_job(
            vendor, example.operation, pages, example.items, batch=example.batch, params=example.params
        )
        done = runner.run(asking, journal=tmp_path / "j.db")
    assert done.exit_code == 0
    results = rows(tmp_path / "j.db")
    assert {name: (each["outcome"], each["code"]) for name, each in results.items()} == example.ends
    for name, wanted in example.data.items():
        data = results[name]["data"]
        assert wanted.items() <= data.items() if isinstance(wanted, dict) else data == wanted

    (asked,) = pages.asked
    assert (asked.method, asked.path) == example.request
    assert asked.headers["accept"] == "application/json"
    if example.body is not None:
        assert asked.headers["content-type"] == "application/json"
        assert asked.json == example.body
    if vendor == "tencent":
        assert set(asked.query) == {"sdkappid", "identifier", "usersig", "random", "contenttype"}
        assert (asked.query["sdkappid"], asked.query["contenttype"]) == (["88888888"], ["json"])
        assert 0 <= int(asked.query["random"][0]) <= 4294967295
    else:
        assert asked.headers["authorization"] == "Bearer YourAppToken"
        assert asked.query == {}


def test_open_registration_of_one_user(tmp_path):
    """The page's example: one object, and nothing that says who asks."""
    user = {"username": "user1", "password": "123", "nickname": "testuser"}
    with serving_pages({("POST", U): REGISTER_ONE}) as pages:
        registering = job("register", pages.base_url, [user], auth=Auth("none"), org="XXXX", app="XXXX")
        done = runner.run(registering, journal=tmp_path / "j.db")
    assert done.summary["counts"]["succeeded"] == 1
    assert pages.asked[0].json == user
    assert "authorization" not in pages.asked[0].headers


@pytest.mark.parametrize(
    ("vendor", "listed", "cursor"),
    [("easemob", {"XXXX", "user2"}, "LTgzXXXX2tB"), ("agora", {"XXXX", "user2"}, "LTgzNDAxMjM3OToxTEFnNE9sNEVlaVQ0UEdhdmJNR2tB")],
)  # fmt: skip
def test_listing_users_follows_the_pages_cursor(tmp_path, vendor, listed, cursor):
    with serving_pages(PAGES[vendor]) as pages:
        done = runner.run(a_job(vendor, "list-users", pages, Source("none")), journal=tmp_path / "j.db")
    assert done.exit_code == 0
    assert set(rows(tmp_path / "j.db")) == listed
    assert [each.query.get("cursor") for each in pages.asked] == [None, [cursor]]
    assert all(each.query["limit"] == ["100"] for each in pages.asked)


def test_listing_mutes_merges_a_users_rows(tmp_path):
    with serving_pages(EASEMOB) as pages:
        done = runner.run(a_job("easemob", "list-mutes", pages, Source("none")), journal=tmp_path / "j.db")
    assert done.exit_code == 0
    data = {name: row["data"] for name, row in rows(tmp_path / "j.db").items()}
    assert list(data) == ["zs2", "zs1", "h2"]
    assert data["zs1"] == {"username": "zs1", "chat": 69, "groupchat": 69, "chatroom": 69}
    assert [each.query for each in pages.asked] == [
        {"pageNum": [number], "pageSize": ["50"]} for number in ("1", "2")
    ]


@pytest.mark.parametrize("vendor", ["easemob", "agora"])
def test_deleting_the_oldest_counts_whom_the_answer_names(tmp_path, vendor):
    with serving_pages(PAGES[vendor]) as pages:
        deleting = a_job(vendor, "delete-oldest", pages, Source("none"), params={"count": 2})
        done = runner.run(deleting, journal=tmp_path / "j.db")
    assert done.summary["counts"]["succeeded"] == 2
    deletions = [each for each in pages.asked if each.method == "DELETE"]
    assert [each.query for each in deletions] == [{"limit": ["2"]}]
    assert {name for name, row in rows(tmp_path / "j.db").items() if row["outcome"] == "succeeded"} == {
        "user2",
        "user3",
    }


def test_every_endpoint_of_the_pages_is_asked():
    paged = {("GET", U), ("GET", "/XXXX/XXXX/mutes"), ("DELETE", U)}
    for vendor, answers in PAGES.items():
        asked = {example.request for at, example in TABLE if at == vendor}
        assert set(answers) - paged == asked
