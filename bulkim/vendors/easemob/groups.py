"""Members of groups and of chat rooms.

A group's or a room's id is the same for a whole call, so rows gather by it. Who is a member already is not named beside those
who were added; a call that finds nobody to add is refused and names one of them. Nothing on these pages reads one member
back, so nothing is verified.
"""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import Effect, ErrorRule, Field, MapByKey, Names, Operation, PerItem
from bulkim.model import Kind
from bulkim.vendors.easemob.common import PAGES, READ_ON, USERNAME

GROUPS_PAGE = f"{PAGES}group_members.html"
ROOMS_PAGE = f"{PAGES}chatroom_members.html"


def _place(name: str, what: str) -> Field:
    return Field(name, key=True, param=True, pattern=r"[0-9A-Za-z_-]{1,64}", help=f"the {what}'s id")


ADD_TO_GROUP = Operation(
    name="add-to-group",
    method="POST",
    path="/chatgroups/{group_id}/users",
    effect=Effect.ENSURE,
    fields=(USERNAME, _place("group_id", "group")),
    body=Names("usernames"),
    result=MapByKey(at="data.newmembers", missing="already"),
    batch_max=60,
    pools=("group-members-add",),
    inverse="remove-from-group",
    help="Adds users to a group. Who is a member already is left unchanged.",
    source=GROUPS_PAGE,
    read_on=READ_ON,
)

REMOVE_FROM_GROUP = Operation(
    name="remove-from-group",
    method="DELETE",
    path="/chatgroups/{group_id}/users/{username}",
    joined="username",
    effect=Effect.ENSURE,
    fields=(USERNAME, _place("group_id", "group")),
    result=PerItem(items="data", key="user", code="result", reason="reason", ok=("result=true",)),
    batch_max=60,
    pools=("group-members-remove",),
    inverse="add-to-group",
    help="Removes users from a group. Who is no member is left unchanged.",
    source=GROUPS_PAGE,
    read_on=READ_ON,
)

ADD_TO_ROOM = replace(
    ADD_TO_GROUP,
    name="add-to-room",
    path="/chatrooms/{room_id}/users",
    fields=(USERNAME, _place("room_id", "chat room")),
    pools=("room-members-add",),
    inverse="remove-from-room",
    help="Adds users to a chat room. Who is a member already is left unchanged.",
    source=ROOMS_PAGE,
)

REMOVE_FROM_ROOM = replace(
    REMOVE_FROM_GROUP,
    name="remove-from-room",
    path="/chatrooms/{room_id}/users/{username}",
    fields=(USERNAME, _place("room_id", "chat room")),
    batch_max=100,
    pools=("room-members-remove",),
    inverse="add-to-room",
    help="Removes users from a chat room. Who is no member is left unchanged.",
    source=ROOMS_PAGE,
)

OPERATIONS = (ADD_TO_GROUP, REMOVE_FROM_GROUP, ADD_TO_ROOM, REMOVE_FROM_ROOM)

_ADD, _REMOVE = ("add-to-group", "add-to-room"), ("remove-from-group", "remove-from-room")
_NO_MEMBER = "The user is no member."
_CHECK = "Check the username, or register the user first."

ERRORS = (
    ErrorRule(
        kind=Kind.ALREADY,
        status=403,
        code="forbidden_op",
        pattern=r"user:? ?\[?(?P<user>[^\s\]]+?)\]? already in (?:group|chatroom)",
        operations=_ADD,
        item=True,
        meaning="The user is a member already.",
        remedy="Nothing, if the user is meant to be there.",
        page=GROUPS_PAGE,
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        status=403,
        code="forbidden_op",
        pattern=r"user:? ?\[?(?P<user>[^\s\]]+?)\]? has joined too many",
        operations=_ADD,
        item=True,
        meaning="The user is in as many groups or chat rooms as the plan allows.",
        remedy="Remove the user from others, or raise the plan.",
        page=GROUPS_PAGE,
    ),
    ErrorRule(
        kind=Kind.ABSENT,
        status=400,
        code="illegal_argument",
        pattern=r"member (?P<user>\S+) doesn.t exist",
        operations=_ADD,
        item=True,
        meaning="There is no such user.",
        remedy=_CHECK,
        page=GROUPS_PAGE,
    ),
    ErrorRule(
        kind=Kind.ALREADY,
        status=403,
        code="forbidden_op",
        pattern=r"users? \[(?P<user>[^\],\s]+)\] are not members|user:? ?\S+ doesn.t exist in (?:group|chatroom)",
        operations=_REMOVE,
        item=True,
        meaning=_NO_MEMBER,
        remedy="Nothing, if the user is meant to be gone.",
        page=GROUPS_PAGE,
    ),
    ErrorRule(
        kind=Kind.ALREADY,
        code="result=false",
        pattern=r"doesn.t exist in (?:group|chatroom)|not (?:a )?members?",
        operations=_REMOVE,
        item=True,
        meaning=_NO_MEMBER,
        remedy="Nothing, if the user is meant to be gone.",
        page=GROUPS_PAGE,
    ),
    ErrorRule(
        kind=Kind.ABSENT,
        code="result=false",
        pattern=r"doesn.t exist",
        operations=_REMOVE,
        item=True,
        meaning="There is no such user.",
        remedy=_CHECK,
        page=GROUPS_PAGE,
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        code="result=false",
        operations=_REMOVE,
        item=True,
        meaning="The vendor did not remove the user; the reason is its own.",
        remedy="Correct the item in the source and run the job again.",
        page=GROUPS_PAGE,
    ),
    ErrorRule(
        kind=Kind.REJECTED,
        status=404,
        code="resource_not_found",
        pattern=r"(?i)(?:grpid|group|chatroom|room)\b.*(?:not|n.t) exist",
        operations=(*_ADD, *_REMOVE),
        meaning="There is no such group or chat room.",
        remedy="Check the id in the source and run the job again.",
        page=GROUPS_PAGE,
    ),
)
