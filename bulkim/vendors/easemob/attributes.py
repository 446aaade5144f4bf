"""User attributes."""

from __future__ import annotations

from bulkim.catalogue.shapes import (
    Effect,
    ErrorRule,
    Field,
    Form,
    MapByKey,
    Names,
    Operation,
    Pool,
    ReadBack,
    WholeCall,
)
from bulkim.model import Kind
from bulkim.vendors.easemob.common import PAGES, READ_ON, USERNAME

POOLS = (
    Pool("attributes-set", 100, "PUT /metadata/user/{username}"),
    Pool("attributes-get", 100, "POST /metadata/user/get"),
    Pool("attributes-remove", 100, "DELETE /metadata/user/{username}"),
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
    restored_by="set-attributes",
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

GET_ALL_ATTRIBUTES = Operation(
    name="get-all-attributes",
    method="GET",
    path="/metadata/user/{username}",
    effect=Effect.READ,
    fields=(USERNAME,),
    result=WholeCall(data="data"),
    pools=("attributes-get",),
    help="Reads all attributes of a user, one a request. Users who do not exist have none.",
    source=f"{PAGES}userprofile.html",
    read_on=READ_ON,
)

REMOVE_ATTRIBUTES = Operation(
    name="remove-attributes",
    method="DELETE",
    path="/metadata/user/{username}",
    effect=Effect.ENSURE,
    fields=(USERNAME,),
    result=WholeCall(accept={"data": [True, {}]}),  # the page says true; an empty object was recorded
    pools=("attributes-remove",),
    verify=ReadBack("get-all-attributes", equals={"": {}}),
    restored_by="set-attributes",
    help="Removes all attributes of a user. A user who does not exist counts as done.",
    source=f"{PAGES}userprofile.html",
    read_on=READ_ON,
)

OPERATIONS = (
    SET_ATTRIBUTES,
    GET_ATTRIBUTES,
    GET_ALL_ATTRIBUTES,
    REMOVE_ATTRIBUTES,
)

# The page's code, and none in the service's own envelope, where the HTTP status stands for it.
ERRORS = tuple(
    rule
    for code in ("FORBIDDEN", None)
    for rule in (
        ErrorRule(
            kind=Kind.REJECTED,
            status=403,
            code=code,
            pattern=r"(?i)size of metadata for this single user exceeds",
            item=True,
            meaning="The user's attributes would be larger than the vendor stores (2 kB a user by default).",
            remedy="Shorten the values, or ask the vendor for more.",
            page=f"{PAGES}userprofile.html",
        ),
        ErrorRule(
            kind=Kind.EXHAUSTED_PLAN,
            status=403,
            code=code,
            pattern=r"(?i)total size of user metadata for this app exceeds",
            meaning="All users' attributes together would be larger than the plan allows (10 GB by default).",
            remedy="Remove attributes, or ask the vendor for more.",
            page=f"{PAGES}userprofile.html",
        ),
    )
)
