"""A call that is refused because of one item: the culprit is found, at a bounded price, and nobody else carries its error."""

from __future__ import annotations

import pytest
from support.jobs import job, people, rows
from support.server import APPS

from bulkim.work import runner


def for_nothing(size):
    """How many calls may find nobody, beside one for each item: the halvings on the way to the first culprit, and their other halves.

    It takes so many when every answer on that way is the first to come; mostly it is fewer.
    """
    halvings = (size - 1).bit_length()
    return halvings + halvings - 1


def refuse(server, culprits, description):
    """Every call with one of them is refused; ``{}`` in the description becomes the culprit's name."""
    server.faults(
        *(
            {
                "match": {"operation": "register", "user": name},
                "do": {"error": {"http": 400, "error": "illegal_argument", "description": description.format(name)}},
            }
            for name in culprits
        )
    )  # fmt: skip


def register(server, tmp_path, users, **changes):
    done = runner.run(job("register", server.base_url, users, **changes), journal=tmp_path / "j.db")
    assert server.stats()["operations"]["register"] == done.summary["requests"]
    return done, rows(tmp_path / "j.db")


def only_culprits_fail(results, culprits, code):
    for name, row in results.items():
        if name in culprits:
            assert (row["outcome"], row["code"]) == ("failed", code)
        else:
            assert (row["outcome"], row["code"], row["reason"]) == ("succeeded", None, None)
    assert {row["attempts"] for row in results.values()} == {1}  # being narrowed down costs nobody a try


@pytest.mark.parametrize("place", [0, 1, 29, 30, 44, 59])
def test_one_in_sixty_without_a_name_costs_at_most_thirteen_calls(server, tmp_path, place):
    culprit = f"u{place}"
    refuse(server, [culprit], "something is wrong")
    done, results = register(server, tmp_path, people(60))
    only_culprits_fail(results, {culprit}, "illegal_argument")
    assert done.summary["requests"] <= 13
    assert server.stats()["effects"]["registered"] == 59


@pytest.mark.parametrize("culprits", [["u33"], ["u0", "u59"], ["u7", "u8", "u9"]])
def test_culprits_whom_the_vendor_names_cost_a_call_each(server, tmp_path, culprits):
    refuse(server, culprits, "username [{}] is not legal")
    done, results = register(server, tmp_path, people(60))
    only_culprits_fail(results, set(culprits), "illegal_argument")
    assert done.summary["requests"] == len(culprits) + 1


def test_a_name_of_the_same_letters_is_not_taken_for_another(server, tmp_path):
    """The vendor names u1; u10 to u19 begin alike."""
    refuse(server, ["u1"], "username [{}] is not legal")
    done, results = register(server, tmp_path, people(20))
    only_culprits_fail(results, {"u1"}, "illegal_argument")
    assert done.summary["requests"] == 2


def test_a_named_stranger_is_nobody_and_the_call_is_halved(server, tmp_path):
    """A name that is not in the call accuses nobody; where only one is left, the answer is not about them, and settles nothing."""
    refuse(server, ["u5"], "username [stranger] is not legal")
    runner.run(job("register", server.base_url, people(60), retries=1), journal=tmp_path / "j.db")
    results = rows(tmp_path / "j.db")
    last = results.pop("u5")
    assert last["outcome"] == "unknown"
    assert {each["outcome"] for each in results.values()} == {"succeeded"}


@pytest.mark.parametrize("description", ["something is wrong", "username [{}] is not legal"])
@pytest.mark.parametrize("every", [2, 3, 7])
def test_with_many_culprits_it_turns_to_singles(server, tmp_path, every, description):
    culprits = [f"u{n}" for n in range(0, 60, every)]
    refuse(server, culprits, description)
    done, results = register(server, tmp_path, people(60))
    only_culprits_fail(results, set(culprits), "illegal_argument")
    assert done.summary["requests"] <= 60 + for_nothing(60)


def test_an_existing_name_where_the_vendor_refuses_the_call_for_it(server, tmp_path):
    server.quirks(register_some_exist_400=True)
    server.seed(["u5"])
    done, results = register(server, tmp_path, people(60))
    assert (results.pop("u5")["outcome"], done.summary["requests"]) == ("unchanged", 2)
    only_culprits_fail(results, set(), None)
    assert server.users()["u5"]["effects"] == {}


def test_thirty_of_sixty_exist_where_the_vendor_refuses_the_call(server, tmp_path):
    server.quirks(register_some_exist_400=True)
    server.seed([f"u{n}" for n in range(0, 60, 2)])
    done, _ = register(server, tmp_path, people(60))
    assert (done.summary["counts"]["succeeded"], done.summary["counts"]["unchanged"]) == (30, 30)
    assert done.summary["requests"] <= 60 + for_nothing(60)


