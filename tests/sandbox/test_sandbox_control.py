"""The control endpoints: what they count, what they change, and that they tell no secrets."""

from __future__ import annotations

import json

import pytest

from bulkim.sandbox import SandboxConfig

from .helpers import DEMO, TOKEN, Offline


def control(offline, method, name, document=None):
    answer = offline.call(method, f"/_sandbox/{name}", document)
    return answer.status, answer.json()


def effects(offline, app="sandbox/demo"):
    _, document = control(offline, "GET", f"users?app={app}")
    return {user["username"]: user["effects"] for user in document["users"]}


def test_stats_of_a_fresh_sandbox(offline):
    status, stats = control(offline, "GET", "stats")
    assert status == 200
    assert stats["requests"] == 0
    assert list(stats["apps"]) == ["sandbox/demo", "sandbox/agora", "1400000000"]
    assert stats["connections"] == {"open": 0, "total": 0}


def test_stats_count_calls_pools_effects_and_batches(offline):
    offline.register("user1", "user2")
    offline.register("user3")
    offline.clock.pass_s(2)
    offline.call("GET", f"{DEMO}/users/nobody")
    offline.call("GET", "/no/such")
    _, stats = control(offline, "GET", "stats")
    app = stats["apps"]["sandbox/demo"]
    assert stats["requests"] == 4
    assert app["provider"] == "easemob"
    assert app["users"] == 3
    assert app["operations"] == {"register": 2, "get-user": 1}
    assert app["errors"] == {"service_resource_not_found": 1}
    assert app["effects"] == {"registered": 3}
    assert app["register_sizes"] == {"1": 1, "2": 1}
    assert app["pools"] == {
        "users": {
            "limit": 100, "arrivals": 3, "accepted": 3, "refused": 0, "worst_second": 2,
            "first_arrival": 1000.0, "last_arrival": 1002.0,
        }
    }  # fmt: skip


def test_the_worst_second_counts_arrivals_refused_ones_too():
    offline = Offline(SandboxConfig(limits={"users": 2}))
    for _ in range(5):
        offline.call("GET", f"{DEMO}/users")
    _, stats = control(offline, "GET", "stats")
    pool = stats["apps"]["sandbox/demo"]["pools"]["users"]
    assert (pool["accepted"], pool["refused"], pool["worst_second"]) == (2, 3, 5)


def test_effects_of_each_user_survive_its_deletion(offline):
    offline.register("user1", "user2")
    for _ in range(2):
        offline.call("POST", f"{DEMO}/mutes", {"username": "user1", "chat": 9})
        offline.call("PUT", f"{DEMO}/users/user1/password", {"newpassword": "x"})
        offline.call("POST", f"{DEMO}/users/user2/deactivate")
        offline.call("GET", f"{DEMO}/users/user2/disconnect")
    offline.call("POST", f"{DEMO}/mutes", {"username": "user1", "chat": 0})
    offline.call("POST", f"{DEMO}/users/user2/activate")
    offline.call("DELETE", f"{DEMO}/users/user1")
    offline.call("DELETE", f"{DEMO}/users/user1")
    offline.register("user1")
    assert effects(offline) == {
        "user1": {"registered": 2, "mute_set": 2, "mute_lifted": 1, "password_set": 2, "deleted": 1},
        "user2": {"registered": 1, "banned": 2, "disconnected": 2, "unbanned": 1},
    }


def test_a_refused_call_is_no_effect(offline):
    offline.register("user1")
    offline.call("POST", f"{DEMO}/users", {"username": "user1", "password": "1"})
    offline.call("POST", f"{DEMO}/mutes", {"username": "user1"})
    offline.call("POST", f"{DEMO}/mutes", {"username": "user1", "chat": -7})
    assert effects(offline) == {"user1": {"registered": 1}}


