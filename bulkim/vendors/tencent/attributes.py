"""User attributes, which pushes to all users are aimed by."""

from __future__ import annotations

from bulkim.catalogue.shapes import Effect, Field, MapByKey, Names, Operation, Pool, ReadBack, Rows
from bulkim.vendors.tencent.common import NAMED_FAILURES, PAGES, READ_ON, username

POOLS = (
    Pool("set-attr", 100, "all_member_push/im_set_attr, 37170, page of 2024-07-16"),
    Pool("get-attr", 100, "all_member_push/im_get_attr, 37169"),
    Pool("remove-attr", 100, "all_member_push/im_remove_attr, 37171"),
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

OPERATIONS = (SET_ATTRIBUTES, GET_ATTRIBUTES, REMOVE_ATTRIBUTES)
