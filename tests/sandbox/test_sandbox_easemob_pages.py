"""Easemob's own examples: what each page sends, and the answer it shows, field by field and in its order."""

from __future__ import annotations

import re

import pytest

from .helpers import DEMO, TOKEN

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ENTITY = ["uuid", "type", "created", "modified", "username", "activated"]


def keys(answer):
    return list(answer.json())


def test_register_one(offline):
    answer = offline.call(
        "POST", f"{DEMO}/users", {"username": "user1", "password": "123", "nickname": "testuser"}
    )
    document = answer.json()
    assert answer.status == 200
    assert keys(answer) == [
        "action", "application", "path", "uri", "entities", "timestamp", "duration", "organization", "applicationName",
    ]  # fmt: skip
    (user,) = document["entities"]
    assert list(user) == ENTITY
    assert UUID.fullmatch(user["uuid"])
    assert user["type"] == "user"
    assert user["created"] == user["modified"] == document["timestamp"] == 1_800_001_000_000
    assert (user["username"], user["activated"]) == ("user1", True)
    assert document["action"] == "post"
    assert document["path"] == "/users"
    assert document["uri"] == "http://vendor.example/sandbox/demo/users"
    assert (document["organization"], document["applicationName"]) == ("sandbox", "demo")
    assert UUID.fullmatch(document["application"])


def test_register_two(offline):
    users = [{"username": "user1", "password": "123"}, {"username": "user2", "password": "456"}]
    answer = offline.call("POST", f"{DEMO}/users", users)
    assert keys(answer) == [
        "action", "application", "path", "uri", "entities", "timestamp", "data", "duration", "organization",
        "applicationName",
    ]  # fmt: skip
    assert [user["username"] for user in answer.json()["entities"]] == ["user1", "user2"]
    assert answer.json()["data"] == []


def test_register_three_of_whom_one_exists(offline):
    offline.register("user3")
    users = [{"username": f"user{number}", "password": "123"} for number in (1, 2, 3)]
    answer = offline.call("POST", f"{DEMO}/users", users)
    assert answer.status == 200
    assert [user["username"] for user in answer.json()["entities"]] == ["user1", "user2"]
    assert answer.json()["data"] == [
        {"username": "user3", "registerUserFailReason": "the user3 already exists"},
    ]


def test_get_one(offline):
    offline.call("POST", f"{DEMO}/users", {"username": "user1", "password": "1", "nickname": "testuser"})
    answer = offline.call("GET", f"{DEMO}/users/user1")
    assert keys(answer) == ["action", "path", "uri", "entities", "timestamp", "duration", "count"]
    assert answer.json()["count"] == 1
    assert answer.json()["uri"].endswith("/users/user1")
    assert list(answer.json()["entities"][0]) == [*ENTITY, "nickname"]


def test_list_page_by_page(offline):
    offline.register("user1", "user2", "user3")
    first = offline.call("GET", f"{DEMO}/users?limit=2")
    assert keys(first) == [
        "action", "params", "path", "uri", "entities", "timestamp", "duration", "cursor", "count",
    ]  # fmt: skip
    assert first.json()["params"] == {"limit": ["2"]}
    assert [user["username"] for user in first.json()["entities"]] == ["user1", "user2"]
    cursor = first.json()["cursor"]
    last = offline.call("GET", f"{DEMO}/users?limit=2&cursor={cursor}").json()
    assert last["params"] == {"cursor": [cursor], "limit": ["2"]}
    assert [user["username"] for user in last["entities"]] == ["user3"]
    assert last["count"] == 1
    assert "cursor" not in last


def test_list_ends_without_a_cursor_on_a_full_page(offline):
    offline.register("user1", "user2")
    assert "cursor" not in offline.call("GET", f"{DEMO}/users?limit=2").json()


def test_list_shows_ten_by_default_and_a_hundred_at_most(offline):
    for batch in range(2):
        offline.register(*(f"u{batch}x{number}" for number in range(60)))
    assert offline.call("GET", f"{DEMO}/users").json()["count"] == 10
    assert offline.call("GET", f"{DEMO}/users?limit=1000").json()["count"] == 100


