"""What the sandbox serves: one row an endpoint, from which its routes, quota pools and fault rules are made.

Limits are the vendors' documented ones, in calls a second and app. A new endpoint is a row here and a handler, which the
routes of its vendor name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of Easemob's and Agora's. `{}` in the path is one segment, handed to the handler."""

    method: str
    path: str
    operation: str  # as bulkim calls it
    limit: float = 100  # of its own pool
    name: str = ""  # of its handler and its own pool; "": the operation's
    # At Easemob all user methods share the pool `users` (call limits page, read 2026-11); at Agora each method has its own
    # (user system registration page, read 2026-11), as it had at Easemob before 2023.
    in_users: bool = False
    capped: bool = False  # inside `users` it has its own limit as well
    open_to_all: bool = False  # needs no token, and reads JSON whatever its Content-Type

    @property
    def pool(self) -> str:
        """Its own pool, by which its handler is found as well."""
        return self.name or self.operation

    def pools(self, provider: str) -> tuple[str, ...]:
        """What a call counts in."""
        if provider == "agora" or not self.in_users:
            return (self.pool,)
        return (USERS, self.pool) if self.capped else (USERS,)


USERS, USERS_LIMIT = "users", 100.0

# fmt: off
USERGRID: tuple[Endpoint, ...] = (
    Endpoint("POST", "/token", "token", 300, open_to_all=True),
    Endpoint("POST", "/users", "register", in_users=True, open_to_all=True),
    Endpoint("GET", "/users", "list-users", in_users=True),
    Endpoint("DELETE", "/users", "delete-oldest", 30, in_users=True, capped=True),
    Endpoint("POST", "/users/batch/status", "online-status", 50, "online-status-batch", in_users=True),
    Endpoint("GET", "/users/{}", "get-user", in_users=True),
    Endpoint("DELETE", "/users/{}", "delete", in_users=True),
    Endpoint("PUT", "/users/{}", "set-nickname", in_users=True),
    Endpoint("PUT", "/users/{}/password", "set-password", in_users=True),
    Endpoint("GET", "/users/{}/status", "online-status", in_users=True),
    Endpoint("GET", "/users/{}/resources", "devices", in_users=True),
    Endpoint("GET", "/users/{}/offline_msg_count", "offline-count", in_users=True),
    Endpoint("GET", "/users/{}/offline_msg_status/{}", "offline-message-status", in_users=True),
    Endpoint("POST", "/users/{}/deactivate", "ban", in_users=True),
    Endpoint("POST", "/users/{}/activate", "unban", in_users=True),
    Endpoint("GET", "/users/{}/disconnect", "disconnect", in_users=True),
    Endpoint("DELETE", "/users/{}/disconnect/{}", "disconnect-device", in_users=True),
    Endpoint("POST", "/mutes", "mute"),
    Endpoint("GET", "/mutes", "list-mutes"),
    Endpoint("GET", "/mutes/{}", "get-mute"),
    Endpoint("POST", "/metadata/user/get", "get-attributes", name="get-attributes-batch"),
    Endpoint("GET", "/metadata/user/capacity", "get-attributes-size", name="attributes-size"),
    Endpoint("PUT", "/metadata/user/{}", "set-attributes"),
    Endpoint("GET", "/metadata/user/{}", "get-all-attributes"),
    Endpoint("DELETE", "/metadata/user/{}", "remove-attributes"),
    Endpoint("POST", "/users/{}/contacts/users/{}", "add-contact"),
    Endpoint("DELETE", "/users/{}/contacts/users/{}", "remove-contact"),
    Endpoint("GET", "/users/{}/contacts/users", "get-contacts"),
    Endpoint("POST", "/users/{}/contacts/import", "import-contacts"),
    Endpoint("PUT", "/push/nickname", "set-nickname", name="push-nickname"),
    Endpoint("POST", "/users/{}/blocks/users", "block", 50),
    Endpoint("GET", "/users/{}/blocks/users", "get-blocks", 50),
    Endpoint("DELETE", "/users/{}/blocks/users/{}", "unblock", 50),
    Endpoint("POST", "/chatgroups/{}/users", "add-to-group"),
    Endpoint("DELETE", "/chatgroups/{}/users/{}", "remove-from-group"),
    Endpoint("GET", "/chatgroups/{}/user/{}/is_joined", "get-group-member"),
    Endpoint("GET", "/users/{}/joined_chatrooms", "get-rooms", 50),
    Endpoint("POST", "/chatrooms/{}/users", "add-to-room"),
    Endpoint("DELETE", "/chatrooms/{}/users/{}", "remove-from-room"),
)

