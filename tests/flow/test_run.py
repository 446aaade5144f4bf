"""Whole runs against the sandbox over real sockets: what the journal says is what happened at the server."""

from __future__ import annotations

import pytest
from support.jobs import job, people, rows

from bulkim.model import Auth, Guard, Rate
from bulkim.sending import guard
from bulkim.work import runner


def outcomes(journal):
    return {name: (row["outcome"], row["code"]) for name, row in rows(journal).items()}


def test_register_takes_sixty_a_request_and_says_who_was_there_before(server, tmp_path):
    server.seed(["U7", "u100"])
    done = runner.run(job("register", server.base_url, people(150)), journal=tmp_path / "j.db")
    assert done.exit_code == 0
    assert done.summary["counts"] == {
        "succeeded": 148, "unchanged": 2, "failed": 0, "unknown": 0, "skipped": 0, "pending": 0
    }  # fmt: skip
    assert done.summary["codes"] == {"duplicate_unique_property_exists": 2}
    assert done.summary["requests"] == 3
    assert server.stats()["register_sizes"] == {"30": 1, "60": 2}
    assert outcomes(tmp_path / "j.db")["u7"] == ("unchanged", "duplicate_unique_property_exists")


def test_register_when_all_exist_is_unchanged(server, tmp_path):
    server.seed(60)
    done = runner.run(job("register", server.base_url, people(60)), journal=tmp_path / "j.db")
    assert done.summary["counts"]["unchanged"] == 60
    assert done.exit_code == 0
    assert done.summary["requests"] <= 64


def test_some_exist_and_the_vendor_refuses_the_whole_batch(server, tmp_path):
    server.quirks(register_some_exist_400=True)
    server.seed(["u5", "u50"])
    done = runner.run(job("register", server.base_url, people(60)), journal=tmp_path / "j.db")
    assert done.summary["counts"] | {} == {
        "succeeded": 58, "unchanged": 2, "failed": 0, "unknown": 0, "skipped": 0, "pending": 0
    }  # fmt: skip
    assert done.summary["requests"] <= 13


def test_one_illegal_name_does_not_cost_the_others(server, tmp_path):
    server.faults(
        {
            "match": {"operation": "register", "user": "^u33$"},
            "do": {"error": {"http": 400, "error": "illegal_argument", "description": "something is wrong"}},
        }
    )
    done = runner.run(job("register", server.base_url, people(60)), journal=tmp_path / "j.db")
    assert done.summary["counts"]["succeeded"] == 59
    assert done.summary["counts"]["failed"] == 1
    assert done.summary["requests"] <= 13
    assert outcomes(tmp_path / "j.db")["u33"] == ("failed", "illegal_argument")
    assert done.exit_code == 1


def test_delete_mute_ban_unban_password_get(server, tmp_path):
    server.seed(5)
    journal = tmp_path / "j.db"
    names = [f"u{n}" for n in range(6)]  # u5 is nobody

    def go(operation, items, **changes):
        done = runner.run(job(operation, server.base_url, items, **changes), journal=journal)
        return done, outcomes(journal)

    done, ended = go("mute", names, params={"chat": 600, "chatroom": -1})
    assert ended["u5"] == ("failed", "required_property_not_found")
    assert server.users()["u1"]["mutes"]["chatroom"] == -1
    done, ended = go("unmute", names)
    assert all(left == 0 for left in server.users()["u1"]["mutes"].values())
    done, ended = go("ban", names)
    assert server.users()["u2"]["activated"] is False
    assert ended["u5"] == ("failed", "service_resource_not_found")
    done, ended = go("get-user", names)
    assert rows(journal)["u2"]["data"]["activated"] is False
    done, ended = go("unban", names)
    assert server.users()["u2"]["activated"] is True
    done, ended = go("set-password", [{"username": n, "password": "brandnew"} for n in names])
    assert ended["u5"] == ("failed", "entity_not_found")
    assert server.users()["u0"]["effects"]["password_set"] == 1
    done, ended = go("delete", names)
    assert ended["u5"] == ("unchanged", "service_resource_not_found")
    assert done.exit_code == 0
    assert not any(user["exists"] for user in server.users().values())