def test_users_show_their_state(offline):
    offline.register("user1")
    offline.call("POST", f"{DEMO}/mutes", {"username": "user1", "chat": -1})
    offline.call("POST", f"{DEMO}/users/user1/deactivate")
    offline.call("PUT", f"{DEMO}/users/user1/password", {"newpassword": "top-secret"})
    _, document = control(offline, "GET", "users?app=sandbox/demo")
    (user,) = document["users"]
    assert (user["exists"], user["activated"], user["mutes"]) == (True, False, {"chat": -1})
    assert user["created"] == 1_800_001_000_000
    assert "top-secret" not in json.dumps(document)
    offline.call("DELETE", f"{DEMO}/users/user1")
    _, document = control(offline, "GET", "users?app=sandbox/demo")
    assert document["users"][0]["exists"] is False


def test_seeding_by_count_and_by_list(offline):
    status, document = control(
        offline, "POST", "users", {"app": "sandbox/demo", "count": 1500, "prefix": "u"}
    )
    assert (status, document) == (200, {"app": "sandbox/demo", "users": 1500})
    users = ["x1", {"username": "X2", "nickname": "n", "mutes": {"chat": -1}, "attributes": {"a": "b"}}]
    control(offline, "POST", "users", {"app": "sandbox/demo", "users": users, "created": 1_500_000_000_000})
    listed = offline.call("GET", f"{DEMO}/users?limit=1").json()["entities"]
    assert listed[0]["username"] == "u0"
    seeded = offline.call("GET", f"{DEMO}/users/x2").json()["entities"][0]
    assert (seeded["created"], seeded["nickname"]) == (1_500_000_000_000, "n")
    assert offline.call("GET", f"{DEMO}/mutes/x2").json()["data"]["chat"] == -1
    assert offline.call("GET", f"{DEMO}/metadata/user/x2").json()["data"] == {"a": "b"}
    assert effects(offline)["x2"] == {}


def test_seeding_is_quick_and_paging_reaches_everybody(offline):
    control(offline, "POST", "users", {"app": "sandbox/demo", "count": 20_000})
    offline.world.set_limits({"users": None})
    seen, cursor = 0, ""
    while True:
        page = offline.call("GET", f"{DEMO}/users?limit=100{cursor}").json()
        seen += page["count"]
        if "cursor" not in page:
            break
        cursor = f"&cursor={page['cursor']}"
    assert seen == 20_000


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"app": "no/such", "count": 1}, "no app is called 'no/such'; there are sandbox/demo, sandbox/agora"),
        ({"app": "sandbox/demo"}, "expected `count`"),
        (
            {"app": "sandbox/demo", "users": [{"username": "u", "colour": 1}]},
            "colour=1 cannot be seeded; known:",
        ),
        ({"app": "sandbox/demo", "users": [{"username": "u", "devices": {}}]}, "devices={} cannot be seeded"),
        ({"app": "sandbox/demo", "users": ["u", "U"]}, "u exists already"),
        ({"app": "sandbox/demo", "users": [{}]}, "a user needs a `username`"),
        ({"app": "sandbox/demo", "users": [17]}, "a user needs a `username`"),
        ([], "the body must be a JSON object"),
    ],
)
def test_bad_seeds(offline, document, message):
    status, answer = control(offline, "POST", "users", document)
    assert status == 400
    assert message in answer["error"]


def test_reset_forgets_everything():
    offline = Offline(SandboxConfig(limits={"users": 7}))
    offline.register("user1")
    control(offline, "PUT", "limits", {"users": 1})
    control(offline, "PUT", "faults", [{"do": {"status_before": 503}}])
    control(offline, "PUT", "quirks", {"body-413": True})
    control(offline, "PUT", "latency", {"seconds": 5})
    assert control(offline, "POST", "reset") == (200, {"reset": True})
    world = offline.world
    assert (world.limits, world.quirks, world.latency) == ({"users": 7}, set(), (0.0, 0.0))
    assert offline.call("GET", f"{DEMO}/users").json()["entities"] == []
    assert world.requests_total == 1


