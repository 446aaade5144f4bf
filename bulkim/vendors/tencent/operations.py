"""Tencent Chat's commands, as its pages describe them: all are ``POST /v4/{service}/{command}`` with a JSON body.

Limits are for each command and SDKAppID. Who is asked for stands in the body, so a UserID may be any printable ASCII.
"""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import (
    Effect,
    FailuresOnly,
    Field,
    MapByKey,
    Names,
    Object,
    Operation,
    PerItem,
    Pool,
    Probe,
    ReadBack,
    Repeat,
    Rows,
    SplitLists,
    WholeCall,
)

# What was at hand in 2026-11 are stored copies of the pages, some a year or two old; a pool says which where it matters. Where the
# copies for China and the international ones differ, what both take is declared.
READ_ON = "2026-11"
PAGES = "https://www.tencentcloud.com/document/product/1047/"
FOR_EVER = 4294967295

POOLS = (
    Pool("multiaccount-import", 100, "im_open_login_svc/multiaccount_import"),
    Pool("account-delete", 100, "im_open_login_svc/account_delete"),
    Pool("account-check", 100, "im_open_login_svc/account_check"),
    Pool("kick", 200, "im_open_login_svc/kick; older pages say 100"),
    Pool("online-status", 200, "openim/query_online_status"),
    Pool("set-mute", 100, "openconfigsvr/setnospeaking; the page of 2025 says 200, older ones 100"),
    Pool("get-mute", 100, "openconfigsvr/getnospeaking; the page of 2025 says 200, older ones 100"),
    Pool("set-attr", 100, "all_member_push/im_set_attr"),
    Pool("get-attr", 100, "all_member_push/im_get_attr"),
    Pool("remove-attr", 100, "all_member_push/im_remove_attr"),
)


def username(wire: str) -> Field:
    return Field(
        "username",
        wire=wire,
        key=True,
        bytes_max=32,
        pattern=r"[\x20-\x7e]+",
        help="printable ASCII; upper and lower case are different users",
    )


def _scope(name: str, wire: str, *, fallback_of: str | None = None, note: str = "") -> Field:
    return Field(
        name,
        wire=wire,
        optional=True,
        param=True,
        type="seconds",
        minimum=-1,
        maximum=FOR_EVER - 1,
        forever=FOR_EVER,
        fallback_of=fallback_of,
        help=f"seconds; -1 for ever, 0 lifts it{note}",
    )


SCOPES = (
    _scope("chat", "C2CmsgNospeakingTime"),
    _scope("groupchat", "GroupmsgNospeakingTime"),
    # Chat rooms are groups here: alone it mutes groups, beside `groupchat` it is covered by it.
    _scope(
        "chatroom",
        "GroupmsgNospeakingTime",
        fallback_of="groupchat",
        note="; the same as groupchat, which goes first",
    ),
)
SCOPE_NAMES = tuple(each.name for each in SCOPES)

# The commands' own pages show no list of failures; those of their twins under timpush/ do (67819, 67823), and an OK
# that carries one would otherwise be believed of everybody.
NAMED_FAILURES = FailuresOnly(failed="ErrorList", key="To_Account", code="ErrorCode", reason="ErrorInfo")