def test_case_duplicates_and_protected_are_skipped_and_add_up(server, tmp_path):
    server.seed(["anna", "admin.root", "bob"])
    done = runner.run(
        job("delete", server.base_url, ["Anna", "anna", "ADMIN.root", "bob", "a/b"],
            guard=Guard(protect=["admin.*"])),
        journal=tmp_path / "j.db",
    )  # fmt: skip
    assert done.summary["counts"] == {
        "succeeded": 2, "unchanged": 0, "failed": 0, "unknown": 0, "skipped": 3, "pending": 0
    }  # fmt: skip
    assert done.summary["codes"] == {"duplicate": 1, "invalid": 1, "protected": 1}
    assert done.exit_code == 1  # one is invalid
    assert server.users()["admin.root"]["exists"]


def test_a_protected_user_may_be_named_twice(server, tmp_path):
    """Each of the rows is skipped; the run continues with the same rows, and with more of them."""
    server.seed(["admin", "bob", "carl"])

    def go(*names):
        wanted = job("delete", server.base_url, list(names), guard=Guard(protect=["admin"]))
        done = runner.run(wanted, journal=tmp_path / "j.db")
        return done.summary["items"], done.summary["counts"]["succeeded"], done.summary["codes"]

    assert go("admin", "bob", "ADMIN", "admin") == (4, 1, {"protected": 3})
    server.faults({"match": {"operation": "delete"}, "do": {"error": {"http": 401, "error": "unauthorized"}}})
    assert go("admin", "carl", "admin")[1] == 0
    server.faults()
    assert go("admin", "carl", "admin", "Admin") == (4, 1, {"protected": 3})


def test_client_credentials_are_fetched_once_and_again_when_refused(server, tmp_path):
    server.seed(40)
    auth = Auth("client_secret", "sandbox-client", "sandbox-secret")
    server.faults(
        {
            "match": {"operation": "delete"},
            "after": 10,
            "times": 1,
            "do": {"error": {"http": 401, "error": "unauthorized", "description": "token is illegal."}},
        }
    )
    done = runner.run(
        job("delete", server.base_url, [f"u{n}" for n in range(40)], auth=auth), journal=tmp_path / "j.db"
    )
    assert done.summary["counts"]["succeeded"] == 40
    assert server.stats()["token_fetches"] == 2


def test_wrong_credentials_stop_the_run_after_two_tries(server, tmp_path):
    auth = Auth("client_secret", "sandbox-client", "wrong")
    done = runner.run(job("delete", server.base_url, ["u1"], auth=auth), journal=tmp_path / "j.db")
    assert done.exit_code == 6
    assert done.summary["state"] == "stopped"
    assert done.summary["counts"]["pending"] == 1
    assert server.stats()["token_fetches"] == 0


def test_a_used_up_plan_stops_at_once(server, tmp_path):
    server.faults(
        {
            "match": {"operation": "register"},
            "do": {
                "error": {
                    "http": 429,
                    "error": "resource_limited",
                    "description": "limit of the community edition",
                }
            },
        }
    )
    done = runner.run(job("register", server.base_url, people(600), concurrency=4), journal=tmp_path / "j.db")
    assert done.exit_code == 6
    assert done.summary["counts"]["pending"] == 600
    assert server.stats()["operations"]["register"] <= 4