def test_delete_one(offline):
    offline.call("POST", f"{DEMO}/users", {"username": "user1", "password": "1", "nickname": "user1"})
    answer = offline.call("DELETE", f"{DEMO}/users/user1")
    assert keys(answer) == [
        "action", "application", "path", "uri", "entities", "timestamp", "duration", "organization", "applicationName",
    ]  # fmt: skip
    assert answer.json()["path"] == "/users"
    assert answer.json()["uri"] == "http://vendor.example/sandbox/demo/users"
    assert answer.json()["entities"][0]["activated"] is True
    assert offline.call("GET", f"{DEMO}/users/user1").status == 404


def test_delete_one_by_uuid(offline):
    offline.register("user1", "user2")
    uuid = offline.call("GET", f"{DEMO}/users/user2").json()["entities"][0]["uuid"]
    assert offline.call("DELETE", f"{DEMO}/users/{uuid}").json()["entities"][0]["username"] == "user2"
    assert offline.call("DELETE", f"{DEMO}/users/{uuid}").status == 404


def test_delete_oldest(offline):
    offline.register("user1", "user2", "user3")
    answer = offline.call("DELETE", f"{DEMO}/users?limit=2")
    assert keys(answer) == [
        "action", "application", "params", "path", "uri", "entities", "timestamp", "duration", "organization",
        "applicationName", "cursor",
    ]  # fmt: skip
    assert [user["username"] for user in answer.json()["entities"]] == ["user1", "user2"]
    last = offline.call("DELETE", f"{DEMO}/users?limit=2&cursor={answer.json()['cursor']}").json()
    assert [user["username"] for user in last["entities"]] == ["user3"]
    assert "cursor" not in last


@pytest.mark.parametrize(
    "path", ["/users", "/users/", "//users//", "/users/.", "/users/user1/..", "/users/%2e"]
)
def test_a_delete_without_a_name_is_the_mass_delete(offline, path):
    offline.register("user1", "user2")
    answer = offline.call("DELETE", f"{DEMO}{path}")
    assert [user["username"] for user in answer.json()["entities"]] == ["user1", "user2"]


def test_a_query_behind_a_name_does_not_make_a_mass_delete(offline):
    offline.register("user1", "user2")
    answer = offline.call("DELETE", f"{DEMO}/users/user2?limit=100")
    assert [user["username"] for user in answer.json()["entities"]] == ["user2"]


def test_password(offline):
    offline.register("user1")
    answer = offline.call("PUT", f"{DEMO}/users/user1/password", {"newpassword": "secret"})
    assert keys(answer) == ["action", "timestamp", "duration"]
    assert answer.json()["action"] == "set user password"


def test_a_new_password_logs_the_user_out(sandbox):
    sandbox.control(
        "POST", "users", {"app": "sandbox/demo", "users": [{"username": "user1", "online": True}]}
    )
    sandbox.http.put(f"{sandbox.demo}/users/user1/password", json={"newpassword": "x"}).raise_for_status()
    assert sandbox.http.get(f"{sandbox.demo}/users/user1/status").json()["data"] == {"user1": "offline"}


def test_status_of_one_and_of_many(sandbox):
    sandbox.control(
        "POST", "users", {"app": "sandbox/demo", "users": ["user1", {"username": "user2", "online": True}]}
    )
    one = sandbox.http.get(f"{sandbox.demo}/users/user1/status").json()
    assert list(one) == ["action", "uri", "entities", "data", "timestamp", "duration", "count"]
    assert (one["entities"], one["data"], one["count"]) == ([], {"user1": "offline"}, 0)
    many = sandbox.http.post(
        f"{sandbox.demo}/users/batch/status", json={"usernames": ["user1", "USER2", "nobody"]}
    )
    assert list(many.json()) == ["action", "data", "timestamp", "duration"]
    assert many.json()["action"] == "get batch user status"
    assert many.json()["data"] == [{"user1": "offline"}, {"user2": "online"}, {"nobody": "offline"}]


