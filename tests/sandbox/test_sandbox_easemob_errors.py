"""What Easemob refuses, with the statuses, codes and sentences of its status code pages."""

from __future__ import annotations

import pytest

from bulkim.sandbox import App, SandboxConfig

from .helpers import DEMO, TOKEN, Offline

DUPLICATE = "duplicate_unique_property_exists"


def error(answer, status, code, description=None):
    document = answer.json()
    assert (answer.status, document["error"]) == (status, code), document
    assert isinstance(document["timestamp"], int)
    assert isinstance(document["duration"], int)
    if description is not None:
        assert document["error_description"] == description
    return document


def users(offline):
    return sorted(offline.world.apps["sandbox/demo"].users)


# -- registering


def test_one_who_exists(offline):
    offline.register("user1")
    document = error(
        offline.call("POST", f"{DEMO}/users", {"username": "user1", "password": "1"}), 400, DUPLICATE
    )
    assert document["exception"].endswith(".DuplicateUniquePropertyExistsException")
    assert document["error_description"].startswith("Application ")
    assert document["error_description"].endswith(
        " Entity user requires that property named username be unique, value of user1 exists"
    )


def test_a_batch_in_which_everybody_exists(offline):
    offline.register("user1", "user2")
    users = [{"username": "user2", "password": "1"}, {"username": "User1", "password": "1"}]
    document = error(offline.call("POST", f"{DEMO}/users", users), 400, DUPLICATE)
    assert "value of user2 exists" in document["error_description"]


@pytest.mark.parametrize(
    ("row", "description"),
    [
        ({"username": "a b", "password": "1"}, "username [a b] is not legal"),
        ({"username": "用户", "password": "1"}, "username [用户] is not legal"),
        ({"username": 17, "password": "1"}, "username [17] is not legal"),
        ({"username": "a" * 65, "password": "1"}, "USERNAME_TOO_LONG"),
        ({"username": "用" * 22, "password": "1"}, "USERNAME_TOO_LONG"),
        ({"username": "", "password": "1"}, "Entity user requires a property named username"),
        ({"password": "1"}, "Entity user requires a property named username"),
        ("user1", "Entity user requires a property named username"),
        ({"username": "user1"}, "password or pin must provided"),
        ({"username": "user1", "password": ""}, "password or pin must provided"),
        ({"username": "user1", "password": "p" * 65}, "PASSWORD_TOO_LONG"),
        ({"username": "user1", "password": "1", "nickname": "n" * 101}, "NICKNAME_TOO_LONG"),
    ],
)
def test_one_bad_row_spoils_the_call(offline, row, description):
    rows = [{"username": "good", "password": "1"}, row]
    error(offline.call("POST", f"{DEMO}/users", rows), 400, "illegal_argument", description)
    assert users(offline) == []


def test_the_longest_of_everything_is_accepted(offline):
    row = {"username": "a" * 64, "password": "密" * 64, "nickname": "昵" * 100}
    assert offline.call("POST", f"{DEMO}/users", row).status == 200


def test_sixty_one_users(offline):
    rows = [{"username": f"u{number}", "password": "1"} for number in range(61)]
    description = (
        "Request body array size[61] had almost reached or been greater than the upper range value[60]"
    )
    error(offline.call("POST", f"{DEMO}/users", rows), 400, "illegal_argument", description)
    assert offline.call("POST", f"{DEMO}/users", rows[:60]).status == 200


def test_an_empty_batch(offline):
    error(offline.call("POST", f"{DEMO}/users", []), 400, "illegal_argument")


def test_the_same_user_twice_with_two_passwords(offline):
    rows = [{"username": "user1", "password": "a"}, {"username": "USER1", "password": "b"}]
    description = "the same user user1 has a different password, the passwords are [a, b]"
    error(offline.call("POST", f"{DEMO}/users", rows), 400, DUPLICATE, description)
    assert users(offline) == []


def test_the_same_user_twice_with_one_password(offline):
    rows = [{"username": "user1", "password": "a"}, {"username": "USER1", "password": "a"}]
    document = offline.call("POST", f"{DEMO}/users", rows).json()
    assert [user["username"] for user in document["entities"]] == ["user1"]
    assert document["data"] == []


def test_the_plan_is_full():
    app = App("easemob", "sandbox", "demo", tokens=("sandbox-token",), max_users=2)
    offline = Offline(SandboxConfig(apps=(app,)))
    offline.register("user1")
    rows = [{"username": name, "password": "1"} for name in ("user1", "user2", "user3")]
    description = (
        "You have exceeded the limit of the community edition,Please upgrade to the enterprise edition"
    )
    error(offline.call("POST", f"{DEMO}/users", rows), 429, "resource_limited", description)
    assert users(offline) == ["user1"]
    assert offline.call("POST", f"{DEMO}/users", rows[:2]).status == 200


