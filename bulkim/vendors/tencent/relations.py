"""Friends and block lists: what users have of one another.

`username` is the owner of the list, `contact` whoever is put on it or taken off. A call is about one owner, so rows gather by
them, which also keeps the vendor from writing one list twice at a time (30008).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bulkim.catalogue.bodies import Json
from bulkim.catalogue.shapes import Effect, ErrorRule, Field, Operation, PerItem, Pool, ReadBack, WholeCall
from bulkim.model import Kind
from bulkim.vendors.tencent.common import (
    CORRECT,
    INVALID_ACCOUNT,
    PAGES,
    READ_ON,
    not_administrator,
    username,
)

CONTACT = replace(username("To_Account"), name="contact", user=True, help="the other user")
OWNER = username("From_Account")
OTHERS = {"From_Account": "{username}", "To_Account": {"$items": "{contact}"}}


def _pool(name: str, command: str, page: str) -> Pool:
    return Pool(name, 200, f"sns/{command}, {page}")


POOLS = (
    _pool("import-friends", "friend_import", "34903, page of 2024-09-25"),
    _pool("delete-friends", "friend_delete", "34905, page of 2024-07-16"),
    _pool("delete-all-friends", "friend_delete_all", "34906, page of 2024-07-16"),
    _pool("check-friends", "friend_check", "34907, page of 2024-07-16"),
    _pool("get-friends", "friend_get", "34908, page of 2024-07-16"),
    _pool("add-blocks", "black_list_add", "34911, page of 2025-03-10"),
    _pool("delete-blocks", "black_list_delete", "34912"),
    _pool("check-blocks", "black_list_check", "34913, page of 2024-07-16"),
)


def _by_contact(items: str, **more: Any) -> PerItem:
    return PerItem(
        items=items, key="To_Account", code="ResultCode", reason="ResultInfo", ok=("0",), by="contact",
        others=INVALID_ACCOUNT, **more,
    )  # fmt: skip


IMPORT_FRIENDS = Operation(
    name="import-friends",
    method="POST",
    path="/v4/sns/friend_import",
    effect=Effect.ENSURE,
    fields=(
        OWNER,
        CONTACT,
        Field("remark", wire="Remark", optional=True, bytes_max=96, help="what the owner calls the friend"),
        Field(
            "wording", wire="AddWording", optional=True, bytes_max=256, help="what the owner said on adding"
        ),
        Field(
            "source",
            wire="AddSource",
            param=True,
            default="AddSource_Type_Import",
            pattern=r"AddSource_Type_[A-Za-z0-9]{1,8}",
            help="where the friendship comes from: AddSource_Type_ and at most 8 letters",
        ),
    ),
    body=Json(
        {
            "From_Account": "{username}",
            "AddFriendItem": {
                "$items": {
                    "To_Account": "{contact}",
                    "Remark": "{remark}",
                    "AddSource": "{source}",
                    "AddWording": "{wording}",
                }
            },
        }
    ),
    result=_by_contact("ResultItem"),
    batch_max=100,  # the page names no number; its siblings take 1,000
    pools=("import-friends",),
    verify=ReadBack("get-friend", equals={"Relation": "CheckResult_Type_AWithB"}),
    inverse="remove-contact",
    blind="somebody may have been a friend before: the vendor answers the same",
    help="Puts users on the friend list of another one, who is not put on theirs.",
    source=f"{PAGES}34903",
    read_on=READ_ON,
)
REMOVE_CONTACT = Operation(
    name="remove-contact",
    method="POST",
    path="/v4/sns/friend_delete",
    effect=Effect.ENSURE,
    fields=(OWNER, CONTACT),
    body=Json({**OTHERS, "DeleteType": "Delete_Type_Single"}),
    result=_by_contact("ResultItem"),
    batch_max=1000,
    pools=("delete-friends",),
    verify=ReadBack("get-friend", equals={"Relation": "CheckResult_Type_NoRelation"}),
    help="Takes users off the friend list of another one, who stays on theirs.",
    source=f"{PAGES}34905",
    read_on=READ_ON,
)
REMOVE_FRIENDS = Operation(
    name="remove-friends",
    method="POST",
    path="/v4/sns/friend_delete_all",
    effect=Effect.ENSURE,
    fields=(OWNER,),
    body=Json({"From_Account": "{username}"}),
    pools=("delete-all-friends",),
    verify=ReadBack("friend-count", equals={"": 0}),
    destroys="all their friends, with what they call them and how they sort them; it cannot be undone",
    help="Empties friend lists. Who had the user as a friend keeps them.",
    source=f"{PAGES}34906",
    read_on=READ_ON,
)
GET_FRIEND = Operation(
    name="get-friend",
    method="POST",
    path="/v4/sns/friend_check",
    effect=Effect.READ,
    fields=(OWNER, CONTACT),
    body=Json({**OTHERS, "CheckType": "CheckResult_Type_Single"}),
    result=_by_contact("InfoItem"),
    batch_max=1000,
    pools=("check-friends",),
    help="Says whether a user is on another one's friend list: CheckResult_Type_AWithB, or CheckResult_Type_NoRelation.",
    source=f"{PAGES}34907",
    read_on=READ_ON,
)
FRIEND_COUNT = Operation(
    name="friend-count",
    method="POST",
    path="/v4/sns/friend_get",
    effect=Effect.READ,
    fields=(OWNER,),
    body=Json({"From_Account": "{username}", "StartIndex": 0}),
    result=WholeCall(data="FriendNum"),
    pools=("get-friends",),
    help="Says how many friends users have.",
    source=f"{PAGES}34908",
    read_on=READ_ON,
)
BLOCK = Operation(
    name="block",
    method="POST",
    path="/v4/sns/black_list_add",
    effect=Effect.ENSURE,
    fields=(OWNER, CONTACT),
    body=Json(OTHERS),
    result=_by_contact("ResultItem"),
    batch_max=1000,
    pools=("add-blocks",),
    verify=ReadBack("get-block", equals={"Relation": "BlackCheckResult_Type_AWithB"}),
    inverse="unblock",
    blind="a friendship between the two is over, and unblocking does not bring it back",
    help="Puts users on the block list of another one, who then gets no messages from them. If the two are friends, they "
    "are friends no longer.",
    source=f"{PAGES}34911",
    read_on=READ_ON,
)
UNBLOCK = replace(
    BLOCK,
    name="unblock",
    path="/v4/sns/black_list_delete",
    pools=("delete-blocks",),
    verify=ReadBack("get-block", equals={"Relation": "BlackCheckResult_Type_NO"}),
    inverse="block",
    blind="somebody may not have been blocked before: the vendor answers the same",
    help="Takes users off another one's block list.",
    source=f"{PAGES}34912",
)
GET_BLOCK = replace(
    GET_FRIEND,
    name="get-block",
    path="/v4/sns/black_list_check",
    body=Json({**OTHERS, "CheckType": "BlackCheckResult_Type_Single"}),
    result=_by_contact("BlackListCheckItem"),
    pools=("check-blocks",),
    help="Says whether a user is on another one's block list: BlackCheckResult_Type_AWithB, or BlackCheckResult_Type_NO.",
    source=f"{PAGES}34913",
)
OPERATIONS = (
    IMPORT_FRIENDS,
    REMOVE_CONTACT,
    REMOVE_FRIENDS,
    GET_FRIEND,
    FRIEND_COUNT,
    BLOCK,
    UNBLOCK,
    GET_BLOCK,
)

_IMPORT, _BLOCK = IMPORT_FRIENDS.source, BLOCK.source

ERRORS = (
    ErrorRule(
        kind=Kind.ALREADY,
        code="30001",
        pattern="Already_Exist",
        operations=("block", "import-friends"),
        item=True,
        meaning="The user is on the list already.",
        remedy="Nothing, if they are meant to be.",
        page=_BLOCK,
    ),
    ErrorRule(
        kind=Kind.ABSENT,
        code="30003",
        item=True,
        meaning="There is no such account.",
        remedy="Check both UserIDs, or register the user first.",
        page=_IMPORT,
    ),
    not_administrator("30004", _IMPORT),
    *(
        ErrorRule(kind=Kind.REJECTED, code=code, item=True, meaning=meaning, remedy=remedy, page=_IMPORT)
        for code, meaning, remedy in (
            ("30001", "A parameter of the list's command is not allowed.", CORRECT),
            ("30002", "The account is another app's.", CORRECT),
            ("30005", "A remark or a wording holds a word that is not allowed.", CORRECT),
            ("30010", "The owner has as many friends as the vendor allows.", "Remove others first."),
            ("30011", "The owner has as many lists of friends as the vendor allows.", "Remove others first."),
            ("30013", "The owner blocks as many users as the vendor allows.", "Unblock others first."),
            ("30515", "The owner blocks the user.", "Unblock the user first."),
            ("30516", "The user lets nobody add them.", "Change what their profile says, or leave them out."),
            ("30525", "The user blocks the owner.", "Leave the pair out."),
            ("31707", "Friends were removed too often, the vendor's safety rules say.", "Wait, then `bulkim retry` the run."),
        )
    ),
)  # fmt: skip