REGISTER = Operation(
    name="register",
    method="POST",
    path="/v4/im_open_login_svc/multiaccount_import",
    effect=Effect.CREATE,
    fields=(
        username("UserID"),
        # Declared, so that a list made for another vendor keeps its passwords out of the journal here too.
        Field(
            "password", secret=True, optional=True, sent=False, help="not used: users sign in with a UserSig"
        ),
        Field(
            "nickname",
            wire="Nick",
            optional=True,
            help="overwrites the nickname of a user who already exists",
        ),
        Field(
            "face_url",
            wire="FaceUrl",
            optional=True,
            help="the picture's address; overwrites that of a user who already exists",
        ),
    ),
    body=Rows(root="AccountList"),
    result=FailuresOnly(failed="FailAccounts"),
    batch_max=100,
    pools=("multiaccount-import",),
    doubt=Repeat(because="importing again creates nobody twice"),
    verify=ReadBack("get-user"),
    inverse="delete",
    blind="somebody may have been there before: the vendor answers the same",
    help="Imports accounts. A user who already exists counts as imported, and gets the nickname that is given.",
    source=f"{PAGES}34954",
    read_on=READ_ON,
)
DELETE = Operation(
    name="delete",
    method="POST",
    path="/v4/im_open_login_svc/account_delete",
    effect=Effect.DELETE,
    fields=(username("UserID"),),
    body=Rows(root="DeleteItem"),
    result=PerItem(items="ResultItem", key="UserID", code="ResultCode", reason="ResultInfo", ok=("0",)),
    batch_max=100,
    pools=("account-delete",),
    verify=ReadBack("get-user", exists=False),
    destroys="their contacts, profiles, groups and conversations; it cannot be undone, and on paid plans a deleted "
    "UserID cannot be imported again for three months",
    help="Deletes accounts. Outside the trial and developer editions it must be enabled in the console.",
    source=f"{PAGES}34955",
    read_on=READ_ON,
)
GET_USER = Operation(
    name="get-user",
    method="POST",
    path="/v4/im_open_login_svc/account_check",
    effect=Effect.READ,
    fields=(username("UserID"),),
    body=Rows(root="CheckItem"),
    result=PerItem(
        items="ResultItem",
        key="UserID",
        code="ResultCode",
        reason="ResultInfo",
        ok=("0",),
        state="AccountStatus",
    ),
    batch_max=100,
    pools=("account-check",),
    help="Says whether an account was imported; one that was not counts as failed with the code NotImported.",
    source=f"{PAGES}34956",
    read_on=READ_ON,
)
ONLINE_STATUS = Operation(
    name="online-status",
    method="POST",
    path="/v4/openim/query_online_status",
    effect=Effect.READ,
    fields=(username("To_Account"),),
    body=Names("To_Account"),
    result=SplitLists(succeeded="QueryResult", failed="ErrorList", key="To_Account", code="ErrorCode"),
    batch_max=500,
    pools=("online-status",),
    help="Says Online, PushOnline or Offline.",
    source=f"{PAGES}35477",
    read_on=READ_ON,
)
DISCONNECT = Operation(
    name="disconnect",
    method="POST",
    path="/v4/im_open_login_svc/kick",
    effect=Effect.DISRUPT,
    fields=(username("UserID"),),
    body=Object(),
    pools=("kick",),
    # Newer pages call the field State, older ones Status.
    doubt=Probe("online-status", equals={"Status|State": "Offline"}),
    help="Voids a user's present UserSigs, which signs them out; a new one lets them in again.",
    source=f"{PAGES}34957",
    read_on=READ_ON,
)
MUTE = Operation(
    name="mute",
    method="POST",
    path="/v4/openconfigsvr/setnospeaking",
    effect=Effect.ENSURE,
    fields=(username("Set_Account"), *SCOPES),
    body=Object(),
    pools=("set-mute",),
    doubt=Probe("get-mute", remaining=SCOPE_NAMES),  # a second sending would start the time again
    any_of=SCOPE_NAMES,
    verify=ReadBack("get-mute", remaining=SCOPE_NAMES),
    inverse="unmute",
    restored_by="mute",
    blind="somebody may have been muted before, and stays so no longer",
    help="Stops users from sending in the scopes that are named. A scope that is not named stays as it is.",
    source=f"{PAGES}34923",
    read_on=READ_ON,
)
UNMUTE = replace(
    MUTE,
    name="unmute",
    fields=(
        username("Set_Account"),
        *(replace(each, fixed=0, help="name it to lift this scope only") for each in SCOPES),
    ),
    doubt=Repeat(),
    otherwise={"chat": 0, "groupchat": 0},
    inverse="mute",
    blind="somebody may not have been muted before",
    help="Lifts mutes: in all scopes, or in those that are named, whatever value they have.",
)
GET_MUTE = Operation(
    name="get-mute",
    method="POST",
    path="/v4/openconfigsvr/getnospeaking",
    effect=Effect.READ,
    fields=(username("Get_Account"),),
    body=Object(),
    result=WholeCall(
        pick=("C2CmsgNospeakingTime", "GroupmsgNospeakingTime"),
        vague={"C2CmsgNospeakingTime": FOR_EVER, "GroupmsgNospeakingTime": FOR_EVER},
    ),
    pools=("get-mute",),
    help="Reads how many seconds of each scope's mute remain; 4294967295 for ever, 0 none. For ever in both scopes is "
    "also what the vendor answers of an account that does not exist; the result's reason says so.",
    source=f"{PAGES}34924",
    read_on=READ_ON,
)
SET_ATTRIBUTES = Operation(
    name="set-attributes",
    method="POST",
    path="/v4/all_member_push/im_set_attr",
    effect=Effect.ENSURE,
    fields=(
        username("To_Account"),
        Field(
            "attributes", wire="Attrs", type="map", param=True, help="names and values of at most 50 bytes"
        ),
    ),
    body=Rows(root="UserAttrs"),
    result=NAMED_FAILURES,
    batch_max=100,
    pools=("set-attr",),
    verify=ReadBack("get-attributes", holds="attributes"),
    inverse="remove-attributes",
    restored_by="set-attributes",
    blind="somebody may have had these attributes before, with other values",
    help="Sets attributes; the app's attribute names must be set before.",
    source=f"{PAGES}37170",
    read_on=READ_ON,
)
GET_ATTRIBUTES = Operation(
    name="get-attributes",
    method="POST",
    path="/v4/all_member_push/im_get_attr",
    effect=Effect.READ,
    fields=(
        username("To_Account"),
        Field(
            "attributes",
            type="names",
            param=True,
            optional=True,
            sent=False,
            help="not used: all are answered",
        ),
    ),
    body=Names("To_Account"),
    result=MapByKey(at="UserAttrs", key="To_Account", value="Attrs", missing="empty"),
    batch_max=100,
    pools=("get-attr",),
    help="Reads all attributes. Users who do not exist have none.",
    source=f"{PAGES}37169",
    read_on=READ_ON,
)
REMOVE_ATTRIBUTES = Operation(
    name="remove-attributes",
    method="POST",
    path="/v4/all_member_push/im_remove_attr",
    effect=Effect.ENSURE,
    fields=(
        username("To_Account"),
        Field("attributes", wire="Attrs", type="names", param=True, help="names of the attributes to remove"),
    ),
    body=Rows(root="UserAttrs"),
    result=NAMED_FAILURES,
    batch_max=100,
    pools=("remove-attr",),
    verify=ReadBack("get-attributes", lacks="attributes"),
    restored_by="set-attributes",
    help="Removes attributes by name.",
    source=f"{PAGES}37171",
    read_on=READ_ON,
)

OPERATIONS = (
    REGISTER,
    DELETE,
    GET_USER,
    ONLINE_STATUS,
    DISCONNECT,
    MUTE,
    UNMUTE,
    GET_MUTE,
    SET_ATTRIBUTES,
    GET_ATTRIBUTES,
    REMOVE_ATTRIBUTES,
)