def test_limits_change_while_running(offline):
    assert offline.call("GET", f"{DEMO}/users").status == 200
    assert control(offline, "PUT", "limits", {"easemob.users": 1}) == (200, {"limits": {"easemob.users": 1}})
    assert offline.call("GET", f"{DEMO}/users").status == 429
    status, answer = control(offline, "PUT", "limits", {"user": 1})
    assert status == 400
    assert answer["error"].startswith("limits: no pool is called 'user'; known pools: ")


def test_quirks_are_switched_and_shown(offline):
    assert control(offline, "PUT", "quirks", {"delete-missing-400": True}) == (
        200,
        {"on": ["delete-missing-400"]},
    )
    assert offline.call("DELETE", f"{DEMO}/users/nobody").status == 400
    assert control(offline, "PUT", "quirks", {"delete-missing-400": False}) == (200, {"on": []})
    assert control(offline, "PUT", "quirks", {"nothing": True})[0] == 400
    assert control(offline, "PUT", "quirks", {"body-413": 1})[0] == 400
    _, shown = control(offline, "GET", "quirks")
    assert shown["quirks"]["body-413"]["on"] is False


@pytest.mark.parametrize("seconds", [-1, "1", [2, 1], [1], None, True])
def test_bad_latency(offline, seconds):
    assert control(offline, "PUT", "latency", {"seconds": seconds})[0] == 400


def test_latency_delays_the_answer_within_its_range(sandbox):
    assert sandbox.control("PUT", "latency", {"seconds": [0.05, 0.06]}) == {"seconds": [0.05, 0.06]}
    response = sandbox.http.get(f"{sandbox.demo}/users")
    assert response.elapsed.total_seconds() >= 0.05


def test_the_request_log_has_no_secrets(offline):
    offline.register("user1")
    offline.call("GET", f"{DEMO}/users?limit=1")
    offline.tencent("im_open_login_svc/account_delete", {"DeleteItem": [{"UserID": "a"}, {"UserID": "b"}]})
    _, document = control(offline, "GET", "requests?last=2")
    assert document["requests"] == [
        {
            "arrived": 1000.0, "method": "GET", "path": "/sandbox/demo/users", "app": "sandbox/demo",
            "operation": "list-users", "items": 0, "status": 200, "fault": None,
        },
        {
            "arrived": 1000.0, "method": "POST", "path": "/v4/im_open_login_svc/account_delete", "app": "1400000000",
            "operation": "delete", "items": 2, "status": 200, "fault": None,
        },
    ]  # fmt: skip
    _, document = control(offline, "GET", "requests")
    assert [entry["items"] for entry in document["requests"]] == [1, 0, 2]
    assert control(offline, "GET", "requests?last=x")[0] == 400
    assert "sandbox-token" not in json.dumps(document)


def test_the_request_log_is_a_ring():
    offline = Offline(SandboxConfig(request_log_max=2))
    for number in range(3):
        offline.call("GET", f"{DEMO}/users/u{number}")
    _, document = control(offline, "GET", "requests")
    assert [entry["path"][-2:] for entry in document["requests"]] == ["u1", "u2"]


def test_control_counts_in_no_quota_and_in_no_stats(offline):
    for _ in range(5):
        control(offline, "GET", "stats")
    _, stats = control(offline, "GET", "stats")
    assert stats["requests"] == 0


@pytest.mark.parametrize(
    ("method", "name", "status"),
    [
        ("GET", "nothing", 404),
        ("GET", "", 404),
        ("DELETE", "stats", 405),
        ("GET", "users", 400),
        ("PUT", "faults", 400),
    ],
)
def test_control_says_what_it_takes(offline, method, name, status):
    got, document = control(offline, method, name)
    assert got == status
    assert document["error"]


def test_bodies_of_control_calls_must_be_json(offline):
    answer = offline.call("PUT", "/_sandbox/limits", headers=TOKEN, body=b"users: 1")
    assert (answer.status, answer.json()["error"].partition(":")[0]) == (400, "the body is not JSON")
