"""Every switch, off and on. The table at the end fails when a new switch comes without its case."""

from __future__ import annotations

import pytest

from bulkim.sandbox import SandboxConfig
from bulkim.sandbox.quirks import QUIRK_NAMES, QUIRKS, UnknownQuirkError, check_quirks

from .helpers import AGORA, DEMO, TOKEN, Offline

LOGIN = "im_open_login_svc"
USER1 = {"username": "user1", "password": "1"}
USER2 = {"username": "user2", "password": "1"}


def register(*rows, headers=None):
    return lambda o: o.call("POST", f"{DEMO}/users", list(rows), headers=headers)


def call(method, path, document=None, **options):
    return lambda o: o.call(method, f"{DEMO}{path}", document, **options)


def agora(method, path, document=None):
    return lambda o: o.call(method, f"{AGORA}{path}", document)


def tencent(command, document):
    return lambda o: o.tencent(command, document)


def status(answer):
    return answer.status


def error(answer):
    return (answer.status, answer.json()["error"])


def description(answer):
    return answer.json()["error_description"]


def code(answer):
    return answer["ErrorCode"]


def outcome(answer):
    """Who was registered and who was not."""
    document = answer.json()
    if answer.status != 200:
        return answer.status
    return (
        [user["username"] for user in document["entities"]],
        [row["username"] for row in document["data"]],
    )


def last_page(o):
    o.register("user2", "user3")
    first = o.call("GET", f"{DEMO}/users?limit=2").json()["cursor"]
    return o.call("GET", f"{DEMO}/users?limit=2&cursor={first}")


def cursor(answer):
    return "cursor" in answer.json()


def result(answer):
    return answer.json()["data"]["result"]


def offline_throttled(o):
    o.world.set_limits({"mute": 0})
    return o.call("POST", f"{DEMO}/mutes", {})


def muted(o):
    o.call("POST", f"{DEMO}/mutes", {"username": "user1", "chat": 1, "chatroom": 1})
    return o.call("GET", f"{DEMO}/mutes?pageSize=1").json()["data"]["data"]


def token_lifetime(o):
    asked = {
        "grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret",
    }  # fmt: skip
    return o.call("POST", f"{DEMO}/token", asked, headers={}).json()["expires_in"]


def status_pools(o):
    o.call("POST", f"{DEMO}/users/batch/status", {"usernames": []})
    o.call("POST", f"{AGORA}/users/batch/status", {"usernames": []})
    return [sorted(o.world.apps[app].pools) for app in ("sandbox/demo", "sandbox/agora")]


def reimport(o):
    o.tencent(f"{LOGIN}/account_import", {"UserID": "gone"})
    o.tencent(f"{LOGIN}/account_delete", {"DeleteItem": [{"UserID": "gone"}]})
    many = o.tencent(f"{LOGIN}/multiaccount_import", {"Accounts": ["gone", "new"]})
    o.tencent(f"{LOGIN}/account_delete", {"DeleteItem": [{"UserID": "gone"}]})
    return (many["FailAccounts"], code(o.tencent(f"{LOGIN}/account_import", {"UserID": "gone"})))


def import_forms(o):
    return [
        code(o.tencent(f"{LOGIN}/{command}", document))
        for command, document in (
            ("multiaccount_import", {"AccountList": [{"UserID": "a"}]}),
            ("multiaccount_import", {"Accounts": ["a"]}),
            ("account_import", {"UserID": "a"}),
            ("account_import", {"Identifier": "a"}),
        )
    ]


def kicks(o):
    o.tencent(f"{LOGIN}/account_import", {"UserID": "u"})
    return [code(o.tencent(f"{LOGIN}/kick", {name: "u"})) for name in ("UserID", "Identifier")]


def online_fields(o):
    o.tencent(f"{LOGIN}/account_import", {"UserID": "u"})
    return list(o.tencent("openim/query_online_status", {"To_Account": ["u"]})["QueryResult"][0])


SET_ATTRIBUTE = tencent(
    "all_member_push/im_set_attr", {"UserAttrs": [{"To_Account": "u", "Attrs": {"a": "b"}}]}
)
BAD_TOKEN = {"authorization": "Bearer nonsense"}
LONG = {"username": "user2", "password": "1", "nickname": "n" * 90, "padding": "x" * 5200}
NO_TYPE = {**TOKEN, "content-type": "application/x-www-form-urlencoded"}

