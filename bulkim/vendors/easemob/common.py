"""What the pages share: their place, the pools, the fields that many operations have, what users can do about an error.

All paths lie below ``/{org}/{app}``. Limits are the documented defaults of an App Key; add-on packs raise them, so a
job may say otherwise.
"""

from __future__ import annotations

from bulkim.catalogue.shapes import Field, NoBody, Pool

# Method and path of each operation were held on 2026-11-27 against the pages in the vendor's own repository, easemob/easemob-doc,
# branch doc-v2 of 2024-10-24: account_system (2024-07), userprofile (2024-09), user_relationship (2024-08), push (2024-09),
# group_member (2024-10), group_manage (2024-09), chatroom_member and chatroom_manage (2024-08). Their examples were not all compared
# again. The addresses that declarations name are those of the site since then, which has cut these pages into one for each endpoint.
READ_ON = "2026-11"

PAGES = "https://doc.easemob.com/document/server-side/"

POOLS = (  # those of one page alone stand beside its operations
    Pool(
        "users", 100, "one pool for the whole user system and the push settings; client SDKs draw on it too"
    ),
    Pool("mass-delete", 30, "deleting the oldest users; lies inside the users pool"),
)

CORRECT = "Correct the item in the source and run the job again."
REGISTER_FIRST = "Check the username, or register the user first."

EMPTY_JSON = NoBody(content_type="application/json")  # some pages require the header with no body

USERNAME = Field(
    "username",
    key=True,
    bytes_max=64,
    # "." and ".." would address another resource: HTTP clients normalise them away.
    pattern=r"(?!\.{1,2}$)[A-Za-z0-9_.-]+",
    help="letters, digits and _ - . ; the vendor ignores case and answers in lower case",
)
