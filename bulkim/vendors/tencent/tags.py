"""Tags of users, which pushes to all users are aimed by. At most ten a user and request, of 50 bytes each."""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import Effect, ErrorRule, Field, MapByKey, Names, Operation, Pool, ReadBack, Rows
from bulkim.model import Kind
from bulkim.vendors.tencent.common import CORRECT, NAMED_FAILURES, PAGES, READ_ON, username

POOLS = (
    Pool("add-tag", 100, "all_member_push/im_add_tag, 37173, page of 2024-07-16"),
    Pool("remove-tag", 100, "all_member_push/im_remove_tag, 37174"),
    Pool("get-tag", 100, "all_member_push/im_get_tag, 37172"),
)

ADD_TAGS = Operation(
    name="add-tags",
    method="POST",
    path="/v4/all_member_push/im_add_tag",
    effect=Effect.ENSURE,
    fields=(
        username("To_Account"),
        Field("tags", wire="Tags", type="names", param=True, help="at most 10 of 50 bytes each"),
    ),
    body=Rows(root="UserTags"),
    result=NAMED_FAILURES,
    batch_max=100,
    pools=("add-tag",),
    verify=ReadBack("get-tags", holds="tags"),
    inverse="remove-tags",
    blind="somebody may have had these tags before",
    help="Adds tags. A user has at most 100.",
    source=f"{PAGES}37173",
    read_on=READ_ON,
)
REMOVE_TAGS = replace(
    ADD_TAGS,
    name="remove-tags",
    path="/v4/all_member_push/im_remove_tag",
    pools=("remove-tag",),
    verify=ReadBack("get-tags", lacks="tags"),
    inverse="add-tags",
    blind="somebody may not have had these tags before",
    help="Removes tags by name.",
    source=f"{PAGES}37174",
)
GET_TAGS = Operation(
    name="get-tags",
    method="POST",
    path="/v4/all_member_push/im_get_tag",
    effect=Effect.READ,
    fields=(username("To_Account"),),
    body=Names("To_Account"),
    result=MapByKey(at="UserTags", key="To_Account", value="Tags", missing="empty"),
    batch_max=100,
    pools=("get-tag",),
    help="Reads all tags. Users who do not exist have none.",
    source=f"{PAGES}37172",
    read_on=READ_ON,
)

OPERATIONS = (ADD_TAGS, REMOVE_TAGS, GET_TAGS)

ERRORS = (
    ErrorRule(
        kind=Kind.REJECTED,
        code="90032",
        item=True,
        meaning="A tag is empty, longer than 50 bytes, or one of more than ten.",
        remedy=CORRECT,
        page=f"{PAGES}37173",
    ),
)
