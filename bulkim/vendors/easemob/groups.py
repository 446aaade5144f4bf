"""Members of groups and of chat rooms.

A group's or a room's id is the same for a whole call, so rows gather by it. Who is a member already is not named beside those
who were added; a call that finds nobody to add is refused and names one of them.
"""

from __future__ import annotations

from typing import Any

from bulkim.catalogue.shapes import (
    Effect,
    ErrorRule,
    Field,
    MapByKey,
    Names,
    Operation,
    PerItem,
    Pool,
    ReadBack,
    WholeCall,
)
from bulkim.model import Kind
from bulkim.vendors.easemob.common import CORRECT, PAGES, READ_ON, REGISTER_FIRST, USERNAME

GROUPS_PAGE = f"{PAGES}group_members.html"
ROOMS_PAGE = f"{PAGES}chatroom_members.html"
POOLS = (
    Pool("group-members-add", 100, "POST /chatgroups/{group_id}/users"),
    Pool("group-members-remove", 100, "DELETE /chatgroups/{group_id}/users/{username}"),
    Pool("group-members-get", 100, "GET /chatgroups/{group_id}/user/{username}/is_joined"),
    Pool("room-members-add", 100, "POST /chatrooms/{room_id}/users"),
    Pool("room-members-remove", 100, "DELETE /chatrooms/{room_id}/users/{username}"),
    Pool("rooms-get", 50, "GET /users/{username}/joined_chatrooms"),
)


def _members(
    place: str, what: str, page: str, *, taken_away: int, read: dict[bool, ReadBack]
) -> tuple[Operation, ...]:
    """What puts users into a group or a room, and what takes so many of them out of it again."""
    common: dict[str, Any] = {
        "effect": Effect.ENSURE,
        "fields": (
            USERNAME,
            Field(
                f"{place}_id", key=True, param=True, pattern=r"[0-9A-Za-z_-]{1,64}", help=f"the {what}'s id"
            ),
        ),
        "source": page,
        "read_on": READ_ON,
    }
    path = f"/chat{place}s/{{{place}_id}}/users"
    adding = Operation(
        name=f"add-to-{place}",
        method="POST",
        path=path,
        body=Names("usernames"),
        result=MapByKey(at="data.newmembers", missing="already"),
        batch_max=60,
        pools=(f"{place}-members-add",),
        verify=read[True],
        inverse=f"remove-from-{place}",
        help=f"Adds users to a {what}. Who is a member already is left unchanged.",
        **common,
    )
    removing = Operation(
        name=f"remove-from-{place}",
        method="DELETE",
        path=f"{path}/{{username}}",
        joined="username",
        result=PerItem(items="data", key="user", code="result", reason="reason", ok=("result=true",)),
        batch_max=taken_away,
        pools=(f"{place}-members-remove",),
        verify=read[False],
        inverse=f"add-to-{place}",
        help=f"Removes users from a {what}. Who is no member is left unchanged.",
        **common,
    )
    return adding, removing


_ASKED = {member: ReadBack("get-group-member", equals={"": member}) for member in (True, False)}
_LISTED = {
    True: ReadBack("get-rooms", holds="room_id", among="id"),
    False: ReadBack("get-rooms", lacks="room_id", among="id"),
}
IN_GROUPS = _members("group", "group", GROUPS_PAGE, taken_away=60, read=_ASKED)
IN_ROOMS = _members("room", "chat room", ROOMS_PAGE, taken_away=100, read=_LISTED)

GET_GROUP_MEMBER = Operation(
    name="get-group-member",
    method="GET",
    path="/chatgroups/{group_id}/user/{username}/is_joined",
    effect=Effect.READ,
    fields=IN_GROUPS[0].fields,
    result=WholeCall(data="data"),
    pools=("group-members-get",),
    help="Says whether a user is in a group.",
    source=f"{PAGES}group_manage.html",
    read_on=READ_ON,
)
GET_ROOMS = Operation(
    name="get-rooms",
    method="GET",
    path="/users/{username}/joined_chatrooms",
    effect=Effect.READ,
    fields=(USERNAME,),
    result=WholeCall(data="data"),
    pools=("rooms-get",),
    help="Lists the chat rooms that a user is in, the newest 500.",
    source=f"{PAGES}chatroom_obtain_joined.html",
    read_on=READ_ON,
)
OPERATIONS = (*IN_GROUPS, *IN_ROOMS, GET_GROUP_MEMBER, GET_ROOMS)

_ADD, _REMOVE = ("add-to-group", "add-to-room"), ("remove-from-group", "remove-from-room")
_USER = r"user:? ?\[?(?P<user>[^\s\]]+?)\]?"
_FORBIDDEN, _NOT_DONE = (403, "forbidden_op"), (None, "result=false")


def _rule(
    operations: tuple[str, ...],
    kind: Kind,
    said: tuple[int | None, str],
    pattern: str | None,
    words: tuple[str, str],
) -> ErrorRule:
    """A row about one user: the HTTP status and code, the sentence, what it means and what to do."""
    (status, code), (meaning, remedy) = said, words
    return ErrorRule(
        kind=kind, status=status, code=code, pattern=pattern, operations=operations, item=True, meaning=meaning,
        remedy=remedy, page=GROUPS_PAGE,
    )  # fmt: skip


_THERE = ("The user is a member already.", "Nothing, if the user is meant to be there.")
_FULL = (
    "The user is in as many groups or chat rooms as the plan allows.",
    "Remove the user from others, or raise the plan.",
)
_NOBODY = ("There is no such user.", REGISTER_FIRST)
_GONE = ("The user is no member.", "Nothing, if the user is meant to be gone.")
_OTHER = ("The vendor did not remove the user; the reason is its own.", CORRECT)
_NO_MEMBERS = (
    r"users? \[(?P<user>[^\],\s]+)\] are not members|user:? ?\S+ doesn.t exist in (?:group|chatroom)"
)

ERRORS = (
    _rule(_ADD, Kind.ALREADY, _FORBIDDEN, _USER + r" already in (?:group|chatroom)", _THERE),
    _rule(_ADD, Kind.REJECTED, _FORBIDDEN, _USER + r" has joined too many", _FULL),
    _rule(_ADD, Kind.ABSENT, (400, "illegal_argument"), r"member (?P<user>\S+) doesn.t exist", _NOBODY),
    _rule(_REMOVE, Kind.ALREADY, _FORBIDDEN, _NO_MEMBERS, _GONE),
    _rule(
        _REMOVE, Kind.ALREADY, _NOT_DONE, r"doesn.t exist in (?:group|chatroom)|not (?:a )?members?", _GONE
    ),
    _rule(_REMOVE, Kind.ABSENT, _NOT_DONE, r"doesn.t exist", _NOBODY),
    _rule(_REMOVE, Kind.REJECTED, _NOT_DONE, None, _OTHER),
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
