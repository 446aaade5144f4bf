"""What only Tencent does: HTTP 200 whatever happens, mutes of two scopes, and answers that need a second look."""

from __future__ import annotations

import pytest
from support.jobs import job, people, rows
from support.server import APPS

from bulkim.work import runner

APP = APPS["tencent"]
FOR_EVER = 4294967295


def go(server, tmp_path, operation, items, **changes):
    done = runner.run(
        job(operation, server.base_url, items, provider="tencent", **changes), journal=tmp_path / "j.db"
    )
    ends = {name: (row["outcome"], row["code"]) for name, row in rows(tmp_path / "j.db").items()}
    return done, ends


def says(operation, code, times=None, after=0):
    return {
        "match": {"operation": operation},
        "after": after,
        **({} if times is None else {"times": times}),
        "do": {"error": {"ErrorCode": code, "ErrorInfo": "said so"}},
    }


@pytest.mark.parametrize("code", [60007, 60011, 60018, 60019])
def test_throttling_arrives_as_http_200_and_is_waited_out(server, tmp_path, code):
    server.faults(says("register", code, times=2))
    done, _ = go(server, tmp_path, "register", people(300), retries=0)
    assert done.summary["counts"]["succeeded"] == 300
    assert done.summary["throttled"] == 2
    assert {row["attempts"] for row in rows(tmp_path / "j.db").values()} == {1}


@pytest.mark.parametrize(
    ("operation", "code"),
    [("delete", 71000), ("register", 70398), ("register", 60020), ("delete", 60020), ("delete", 60010), ("delete", 60021)],
)  # fmt: skip
def test_what_no_item_can_mend_stops_the_run(server, tmp_path, operation, code):
    server.seed(500, app=APP)
    server.faults(says(operation, code))
    done, _ = go(server, tmp_path, operation, [f"u{n}" for n in range(500)], batch=10, concurrency=4)
    assert (done.exit_code, done.summary["state"]) == (6, "stopped")
    assert done.summary["counts"]["pending"] == 500
    assert server.stats(APP)["operations"][operation] <= 4, "of fifty"


def test_a_plan_that_forbids_deleting(server, tmp_path):
    server.quirks(delete_not_in_plan=True)
    server.seed(300, app=APP)
    done, _ = go(server, tmp_path, "delete", [f"u{n}" for n in range(300)])
    assert (done.exit_code, done.summary["counts"]["pending"]) == (6, 300)
    assert server.stats(APP)["users"] == 300


@pytest.mark.parametrize("code", [30006, 30007, 30008, 40006, 70169, 70202, 70500])
def test_a_passing_trouble_of_one_item_is_tried_again(server, tmp_path, code):
    server.seed(50, app=APP)
    server.faults(
        {"match": {"operation": "delete"}, "times": 1, "do": {"item_error": {"code": code, "user": "u7"}}}
    )
    done, ends = go(server, tmp_path, "delete", [f"u{n}" for n in range(50)])
    assert (done.exit_code, done.summary["counts"]["succeeded"], done.summary["requests"]) == (0, 50, 2)
    assert ends["u7"] == ("succeeded", "0")
    assert server.requests("delete")[1]["items"] == 1
    assert {name: row["attempts"] for name, row in rows(tmp_path / "j.db").items() if row["attempts"] > 1} == {"u7": 2}  # fmt: skip


def test_a_trouble_that_does_not_pass_fails_with_the_vendors_code(server, tmp_path):
    server.seed(50, app=APP)
    server.faults({"match": {"operation": "delete"}, "do": {"item_error": {"code": 30008, "user": "u7"}}})
    done, ends = go(server, tmp_path, "delete", [f"u{n}" for n in range(50)], retries=1)
    assert (done.exit_code, done.summary["requests"]) == (1, 2)
    assert ends.pop("u7") == ("failed", "30008")
    assert set(ends.values()) == {("succeeded", "0")}


@pytest.mark.parametrize("code", [60008, 70500, 91000])
def test_a_call_that_may_have_been_done_is_repeated(server, tmp_path, code):
    operation = "set-attributes" if code == 91000 else "delete"
    server.seed(50, app=APP)
    server.faults(says(operation, code, times=1))
    done, ends = go(server, tmp_path, operation, [f"u{n}" for n in range(50)],
                    params={"attributes": {"city": "Ulm"}} if code == 91000 else {})  # fmt: skip
    assert done.exit_code == 0
    assert {end[0] for end in ends.values()} == {"succeeded"}


def test_a_deletion_without_an_answer_is_settled_by_the_second_one(server, tmp_path):
    """Those whom the first call deleted are gone in the second: deleted by us, not unchanged."""
    server.seed(50, app=APP)
    server.faults({"match": {"operation": "delete"}, "times": 1, "do": "drop_after"})
    done, _ = go(server, tmp_path, "delete", [f"u{n}" for n in range(50)])
    assert done.summary["counts"]["succeeded"] == 50
    assert server.stats(APP)["effects"] == {"deleted": 50}


