"""Where a vendor's pages contradict each other, or the live service: one switch each.

All switches are off by default; the default is what the newest page, or the one live observation, says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirk:
    name: str
    does: str  # what switching it on changes
    instead_of: str  # what happens while it is off
    source: str


# fmt: off
QUIRKS: tuple[Quirk, ...] = (
    # -- Easemob and Agora: registering
    Quirk("register-all-exist-200", "a batch whose users all exist: 200, everyone in data[]",
          "400 duplicate_unique_property_exists, nobody registered",
          "Easemob: batch register page; the default was observed live on 2026-06-18"),
    Quirk("register-some-exist-400", "a batch with one existing user: 400 duplicate_unique_property_exists, nobody registered",
          "200, the existing one in data[]", "Easemob: status code page of 2023"),
    Quirk("register-repeat-reported", "an id twice in a batch with the same password: the second is reported in data[]",
          "the second is dropped without a word", "undocumented; both are seen in descendants of Apache Usergrid"),
    Quirk("register-token-wording", "a refused token on POST /users: 'registration is not open, please contact the app admin'",
          "the wording of every other endpoint", "Easemob: status code page"),
    Quirk("capitals-refused", "A-Z in an id: 400 illegal_argument", "accepted and folded to lower case",
          "Easemob and Agora: register pages since 2025-03; the default is the page of 2023"),
    Quirk("password-optional", "Easemob registers without a password", "400 illegal_argument",
          "Agora: register page of 2026-07, which has no password field; there it is always so"),
    Quirk("attributes-desc", "the attributes service refuses with timestamp, desc and duration only",
          "the error envelope of every other endpoint", "recorded in a public test suite, 2019 to 2022"),
    Quirk("attributes-removed-empty", "removing attributes answers data {}", "data true",
          "recorded in a public test suite, 2019 / Easemob: user attributes page"),
    Quirk("password-min-6", "a new password under 6 characters: 400 illegal_argument", "any length up to 64",
          "Easemob: change password page, 2025"),
    Quirk("body-413", "a body over 5 kB: 413 Request Entity Too Large", "no such limit",
          "Easemob: status code page of 2023"),
    Quirk("content-type-lenient", "a JSON body is read whatever its Content-Type everywhere",
          "only at /token and /users; elsewhere 415 web_application",
          "Easemob's PHP and Node clients and the batch register page's own curl send none or a form's"),
    # -- Easemob and Agora: users
    Quirk("delete-missing-400", "deleting a missing user: 400 management", "404 service_resource_not_found",
          "Easemob: delete page lists both"),
    Quirk("delete-answers-inactive", "a deleted user is answered with activated: false", "as it was before",
          "observed live on 2026-06-18 / Easemob: delete page"),
    Quirk("password-missing-400", "password of a missing user: 400 required_property_not_found", "404 entity_not_found",
          "Easemob: account system page of 2023 / change password page"),
    Quirk("password-post", "POST changes a password too", "405", "Easemob: call limits page says POST, the method's page PUT"),
    Quirk("cursor-on-last-page", "the last page of users carries the cursor that led to it", "no cursor on the last page",
          "Easemob: list users page, example 2, where it is the cursor that was sent"),
    Quirk("status-missing-offline", "status of one missing user: offline", "404 service_resource_not_found",
          "undocumented for one user; the batch form says offline"),
    Quirk("disconnect-offline-false", "disconnecting somebody offline answers data.result false", "always true",
          "Easemob: force offline page allows both; Agora: only true"),
    Quirk("disconnect-post", "POST disconnects too", "405", "Agora: overview says POST, the method's page GET"),
    Quirk("disconnect-device-get", "GET disconnects one device too", "405", "Easemob: Java SDK 1.x / force one device offline page"),
    Quirk("ttl-milliseconds", "ttl and expires_in are milliseconds", "seconds", "Easemob: VIP-5 cluster, app token page"),
    Quirk("bad-token-unauthorized", "a wrong token: 401 unauthorized 'Unable to authenticate (OAuth)'",
          "401 auth_bad_access_token", "Easemob: delete page / status code page"),
    Quirk("mute-negative-400", "a mute under -1: 400 illegal_argument", "200 without effect",
          "Easemob: 'other negative values are invalid'"),
    Quirk("mutes-unixtime-ms", "unixtime in GET /mutes is milliseconds", "seconds",
          "Easemob: global mute page, its table / its example"),
    Quirk("mutes-page-by-user", "pageSize in GET /mutes counts users", "it counts rows",
          "Easemob: global mute page, its table / its example"),
    Quirk("wrong-url-500", "a wrong path or method: 500 unsupported_service_operation", "404 or 405",
          "Easemob: status code page"),
    # -- quotas
    Quirk("easemob-separate-pools", "each Easemob user method has its own limit, batch status 50/s", "one shared pool",
          "Easemob: call limits page before 2023"),
    Quirk("agora-shared-pool", "Agora's user methods share one pool of 100/s too", "each has its own limit",
          "Agora does not say; it is the same backend family"),
    Quirk("throttle-503", "over the limit: 503 and no JSON", "429 reach_limit", "Easemob: old English page"),
    Quirk("retry-after", "a refused call carries Retry-After: 1", "no such header", "not documented; gateways may add it"),
    # -- Tencent
    Quirk("import-old-form", "imports understand only the old fields (Accounts: [ids]; Identifier)",
          "old and new fields", "Tencent: import pages of 2019 / 2024, which shows both"),
    Quirk("kick-user-id", "kick understands only UserID", "UserID or Identifier", "Tencent: kick page since 2022"),
    Quirk("kick-identifier", "kick understands only Identifier", "UserID or Identifier", "Tencent: kick page of 2019"),
    Quirk("online-status-state", "query_online_status answers State", "Status",
          "Tencent: international online status page / what SDKs read"),
    Quirk("nospeaking-action-status", "set/getnospeaking answer ActionStatus too", "ErrorCode and ErrorInfo only",
          "Tencent: global mute pages show none"),
    Quirk("attributes-need-account", "setting or removing attributes of a missing account: 90035", "200, as if it existed",
          "Tencent: attribute pages of 2019 list the code, the current ones do not"),
    Quirk("attribute-names-required", "attributes whose name the app has not set: 90033, even if it has set none",
          "only once im_set_attr_name was called", "Tencent: 'be sure to set app attribute names'"),
    Quirk("delete-not-in-plan", "account_delete: 71000", "allowed, as in trial apps", "Tencent: delete page"),
    Quirk("reimport-refused", "importing a deleted id: 70399", "allowed, as in trial apps", "Tencent: delete page, 3 months"),
)
# fmt: on

QUIRK_NAMES = frozenset(quirk.name for quirk in QUIRKS)


class UnknownQuirkError(ValueError):
    """A switch was named that does not exist."""


def check_quirks(names: Iterable[object]) -> frozenset[str]:
    checked = set()
    for name in names:
        if not isinstance(name, str) or name not in QUIRK_NAMES:
            raise UnknownQuirkError(
                f"quirks: no switch is called {name!r}; known: {', '.join(sorted(QUIRK_NAMES))}"
            )
        checked.add(name)
    return frozenset(checked)
