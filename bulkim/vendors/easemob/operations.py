"""Easemob's endpoints, as its pages describe them. Agora's catalogue is made from the same declarations.

All paths lie below ``/{org}/{app}``. Limits are the documented defaults of an App Key; add-on packs raise them, so a
job may say otherwise.
"""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import (
    Effect,
    Field,
    Form,
    MapByKey,
    Names,
    Never,
    NoBody,
    Object,
    Operation,
    Paging,
    Pool,
    Probe,
    ReadBack,
    Repeat,
    Rows,
    SplitLists,
    WholeCall,
)

READ_ON = "2026-11"
PAGES = "https://doc.easemob.com/document/server-side/"

POOLS = (
    Pool(
        "users", 100, "one pool for the whole user system and the push settings; client SDKs draw on it too"
    ),
    Pool("mass-delete", 30, "deleting the oldest users; lies inside the users pool"),
    Pool("mutes-set", 100, "POST /mutes"),
    Pool("mutes-get", 100, "GET /mutes/{username}"),
    Pool("mutes-list", 100, "GET /mutes"),
    Pool("attributes-set", 100, "PUT /metadata/user/{username}"),
    Pool("attributes-get", 100, "POST /metadata/user/get"),
    Pool("attributes-remove", 100, "DELETE /metadata/user/{username}"),
)

EMPTY_JSON = NoBody(content_type="application/json")  # some pages require the header with no body

USERNAME = Field(
    "username",
    key=True,
    bytes_max=64,
    # "." and ".." would address another resource: HTTP clients normalise them away.
    pattern=r"(?!\.{1,2}$)[A-Za-z0-9_.-]+",
    help="letters, digits and _ - . ; the vendor ignores case and answers in lower case",
)
PASSWORD = Field("password", secret=True, chars_max=64, help="at most 64 characters; never stored by bulkim")
NICKNAME = Field("nickname", optional=True, chars_max=100, help="shown in push notifications")


def _scope(name: str, what: str) -> Field:
    return Field(
        name,
        optional=True,
        param=True,
        type="seconds",
        minimum=-1,
        maximum=2147483647,
        help=f"seconds without {what}; -1 for ever, 0 lifts it",
    )