def test_a_deleted_id_cannot_come_back_for_three_months(server, tmp_path):
    server.quirks(reimport_refused=True)
    server.seed(2, app=APP)
    go(server, tmp_path, "delete", ["u0"])
    _, ends = go(server, tmp_path, "register", ["u0", "u1", "u2"])
    assert ends == {"u0": ("failed", "not_imported"), "u1": ("succeeded", "0"), "u2": ("succeeded", "0")}


def test_ids_differ_by_case_and_may_hold_what_a_path_could_not(server, tmp_path):
    strange = ["Ann", "ann", "a/b", "..", "x?limit=100", "two words"]
    done, ends = go(server, tmp_path, "register", strange)
    assert (done.exit_code, len(ends)) == (0, 6)
    assert set(server.users(APP)) == set(strange)


class TestMutes:
    def mutes(self, server, user="u0"):
        return server.users(APP)[user]["mutes"]

    def test_chat_rooms_are_groups(self, server, tmp_path):
        server.seed(1, app=APP)
        done, _ = go(server, tmp_path, "mute", ["u0"], params={"chatroom": 600})
        assert done.exit_code == 0
        assert list(self.mutes(server)) == ["GroupmsgNospeakingTime"]
        assert 590 < self.mutes(server)["GroupmsgNospeakingTime"] <= 600

    def test_beside_groupchat_a_chatroom_says_nothing_more(self, server, tmp_path):
        server.seed(1, app=APP)
        go(server, tmp_path, "mute", ["u0"], params={"chatroom": 5, "groupchat": -1})
        assert self.mutes(server) == {"GroupmsgNospeakingTime": -1}

    def test_lifting_one_scope_leaves_the_other(self, server, tmp_path):
        server.seed(1, app=APP)
        go(server, tmp_path, "mute", ["u0"], params={"chat": -1, "groupchat": -1})
        done, _ = go(server, tmp_path, "unmute", ["u0"], params={"chatroom": 0}, name="lift")
        assert done.exit_code == 0
        assert self.mutes(server) == {"C2CmsgNospeakingTime": -1, "GroupmsgNospeakingTime": 0}

    def test_a_mute_without_an_answer_is_asked_about_not_started_again(self, server, tmp_path):
        server.seed(3, app=APP)
        server.faults({"match": {"operation": "mute", "user": "u1"}, "times": 1, "do": "drop_after"})
        _, ends = go(server, tmp_path, "mute", ["u0", "u1", "u2"], params={"chat": 600})
        assert ends["u1"] == ("succeeded", "reconciled")
        assert {user["effects"]["mute_set"] for user in server.users(APP).values()} == {1}

    def test_for_ever_in_both_scopes_may_be_nobody(self, server, tmp_path):
        """The vendor answers the same of an account that does not exist."""
        server.seed(["somebody", "forever"], app=APP)
        go(server, tmp_path, "mute", ["forever"], params={"chat": -1, "groupchat": -1})
        go(server, tmp_path, "get-mute", ["somebody", "forever", "nobody"])
        results = rows(tmp_path / "j.db")
        assert results["nobody"]["data"] == results["forever"]["data"]
        assert results["somebody"]["reason"] is None
        assert "no such user" in results["nobody"]["reason"]
        assert "no such user" in results["forever"]["reason"]

    def test_a_mute_for_ever_of_nobody_is_not_taken_for_done(self, server, tmp_path):
        """The first sending gets no answer, and asking says "for ever": that is not believed, it is sent again."""
        server.seed(["somebody"], app=APP)
        server.faults({"match": {"operation": "mute"}, "times": 2, "do": "drop_after"})
        both = {"chat": -1, "groupchat": -1}
        _, ends = go(server, tmp_path, "mute", ["somebody", "nobody"], params=both, name="for ever")
        assert ends == {"somebody": ("succeeded", "0"), "nobody": ("failed", "70107")}


def test_online_status_under_both_names(server, tmp_path):
    server.seed([{"username": "a", "online": True}, "b"], app=APP)
    go(server, tmp_path, "online-status", ["a", "b"])
    assert [row["data"]["Status"] for row in rows(tmp_path / "j.db").values()] == ["Online", "Offline"]
    server.quirks(online_status_state=True)
    go(server, tmp_path, "online-status", ["a", "b"], name="again")
    assert [row["data"]["State"] for row in rows(tmp_path / "j.db").values()] == ["Online", "Offline"]


def test_a_kick_of_somebody_offline_is_no_failure(server, tmp_path):
    server.seed([{"username": "a", "online": True}, "b"], app=APP)
    _, ends = go(server, tmp_path, "disconnect", ["a", "b", "nobody"])
    assert ends == {"a": ("succeeded", "0"), "b": ("succeeded", "0"), "nobody": ("failed", "70107")}
    assert server.users(APP)["a"]["status"] == "Offline"


def test_five_hundred_statuses_take_one_request(server, tmp_path):
    server.seed(600, app=APP)
    done, _ = go(server, tmp_path, "online-status", [f"u{n}" for n in range(600)])
    assert (done.summary["counts"]["succeeded"], done.summary["requests"]) == (600, 2)