# switch: (what is asked of a sandbox with user1, what is looked at, off, on)
CASES = {
    "register-all-exist-200": (register(USER1), outcome, 400, ([], ["user1"])),
    "register-some-exist-400": (register(USER1, USER2), outcome, (["user2"], ["user1"]), 400),
    "register-repeat-reported": (register(USER2, USER2), outcome, (["user2"], []), (["user2"], ["user2"])),
    "register-token-wording": (
        register(USER2, headers=BAD_TOKEN), description,
        "Unable to authenticate due to corrupt access token", "registration is not open, please contact the app admin",
    ),
    "capitals-refused": (register({"username": "User2", "password": "1"}), status, 200, 400),
    "password-optional": (register({"username": "user2"}), status, 400, 200),
    "attributes-desc": (
        call("PUT", "/metadata/user/user1", {"a": "b"}), lambda answer: sorted(answer.json()),
        ["duration", "error", "error_description", "timestamp"], ["desc", "duration", "timestamp"],
    ),
    "attributes-removed-empty": (
        call("DELETE", "/metadata/user/user1"), lambda answer: answer.json()["data"], True, {},
    ),
    "password-min-6": (call("PUT", "/users/user1/password", {"newpassword": "12345"}), status, 200, 400),
    "body-413": (register(LONG), status, 200, 413),
    "content-type-lenient": (
        call("POST", "/mutes", headers=NO_TYPE, body=b'{"username":"user1","chat":1}'), status, 415, 200,
    ),
    "delete-missing-400": (
        call("DELETE", "/users/nobody"), error, (404, "service_resource_not_found"), (400, "management"),
    ),
    "delete-answers-inactive": (
        call("DELETE", "/users/user1"), lambda answer: answer.json()["entities"][0]["activated"], True, False,
    ),
    "password-missing-400": (
        call("PUT", "/users/nobody/password", {"newpassword": "x"}), error,
        (404, "entity_not_found"), (400, "required_property_not_found"),
    ),
    "password-post": (call("POST", "/users/user1/password", {"newpassword": "x"}), status, 405, 200),
    "cursor-on-last-page": (last_page, cursor, False, True),
    "status-missing-offline": (call("GET", "/users/nobody/status"), status, 404, 200),
    "disconnect-offline-false": (call("GET", "/users/user1/disconnect"), result, True, False),
    "disconnect-post": (call("POST", "/users/user1/disconnect"), status, 405, 200),
    "disconnect-device-get": (call("GET", "/users/user1/disconnect/ios_1"), status, 405, 200),
    "ttl-milliseconds": (token_lifetime, int, 5_184_000, 5_184_000_000),
    "bad-token-unauthorized": (
        call("GET", "/users", headers=BAD_TOKEN), error, (401, "auth_bad_access_token"), (401, "unauthorized"),
    ),
    "mute-negative-400": (call("POST", "/mutes", {"username": "user1", "chat": -2}), status, 200, 400),
    "mutes-unixtime-ms": (
        call("GET", "/mutes"), lambda answer: answer.json()["data"]["unixtime"], 1_800_001_000, 1_800_001_000_000,
    ),
    "mutes-page-by-user": (muted, len, 1, 2),
    "wrong-url-500": (call("GET", "/nothing"), error, (404, "service_resource_not_found"),
                      (500, "unsupported_service_operation")),
    "easemob-separate-pools": (status_pools, lambda pools: pools[0], ["users"], ["online-status-batch", "register"]),
    "agora-shared-pool": (
        status_pools, lambda pools: pools[1], ["online-status-batch"], ["online-status-batch", "users"],
    ),
    "throttle-503": (offline_throttled, status, 429, 503),
    "retry-after": (offline_throttled, lambda answer: answer.headers.get("retry-after"), None, "1"),
    "import-old-form": (import_forms, list, [0, 0, 0, 0], [70402, 0, 70402, 0]),
    "kick-user-id": (kicks, list, [0, 0], [0, 70402]),
    "kick-identifier": (kicks, list, [0, 0], [70402, 0]),
    "online-status-state": (online_fields, list, ["To_Account", "Status"], ["To_Account", "State"]),
    "nospeaking-action-status": (
        tencent("openconfigsvr/getnospeaking", {"Get_Account": "u"}), lambda answer: "ActionStatus" in answer,
        False, True,
    ),
    "attributes-need-account": (SET_ATTRIBUTE, code, 0, 90035),
    "attribute-names-required": (SET_ATTRIBUTE, code, 0, 90033),
    "delete-not-in-plan": (
        tencent(f"{LOGIN}/account_delete", {"DeleteItem": [{"UserID": "u"}]}), code, 0, 71000,
    ),
    "reimport-refused": (reimport, tuple, ([], 0), (["gone"], 70399)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_switch(name):
    ask, look, when_off, when_on = CASES[name]
    for quirks, expected in ((frozenset(), when_off), (frozenset({name}), when_on)):
        offline = Offline(SandboxConfig(quirks=quirks))
        offline.register("user1")
        assert look(ask(offline)) == expected, f"{name} {'on' if quirks else 'off'}"


def test_every_switch_has_its_case():
    assert set(CASES) == QUIRK_NAMES


def test_every_switch_says_what_it_does_and_where_it_is_from():
    assert all(quirk.does and quirk.instead_of and quirk.source for quirk in QUIRKS)
    assert len(QUIRK_NAMES) == len(QUIRKS)


def test_an_unknown_switch_is_refused_with_the_known_ones():
    with pytest.raises(UnknownQuirkError, match=r"no switch is called 'nothing'; known: .*body-413"):
        check_quirks(["nothing"])


def test_a_last_page_may_repeat_the_cursor_that_led_to_it():
    offline = Offline(SandboxConfig(quirks=frozenset({"cursor-on-last-page"})))
    offline.register("user1", "user2", "user3")
    cursor = offline.call("GET", f"{DEMO}/users?limit=2").json()["cursor"]
    last = offline.call("GET", f"{DEMO}/users?limit=2&cursor={cursor}").json()
    assert [each["username"] for each in last["entities"]] == ["user3"]
    assert last["cursor"] == cursor
    assert "cursor" not in offline.call("GET", f"{DEMO}/users").json()