# -- tokens


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic x"}, {"authorization": "Bearer "}])
def test_without_a_token(offline, headers):
    answer = offline.call("GET", f"{DEMO}/users", headers=headers)
    document = error(answer, 401, "unauthorized", "Unable to authenticate (OAuth)")
    assert document["exception"] == "org.apache.usergrid.rest.exceptions.SecurityException"


def test_a_wrong_token(offline):
    answer = offline.call("GET", f"{DEMO}/users", headers={"authorization": "Bearer nonsense"})
    error(answer, 401, "auth_bad_access_token", "Unable to authenticate due to corrupt access token")


def test_a_token_of_another_app():
    other = App("easemob", "sandbox", "other", tokens=("other-token",))
    mine = App("easemob", "sandbox", "demo", tokens=("sandbox-token",))
    offline = Offline(SandboxConfig(apps=(mine, other)))
    answer = offline.call("GET", f"{DEMO}/users", headers={"authorization": "Bearer other-token"})
    error(answer, 401, "auth_bad_access_token", "Unable to authenticate")


def test_registering_without_a_token(offline):
    answer = offline.call("POST", f"{DEMO}/users", {"username": "user1", "password": "1"}, headers={})
    error(answer, 401, "unauthorized", "Open registration doesn't allow, so register user need token")


def test_a_bad_token_is_said_before_a_bad_body(offline):
    answer = offline.call("POST", f"{DEMO}/users", headers={"authorization": "Bearer x"}, body=b"{")
    assert answer.status == 401


def test_open_registration_is_for_one_user():
    app = App("easemob", "sandbox", "demo", open_registration=True)
    offline = Offline(SandboxConfig(apps=(app,)))
    user = {"username": "user1", "password": "1"}
    assert offline.call("POST", f"{DEMO}/users", user, headers={}).status == 200
    error(offline.call("POST", f"{DEMO}/users", [user], headers={}), 401, "unauthorized")


@pytest.mark.parametrize(
    ("changed", "description"),
    [
        ({"client_id": "x"}, "client_id does not match"),
        ({"client_secret": "x"}, "client_secret does not match"),
        ({"grant_type": "password"}, "invalid username or password"),
    ],
)
def test_bad_credentials(offline, changed, description):
    good = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    error(
        offline.call("POST", f"{DEMO}/token", good | changed, headers={}), 400, "invalid_grant", description
    )


# -- users who are not there


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/nobody"),
        ("DELETE", "/users/nobody"),
        ("POST", "/users/nobody/deactivate"),
        ("POST", "/users/nobody/activate"),
        ("GET", "/users/nobody/status"),
        ("GET", "/users/nobody/resources"),
        ("GET", "/users/nobody/offline_msg_count"),
        ("GET", "/users/nobody/offline_msg_status/1"),
        ("GET", "/users/a%2Fb"),
    ],
)
def test_missing(offline, method, path):
    error(
        offline.call(method, f"{DEMO}{path}"), 404, "service_resource_not_found", "Service resource not found"
    )


def test_missing_when_muting(offline):
    for method, path, document in (
        ("POST", "/mutes", {"username": "nobody", "chat": 1}),
        ("GET", "/mutes/nobody", None),
    ):
        answer = offline.call(method, f"{DEMO}{path}", document)
        error(answer, 400, "required_property_not_found", "Entity user requires a property named username")


def test_missing_when_changing_a_password(offline):
    answer = offline.call("PUT", f"{DEMO}/users/nobody/password", {"newpassword": "x"})
    error(answer, 404, "entity_not_found", "User null not found")


def test_dirty_data_is_listed_but_only_its_uuid_works(sandbox):
    sandbox.control("POST", "users", {"app": "sandbox/demo", "users": [{"username": "ghost", "dirty": True}]})
    (listed,) = sandbox.http.get(f"{sandbox.demo}/users").json()["entities"]
    assert listed["username"] == "ghost"
    for method in ("GET", "DELETE"):
        assert sandbox.http.request(method, f"{sandbox.demo}/users/ghost").status_code == 404
    assert sandbox.http.delete(f"{sandbox.demo}/users/{listed['uuid']}").status_code == 200
    assert sandbox.http.get(f"{sandbox.demo}/users").json()["entities"] == []


