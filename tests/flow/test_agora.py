"""What differs at Agora Chat: a pool for each method, addresses by app id, its plans; and what both backends refuse for good."""

from __future__ import annotations

import pytest
from support.jobs import CERTIFICATE, TOKEN, job, people, rows
from support.server import APPS, serving

from bulkim.model import Rate, Source
from bulkim.sandbox import App
from bulkim.work import runner

BOTH = pytest.mark.parametrize("vendor", ["easemob", "agora"])


def go(server, tmp_path, operation, items, **changes):
    done = runner.run(job(operation, server.base_url, items, **changes), journal=tmp_path / "j.db")
    ends = {name: (row["outcome"], row["code"]) for name, row in rows(tmp_path / "j.db").items()}
    return done, ends


def refusing(operation, http, error, description="said so", **rule):
    error = {"http": http, "error": error, "description": description}
    return {"match": {"operation": operation}, **rule, "do": {"error": error}}


# --------------------------------------------------------------------------------------- Agora alone


def test_batch_status_keeps_to_its_own_fifty_a_second(tmp_path):
    with serving() as server:
        server.seed(6, app=APPS["agora"])
        done, _ = go(
            server, tmp_path, "online-status", [f"u{n}" for n in range(7000)], provider="agora", rate=Rate()
        )
        pool = server.stats(APPS["agora"])["pools"]["online-status-batch"]
    assert done.summary["counts"]["succeeded"] == 7000
    assert (pool["limit"], pool["refused"], pool["accepted"]) == (50, 0, 70)
    assert pool["worst_second"] <= 50


def test_other_methods_do_not_draw_on_one_pool(tmp_path):
    with serving() as server:
        server.seed(20, app=APPS["agora"])
        for operation in ("get-user", "ban", "unban", "delete"):
            go(server, tmp_path, operation, [f"u{n}" for n in range(20)], provider="agora", rate=Rate())
        pools = server.stats(APPS["agora"])["pools"]
    assert {name: pool["accepted"] for name, pool in pools.items()} == dict.fromkeys(("get-user", "ban", "unban", "delete"), 20)  # fmt: skip


def test_a_shared_pool_can_be_said_in_the_job(tmp_path):
    """If an app's methods turn out to share their limit after all, refusals slow the run down and nothing is lost."""
    with serving(quirks=frozenset({"agora-shared-pool"}), limits={"users": 30}) as server:
        server.seed(60, app=APPS["agora"])
        done, _ = go(
            server, tmp_path, "get-user", [f"u{n}" for n in range(40)], provider="agora", rate=Rate(limit=28)
        )
        assert server.stats(APPS["agora"])["pools"]["users"]["refused"] == 0
    assert done.summary["counts"]["succeeded"] == 40


def test_names_that_differ_by_case_are_one_user(server, tmp_path):
    done, _ = go(server, tmp_path, "register", people(3) + people(3, "U"), provider="agora")
    assert (done.summary["counts"]["succeeded"], done.summary["codes"]) == (3, {"duplicate": 3})


def test_capitals_come_back_in_lower_case_and_are_recognised(server, tmp_path):
    _, ends = go(server, tmp_path, "register", people(3, "User"), provider="agora")
    assert set(ends.values()) == {("succeeded", None)}
    assert set(server.users(APPS["agora"])) == {"user0", "user1", "user2"}


def test_listing_at_the_app_ids_address(server, tmp_path):
    server.seed(150, app=APPS["agora"])
    _, ends = go(server, tmp_path, "list-users", Source("none"), provider="agora", org=None, app=None, app_id=CERTIFICATE.identity)  # fmt: skip
    assert len(ends) == 150
    assert all(each["path"] == f"/app-id/{CERTIFICATE.identity}/users" for each in server.requests())


# --------------------------------------------------------------------------------- both backends alike