SCOPES = (
    _scope("chat", "one-to-one messages"),
    _scope("groupchat", "group messages"),
    _scope("chatroom", "chat rooms"),
)
SCOPE_NAMES = tuple(each.name for each in SCOPES)

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
ONLINE_STATUS = Operation(
    name="online-status",
    method="POST",
    path="/users/batch/status",
    effect=Effect.READ,
    fields=(USERNAME,),
    body=Names("usernames"),
    result=MapByKey(at="data"),
    batch_max=100,
    pools=("users",),
    single=Operation(
        name="online-status",
        method="GET",
        path="/users/{username}/status",
        effect=Effect.READ,
        fields=(USERNAME,),
        body=EMPTY_JSON,
        result=MapByKey(at="data"),
        pools=("users",),
        source=f"{PAGES}account_presence_obtain_single.html",
        read_on=READ_ON,
    ),
    help="Says online or offline. Users who do not exist are called offline.",
    source=f"{PAGES}account_presence_obtain_batch.html",
    read_on=READ_ON,
)
DEVICES = Operation(
    name="devices",
    method="GET",
    path="/users/{username}/resources",
    effect=Effect.READ,
    fields=(USERNAME,),
    result=WholeCall(data="data"),
    pools=("users",),
    help="Lists the devices on which a user is signed in.",
    source=f"{PAGES}account_online_device_obtain.html",
    read_on=READ_ON,
)
MUTE = Operation(
    name="mute",
    method="POST",
    path="/mutes",
    effect=Effect.ENSURE,
    fields=(USERNAME, *SCOPES),
    body=Object(),
    result=WholeCall(accept={"data.result": "ok"}),
    pools=("mutes-set",),
    doubt=Probe("get-mute", remaining=SCOPE_NAMES),  # a second sending would start the time again
    any_of=SCOPE_NAMES,
    verify=ReadBack("get-mute", remaining=SCOPE_NAMES),
    inverse="unmute",
    blind="somebody may have been muted before, and stays so no longer",
    help="Stops users from sending in the scopes that are named. A scope that is not named stays as it is.",
    source=f"{PAGES}user_global_mute.html",
    read_on=READ_ON,
)
UNMUTE = replace(
    MUTE,
    name="unmute",
    fields=(USERNAME, *(replace(each, fixed=0, help="name it to lift this scope only") for each in SCOPES)),
    doubt=Repeat(),
    otherwise=dict.fromkeys(SCOPE_NAMES, 0),
    inverse="mute",
    blind="somebody may not have been muted before",
    help="Lifts mutes: in all scopes, or in those that are named, whatever value they have.",
)
GET_MUTE = Operation(
    name="get-mute",
    method="GET",
    path="/mutes/{username}",
    effect=Effect.READ,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    result=WholeCall(data="data"),
    pools=("mutes-get",),
    help="Reads how many seconds of each scope's mute remain; -1 for ever, 0 none.",
    source=f"{PAGES}user_global_mute.html",
    read_on=READ_ON,
)
LIST_MUTES = Operation(
    name="list-mutes",
    method="GET",
    path="/mutes",
    effect=Effect.READ,
    body=EMPTY_JSON,
    batch_max=50,
    pools=("mutes-list",),
    paging=Paging(items="data.data", key="username", size="pageSize", by="number", at="pageNum", merge=True),
    help="Lists muted users. Those whose mutes were lifted may still be there, with 0.",
    source=f"{PAGES}user_global_mute.html",
    read_on=READ_ON,
)
OFFLINE_COUNT = Operation(
    name="offline-count",
    method="GET",
    path="/users/{username}/offline_msg_count",
    effect=Effect.READ,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    result=MapByKey(at="data"),
    pools=("users",),
    help="Counts the messages that wait for a user.",
    source=f"{PAGES}account_system.html",
    read_on=READ_ON,
)
OFFLINE_MESSAGE_STATUS = Operation(
    name="offline-message-status",
    method="GET",
    path="/users/{username}/offline_msg_status/{message_id}",
    effect=Effect.READ,
    fields=(USERNAME, Field("message_id", key=True, pattern=r"[A-Za-z0-9_-]+", help="the message's id")),
    body=EMPTY_JSON,
    result=MapByKey(at="data", by="message_id"),
    pools=("users",),
    help="Says whether one message was delivered to a user who was offline.",
    source=f"{PAGES}account_system.html",
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
    blind="somebody may not have been banned before",
    help="Lets banned users sign in again.",
    source=f"{PAGES}account_unban.html",
    read_on=READ_ON,
)
DISCONNECT = Operation(
    name="disconnect",
    method="GET",
    path="/users/{username}/disconnect",
    effect=Effect.DISRUPT,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    result=WholeCall(accept={"data.result": True}),
    pools=("users",),
    doubt=Probe("online-status", equals={"": "offline"}),
    help="Signs users out on all devices; they may sign in again. A GET with an effect: keep proxies away from it.",
    source=f"{PAGES}account_offline_forced.html",
    read_on=READ_ON,
)
SET_ATTRIBUTES = Operation(
    name="set-attributes",
    method="PUT",
    path="/metadata/user/{username}",
    effect=Effect.ENSURE,
    fields=(USERNAME, Field("attributes", type="map", param=True, help="names and values; 2 kB a user")),
    body=Form(of="attributes"),
    pools=("attributes-set",),
    verify=ReadBack("get-attributes", holds="attributes"),
    help="Sets attributes such as nickname, avatarurl, ext. Those that are not named stay as they are.",
    source=f"{PAGES}userprofile.html",
    read_on=READ_ON,
)
GET_ATTRIBUTES = Operation(
    name="get-attributes",
    method="POST",
    path="/metadata/user/get",
    effect=Effect.READ,
    fields=(
        USERNAME,
        Field(
            "attributes", wire="properties", type="names", param=True, help="names of the attributes to read"
        ),
    ),
    body=Names("targets", also=("attributes",)),
    result=MapByKey(at="data", missing="empty"),
    batch_max=100,
    pools=("attributes-get",),
    help="Reads attributes. Users who do not exist have none.",
    source=f"{PAGES}userprofile.html",
    read_on=READ_ON,
)
REMOVE_ATTRIBUTES = Operation(
    name="remove-attributes",
    method="DELETE",
    path="/metadata/user/{username}",
    effect=Effect.ENSURE,
    fields=(USERNAME,),
    result=WholeCall(accept={"data": True}),
    pools=("attributes-remove",),
    help="Removes all attributes of a user. A user who does not exist counts as done.",
    source=f"{PAGES}userprofile.html",
    read_on=READ_ON,
)

OPERATIONS = (
    REGISTER,
    DELETE,
    DELETE_OLDEST,
    GET_USER,
    LIST_USERS,
    SET_PASSWORD,
    ONLINE_STATUS,
    DEVICES,
    MUTE,
    UNMUTE,
    GET_MUTE,
    LIST_MUTES,
    OFFLINE_COUNT,
    OFFLINE_MESSAGE_STATUS,
    BAN,
    UNBAN,
    DISCONNECT,
    SET_ATTRIBUTES,
    GET_ATTRIBUTES,
    REMOVE_ATTRIBUTES,
)