def test_devices(sandbox):
    device = {"res": "android_1", "device_uuid": "2a54", "device_name": "HUAWEI"}
    user = {"username": "user1", "online": True, "devices": [device]}
    sandbox.control("POST", "users", {"app": "sandbox/demo", "users": [user]})
    document = sandbox.http.get(f"{sandbox.demo}/users/user1/resources").json()
    assert list(document) == [
        "path", "uri", "timestamp", "organization", "application", "entities", "action", "data", "duration",
        "applicationName",
    ]  # fmt: skip
    assert document["path"] == "/users/user1/resources"
    assert document["data"] == [device]
    gone = sandbox.http.delete(f"{sandbox.demo}/users/user1/disconnect/android_1").json()
    assert gone["data"] == {"result": True}
    assert sandbox.http.get(f"{sandbox.demo}/users/user1/resources").json()["data"] == []
    assert sandbox.http.get(f"{sandbox.demo}/users/user1/status").json()["data"] == {"user1": "offline"}


def test_mutes(offline):
    offline.register("zs1", "zs2")
    answer = offline.call(
        "POST", f"{DEMO}/mutes", {"username": "zs1", "chat": 100, "groupchat": 100, "chatroom": -1}
    )
    assert keys(answer) == [
        "path", "uri", "timestamp", "organization", "application", "action", "data", "duration", "applicationName",
    ]  # fmt: skip
    assert answer.json()["data"] == {"result": "ok"}
    offline.clock.pass_s(4)
    one = offline.call("GET", f"{DEMO}/mutes/zs1").json()
    assert one["data"] == {
        "userid": "sandbox#demo_zs1", "chat": 96, "groupchat": 96, "chatroom": -1, "unixtime": 1_800_001_004,
    }  # fmt: skip
    offline.clock.pass_s(1000)
    assert offline.call("GET", f"{DEMO}/mutes/zs1").json()["data"]["chat"] == 0


def test_mutes_are_listed_one_row_a_user_and_scope_and_lifted_ones_stay(offline):
    offline.register("zs1", "zs2", "h2")
    offline.call("POST", f"{DEMO}/mutes", {"username": "zs2", "chatroom": 9})
    offline.call("POST", f"{DEMO}/mutes", {"username": "zs1", "groupchat": 69, "chat": 69})
    offline.call("POST", f"{DEMO}/mutes", {"username": "zs2", "chatroom": 0})
    everything = offline.call("GET", f"{DEMO}/mutes?pageNum=1&pageSize=10").json()
    rows = [
        {"username": "zs2", "chatroom": 0},
        {"username": "zs1", "chat": 69},
        {"username": "zs1", "groupchat": 69},
    ]
    assert everything["data"] == {"data": rows, "unixtime": 1_800_001_000}
    assert offline.call("GET", f"{DEMO}/mutes?pageNum=2&pageSize=2").json()["data"]["data"] == rows[2:]
    assert offline.call("GET", f"{DEMO}/mutes?pageNum=3&pageSize=2").json()["data"]["data"] == []


def test_a_mute_without_a_scope_succeeds_and_does_nothing(offline):
    offline.register("zs1")
    assert offline.call("POST", f"{DEMO}/mutes", {"username": "zs1"}).json()["data"] == {"result": "ok"}
    assert offline.call("GET", f"{DEMO}/mutes").json()["data"]["data"] == []


def test_offline_messages(sandbox):
    user = {"username": "user1", "offline_count": 2, "messages": {"123": "undelivered"}}
    sandbox.control("POST", "users", {"app": "sandbox/demo", "users": [user]})
    count = sandbox.http.get(f"{sandbox.demo}/users/user1/offline_msg_count").json()
    assert list(count) == ["action", "uri", "entities", "data", "timestamp", "duration", "count"]
    assert count["data"] == {"user1": 2}
    for message, state in (("123", "undelivered"), ("124", "delivered")):
        answer = sandbox.http.get(f"{sandbox.demo}/users/user1/offline_msg_status/{message}").json()
        assert answer["data"] == {message: state}


