"""Agora Chat: Easemob's endpoints under Agora's account, with a limit of its own for each method.

Method and path of each operation were held on 2026-11-27 against the pages in the vendor's own repository, AgoraIO/Docs-Source of
2026-07-01; their examples were not all compared again. The pages do not say that limits are shared, so each method is a pool. If an
app turns out to share them, the job's `rate` can say so.
"""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.addressing import App
from bulkim.catalogue.proofs import Bearer, Signed
from bulkim.catalogue.shapes import Operation, Pool
from bulkim.vendors.easemob import EASEMOB, accounts, attributes, groups, mutes, presence, relations

PAGES = "https://docs.agora.io/en/agora-chat/restful-api/"
USERS_PAGE = f"{PAGES}user-system-registration"
MUTES_PAGE = f"{PAGES}global-mute"
ATTRIBUTES_PAGE = f"{PAGES}user-attributes-management/manage-user-attributes"
PUSH_PAGE = f"{PAGES}offline-push-configuration"
CONTACTS_PAGE = f"{PAGES}contact-management"
GROUPS_PAGE = f"{PAGES}chat-group-management/manage-group-members"
ROOMS_PAGE = f"{PAGES}chatroom-management/manage-chatroom-members"
STATUS_CODES_PAGE = "https://docs.agora.io/en/agora-chat/reference/http-status-codes"

# The host stands in the console.
EXAMPLES = {"base_url": "https://a41.chat.agora.io", "org": "41117440", "app": "383391"}

# What shares Easemob's pool of users has one of its own here, called like the operation but for these.
_POOLS = {
    "set-password": "password",
    "online-status": "status-batch",
    "offline-message-status": "offline-status",
    "set-nickname": "nickname",
}
_LIMITS = {"status-batch": 50}  # calls a second, where they are not Easemob's
_PAGES = {
    **{
        each.name: page
        for room, page in (
            (accounts, USERS_PAGE),
            (presence, USERS_PAGE),
            (mutes, MUTES_PAGE),
            (attributes, ATTRIBUTES_PAGE),
            (relations, CONTACTS_PAGE),
            (groups, GROUPS_PAGE),
        )
        for each in room.OPERATIONS
    },
    **dict.fromkeys(("add-to-room", "remove-from-room", "get-rooms"), ROOMS_PAGE),
    "set-nickname": PUSH_PAGE,
}
_NOT_HERE = {"import-contacts"}
# Easemob's page is all there is: Agora's own, of 2026-07-01, do not mention them.
_UNSAID = {"devices", "disconnect-device"}
_ONE_BY_ONE = {"set-nickname"}  # Agora has not the form for many
_STATUS_OF_ONE = Pool("status", 100, "GET /users/{username}/status")


def _agoras(operation: Operation) -> Operation:
    """Easemob's declaration with Agora's pool and page.

    Agora counts a password's bytes, Easemob its characters. Agora's page of 2026-07 registers users without one: they
    sign in with tokens.
    """
    page, told = _PAGES[operation.name], operation.help
    if operation.name in _UNSAID:
        page, told = operation.source, f"{told} Agora's own pages do not mention it."
    single = operation.single and replace(operation.single, pools=(_STATUS_OF_ONE.name,), source=page)
    fields = tuple(
        replace(
            each,
            bytes_max=64,
            chars_max=None,
            optional=operation.name == "register",
            help="at most 64 bytes; never stored by bulkim",
        )
        if each.secret
        else each
        for each in operation.fields
    )
    pools = (_pool(operation).name,)
    return replace(operation, fields=fields, pools=pools, single=single, help=told, source=page)


def _pool(operation: Operation) -> Pool:
    """The method's own quota."""
    theirs = EASEMOB.pool(operation.pools[0])
    own = theirs.name if theirs.name != "users" else _POOLS.get(operation.name, operation.name)
    return Pool(own, _LIMITS.get(own, theirs.limit), f"{operation.method} {operation.path}")


def _form(operation: Operation) -> Operation:
    return operation.single if operation.name in _ONE_BY_ONE and operation.single else operation


_HERE = tuple(_form(each) for each in EASEMOB.operations if each.name not in _NOT_HERE)
OPERATIONS = tuple(map(_agoras, _HERE))
POOLS = (*{_pool(each).name: _pool(each) for each in reversed(_HERE)}.values(), _STATUS_OF_ONE)

BY_APP_ID = App(
    keys=("app_id",),
    root="/app-id/{app_id}",
    name="{app_id}",
    target="{app_id}",
    about={"app_id": "the App ID, instead of org and app."},
)
CERTIFICATE = Signed(
    by="agora-access-token2",
    identity="app_id",
    secret="app_certificate",  # noqa: S106 - a key's name
    headers={"authorization": "Bearer {signature}"},
    help="An app certificate: bulkim signs app tokens and renews them.",
    about={"app_id": "The project's App ID.", "app_certificate": "The project's certificate."},
)

AGORA = replace(
    EASEMOB,
    name="agora",
    label="Agora Chat",
    operations=OPERATIONS,
    errors=tuple(
        replace(each, page=STATUS_CODES_PAGE) for each in EASEMOB.errors if each not in relations.ERRORS
    ),  # those are of importing contacts alone
    pools=POOLS,
    apps=(*(replace(each, examples=EXAMPLES) for each in EASEMOB.apps), BY_APP_ID),
    auth=(Bearer(), CERTIFICATE),
)
