"""Agora Chat: Easemob's endpoints under Agora's account, with a limit of its own for each method.

The pages do not say that limits are shared, so each method is a pool. If an app turns out to share them, the job's
`rate` can say so.
"""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.addressing import App
from bulkim.catalogue.proofs import Bearer, Signed
from bulkim.catalogue.shapes import Operation, Pool
from bulkim.vendors.easemob import EASEMOB

PAGES = "https://docs.agora.io/en/agora-chat/restful-api/"
USERS_PAGE = f"{PAGES}user-system-registration"
MUTES_PAGE = f"{PAGES}global-mute"
ATTRIBUTES_PAGE = f"{PAGES}user-attributes-management/manage-user-attributes"

EXAMPLES = {
    "base_url": "https://a41.chat.agora.io",
    "org": "41117440",
    "app": "383391",
}  # the host stands in the console
PUSH_PAGE = f"{PAGES}offline-push-configuration"
CONTACTS_PAGE = f"{PAGES}contact-management"
GROUPS_PAGE = f"{PAGES}chat-group-management/manage-group-members"
ROOMS_PAGE = f"{PAGES}chatroom-management/manage-chatroom-members"

# operation -> (its pool, calls a second, page)
_METHODS = {
    "register": ("register", 100, USERS_PAGE),
    "delete": ("delete", 100, USERS_PAGE),
    "delete-oldest": ("mass-delete", 30, USERS_PAGE),
    "get-user": ("get-user", 100, USERS_PAGE),
    "list-users": ("list-users", 100, USERS_PAGE),
    "set-password": ("password", 100, USERS_PAGE),
    "online-status": ("status-batch", 50, USERS_PAGE),
    "devices": ("devices", 100, USERS_PAGE),
    "mute": ("mutes-set", 100, MUTES_PAGE),
    "unmute": ("mutes-set", 100, MUTES_PAGE),
    "get-mute": ("mutes-get", 100, MUTES_PAGE),
    "list-mutes": ("mutes-list", 100, MUTES_PAGE),
    "offline-count": ("offline-count", 100, USERS_PAGE),
    "offline-message-status": ("offline-status", 100, USERS_PAGE),
    "ban": ("ban", 100, USERS_PAGE),
    "unban": ("unban", 100, USERS_PAGE),
    "disconnect": ("disconnect", 100, USERS_PAGE),
    "disconnect-device": ("disconnect-device", 100, USERS_PAGE),
    "set-attributes": ("attributes-set", 100, ATTRIBUTES_PAGE),
    "get-attributes": ("attributes-get", 100, ATTRIBUTES_PAGE),
    "get-all-attributes": ("attributes-get", 100, ATTRIBUTES_PAGE),
    "remove-attributes": ("attributes-remove", 100, ATTRIBUTES_PAGE),
    "set-nickname": ("nickname", 100, PUSH_PAGE),
    "add-contact": ("contacts-add", 100, CONTACTS_PAGE),
    "remove-contact": ("contacts-remove", 100, CONTACTS_PAGE),
    "block": ("blocks-add", 50, CONTACTS_PAGE),
    "unblock": ("blocks-remove", 50, CONTACTS_PAGE),
    "add-to-group": ("group-members-add", 100, GROUPS_PAGE),
    "remove-from-group": ("group-members-remove", 100, GROUPS_PAGE),
    "add-to-room": ("room-members-add", 100, ROOMS_PAGE),
    "remove-from-room": ("room-members-remove", 100, ROOMS_PAGE),
}
STATUS_CODES_PAGE = "https://docs.agora.io/en/agora-chat/reference/http-status-codes"
_STATUS_OF_ONE = Pool("status", 100, "GET /users/{username}/status")


def _agoras(operation: Operation) -> Operation:
    """Easemob's declaration with Agora's pool and page.

    Agora counts a password's bytes, Easemob its characters. Agora's page of 2026-07 registers users without one: they
    sign in with tokens.
    """
    pool, _, page = _METHODS[operation.name]
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
    return replace(operation, fields=fields, pools=(pool,), single=single, source=page)


OPERATIONS = tuple(_agoras(each) for each in EASEMOB.operations if each.name in _METHODS)
_LIMITS = {
    _METHODS[each.name][0]: Pool(*_METHODS[each.name][:2], f"{each.method} {each.path}")
    for each in OPERATIONS
}
POOLS = (*_LIMITS.values(), _STATUS_OF_ONE)

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
    errors=tuple(replace(each, page=STATUS_CODES_PAGE) for each in EASEMOB.errors),
    pools=POOLS,
    apps=(*(replace(each, examples=EXAMPLES) for each in EASEMOB.apps), BY_APP_ID),
    auth=(Bearer(), CERTIFICATE),
)
