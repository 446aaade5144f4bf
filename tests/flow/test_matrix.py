"""Every operation at every vendor, in a whole run over a real socket: what becomes of whom, and at what price.

Three users meet each operation: "there" exists, "nobody" does not, and of "bad" the vendor says no. A row of the table says
how each ends, what the server then holds, and how many requests that took, together and one a request.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from support.jobs import job, rows
from support.server import APPS

from bulkim.model import Source
from bulkim.vendors import PROVIDERS
from bulkim.work import runner

FOR_EVER = 4294967295
WORDS = {"name": "Ann", "city": "Ulm"}
THERE = {
    "username": "there", "online": True, "nickname": "T", "offline_count": 3, "messages": {"m1": "undelivered"},
    "devices": [{"res": "ios_1", "device_uuid": "d-1", "device_name": "phone"}], "attributes": WORDS,
    "groups": ["g1"], "chatrooms": ["r1"], "tags": ["vip"],
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One operation: expected ends (outcome, code), and what can be seen of them."""

    operation: str
    there: tuple[str, str | None] = ("succeeded", None)
    nobody: tuple[str, str | None] = ("failed", "service_resource_not_found")
    bad: tuple[str, str | None] = ("failed", "illegal_argument")
    effects: dict[str, str] = field(default_factory=dict)  # user -> what happened to them at the server, once
    data: dict[str, Any] = field(default_factory=dict)  # user -> what the result holds, or some of it
    batched: int = 3  # requests
    single: int = 3  # requests with `batch: 1`
    probes: int = 0  # of those together, how many only asked
    params: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)  # of every item
    item_fault: bool = False  # the vendor can say no to one item of a call
    alone: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # ends that differ with `batch: 1`


DUPLICATE = "duplicate_unique_property_exists"
DONE, MISSING = ("succeeded", None), "service_resource_not_found"

USERGRID = (
    Row("register", there=("unchanged", DUPLICATE), nobody=DONE, effects={"nobody": "registered"},
        fields={"password": "s3cret-pw"}),
    Row("delete", nobody=("unchanged", MISSING), effects={"there": "deleted"}),
    Row("get-user", data={"there": {"activated": True, "nickname": "T"}}),
    Row("set-password", nobody=("failed", "entity_not_found"), effects={"there": "password_set"},
        fields={"password": "s3cret-pw"}),
    Row("online-status", nobody=DONE, data={"there": "online", "nobody": "offline"},
        alone={"nobody": ("failed", MISSING)}),
    Row("devices", data={"there": THERE["devices"]}),
    Row("mute", nobody=("failed", "required_property_not_found"), effects={"there": "mute_set"},
        params={"chat": 600, "chatroom": -1}),
    Row("unmute", nobody=("failed", "required_property_not_found"), effects={"there": "mute_lifted"}),
    Row("get-mute", nobody=("failed", "required_property_not_found"),
        data={"there": {"chat": 0, "groupchat": 0, "chatroom": 0}}),
    Row("offline-count", data={"there": 3}),
    Row("offline-message-status", fields={"message_id": "m1"}, data={"there": "undelivered"}),
    Row("ban", effects={"there": "banned"}),
    Row("unban", effects={"there": "unbanned"}),
    Row("disconnect", nobody=DONE, effects={"there": "disconnected"}),
    Row("set-attributes", nobody=DONE, effects={"there": "attributes_set"}, params={"attributes": {"city": "Bonn"}}),
    Row("get-attributes", nobody=DONE, data={"there": {"city": "Ulm"}, "nobody": {}}, params={"attributes": ["city"]}),
    Row("get-all-attributes", nobody=DONE, data={"there": WORDS, "nobody": {}}),
    Row("remove-attributes", nobody=DONE, effects={"there": "attributes_removed"}),
    Row("disconnect-device", effects={"there": "device_disconnected"}, fields={"resource": "ios_1"}),
    Row("get-contacts", data={"there": []}),
    Row("get-blocks", data={"there": []}),
    Row("get-group-member", nobody=DONE, data={"there": True, "nobody": False}, fields={"group_id": "g1"}),
    Row("get-rooms", data={"there": [{"id": "r1", "name": "r1", "disabled": "false"}]}),
    Row("add-contact", effects={"there": "contact_added"}, fields={"contact": "there"}),
    Row("remove-contact", effects={"there": "contact_removed"}, fields={"contact": "there"}),
    Row("block", effects={"there": "blocked"}, fields={"contact": "there"}),
    Row("unblock", effects={"there": "unblocked"}, fields={"contact": "there"}),
    *(
        row
        for place, kind, seeded in (("group", "group", "g1"), ("room", "chatroom", "r1"))
        for row in (
            Row(f"add-to-{place}", nobody=("failed", "illegal_argument"), effects={"there": f"{kind}_joined"},
                fields={f"{place}_id": "new"}, batched=4),
            Row(f"remove-from-{place}", nobody=("failed", "result=false"), effects={"there": f"{kind}_left"},
                fields={f"{place}_id": seeded}, alone={"nobody": ("failed", "resource_not_found")}),
        )
    ),
)  # fmt: skip