# -- malformed calls


def test_a_new_password_is_needed(offline):
    offline.register("user1")
    answer = offline.call("PUT", f"{DEMO}/users/user1/password", {"password": "x"})
    error(answer, 400, "illegal_argument", "newpassword is required")


def test_too_many_for_a_status(offline):
    answer = offline.call("POST", f"{DEMO}/users/batch/status", {"usernames": ["u"] * 101})
    error(answer, 400, "illegal_argument", "request body exceeds maximum limit, maximum limit is 100")


def test_too_many_for_attributes(offline):
    answer = offline.call("POST", f"{DEMO}/metadata/user/get", {"targets": ["u"] * 101, "properties": []})
    error(answer, 400, "BAD_REQUEST", "exceed allowed batch size 100")


def test_too_much_for_attributes(offline):
    form = {**TOKEN, "content-type": "application/x-www-form-urlencoded"}
    answer = offline.call("PUT", f"{DEMO}/metadata/user/u", headers=form, body=b"a=" + b"x" * 2048)
    description = "size of metadata for this single user exceeds the user defined limit, 2048Bytes"
    error(answer, 403, "FORBIDDEN", description)


@pytest.mark.parametrize("seconds", ["1", 1.5, True, 2147483648])
def test_a_mute_that_is_no_number_of_seconds(offline, seconds):
    offline.register("user1")
    error(
        offline.call("POST", f"{DEMO}/mutes", {"username": "user1", "chat": seconds}), 400, "illegal_argument"
    )


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"a": 1} x', b"\xff"])
def test_a_body_that_is_not_json(offline, body):
    headers = {**TOKEN, "content-type": "application/json"}
    error(offline.call("POST", f"{DEMO}/users", headers=headers, body=body), 400, "json_parse")
    error(offline.call("POST", f"{DEMO}/mutes", headers=headers, body=body), 400, "json_parse")


OTHER_TYPES = pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])


@OTHER_TYPES
def test_a_body_of_another_kind(offline, media_type):
    headers = {**TOKEN, "content-type": media_type}
    answer = offline.call("POST", f"{DEMO}/mutes", headers=headers, body=b'{"username": "u", "chat": 1}')
    error(answer, 415, "web_application", "Unsupported Media Type")


@OTHER_TYPES
def test_users_and_tokens_are_read_whatever_their_type_is(offline, media_type):
    """The vendor's PHP and Node clients, and the page's own curl, send no type or a form's."""
    headers = {**TOKEN, "content-type": media_type}
    body = b'{"username": "u", "password": "1"}'
    assert offline.call("POST", f"{DEMO}/users", headers=headers, body=body).status == 200
    wish = b' {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}'
    answer = offline.call("POST", f"{DEMO}/token", headers={"content-type": media_type}, body=wish)
    assert answer.json()["access_token"].startswith("YWMt")


def test_json_where_a_form_is_due(offline):
    error(offline.call("PUT", f"{DEMO}/metadata/user/u", {"a": "b"}), 415, "web_application")


def test_an_app_that_is_not_there(offline):
    answer = offline.call("GET", "/no/such/users/u")
    description = "Could not find application for no/such from URI: no/such/users/u"
    error(answer, 404, "organization_application_not_found", description)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PATCH", "/users/u", 405), ("PUT", "/mutes", 405), ("GET", "/nothing", 404), ("GET", "", 404)],
)
def test_an_address_that_is_not_there(offline, method, path, status):
    assert offline.call(method, f"{DEMO}{path}").status == status


@pytest.mark.parametrize("query", ["limit=x", "cursor=!", "cursor=abcd"])
def test_a_page_that_is_not_there(offline, query):
    error(offline.call("GET", f"{DEMO}/users?{query}"), 400, "illegal_argument")


def test_any_app_takes_any_name_and_any_token():
    offline = Offline(SandboxConfig(any_app=True))
    headers = {"authorization": "Bearer whatever"}
    user = {"username": "user1", "password": "1"}
    assert offline.call("POST", "/my/app/users", user, headers=headers).status == 200
    error(offline.call("GET", "/my/app/users", headers={}), 401, "unauthorized")
    for token in ("whatever", "007whatever"):
        headers = {"authorization": f"Bearer {token}"}
        assert offline.call("GET", "/app-id/anything/users", headers=headers).status == 200
    asked = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    assert offline.call("POST", "/my/app/token", asked, headers={}).status == 200
    error(offline.call("POST", "/my/app/token", {**asked, "client_id": ""}, headers={}), 400, "invalid_grant")
