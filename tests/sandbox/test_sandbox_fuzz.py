"""Whatever is sent, the sandbox answers in the vendor's shape: it never breaks down itself.

Each endpoint's good body is sent with each of its parts replaced by each of a list of nasty values.
"""

from __future__ import annotations

import json

import pytest

from bulkim.sandbox import SandboxConfig
from bulkim.sandbox.endpoints import DOCUMENTED_LIMITS, TENCENT
from bulkim.sandbox.usergrid.routes import ROUTES

from .helpers import AGORA, DEMO, TOKEN, Offline

NASTY = (
    None, True, -1, 0, 2**70, -1.5, float("nan"), "", "a b", "用户", "x" * 70, "\ud800", [], [[]], [{}], {}, {"0": []},
)  # fmt: skip

HEADERS = {**TOKEN, "content-type": "application/json"}
BATCH = [{"username": "user3", "password": "1"}, {"username": "user4", "password": "1", "nickname": "n"}]
CREDENTIALS = {
    "grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret", "ttl": 1,
}  # fmt: skip
EASEMOB_BODIES = (
    ("POST", "token", CREDENTIALS),
    ("POST", "users", BATCH),
    ("POST", "users", BATCH[1]),
    ("POST", "users/batch/status", {"usernames": ["user1", "user2"]}),
    ("PUT", "users/user1/password", {"newpassword": "x"}),
    ("POST", "mutes", {"username": "user1", "chat": 1, "groupchat": -1, "chatroom": 0}),
    ("POST", "metadata/user/get", {"targets": ["user1"], "properties": ["a"]}),
)
NO_SPEAKING = {"Set_Account": "user1", "C2CmsgNospeakingTime": 1, "GroupmsgNospeakingTime": 4294967295}
ATTRIBUTES = {"UserAttrs": [{"To_Account": "user1", "Attrs": {"a": "b"}}]}
TENCENT_BODIES = {
    "account_import": ({"UserID": "user1", "Nick": "n"}, {"Identifier": "user1"}),
    "multiaccount_import": ({"AccountList": [{"UserID": "user1", "Nick": "n"}]}, {"Accounts": ["user1"]}),
    "account_delete": ({"DeleteItem": [{"UserID": "user1"}]},),
    "account_check": ({"CheckItem": [{"UserID": "user1"}]},),
    "kick": ({"UserID": "user1"},),
    "query_online_status": ({"To_Account": ["user1"], "IsNeedDetail": 1},),
    "setnospeaking": (NO_SPEAKING,),
    "getnospeaking": ({"Get_Account": "user1"},),
    "im_set_attr": (ATTRIBUTES,),
    "im_get_attr": ({"To_Account": ["user1"]},),
    "im_remove_attr": ({"UserAttrs": [{"To_Account": "user1", "Attrs": ["a"]}]},),
    "im_set_attr_name": ({"AttrNames": {"0": "a"}},),
    "im_get_attr_name": ({},),
    "im_add_tag": ({"UserTags": [{"To_Account": "user1", "Tags": ["a"]}]},),
    "im_remove_tag": ({"UserTags": [{"To_Account": "user1", "Tags": ["a"]}]},),
    "im_get_tag": ({"To_Account": ["user1"]},),
    "add_group_member": ({"GroupId": "g1", "MemberList": [{"Member_Account": "user1"}]},),
    "delete_group_member": ({"GroupId": "g1", "MemberToDel_Account": ["user1"]},),
    "forbid_send_msg": ({"GroupId": "g1", "Members_Account": ["user1"], "MuteTime": 60},),
    "get_role_in_group": ({"GroupId": "g1", "User_Account": ["user1"]},),
    "get_group_muted_account": ({"GroupId": "g1"},),
    "friend_get": ({"From_Account": "user1", "StartIndex": 0},),
    "portrait_set": (
        {"From_Account": "user1", "ProfileItem": [{"Tag": "Tag_Profile_IM_Nick", "Value": "n"}]},
    ),
    "portrait_get": ({"To_Account": ["user1"], "TagList": ["Tag_Profile_IM_Nick"]},),
    "friend_import": (
        {
            "From_Account": "user1",
            "AddFriendItem": [{"To_Account": "user1", "AddSource": "AddSource_Type_A"}],
        },
    ),
    "friend_delete": ({"From_Account": "user1", "To_Account": ["user1"], "DeleteType": "Delete_Type_Both"},),
    "friend_delete_all": ({"From_Account": "user1"},),
    "friend_check": (
        {"From_Account": "user1", "To_Account": ["user1"], "CheckType": "CheckResult_Type_Both"},
    ),
    "black_list_add": ({"From_Account": "user1", "To_Account": ["user1"]},),
    "black_list_delete": ({"From_Account": "user1", "To_Account": ["user1"]},),
    "black_list_check": (
        {"From_Account": "user1", "To_Account": ["user1"], "CheckType": "BlackCheckResult_Type_Both"},
    ),
}


def places(document, here=()):
    """The way to every part of a document, the whole included."""
    yield here
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield from places(document[key], (*here, key))


def replaced(document, place, value):
    if not place:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[place[0]] = replaced(copy[place[0]], place[1:], value)
    return copy


def spoiled(document):
    for place in places(document):
        for value in NASTY:
            yield replaced(document, place, value)


@pytest.fixture(scope="module")
def unlimited():
    limits = {f"{provider}.{pool}": None for provider, pools in DOCUMENTED_LIMITS.items() for pool in pools}
    offline = Offline(SandboxConfig(limits=limits))
    offline.register("user1")
    return offline


@pytest.mark.parametrize(("method", "path", "body"), EASEMOB_BODIES, ids=lambda value: str(value)[:20])
def test_spoiled_bodies_at_easemob_and_agora(unlimited, method, path, body):
    for document in spoiled(body):
        for app in (DEMO, AGORA):
            answer = unlimited.call(
                method, f"{app}/{path}", body=json.dumps(document).encode(), headers=HEADERS
            )
            assert answer.status in (200, 400, 404), (document, answer.body)
            assert isinstance(answer.json(), dict)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method}-{'-'.join(route.path)}")
@pytest.mark.parametrize("name", ["user1", "a%20b", "%F0%9F%98%80", "%FF", "a%00", "x" * 300])
def test_odd_names_in_paths(unlimited, route, name):
    path = "/".join(name if part == "{}" else part for part in route.path)
    answer = unlimited.call(route.method, f"{DEMO}/{path}")
    assert answer.status in (200, 400, 403, 404, 415)  # 403: not a member


@pytest.mark.parametrize("command", TENCENT, ids=lambda command: f"{command.service}-{command.name}")
def test_spoiled_bodies_at_tencent(unlimited, command):
    for body in TENCENT_BODIES[command.name]:
        for document in spoiled(body):
            answer = unlimited.tencent(f"{command.service}/{command.name}", document)
            assert isinstance(answer["ErrorCode"], int), document
