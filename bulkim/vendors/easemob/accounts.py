"""Accounts: registered, deleted, read, listed, banned."""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import (
    Effect,
    Field,
    MapByKey,
    Never,
    Object,
    Operation,
    Paging,
    Probe,
    ReadBack,
    Rows,
    SplitLists,
    WholeCall,
)
from bulkim.vendors.easemob.common import EMPTY_JSON, PAGES, READ_ON, USERNAME

PASSWORD = Field("password", secret=True, chars_max=64, help="at most 64 characters; never stored by bulkim")

NICKNAME = Field("nickname", optional=True, chars_max=100, help="shown in push notifications")

REGISTER = Operation(
    name="register",
    method="POST",
    path="/users",
    effect=Effect.CREATE,
    fields=(USERNAME, PASSWORD, NICKNAME),
    body=Rows(single_object=True),
    result=SplitLists(succeeded="entities", failed="data", key="username", reason="registerUserFailReason"),
    batch_max=60,
    pools=("users",),
    doubt=Probe("get-user", created="created", already="duplicate_unique_property_exists"),
    verify=ReadBack("get-user"),
    inverse="delete",
    help="Creates users. A user who already exists is left unchanged.",
    source=f"{PAGES}account_register_authorized_batch.html",
    read_on=READ_ON,
)

DELETE = Operation(
    name="delete",
    method="DELETE",
    path="/users/{username}",
    effect=Effect.DELETE,
    fields=(USERNAME,),
    pools=("users",),
    verify=ReadBack("get-user", exists=False),
    restored_by="register",
    destroys="their contacts, attributes, messages and conversations, and every group and chat room they own; "
    "it cannot be undone",
    help="Deletes users, one a request: the vendor knows no list.",
    source=f"{PAGES}account_delete_single.html",
    read_on=READ_ON,
)

DELETE_OLDEST = Operation(
    name="delete-oldest",
    method="DELETE",
    path="/users",
    effect=Effect.DELETE,
    batch_max=100,
    pools=("mass-delete", "users"),
    doubt=Never(),  # a second sending deletes the next users
    paging=Paging(items="entities", key="username", size="limit", by="cursor", at="cursor", cursor="cursor"),
    options=(
        Field("count", type="int", optional=True, minimum=1, help="how many of the oldest users to delete"),
        Field("all", type="bool", optional=True, help="every user of the app"),
    ),
    any_of=("count", "all"),
    verify=ReadBack("get-user", exists=False),
    restored_by="register",
    destroys="whoever registered first, whatever their names, with their contacts, messages, and every group and "
    "chat room they own; it cannot be undone",
    help="Deletes the app's oldest users, nobody by name. Meant for clearing an app after tests.",
    source=f"{PAGES}account_delete_batch.html",
    read_on=READ_ON,
)

GET_USER = Operation(
    name="get-user",
    method="GET",
    path="/users/{username}",
    effect=Effect.READ,
    fields=(USERNAME,),
    result=MapByKey(at="entities", key="username"),
    pools=("users",),
    help="Reads a user's record: created, activated, nickname, push settings.",
    source=f"{PAGES}account_detail_obtain_single.html",
    read_on=READ_ON,
)

LIST_USERS = Operation(
    name="list-users",
    method="GET",
    path="/users",
    effect=Effect.READ,
    batch_max=100,
    pools=("users",),
    paging=Paging(items="entities", key="username", size="limit", by="cursor", at="cursor", cursor="cursor"),
    help="Lists all users, the oldest first.",
    source=f"{PAGES}account_detail_obtain_batch.html",
    read_on=READ_ON,
)

SET_PASSWORD = Operation(
    name="set-password",
    method="PUT",
    path="/users/{username}/password",
    effect=Effect.ENSURE,
    fields=(USERNAME, replace(PASSWORD, wire="newpassword")),
    body=Object(),
    pools=("users",),
    help="Sets a new password. It signs the user out everywhere, each time it is sent.",
    source=f"{PAGES}account_password_change.html",
    read_on=READ_ON,
)

BAN = Operation(
    name="ban",
    method="POST",
    path="/users/{username}/deactivate",
    effect=Effect.ENSURE,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    result=WholeCall(accept={"entities.0.activated": False}),
    pools=("users",),
    doubt=Probe("get-user", equals={"activated": False}),
    destroys="their sessions: they are signed out at once and cannot sign in until they are unbanned",
    verify=ReadBack("get-user", equals={"activated": False}),
    inverse="unban",
    restored_by="unban",
    blind="somebody may have been banned before",
    help="Signs users out and keeps them out.",
    source=f"{PAGES}account_ban.html",
    read_on=READ_ON,
)

UNBAN = Operation(
    name="unban",
    method="POST",
    path="/users/{username}/activate",
    effect=Effect.ENSURE,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    pools=("users",),
    doubt=Probe("get-user", equals={"activated": True}),
    verify=ReadBack("get-user", equals={"activated": True}),
    inverse="ban",
    restored_by="ban",
    blind="somebody may not have been banned before",
    help="Lets banned users sign in again.",
    source=f"{PAGES}account_unban.html",
    read_on=READ_ON,
)

OPERATIONS = (
    REGISTER,
    DELETE,
    DELETE_OLDEST,
    GET_USER,
    LIST_USERS,
    SET_PASSWORD,
    BAN,
    UNBAN,
)
