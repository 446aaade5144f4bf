"""Members of groups. A group's id is the same for a whole call, so rows gather by it."""

from __future__ import annotations

from bulkim.catalogue.bodies import Json
from bulkim.catalogue.shapes import Effect, ErrorRule, Field, Operation, PerItem, Pool
from bulkim.model import Kind
from bulkim.vendors.tencent.operations import PAGES, READ_ON, username

POOLS = (Pool("add-group-member", 200, "group_open_http_svc/add_group_member"),)
GROUP_ID = Field(
    "group_id", key=True, param=True, bytes_max=48, help="the group's id, such as @TGS#2J4SZEAEL"
)

ADD_TO_GROUP = Operation(
    name="add-to-group",
    method="POST",
    path="/v4/group_open_http_svc/add_group_member",
    effect=Effect.ENSURE,
    fields=(username("Member_Account"), GROUP_ID),
    body=Json({"GroupId": "{group_id}", "MemberList": {"$items": {"Member_Account": "{username}"}}}),
    result=PerItem(items="MemberList", key="Member_Account", code="Result", ok=("1",)),
    batch_max=300,
    pools=("add-group-member",),
    help="Adds users to a group. Who is a member already is left unchanged. Audio-video groups take nobody in this way.",
    source=f"{PAGES}34921",
    read_on=READ_ON,
)
OPERATIONS = (ADD_TO_GROUP,)

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
        remedy="Check the UserID, or register the user first.",
        page=f"{PAGES}34921",
    ),
)