# Methods that another page, or a vendor's own SDK, uses for an endpoint above: by the quirk that allows them.
OTHER_METHODS: dict[str, Endpoint] = {
    "password-post": Endpoint("POST", "/users/{}/password", "set-password", in_users=True),
    "disconnect-post": Endpoint("POST", "/users/{}/disconnect", "disconnect", in_users=True),
    "disconnect-device-get": Endpoint("GET", "/users/{}/disconnect/{}", "disconnect-device", in_users=True),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Command:
    """One of Tencent's: ``POST /v4/{service}/{name}``. Each has a pool of its own, from its own page (read 2026-11)."""

    service: str
    name: str  # also of its pool and its handler
    operation: str
    # Where the body says whom it is about: the first of these names that is there, text or a list.
    who: tuple[str, ...] = ()
    batch_max: int = 1
    limit: float = 100


_LOGIN, _PUSH, _GROUPS = "im_open_login_svc", "all_member_push", "group_open_http_svc"
_USER_ID, _OWNER = ("UserID", "Identifier"), ("From_Account",)

# fmt: off
TENCENT: tuple[Command, ...] = (
    Command(_LOGIN, "account_import", "register", _USER_ID, limit=200),
    Command(_LOGIN, "multiaccount_import", "register", ("AccountList", "Accounts"), 100),
    Command(_LOGIN, "account_delete", "delete", ("DeleteItem",), 100),
    Command(_LOGIN, "account_check", "get-user", ("CheckItem",), 100),
    Command(_LOGIN, "kick", "disconnect", _USER_ID, limit=200),
    Command("openim", "query_online_status", "online-status", ("To_Account",), 500, 200),
    Command("openconfigsvr", "setnospeaking", "mute", ("Set_Account",), limit=200),
    Command("openconfigsvr", "getnospeaking", "get-mute", ("Get_Account",), limit=200),
    Command(_PUSH, "im_set_attr", "set-attributes", ("UserAttrs",), 100),
    Command(_PUSH, "im_get_attr", "get-attributes", ("To_Account",), 100),
    Command(_PUSH, "im_remove_attr", "remove-attributes", ("UserAttrs",), 100),
    Command(_PUSH, "im_set_attr_name", "set-attribute-names"),
    Command(_PUSH, "im_get_attr_name", "get-attribute-names"),
    Command(_PUSH, "im_add_tag", "add-tags", ("UserTags",), 100),
    Command(_PUSH, "im_remove_tag", "remove-tags", ("UserTags",), 100),
    Command(_PUSH, "im_get_tag", "get-tags", ("To_Account",), 100),
    Command(_GROUPS, "add_group_member", "add-to-group", ("MemberList",), 300, 200),
    Command(_GROUPS, "delete_group_member", "remove-from-group", ("MemberToDel_Account",), 100, 200),
    Command(_GROUPS, "forbid_send_msg", "mute-in-group", ("Members_Account",), 500, 200),
    Command(_GROUPS, "get_role_in_group", "get-group-role", ("User_Account",), 500, 200),
    Command(_GROUPS, "get_group_muted_account", "get-group-mutes", limit=200),
    Command("profile", "portrait_set", "set-profile", ("From_Account",), limit=200),
    Command("profile", "portrait_get", "get-profile", ("To_Account",), 100, 200),
    Command("sns", "friend_import", "import-friends", _OWNER, 1000, 200),
    Command("sns", "friend_delete", "remove-contact", _OWNER, 1000, 200),
    Command("sns", "friend_delete_all", "remove-friends", _OWNER, limit=200),
    Command("sns", "friend_check", "get-friend", _OWNER, 1000, 200),
    Command("sns", "friend_get", "friend-count", _OWNER, limit=200),
    Command("sns", "black_list_add", "block", _OWNER, 1000, 200),
    Command("sns", "black_list_delete", "unblock", _OWNER, 1000, 200),
    Command("sns", "black_list_check", "get-block", _OWNER, 1000, 200),
    # The attribute commands' address until 2020, with a larger batch.
    Command("openim", "im_set_attr", "set-attributes", ("UserAttrs",), 500),
    Command("openim", "im_get_attr", "get-attributes", ("To_Account",), 500),
    Command("openim", "im_remove_attr", "remove-attributes", ("UserAttrs",), 500),
)
# fmt: on

OPERATIONS = tuple(sorted({each.operation for table in (USERGRID, TENCENT) for each in table}))
"""What a fault rule's `match.operation` can name."""

_USERGRID_LIMITS = {USERS: USERS_LIMIT, **{each.pool: each.limit for each in USERGRID}}
DOCUMENTED_LIMITS: dict[str, dict[str, float]] = {
    "easemob": _USERGRID_LIMITS,
    "agora": _USERGRID_LIMITS,
    "tencent": {each.name: each.limit for each in TENCENT},
}
"""Calls a second and app, by provider and pool."""
