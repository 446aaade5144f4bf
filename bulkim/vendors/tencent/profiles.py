"""Profiles: the standard fields, such as Tag_Profile_IM_Nick, and the app's own, Tag_Profile_Custom_....

Whoever sets a field leaves the others as they are. No page takes a field away again.
"""

from __future__ import annotations

from bulkim.catalogue.bodies import Names, Object
from bulkim.catalogue.shapes import Effect, ErrorRule, Field, Operation, PerItem, Pool, ReadBack
from bulkim.model import Kind
from bulkim.vendors.tencent.common import (
    CORRECT,
    INVALID_ACCOUNT,
    PAGES,
    READ_ON,
    REGISTER_FIRST,
    no_account,
    not_administrator,
    username,
)

POOLS = (
    Pool("set-profile", 200, "profile/portrait_set, 34916, page of 2024-10-10"),
    Pool("get-profile", 200, "profile/portrait_get, 34917, page of 2024-10-10"),
)
TAG_VALUE = ("Tag", "Value")

SET_PROFILE = Operation(
    name="set-profile",
    method="POST",
    path="/v4/profile/portrait_set",
    effect=Effect.ENSURE,
    fields=(
        username("From_Account"),
        Field(
            "profile",
            wire="ProfileItem",
            type="map",
            pairs=TAG_VALUE,
            param=True,
            bytes_max=500,
            help="tags and values: {Tag_Profile_IM_Nick: Ann}",
        ),
    ),
    body=Object(),
    pools=("set-profile",),
    verify=ReadBack("get-profile", holds="profile"),
    restored_by="set-profile",
    blind="no page takes away again a field that was not set before",
    help="Sets fields of profiles; those that are not named stay as they are.",
    source=f"{PAGES}34916",
    read_on=READ_ON,
)
GET_PROFILE = Operation(
    name="get-profile",
    method="POST",
    path="/v4/profile/portrait_get",
    effect=Effect.READ,
    fields=(
        username("To_Account"),
        Field("profile", wire="TagList", type="names", param=True, help="the tags to read"),
    ),
    body=Names("To_Account", also=("profile",)),
    result=PerItem(
        items="UserProfileItem",
        key="To_Account",
        code="ResultCode",
        reason="ResultInfo",
        ok=("0",),
        value="ProfileItem",
        pairs=TAG_VALUE,
        others=INVALID_ACCOUNT,
    ),
    batch_max=100,
    pools=("get-profile",),
    help="Reads fields of profiles. A custom field that was never set is left out of the answer.",
    source=f"{PAGES}34917",
    read_on=READ_ON,
)
OPERATIONS = (SET_PROFILE, GET_PROFILE)

_SET, _GET = SET_PROFILE.source, GET_PROFILE.source

ERRORS = (
    no_account("40003", _SET),
    ErrorRule(
        kind=Kind.ABSENT,
        code=INVALID_ACCOUNT,
        item=True,
        meaning="The vendor lists the account as one that it does not know.",
        remedy=REGISTER_FIRST,
        page=_GET,
    ),
    not_administrator("40004", _SET),
    *(
        ErrorRule(kind=Kind.REJECTED, code=code, item=True, meaning=meaning, remedy=CORRECT, page=page)
        for code, meaning, page in (
            ("40001", "A parameter of the profile is not allowed.", _SET),
            ("40005", "The profile holds a word that is not allowed.", _SET),
            ("40007", "A field of the profile may not be read.", _GET),
            ("40008", "A field of the profile may not be written.", _SET),
            ("40009", "There is no such field of the profile; the app's own are made in the console.", _SET),
            ("40601", "A value of the profile is longer than 500 bytes.", _SET),
            ("40605", "The value is none that this standard field takes.", _SET),
            ("40610", "The value is of another type than the field.", _SET),
        )
    ),
)