def test_throttling_slows_the_pool_and_costs_no_attempt(server, tmp_path):
    server.seed(60)
    server.limits(users=20)
    done = runner.run(
        job("delete", server.base_url, [f"u{n}" for n in range(60)], rate=Rate(limit=100), retries=0),
        journal=tmp_path / "j.db",
    )
    assert done.summary["counts"]["succeeded"] == 60
    assert done.summary["throttled"] > 0
    assert server.stats()["effects"]["deleted"] == 60
    assert all(row["attempts"] == 1 for row in rows(tmp_path / "j.db").values())


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "truncate", "garbage", "html_502"])
@pytest.mark.parametrize("operation", ["register", "delete", "mute", "ban"])
def test_doubt_is_settled_and_nothing_is_done_twice(server, tmp_path, operation, fault):
    if operation != "register":
        server.seed(30)
    items = people(30) if operation == "register" else [f"u{n}" for n in range(30)]
    server.faults({"match": {"operation": operation}, "after": 0, "times": 4, "do": fault})
    done = runner.run(
        job(operation, server.base_url, items, params={"chat": 1000} if operation == "mute" else {}, batch=10 if operation == "register" else None),
        journal=tmp_path / "j.db",
    )  # fmt: skip
    assert done.summary["counts"]["succeeded"] == 30, done.summary
    effect = {"register": "registered", "delete": "deleted", "mute": "mute_set", "ban": "banned"}[operation]
    assert {user["effects"].get(effect) for user in server.users().values()} == {1}


def test_a_dead_host_stops_the_run_and_leaves_all_pending(tmp_path):
    done = runner.run(job("delete", "http://127.0.0.1:9", ["u1", "u2"], retries=1), journal=tmp_path / "j.db")
    assert done.exit_code == 4
    assert done.summary["state"] == "stopped"
    assert done.summary["counts"]["pending"] == 2


def test_retry_sends_what_failed_again_with_its_secrets(server, tmp_path):
    journal = tmp_path / "j.db"
    server.faults(
        {
            "match": {"operation": "register", "user": "^u3$"},
            "times": 20,
            "do": {"error": {"http": 400, "error": "illegal_argument", "description": "no"}},
        }
    )
    registering = job("register", server.base_url, people(20))
    first = runner.run(registering, journal=journal)
    assert first.exit_code == 1
    server.faults()
    from bulkim.journal import Reader

    with Reader.open(journal) as opened:
        parent = opened.find("last")
    second = runner.retry(parent, registering, journal=journal)
    assert second.summary["items"] == 1
    assert second.summary["counts"]["succeeded"] == 1
    assert second.summary["parent"] == first.summary["run"]
    assert server.users()["u3"]["exists"]


def test_max_failures_stops_and_a_second_run_continues(server, tmp_path):
    strict = job("mute", server.base_url, [f"nobody{n}" for n in range(50)], params={"chat": 5},
                 guard=Guard(max_failures="10"), concurrency=4)  # fmt: skip
    first = runner.run(strict, journal=tmp_path / "j.db")
    assert first.exit_code == 4
    assert 11 <= first.summary["counts"]["failed"] <= 11 + 3, "and what was in flight"
    lenient = job("mute", server.base_url, [f"nobody{n}" for n in range(50)], params={"chat": 5})
    second = runner.run(lenient, journal=tmp_path / "j.db")
    assert second.summary["resumed"]
    assert second.summary["run"] == first.summary["run"]
    assert second.summary["counts"]["failed"] == 50


def test_a_canary_that_fails_stops_the_rest(server, tmp_path):
    careful = job("mute", server.base_url, [f"nobody{n}" for n in range(50)], params={"chat": 5},
                  guard=Guard(canary=5))  # fmt: skip
    done = runner.run(careful, journal=tmp_path / "j.db")
    assert done.exit_code == 4
    assert done.summary["counts"]["failed"] == 5
    assert done.summary["counts"]["pending"] == 45


def test_a_streak_of_one_code_stops_the_run_unless_the_job_says_how_many_may_fail(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(guard, "STREAK_MAX", 30)
    names = [f"nobody{n}" for n in range(120)]
    settings = {"params": {"chat": 5}, "concurrency": 4}
    first = runner.run(job("mute", server.base_url, names, **settings), journal=tmp_path / "j.db")
    assert first.exit_code == 4
    assert first.ending.stop.code == "streak"
    assert 30 <= first.summary["counts"]["failed"] <= 30 + 3, "and what was in flight"
    brave = job("mute", server.base_url, names, guard=Guard(max_failures="100%"), **settings)
    second = runner.run(brave, journal=tmp_path / "j.db")
    assert second.summary["counts"]["failed"] == 120