@BOTH
def test_a_full_plan_stops_at_once(tmp_path, vendor):
    name = APPS[vendor].partition("/")[2]
    with serving(apps=(App(vendor, org="sandbox", app=name, tokens=("sandbox-token",), max_users=100),)) as server:  # fmt: skip
        done, _ = go(server, tmp_path, "register", people(600), provider=vendor, auth=TOKEN, concurrency=1)
        registered = server.stats(APPS[vendor])["users"]
    assert (done.exit_code, done.summary["state"]) == (6, "stopped")
    assert done.summary["counts"]["succeeded"] == registered == 60
    assert done.summary["counts"]["pending"] == 540
    assert done.summary["requests"] == 2


@BOTH
@pytest.mark.parametrize("error", ["unsupported_service_operation", "web_application", "no_full_text_index"])
def test_an_internal_error_that_is_permanent_stops(server, tmp_path, vendor, error):
    server.faults(refusing("register", 500, error))
    done, _ = go(server, tmp_path, "register", people(600), provider=vendor, concurrency=4)
    assert (done.exit_code, done.summary["counts"]["pending"]) == (6, 600)
    assert server.stats(APPS[vendor])["operations"]["register"] <= 4


@BOTH
@pytest.mark.parametrize(("http", "error"), [(403, "forbidden_op"), (403, "forbidden_service_operation"), (404, "organization_application_not_found")])  # fmt: skip
def test_a_refusal_of_the_app_stops(server, tmp_path, vendor, http, error):
    server.faults(refusing("mute", http, error))
    names = [f"u{n}" for n in range(200)]
    done, _ = go(server, tmp_path, "mute", names, provider=vendor, params={"chat": 5}, concurrency=4)
    assert (done.exit_code, done.summary["counts"]["pending"]) == (6, 200)
    assert server.stats(APPS[vendor])["operations"]["mute"] <= 4


def test_a_limit_is_waited_out_and_a_wish_to_wait_is_heard(server, tmp_path):
    vendor = "agora"
    server.seed(30, app=APPS[vendor])
    server.faults({"match": {"operation": "ban"}, "times": 1, "do": {"throttle": None, "retry_after": 2}})
    done, _ = go(
        server, tmp_path, "ban", [f"u{n}" for n in range(30)], provider=vendor, concurrency=1, retries=0
    )
    assert done.summary["counts"]["succeeded"] == 30
    first, second = (each["arrived"] for each in server.requests("ban")[:2])
    assert second - first >= 2


@BOTH
def test_an_internal_error_that_passes_is_settled(server, tmp_path, vendor):
    server.seed(20, app=APPS[vendor])
    server.faults({"match": {"operation": "ban"}, "times": 3, "do": {"status_after": 500}})
    done, _ = go(server, tmp_path, "ban", [f"u{n}" for n in range(20)], provider=vendor)
    assert done.summary["counts"]["succeeded"] == 20
    assert {user["effects"]["banned"] for user in server.users(APPS[vendor]).values()} == {1}


@BOTH
def test_a_concurrent_operation_is_tried_again(server, tmp_path, vendor):
    server.seed(10, app=APPS[vendor])
    server.faults(refusing("unban", 409, "concurrent_operation_error", times=2))
    done, _ = go(server, tmp_path, "unban", [f"u{n}" for n in range(10)], provider=vendor)
    assert (done.summary["counts"]["succeeded"], done.summary["requests"]) == (10, 12)


@BOTH
def test_the_other_form_in_which_a_missing_user_is_deleted(server, tmp_path, vendor):
    server.quirks(delete_missing_400=True)
    done, ends = go(server, tmp_path, "delete", ["nobody"], provider=vendor)
    assert ends == {"nobody": ("unchanged", "management")}
    assert done.exit_code == 0


def test_forcing_somebody_offline_who_is_offline(server, tmp_path):
    """Where the vendor says that it did not force the user offline, so does the result."""
    server.quirks(disconnect_offline_false=True)
    server.seed([{"username": "on", "online": True}, "off"])
    _, ends = go(server, tmp_path, "disconnect", ["on", "off"])
    assert ends == {"on": ("succeeded", None), "off": ("failed", "result=false")}
