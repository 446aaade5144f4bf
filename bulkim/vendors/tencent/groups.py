"""Members of groups. A group's id is the same for a whole call, so rows gather by it."""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.bodies import Json, Names
from bulkim.catalogue.shapes import (
    Effect,
    ErrorRule,
    Field,
    MapByKey,
    Operation,
    PerItem,
    Pool,
    ReadBack,
    WholeCall,
)
from bulkim.model import Kind
from bulkim.vendors.tencent.common import AGAIN, FOR_EVER, PAGES, READ_ON, REGISTER_FIRST, username

POOLS = (
    Pool("add-group-member", 200, "group_open_http_svc/add_group_member, 34921"),
    Pool("delete-group-member", 200, "group_open_http_svc/delete_group_member, 34949, page of 2025-10-23"),
    Pool("forbid-send-msg", 200, "group_open_http_svc/forbid_send_msg, 34951, page of 2025-12-15"),
    Pool("get-role-in-group", 200, "group_open_http_svc/get_role_in_group, 34963, page of 2026-04-17"),
    Pool("get-group-muted", 200, "group_open_http_svc/get_group_muted_account, 34964, page of 2024-07-16"),
)
GROUP_ID = Field(
    "group_id",
    wire="GroupId",
    key=True,
    param=True,
    bytes_max=48,
    help="the group's id, such as @TGS#2J4SZEAEL",
)
SECONDS = Field(
    "seconds",
    wire="MuteTime",
    param=True,
    type="seconds",
    minimum=-1,
    maximum=FOR_EVER - 1,
    forever=FOR_EVER,
    help="how long; -1 for ever, 0 lifts it",
)
MEMBER = username("Member_Account")
IS_MEMBER = ReadBack("get-group-role", equals={"": ["Member", "Admin", "Owner"]})

ADD_TO_GROUP = Operation(
    name="add-to-group",
    method="POST",
    path="/v4/group_open_http_svc/add_group_member",
    effect=Effect.ENSURE,
    fields=(MEMBER, GROUP_ID),
    body=Json({"GroupId": "{group_id}", "MemberList": {"$items": {"Member_Account": "{username}"}}}),
    result=PerItem(items="MemberList", key="Member_Account", code="Result", ok=("1",)),
    batch_max=20,  # the page for China of 2026-02-06 says 20, the international one 300
    pools=("add-group-member",),
    verify=IS_MEMBER,
    inverse="remove-from-group",
    help="Adds users to a group. Who is a member already is left unchanged. Audio-video groups take nobody in this way.",
    source=f"{PAGES}34921",
    read_on=READ_ON,
)
REMOVE_FROM_GROUP = Operation(
    name="remove-from-group",
    method="POST",
    path="/v4/group_open_http_svc/delete_group_member",
    effect=Effect.ENSURE,
    fields=(MEMBER, GROUP_ID),
    body=Names("MemberToDel_Account", also=("group_id",)),
    batch_max=100,  # 500 on pages before 2021
    pools=("delete-group-member",),
    verify=ReadBack("get-group-role", equals={"": "NotMember"}),
    inverse="add-to-group",
    blind="somebody may not have been a member before: the vendor answers the same",
    help="Removes users from a group, which tells all its members. Audio-video groups cannot: mute there.",
    source=f"{PAGES}34949",
    read_on=READ_ON,
)
MUTE_IN_GROUP = Operation(
    name="mute-in-group",
    method="POST",
    path="/v4/group_open_http_svc/forbid_send_msg",
    effect=Effect.ENSURE,
    fields=(MEMBER, GROUP_ID, SECONDS),
    body=Names("Members_Account", also=("group_id", "seconds")),
    batch_max=500,
    pools=("forbid-send-msg",),
    verify=ReadBack("get-group-mutes", holds="username", among="Member_Account", lasting="seconds"),
    inverse="unmute-in-group",
    blind="somebody may have been muted before, and stays so no longer",
    help="Stops users from sending in one group. It lasts even if they leave and come back. A call that has to be sent "
    "again starts the time again. Work groups (Private) know no mutes.",
    source=f"{PAGES}34951",
    read_on=READ_ON,
)
UNMUTE_IN_GROUP = replace(
    MUTE_IN_GROUP,
    name="unmute-in-group",
    fields=(MEMBER, GROUP_ID, replace(SECONDS, default=0, fixed=0, help="not used: always 0")),
    inverse="mute-in-group",
    blind="somebody may not have been muted before",
    help="Lifts mutes in one group.",
)
GET_GROUP_ROLE = Operation(
    name="get-group-role",
    method="POST",
    path="/v4/group_open_http_svc/get_role_in_group",
    effect=Effect.READ,
    fields=(username("User_Account"), GROUP_ID),
    body=Json({"GroupId": "{group_id}", "User_Account": {"$items": "{username}"}}),
    result=MapByKey(at="UserIdList", key="Member_Account", value="Role"),
    batch_max=500,
    pools=("get-role-in-group",),
    help="Says what users are in a group: Owner, Admin, Member or NotMember. Audio-video groups do not tell.",
    source=f"{PAGES}34963",
    read_on=READ_ON,
)
GET_GROUP_MUTES = Operation(
    name="get-group-mutes",
    method="POST",
    path="/v4/group_open_http_svc/get_group_muted_account",
    effect=Effect.READ,
    fields=(MEMBER, GROUP_ID),
    body=Json({"GroupId": "{group_id}"}),
    result=WholeCall(data="MutedAccountList"),
    pools=("get-group-muted",),
    help="Lists who is muted in a group, and until when: all, at once.",
    source=f"{PAGES}34964",
    read_on=READ_ON,
)
OPERATIONS = (
    ADD_TO_GROUP,
    REMOVE_FROM_GROUP,
    MUTE_IN_GROUP,
    UNMUTE_IN_GROUP,
    GET_GROUP_ROLE,
    GET_GROUP_MUTES,
)

ERRORS = (
    ErrorRule(
        kind=Kind.ALREADY,
        code="2",
        operations=("add-to-group",),
        item=True,
        meaning="The user is a member already.",
        remedy="Nothing, if the user is meant to be there.",
        page=f"{PAGES}34921",
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        code="0",
        operations=("add-to-group",),
        item=True,
        meaning="The vendor did not add the user, and gives no reason: as a rule there is no such account.",
        remedy=REGISTER_FIRST,
        page=f"{PAGES}34921",
    ),
    *(
        ErrorRule(kind=Kind.REJECTED, code=code, meaning=meaning, remedy=remedy, page=f"{PAGES}34949")
        for code, meaning, remedy in (
            ("10007", "The group's kind does not allow this.", "Leave its rows out."),
            ("10010", "There is no such group, or it was dissolved.", "Check the group's id in the source."),
            ("10015", "The group's id is none.", "Check the group's id in the source."),
        )
    ),
    ErrorRule(
        kind=Kind.UNKNOWN,
        code="10002",
        meaning="The vendor failed inside. It may have been done.",
        remedy=AGAIN,
        page=f"{PAGES}34949",
    ),
)
