"""What the pages share: their place, the pools, the fields that many operations have.

All paths lie below ``/{org}/{app}``. Limits are the documented defaults of an App Key; add-on packs raise them, so a
job may say otherwise.
"""

from __future__ import annotations

from bulkim.catalogue.shapes import Field, NoBody, Pool

READ_ON = "2026-11"

PAGES = "https://doc.easemob.com/document/server-side/"

POOLS = (
    Pool(
        "users", 100, "one pool for the whole user system and the push settings; client SDKs draw on it too"
    ),
    Pool("mass-delete", 30, "deleting the oldest users; lies inside the users pool"),
    Pool("mutes-set", 100, "POST /mutes"),
    Pool("mutes-get", 100, "GET /mutes/{username}"),
    Pool("mutes-list", 100, "GET /mutes"),
    Pool("attributes-set", 100, "PUT /metadata/user/{username}"),
    Pool("attributes-get", 100, "POST /metadata/user/get"),
    Pool("attributes-remove", 100, "DELETE /metadata/user/{username}"),
    Pool("contacts-add", 100, "POST /users/{username}/contacts/users/{contact}"),
    Pool("contacts-remove", 100, "DELETE /users/{username}/contacts/users/{contact}"),
    Pool("blocks-add", 50, "POST /users/{username}/blocks/users"),
    Pool("blocks-remove", 50, "DELETE /users/{username}/blocks/users/{contact}"),
    Pool("group-members-add", 100, "POST /chatgroups/{group_id}/users"),
    Pool("group-members-remove", 100, "DELETE /chatgroups/{group_id}/users/{username}"),
    Pool("room-members-add", 100, "POST /chatrooms/{room_id}/users"),
    Pool("room-members-remove", 100, "DELETE /chatrooms/{room_id}/users/{username}"),
)

EMPTY_JSON = NoBody(content_type="application/json")  # some pages require the header with no body

USERNAME = Field(
    "username",
    key=True,
    bytes_max=64,
    # "." and ".." would address another resource: HTTP clients normalise them away.
    pattern=r"(?!\.{1,2}$)[A-Za-z0-9_.-]+",
    help="letters, digits and _ - . ; the vendor ignores case and answers in lower case",
)
