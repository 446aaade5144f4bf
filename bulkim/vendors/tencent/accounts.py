"""Accounts: imported, deleted, checked, and whether they are online."""

from __future__ import annotations

from bulkim.catalogue.shapes import (
    Effect,
    FailuresOnly,
    Field,
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
)
from bulkim.vendors.tencent.common import PAGES, READ_ON, username

POOLS = (
    Pool("multiaccount-import", 100, "im_open_login_svc/multiaccount_import, 34954, page of 2024-12-25"),
    Pool("account-delete", 100, "im_open_login_svc/account_delete, 34955; for China, page of 2025-11"),
    Pool("account-check", 100, "im_open_login_svc/account_check, 34956, page of 2024-07-16"),
    Pool("kick", 200, "im_open_login_svc/kick, 34957, page of 2025-12-22; before 2024: 100"),
    Pool("online-status", 200, "openim/query_online_status, 35477; for China, page of 2025-12"),
)

# Of a profile's standard fields Tag_Profile_IM_Nick and Tag_Profile_IM_Image (33520, page of 2024-10-10), which an import sets.
PROFILE_BYTES_MAX = 500

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
            bytes_max=PROFILE_BYTES_MAX,
            help="overwrites the nickname of a user who already exists",
        ),
        Field(
            "face_url",
            wire="FaceUrl",
            optional=True,
            bytes_max=PROFILE_BYTES_MAX,
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

OPERATIONS = (REGISTER, DELETE, GET_USER, ONLINE_STATUS, DISCONNECT)