NICKNAME = Row("set-nickname", effects={"there": "nickname_set"}, fields={"nickname": "N"})
EASEMOB = (
    replace(NICKNAME, batched=4, probes=1),
    Row("import-contacts", effects={"there": "contacts_imported"}, fields={"contact": "there"}),
)

OK, REFUSED = ("succeeded", "0"), ("failed", "70402")
ABSENT, NO_PROFILE, NO_FRIEND = ("failed", "70107"), ("failed", "40003"), ("failed", "30003")
PAL = {"contact": "there"}
TENCENT = tuple(
    replace(row, there=OK if row.there == DONE else row.there, bad=REFUSED if row.bad[1] == "illegal_argument" else row.bad)
    for row in (
        Row("register", nobody=OK, bad=("failed", "not_imported"), effects={"there": "overwritten", "nobody": "registered"},
            batched=1, item_fault=True),
        Row("delete", nobody=("unchanged", "70107"), effects={"there": "deleted"}, batched=1, item_fault=True),
        Row("get-user", nobody=("failed", "NotImported"), data={"there": {"AccountStatus": "Imported"}},
            batched=1, item_fault=True),
        Row("online-status", nobody=ABSENT, data={"there": {"Status": "Online"}}, batched=1, item_fault=True),
        Row("disconnect", nobody=ABSENT, effects={"there": "disconnected"}),
        Row("mute", nobody=ABSENT, effects={"there": "mute_set"}, params={"chat": 600, "groupchat": -1}),
        Row("unmute", nobody=ABSENT, effects={"there": "mute_lifted"}),
        Row("get-mute", nobody=OK, data={"there": {"C2CmsgNospeakingTime": 0, "GroupmsgNospeakingTime": 0}}),
        Row("set-attributes", nobody=OK, bad=("failed", "90033"), effects={"there": "attributes_set"},
            params={"attributes": {"city": "Bonn"}}),
        Row("get-attributes", nobody=OK, data={"there": WORDS, "nobody": {}}),
        Row("remove-attributes", nobody=OK, bad=("failed", "90033"), effects={"there": "attributes_removed"},
            params={"attributes": ["city"]}),
        Row("add-tags", nobody=OK, bad=("failed", "90032"), effects={"there": "tags_added"}, params={"tags": ["a"]}),
        Row("remove-tags", nobody=OK, bad=("failed", "90032"), effects={"there": "tags_removed"}, params={"tags": ["a"]}),
        Row("get-tags", nobody=OK, data={"there": ["vip"], "nobody": []}),
        Row("add-to-group", there=("succeeded", "1"), nobody=("failed", "0"), bad=("failed", "0"),
            effects={"there": "group_joined"}, fields={"group_id": "new"}, batched=1, item_fault=True),
        Row("remove-from-group", nobody=OK, bad=("failed", "10004"), effects={"there": "group_left"},
            fields={"group_id": "g1"}),
        Row("mute-in-group", nobody=OK, bad=("failed", "10004"), effects={"there": "group_muted"},
            fields={"group_id": "g1"}, params={"seconds": 60}),
        Row("unmute-in-group", nobody=OK, bad=("failed", "10004"), effects={"there": "group_unmuted"},
            fields={"group_id": "g1"}),
        Row("get-group-role", nobody=OK, bad=("failed", "10004"), fields={"group_id": "g1"},
            data={"there": "Member", "nobody": "NotMember"}),
        Row("get-group-mutes", nobody=OK, bad=OK, fields={"group_id": "g1"},
            data={"there": [], "nobody": []}),
        Row("set-profile", nobody=NO_PROFILE, bad=("failed", "40601"), effects={"there": "profile_set"},
            params={"profile": {"Tag_Profile_IM_Nick": "N"}}),
        Row("get-profile", nobody=NO_PROFILE, bad=("failed", "40601"), batched=1, item_fault=True,
            params={"profile": ["Tag_Profile_IM_Nick"]}, data={"there": {"Tag_Profile_IM_Nick": "T"}}),
        Row("import-friends", nobody=NO_FRIEND, bad=("failed", "30001"), effects={"there": "friends_imported"}, fields=PAL),
        Row("remove-contact", nobody=NO_FRIEND, bad=("failed", "30001"), effects={"there": "friend_removed"}, fields=PAL),
        Row("remove-friends", nobody=NO_FRIEND, bad=("failed", "30001"), effects={"there": "friends_removed"}),
        Row("friend-count", nobody=NO_FRIEND, bad=("failed", "30001"), data={"there": 0}),
        Row("get-friend", nobody=NO_FRIEND, bad=("failed", "30001"), fields=PAL,
            data={"there": {"Relation": "CheckResult_Type_NoRelation"}}),
        Row("block", nobody=NO_FRIEND, bad=("failed", "30001"), effects={"there": "blocked"}, fields=PAL),
        Row("unblock", nobody=NO_FRIEND, bad=("failed", "30001"), effects={"there": "unblocked"}, fields=PAL),
        Row("get-block", nobody=NO_FRIEND, bad=("failed", "30001"), fields=PAL,
            data={"there": {"Relation": "BlackCheckResult_Type_NO"}}),
    )
)  # fmt: skip