def test_passwords_that_the_vendor_prints_go_nowhere(server, tmp_path):
    description = "the same user u3 has a different password, the passwords are [pw-u3, pw-u4]"
    server.faults(
        {
            "match": {"operation": "register", "user": "u3"},
            "do": {
                "error": {
                    "http": 400,
                    "error": "duplicate_unique_property_exists",
                    "description": description,
                }
            },
        }
    )
    done, results = register(server, tmp_path, people(60))
    only_culprits_fail(results, {"u3"}, "duplicate_unique_property_exists")
    assert done.summary["requests"] == 2
    for part in tmp_path.iterdir():
        assert b"pw-u" not in part.read_bytes()


def test_a_body_that_is_too_large_is_halved(server, tmp_path):
    server.quirks(body_413=True)
    users = [{"username": f"{n:02}" + "n" * 62, "password": "p" * 64} for n in range(60)]
    done, results = register(server, tmp_path, users)
    only_culprits_fail(results, set(), None)
    assert done.summary["requests"] <= 7
    assert server.stats()["effects"]["registered"] == 60
    assert max(map(int, server.stats()["register_sizes"])) <= 30


def test_one_who_is_too_large_alone_fails_alone(server, tmp_path):
    refused = {"match": {"operation": "register", "user": "u7"}, "do": {"status_before": 413, "html": True}}
    server.faults(refused)
    done, results = register(server, tmp_path, people(60))
    only_culprits_fail(results, {"u7"}, "413")
    assert done.summary["requests"] <= 13


def test_a_batch_larger_than_the_vendor_takes_is_split(server, tmp_path):
    """A vendor that has lowered its maximum: no item is to blame."""
    description = (
        "Request body array size[60] had almost reached or been greater than the upper range value[60]"
    )
    server.faults(
        {
            "match": {"operation": "register"},
            "times": 3,
            "do": {"error": {"http": 400, "error": "illegal_argument", "description": description}},
        }
    )
    done, results = register(server, tmp_path, people(60))
    only_culprits_fail(results, set(), None)
    assert done.summary["requests"] <= 3 + 60


def test_other_calls_of_the_run_are_not_touched(server, tmp_path):
    refuse(server, ["u100"], "something is wrong")
    done, results = register(server, tmp_path, people(300))
    only_culprits_fail(results, {"u100"}, "illegal_argument")
    assert done.summary["requests"] <= 13 + 4
    assert server.stats()["register_sizes"]["60"] == 4


# ------------------------------------------------------------------------------------------- Tencent


def attributes(count, bad=()):
    """One value is longer than the 50 bytes that the vendor takes; it says so of the whole call, without a name."""
    return [
        {"username": f"u{n}", "attributes": {"city": "x" * 51 if f"u{n}" in bad else "Ulm"}}
        for n in range(count)
    ]


@pytest.mark.parametrize("bad", [["u0"], ["u63"], ["u99"]])
def test_one_invalid_attribute_in_a_hundred_at_tencent(server, tmp_path, bad):
    server.seed(100, app=APPS["tencent"])
    setting = job("set-attributes", server.base_url, attributes(100, bad), provider="tencent")
    done = runner.run(setting, journal=tmp_path / "j.db")
    results = rows(tmp_path / "j.db")
    assert {name for name, row in results.items() if row["outcome"] == "failed"} == set(bad)
    assert results[bad[0]]["code"] == "90033"
    assert {row["code"] for name, row in results.items() if name not in bad} == {"0"}
    assert done.summary["requests"] <= 15
    users = server.users(APPS["tencent"])
    assert sum(user["effects"].get("attributes_set", 0) for user in users.values()) == 99
    assert users[bad[0]]["attributes"] == {}


def test_many_invalid_attributes_at_tencent(server, tmp_path):
    bad = [f"u{n}" for n in range(0, 100, 3)]
    server.seed(100, app=APPS["tencent"])
    setting = job("set-attributes", server.base_url, attributes(100, bad), provider="tencent")
    done = runner.run(setting, journal=tmp_path / "j.db")
    failed = {name for name, row in rows(tmp_path / "j.db").items() if row["outcome"] == "failed"}
    assert failed == set(bad)
    assert done.summary["requests"] <= 100 + for_nothing(100)


def test_the_items_that_tencent_names_cost_nothing(server, tmp_path):
    server.seed(100, app=APPS["tencent"])
    server.faults({"match": {"operation": "delete"}, "do": {"item_error": {"code": 70402, "user": "u[1-3]"}}})
    deleting = job("delete", server.base_url, [f"u{n}" for n in range(100)], provider="tencent")
    done = runner.run(deleting, journal=tmp_path / "j.db")
    failed = {name for name, row in rows(tmp_path / "j.db").items() if row["outcome"] == "failed"}
    assert failed == {"u1", "u2", "u3"}
    assert done.summary["requests"] == 1
