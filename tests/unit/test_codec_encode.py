"""Encoding: what leaves for the vendor, byte by byte."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.jobs import anywhere, at

from bulkim.catalogue.shapes import Effect, Field, Operation
from bulkim.codec import encode, wire_fields
from bulkim.model import Auth, Item, PageRequest
from bulkim.vendors import PROVIDERS, provider

NO_AUTH = Auth("none")
CONNECTIONS = {
    "easemob": at("easemob", "https://a1.easemob.com", NO_AUTH, org="org", app="app"),
    "agora": at("agora", "https://a61.chat.agora.io", NO_AUTH, app_id="970CA35de60c44645bbae8a215061b33"),
    "tencent": at("tencent", "https://console.tim.qq.com", NO_AUTH, sdk_app_id=1400000000),
}


def item(username="user1", ordinal=1, **fields):
    return Item(ordinal=ordinal, key=username.lower(), username=username, fields=fields)


def call(vendor, operation, *items, **options):
    of = provider(vendor)
    return encode(of, of.operation(operation), CONNECTIONS[vendor], items, **options)


def test_an_array_of_rows_is_compact_utf8_json():
    sent = call("easemob", "register", item("u1", password="p", nickname="张三"), item("u2", password="q"))
    assert (
        sent.body
        == '[{"username":"u1","password":"p","nickname":"张三"},{"username":"u2","password":"q"}]'.encode()
    )
    assert (sent.method, sent.path, sent.template) == ("POST", "/org/app/users", "/{org}/{app}/users")
    assert sent.content_type == "application/json"


def test_one_row_may_be_a_bare_object():
    sent = call("easemob", "register", item(password="p"), single=True)
    assert json.loads(sent.body) == {"username": "user1", "password": "p"}


def test_single_takes_the_other_endpoint():
    assert call("easemob", "online-status", item(), single=True).path == "/org/app/users/user1/status"
    assert call("easemob", "online-status", item()).path == "/org/app/users/batch/status"


def test_an_app_id_is_the_root_of_a_path():
    assert call("agora", "delete", item()).path == "/app-id/970CA35de60c44645bbae8a215061b33/users/user1"
    assert call("agora", "delete", item()).template == "/app-id/{app_id}/users/{username}"


@pytest.mark.parametrize("username", ["", ".", ".."])
def test_an_id_that_would_change_the_path_is_refused(username):
    with pytest.raises(ValueError, match="meaning of the path"):
        call("easemob", "delete", item(username))


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in {".", ".."})
)
def test_an_id_stays_one_segment(username):
    path = call("easemob", "delete", item(username)).path
    assert path.isascii()
    head, _, segment = path.rpartition("/")
    assert head == "/org/app/users"
    assert unquote(segment) == username
    assert not set(segment) & set("?#/\\")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=60), st.text())
def test_rows_survive_the_trip(usernames, password):
    items = [item(name, ordinal, password=password) for ordinal, name in enumerate(usernames)]
    rows = json.loads(call("easemob", "register", *items).body)
    assert [row["username"] for row in rows] == usernames
    assert {row["password"] for row in rows} == {password}


def test_a_field_of_the_path_is_not_in_the_body():
    sent = call("easemob", "set-password", item(password="secret"))
    assert (sent.path, sent.body) == ("/org/app/users/user1/password", b'{"newpassword":"secret"}')


def test_attributes_are_a_form():
    sent = call(
        "easemob", "set-attributes", item(attributes={"nickname": "a b&c", "ext": {"k": 1}, "gender": 1})
    )
    assert sent.content_type == "application/x-www-form-urlencoded"
    assert parse_qsl(sent.body.decode()) == [("nickname", "a b&c"), ("ext", '{"k": 1}'), ("gender", "1")]


def test_names_beside_the_usernames_are_the_union():
    sent = call(
        "easemob",
        "get-attributes",
        item("u1", attributes=["ext", "mail"]),
        item("u2", attributes=["nickname", "ext"]),
    )
    assert json.loads(sent.body) == {"targets": ["u1", "u2"], "properties": ["ext", "mail", "nickname"]}


def test_an_empty_body_may_still_have_a_type():
    assert call("easemob", "ban", item()).content_type == "application/json"
    assert call("easemob", "delete", item()).content_type is None


def test_pages():
    listing = call("easemob", "list-users", page=PageRequest(100))
    assert listing.query == (("limit", "100"),)
    assert call("easemob", "list-users", page=PageRequest(10, "LTgz")).query == (
        ("limit", "10"),
        ("cursor", "LTgz"),
    )
    assert call("easemob", "list-mutes", page=PageRequest(50)).query == (("pageNum", "1"), ("pageSize", "50"))
    assert call("easemob", "list-mutes", page=PageRequest(50, "3")).query == (
        ("pageNum", "3"),
        ("pageSize", "50"),
    )
    assert call("easemob", "delete-oldest").query == (("limit", "100"),)
    with pytest.raises(ValueError, match="takes no items"):
        call("easemob", "list-users", item())


def test_too_many_items_are_refused():
    with pytest.raises(ValueError, match="does not take 61 items"):
        call("easemob", "register", *(item(f"u{n}", password="p") for n in range(61)))
    with pytest.raises(ValueError, match="does not take 0 items"):
        call("easemob", "delete")


def test_a_missing_field_is_refused():
    with pytest.raises(ValueError, match=r"register of 'user1' lacks password"):
        call("easemob", "register", item())
    with pytest.raises(ValueError, match="lacks chat or groupchat or chatroom"):
        call("easemob", "mute", item())


@pytest.mark.parametrize(
    ("vendor", "operation", "fields", "wire"),
    [
        ("easemob", "mute", {"chat": 60, "chatroom": -1}, {"username": "user1", "chat": 60, "chatroom": -1}),
        ("easemob", "unmute", {}, {"username": "user1", "chat": 0, "groupchat": 0, "chatroom": 0}),
        ("easemob", "unmute", {"chat": 3600}, {"username": "user1", "chat": 0}),
        (
            "tencent",
            "mute",
            {"chat": -1, "groupchat": 60, "chatroom": 90},
            {"Set_Account": "user1", "C2CmsgNospeakingTime": 4294967295, "GroupmsgNospeakingTime": 60},
        ),
        ("tencent", "mute", {"chatroom": 90}, {"Set_Account": "user1", "GroupmsgNospeakingTime": 90}),
        (
            "tencent",
            "unmute",
            {},
            {"Set_Account": "user1", "C2CmsgNospeakingTime": 0, "GroupmsgNospeakingTime": 0},
        ),
        ("tencent", "unmute", {"chatroom": 5}, {"Set_Account": "user1", "GroupmsgNospeakingTime": 0}),
        ("tencent", "register", {"password": "secret", "nickname": "N"}, {"UserID": "user1", "Nick": "N"}),
        (
            "tencent",
            "remove-attributes",
            {"attributes": {"sex": "m", "city": "x"}},
            {"To_Account": "user1", "Attrs": ["sex", "city"]},
        ),
        ("tencent", "remove-attributes", {"attributes": "sex"}, {"To_Account": "user1", "Attrs": ["sex"]}),
    ],
)
def test_fields_on_the_wire(vendor, operation, fields, wire):
    assert wire_fields(provider(vendor).operation(operation), item(**fields)) == wire


def test_a_lone_surrogate_is_escaped():
    assert b"\\ud800" in call("easemob", "register", item(password="p", nickname="\ud800")).body


def test_tencent_has_no_root():
    sent = call("tencent", "delete", item("a/b"))
    assert sent.path == sent.template == "/v4/im_open_login_svc/account_delete"
    assert sent.body == b'{"DeleteItem":[{"UserID":"a/b"}]}'


def test_the_root_of_a_path_agrees_with_the_connection():
    for name, of in PROVIDERS.items():
        where = anywhere(name)
        assert encode(of, of.operation("get-user"), where, [item()]).path.startswith(where.root)


def test_a_map_is_sent_as_a_list_of_names_and_values_where_the_vendor_wants_one():
    profile = Field("profile", type="map", pairs=("Tag", "Value"))
    operation = Operation("o", "POST", "/", Effect.ENSURE, (Field("username", key=True), profile))
    item = Item(1, "u", "u", {"profile": {"Tag_Nick": "Ann", "Tag_Level": 3}})
    assert wire_fields(operation, item)["profile"] == [
        {"Tag": "Tag_Nick", "Value": "Ann"},
        {"Tag": "Tag_Level", "Value": 3},
    ]


JOINED = Operation(
    "drop", "DELETE", "/rooms/{room}/users/{username}", Effect.ENSURE, joined="username", batch_max=3,
    fields=(Field("username", key=True, pattern=".+"), Field("room", pattern=".+")), pools=("users",),
)  # fmt: skip


def joined(*names, rooms="r"):
    batch = [
        Item(n, name, name, {"room": room})
        for n, (name, room) in enumerate(zip(names, rooms * 3, strict=False), 1)
    ]
    return encode(provider("easemob"), JOINED, CONNECTIONS["easemob"], batch)


def test_names_that_stand_in_one_segment_together_cannot_end_it():
    assert joined("a", "b,c", "d/e").path == "/org/app/rooms/r/users/a%2Cb%2Cc%2Cd%2Fe"
    assert joined("a").path == "/org/app/rooms/r/users/a"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_joined_name_may_not_change_the_path_either(name):
    with pytest.raises(ValueError, match="would change the meaning of the path"):
        joined(name)


def test_what_is_joined_is_not_shared_and_everything_else_in_the_path_is():
    assert JOINED.shared == ("room",)
    with pytest.raises(ValueError, match="one room a request"):
        joined("a", "b", rooms="rs")