TABLE = [
    *(("easemob", row) for row in (*USERGRID, *EASEMOB)),
    *(("agora", row) for row in (*USERGRID, NICKNAME)),
    *(("tencent", row) for row in TENCENT),
]
PAGED = ("list-users", "list-mutes", "delete-oldest")


def refuse_bad(server, vendor, row):
    """Of "bad" the server says no: of them alone where the vendor can, otherwise of any call that they are in."""
    code = row.bad[1]
    if row.item_fault:
        what = {"item_error": {"code": 1 if code == "not_imported" else int(code), "user": "bad"}}
    elif vendor == "tencent":
        what = {"error": {"ErrorCode": int(code), "ErrorInfo": "no"}}
    else:
        what = {"error": {"http": 400, "error": code, "description": "no"}}
    server.faults({"match": {"operation": at_the_server(row), "user": "bad"}, "do": what})


def at_the_server(row):
    return {"unmute": "mute", "unmute-in-group": "mute-in-group"}.get(row.operation, row.operation)


def holds(data, wanted):
    if isinstance(wanted, dict) and wanted and isinstance(data, dict):
        return wanted.items() <= data.items()
    return data == wanted


@pytest.mark.parametrize("batch", [None, 1], ids=["batched", "single"])
@pytest.mark.parametrize(("vendor", "row"), TABLE, ids=lambda it: getattr(it, "operation", it))
def test_three_users(server, tmp_path, vendor, row, batch):
    server.seed([THERE, "bad"] if row.operation != "register" else [THERE], app=APPS[vendor])
    refuse_bad(server, vendor, row)
    items = [{"username": name, **row.fields} for name in ("there", "nobody", "bad")]
    done = runner.run(
        job(row.operation, server.base_url, items, provider=vendor, params=row.params, batch=batch),
        journal=tmp_path / "j.db",
    )

    results = rows(tmp_path / "j.db")
    ends = {"there": row.there, "nobody": row.nobody, "bad": row.bad} | (row.alone if batch else {})
    assert {name: (result["outcome"], result["code"]) for name, result in results.items()} == ends
    assert done.exit_code == any(outcome == "failed" for outcome, _ in ends.values())
    assert done.summary["requests"] == (row.single if batch else row.batched)
    probes = 0 if batch else row.probes
    assert len(server.requests(at_the_server(row))) == done.summary["requests"] - probes

    users = server.users(APPS[vendor])
    for name, effect in row.effects.items():
        assert users[name]["effects"] == {effect: 1}
    assert not users.get("bad", {}).get("effects")
    for name, wanted in row.data.items():
        if ends[name][0] == "succeeded":
            assert holds(results[name]["data"], wanted), results[name]["data"]


@pytest.mark.parametrize("vendor", ["easemob", "agora"])
class TestListings:
    def go(self, server, tmp_path, vendor, operation, **params):
        return runner.run(
            job(operation, server.base_url, Source("none"), provider=vendor, params=params),
            journal=tmp_path / "j.db",
        )

    def test_list_users(self, server, tmp_path, vendor):
        server.seed(120, app=APPS[vendor])
        done = self.go(server, tmp_path, vendor, "list-users")
        assert (done.exit_code, done.summary["items"], done.summary["requests"]) == (0, 120, 2)
        assert rows(tmp_path / "j.db")["u119"]["data"]["activated"] is True

    def test_list_mutes(self, server, tmp_path, vendor):
        server.seed(60, app=APPS[vendor], mutes={"chat": 600, "chatroom": -1})
        done = self.go(server, tmp_path, vendor, "list-mutes")
        assert (done.exit_code, done.summary["items"], done.summary["requests"]) == (0, 60, 4)
        assert rows(tmp_path / "j.db")["u59"]["data"]["chatroom"] == -1

    def test_delete_oldest(self, server, tmp_path, vendor):
        server.seed(5, app=APPS[vendor])
        done = self.go(server, tmp_path, vendor, "delete-oldest", count=3)
        assert (done.exit_code, done.summary["counts"]["succeeded"], done.summary["requests"]) == (0, 3, 2)
        left = {name for name, user in server.users(APPS[vendor]).items() if user["exists"]}
        assert left == {"u3", "u4"}


def test_the_table_is_complete():
    covered = {vendor: {row.operation for at, row in TABLE if at == vendor} for vendor in PROVIDERS}
    for vendor, provider in PROVIDERS.items():
        paged = {each.name for each in provider.operations if each.paging}
        assert covered[vendor] | paged == {each.name for each in provider.operations}
        assert paged <= set(PAGED)