def test_ban_and_unban(offline):
    offline.register("user1")
    banned = offline.call("POST", f"{DEMO}/users/user1/deactivate")
    assert keys(banned) == ["action", "entities", "timestamp", "duration"]
    assert banned.json()["action"] == "Deactivate user"
    assert banned.json()["entities"][0]["activated"] is False
    assert offline.call("GET", f"{DEMO}/users/user1").json()["entities"][0]["activated"] is False
    unbanned = offline.call("POST", f"{DEMO}/users/user1/activate")
    assert keys(unbanned) == ["action", "timestamp", "duration"]
    assert unbanned.json()["action"] == "activate user"
    assert offline.call("GET", f"{DEMO}/users/user1").json()["entities"][0]["activated"] is True


def test_disconnect(offline):
    offline.register("user1")
    answer = offline.call("GET", f"{DEMO}/users/user1/disconnect")
    assert keys(answer) == ["action", "uri", "entities", "data", "timestamp", "duration", "count"]
    assert answer.json()["data"] == {"result": True}
    assert offline.call("GET", f"{DEMO}/users/nobody/disconnect").status == 200


def test_attributes(offline):
    form = {**TOKEN, "content-type": "application/x-www-form-urlencoded"}
    body = b"avatarurl=https://www.easemob.com/a.png&ext=ext&nickname=%E6%98%B5"
    answer = offline.call("PUT", f"{DEMO}/metadata/user/user1", headers=form, body=body)
    attributes = {"avatarurl": "https://www.easemob.com/a.png", "ext": "ext", "nickname": "昵"}
    assert keys(answer) == ["timestamp", "data", "duration"]
    assert answer.json()["data"] == attributes
    assert offline.call("GET", f"{DEMO}/metadata/user/user1").json()["data"] == attributes
    asked = {"targets": ["user1", "nobody"], "properties": ["ext", "phone"]}
    many = offline.call("POST", f"{DEMO}/metadata/user/get", asked).json()
    assert many["data"] == {"user1": {"ext": "ext"}, "nobody": {}}
    assert offline.call("GET", f"{DEMO}/metadata/user/capacity").json()["data"] == 9 + 29 + 3 + 3 + 8 + 3
    for _ in range(2):
        assert offline.call("DELETE", f"{DEMO}/metadata/user/user1").json()["data"] is True
    assert offline.call("GET", f"{DEMO}/metadata/user/user1").json()["data"] == {}


def test_ids_are_stored_and_answered_in_lower_case(offline):
    answer = offline.call("POST", f"{DEMO}/users", [{"username": "User1", "password": "1"}])
    assert answer.json()["entities"][0]["username"] == "user1"
    assert offline.call("GET", f"{DEMO}/users/USER1").json()["entities"][0]["username"] == "user1"
    assert offline.call("POST", f"{DEMO}/users", {"username": "uSER1", "password": "1"}).status == 400


def test_token(offline):
    asked = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    answer = offline.call("POST", f"{DEMO}/token", asked, headers={})
    assert keys(answer) == ["access_token", "expires_in", "application"]
    assert answer.json()["access_token"].startswith("YWMt")
    assert answer.json()["expires_in"] == 60 * 24 * 3600
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    assert offline.call("GET", f"{DEMO}/users", headers=headers).status == 200


def test_a_token_expires(offline):
    asked = {
        "grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret", "ttl": 60,
    }  # fmt: skip
    token = offline.call("POST", f"{DEMO}/token", asked, headers={}).json()
    assert token["expires_in"] == 60
    headers = {"authorization": f"Bearer {token['access_token']}"}
    offline.clock.pass_s(59.9)
    assert offline.call("GET", f"{DEMO}/users", headers=headers).status == 200
    offline.clock.pass_s(0.1)
    refused = offline.call("GET", f"{DEMO}/users", headers=headers)
    assert refused.status == 401
    assert refused.json()["error_description"] == "Unable to authenticate due to expired access token"
