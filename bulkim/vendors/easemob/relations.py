"""Contacts, block lists, and the name that push notifications show: what users have of one another.

`username` is the owner of the list, `contact` whoever is put on it or taken off.
"""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import (
    Effect,
    ErrorRule,
    Field,
    Lists,
    MapByKey,
    Names,
    Object,
    Operation,
    Pool,
    Probe,
    ReadBack,
    Rows,
    WholeCall,
)
from bulkim.model import Kind
from bulkim.vendors.easemob.common import EMPTY_JSON, PAGES, READ_ON, REGISTER_FIRST, USERNAME

POOLS = (
    Pool("nicknames-set", 100, "PUT /push/nickname"),
    Pool("contacts-add", 100, "POST /users/{username}/contacts/users/{contact}"),
    Pool("contacts-import", 100, "POST /users/{username}/contacts/import"),
    Pool("contacts-remove", 100, "DELETE /users/{username}/contacts/users/{contact}"),
    Pool("contacts-get", 100, "GET /users/{username}/contacts/users"),
    Pool("blocks-add", 50, "POST /users/{username}/blocks/users"),
    Pool("blocks-remove", 50, "DELETE /users/{username}/blocks/users/{contact}"),
    Pool("blocks-get", 50, "GET /users/{username}/blocks/users"),
)
CONTACT = replace(USERNAME, name="contact", user=True, help="the other user")
CONTACTS_PAGE, BLOCKS_PAGE = f"{PAGES}user_friend_add.html", f"{PAGES}user_blocklist_add.html"
IMPORT_PAGE = f"{PAGES}user_friend_import.html"
NAMED = MapByKey(at="entities", key="username", value="username", by="contact")
IS_CONTACT = ReadBack("get-contacts", holds="contact")
IS_BLOCKED = ReadBack("get-blocks", holds="contact")

NICKNAME = Field("nickname", param=True, chars_max=100, help="shown in push notifications")
SET_ONE_NICKNAME = Operation(
    name="set-nickname",
    method="PUT",
    path="/users/{username}",
    effect=Effect.ENSURE,
    fields=(USERNAME, NICKNAME),
    body=Object(),
    pools=("users",),
    verify=ReadBack("get-user", same={"nickname": "nickname"}),
    help="Sets the name that push notifications show.",
    source=f"{PAGES}push_nickname_set_single.html",
    read_on=READ_ON,
)
SET_NICKNAME = replace(
    SET_ONE_NICKNAME,
    path="/push/nickname",
    fields=(USERNAME, replace(NICKNAME, wire="push_nickname")),
    body=Rows(),
    result=MapByKey(at="entities", key="username"),
    batch_max=50,
    pools=("nicknames-set",),
    # The page does not say what is answered of users who do not exist: who is not named is asked about.
    doubt=Probe("get-user", same={"nickname": "nickname"}, nobody="absent"),
    single=SET_ONE_NICKNAME,
    source=f"{PAGES}push_nickname_set_batch.html",
)

ADD_CONTACT = Operation(
    name="add-contact",
    method="POST",
    path="/users/{username}/contacts/users/{contact}",
    effect=Effect.ENSURE,
    fields=(USERNAME, CONTACT),
    body=EMPTY_JSON,
    result=NAMED,
    pools=("contacts-add",),
    verify=IS_CONTACT,
    inverse="remove-contact",
    blind="somebody may have been a contact before: the vendor answers the same",
    help="Makes two users each other's contacts.",
    source=CONTACTS_PAGE,
    read_on=READ_ON,
)
IMPORT_CONTACTS = Operation(
    name="import-contacts",
    method="POST",
    path="/users/{username}/contacts/import",
    effect=Effect.ENSURE,
    fields=(USERNAME, CONTACT),
    body=Names("usernames", of="contact"),
    result=Lists(
        succeeded="data.success",
        failed=("data.NotExistFailed", "data.maxLimitFailed", "data.UnKnowFailed"),
        by="contact",
    ),
    batch_max=10,
    pools=("contacts-import",),
    verify=IS_CONTACT,
    inverse="remove-contact",
    blind="somebody may have been a contact before: the vendor answers the same",
    help="Puts up to ten users a request on the contact list of another one. Nobody is notified.",
    source=IMPORT_PAGE,
    read_on=READ_ON,
)
REMOVE_CONTACT = replace(
    ADD_CONTACT,
    name="remove-contact",
    method="DELETE",
    body=replace(EMPTY_JSON, content_type=None),
    pools=("contacts-remove",),
    verify=ReadBack("get-contacts", lacks="contact"),
    inverse="add-contact",
    blind="somebody may not have been a contact before: the vendor answers the same",
    help="Ends a contact, for both.",
    source=f"{PAGES}user_friend_remove.html",
)
GET_CONTACTS = Operation(
    name="get-contacts",
    method="GET",
    path="/users/{username}/contacts/users",
    effect=Effect.READ,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    result=WholeCall(data="data"),
    pools=("contacts-get",),
    help="Lists a user's contacts, all at once.",
    source=f"{PAGES}user_friend_list.html",
    read_on=READ_ON,
)

BLOCK = Operation(
    name="block",
    method="POST",
    path="/users/{username}/blocks/users",
    effect=Effect.ENSURE,
    fields=(USERNAME, CONTACT),
    body=Names("usernames", of="contact"),
    result=MapByKey(at="data", by="contact"),
    batch_max=50,
    pools=("blocks-add",),
    verify=IS_BLOCKED,
    inverse="unblock",
    blind="somebody may have been blocked before: the vendor answers the same",
    help="Puts users on the block list of another one, who then gets no messages from them.",
    source=BLOCKS_PAGE,
    read_on=READ_ON,
)
UNBLOCK = Operation(
    name="unblock",
    method="DELETE",
    path="/users/{username}/blocks/users/{contact}",
    effect=Effect.ENSURE,
    fields=(USERNAME, CONTACT),
    result=NAMED,
    pools=("blocks-remove",),
    verify=ReadBack("get-blocks", lacks="contact"),
    inverse="block",
    blind="somebody may not have been blocked before: the vendor answers the same",
    help="Takes a user off another one's block list.",
    source=f"{PAGES}user_blocklist_remove.html",
    read_on=READ_ON,
)
GET_BLOCKS = replace(
    GET_CONTACTS,
    name="get-blocks",
    path="/users/{username}/blocks/users",
    body=replace(EMPTY_JSON, content_type=None),
    pools=("blocks-get",),
    help="Lists whom a user blocks: all, for a list holds 500 at most.",
    source=f"{PAGES}user_blocklist_list.html",
)

OPERATIONS = (
    SET_NICKNAME,
    ADD_CONTACT,
    IMPORT_CONTACTS,
    REMOVE_CONTACT,
    GET_CONTACTS,
    BLOCK,
    UNBLOCK,
    GET_BLOCKS,
)

# What the lists of an import are called says what became of those in them.
ERRORS = tuple(
    ErrorRule(kind=kind, code=code, item=True, meaning=meaning, remedy=remedy, page=IMPORT_PAGE)
    for kind, code, meaning, remedy in (
        (Kind.ABSENT, "NotExistFailed", "There is no such user.", REGISTER_FIRST),
        (
            Kind.REJECTED,
            "maxLimitFailed",
            "The owner has as many contacts as the plan allows.",
            "Remove others first, or raise the plan.",
        ),
        (
            Kind.TRANSIENT,
            "UnKnowFailed",
            "The vendor failed inside, for this user.",
            "Nothing while the run goes on. `bulkim retry RUN` sends again what ended as unknown.",
        ),
    )
)
