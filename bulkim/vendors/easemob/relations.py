"""Contacts, block lists, and the name that push notifications show: what users have of one another.

`username` is the owner of the list, `contact` whoever is put on it or taken off.
"""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import Effect, Field, MapByKey, Names, Object, Operation
from bulkim.vendors.easemob.common import EMPTY_JSON, PAGES, READ_ON, USERNAME

CONTACT = replace(USERNAME, name="contact", user=True, help="the other user")
CONTACTS_PAGE, BLOCKS_PAGE = f"{PAGES}user_friend_add.html", f"{PAGES}user_blocklist_add.html"
NAMED = MapByKey(at="entities", key="username", value="username", by="contact")

SET_NICKNAME = Operation(
    name="set-nickname",
    method="PUT",
    path="/users/{username}",
    effect=Effect.ENSURE,
    fields=(USERNAME, Field("nickname", param=True, chars_max=100, help="shown in push notifications")),
    body=Object(),
    pools=("users",),
    help="Sets the name that push notifications show.",
    source=f"{PAGES}push_nickname_set_single.html",
    read_on=READ_ON,
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
    inverse="remove-contact",
    blind="somebody may have been a contact before: the vendor answers the same",
    help="Makes two users each other's contacts.",
    source=CONTACTS_PAGE,
    read_on=READ_ON,
)

REMOVE_CONTACT = replace(
    ADD_CONTACT,
    name="remove-contact",
    method="DELETE",
    body=replace(EMPTY_JSON, content_type=None),
    pools=("contacts-remove",),
    inverse="add-contact",
    blind="somebody may not have been a contact before: the vendor answers the same",
    help="Ends a contact, for both.",
    source=f"{PAGES}user_friend_remove.html",
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
    inverse="block",
    blind="somebody may not have been blocked before: the vendor answers the same",
    help="Takes a user off another one's block list.",
    source=f"{PAGES}user_blocklist_remove.html",
    read_on=READ_ON,
)

OPERATIONS = (SET_NICKNAME, ADD_CONTACT, REMOVE_CONTACT, BLOCK, UNBLOCK)
