"""Operations and sources without an input: listings, their interruption, deleting the oldest, earlier runs."""

from __future__ import annotations

import signal
import time

import pytest
from support.jobs import job, rows
from support.processes import bulkim, finish, kill, start, wait_until
from support.server import serving

from bulkim.errors import ConfirmationError, GuardError, UsageError
from bulkim.journal import Reader
from bulkim.model import Guard, Rate, Source, Where
from bulkim.work import runner

FAST = Rate(limit=2000, pools={"users": 2000})
DAY_MS = 86_400_000
ILLEGAL = {"http": 400, "error": "illegal_argument", "description": "no"}
UNPAID = {"http": 403, "error": "forbidden_op", "description": "Service operation not allowed"}


def go(operation, server, source, journal, **changes):
    settings = {"rate": FAST, **changes}
    options = {
        name: settings.pop(name) for name in ("confirm", "limit", "missing", "new") if name in settings
    }
    return runner.run(job(operation, server.base_url, source, **settings), journal=journal, **options)


def test_each_listed_user_becomes_an_item_with_data(server, tmp_path):
    server.seed(250)
    done = go("list-users", server, Source("none"), tmp_path / "j.db")
    assert done.summary["counts"]["succeeded"] == done.summary["items"] == 250
    assert done.summary["requests"] == 3
    assert rows(tmp_path / "j.db")["u17"]["data"]["activated"] is True


def test_a_listing_can_be_narrowed(server, tmp_path):
    server.seed(250)
    narrowed = Source("listing", listing="users", where=Where(match="u1[0-4]"))
    done = go("list-users", server, narrowed, tmp_path / "j.db")
    assert done.summary["counts"]["succeeded"] == done.summary["items"] == 5
    assert done.summary["requests"] == 3, "it was listed once"
    assert rows(tmp_path / "j.db")["u14"]["data"]["activated"] is True


def test_a_listing_is_read_as_far_as_the_limit(server, tmp_path):
    server.seed(250)
    first = go("list-users", server, Source("none"), tmp_path / "j.db", limit=3)
    assert (first.summary["items"], first.summary["requests"]) == (3, 1)
    over = go("list-users", server, Source("none"), tmp_path / "j.db", limit=120, new=True)
    assert (over.summary["items"], over.summary["requests"]) == (120, 2)
    narrowed = Source("listing", listing="users", where=Where(match="u1.*"))
    asked = []
    done = go(
        "delete", server, narrowed, tmp_path / "j.db", limit=4, guard=Guard(protect=["u1"]),
        confirm=lambda preview: asked.append(preview.to_send),
    )  # fmt: skip
    assert asked == [3]
    assert done.summary["counts"]["succeeded"] + done.summary["counts"]["skipped"] == 4
    assert sum(not user["exists"] for user in server.users().values()) == 3


def test_the_limit_of_a_listing_holds_over_an_interruption(server, tmp_path):
    server.seed(350)
    server.faults({"match": {"operation": "list-users"}, "after": 1, "do": {"error": UNPAID}})
    assert go("list-users", server, Source("none"), tmp_path / "j.db", limit=230).exit_code == 6
    server.faults()
    done = go("list-users", server, Source("none"), tmp_path / "j.db", limit=230)
    assert (done.summary["items"], done.summary["resumed"]) == (230, True)


@pytest.mark.parametrize("refused", ["max_items", "confirm"])
def test_a_listing_that_is_refused_is_read_anew_the_next_time(server, tmp_path, refused):
    """Also where an earlier session stopped before it: a list that nobody agreed to is not kept."""
    server.seed(120)
    source, journal = Source("listing", listing="users"), tmp_path / "j.db"
    server.faults({"match": {"operation": "list-users"}, "after": 1, "do": {"error": UNPAID}})
    assert go("delete", server, source, journal, confirm=lambda _: None).exit_code == 6
    server.faults()
    guard = Guard(max_items=100) if refused == "max_items" else Guard()

    def confirm(preview):
        if preview.to_send > 100:
            raise ConfirmationError("too many")

    with pytest.raises(GuardError if refused == "max_items" else ConfirmationError) as caught:
        go("delete", server, source, journal, guard=guard, confirm=confirm)
    assert refused == "confirm" or "send a part with --limit N" in caught.value.hint
    with Reader.open(journal) as reader:
        assert reader.runs() == []
    server.reset()
    server.seed(90)
    done = go("delete", server, source, journal, guard=guard, confirm=confirm)
    assert (done.counts["succeeded"], done.summary["resumed"]) == (90, False)


def test_of_a_listing_only_those_are_taken_whom_no_run_has_done(server, tmp_path):
    server.seed(120)
    source = Source("listing", listing="users")
    first = go("mute", server, source, tmp_path / "j.db", params={"chat": 60}, limit=50)
    rest = go("mute", server, source, tmp_path / "j.db", params={"chat": 60}, missing=True)
    assert (first.counts["succeeded"], rest.counts["succeeded"]) == (50, 70)
    nothing = go("mute", server, source, tmp_path / "j.db", params={"chat": 60}, missing=True)
    assert nothing.summary["items"] == 0
    assert "nothing is missing" in nothing.summary["nothing"]
    assert len(server.requests("mute")) == 120


@pytest.mark.parametrize(
    ("operation", "params", "options", "hint"),
    [
        ("delete-oldest", {"count": 9}, {"limit": 3}, "--set params.all=false --set params.count=3"),
        ("delete-oldest", {"all": True}, {"limit": 3}, "--set params.all=false --set params.count=3"),
        ("delete-oldest", {"count": 9}, {"missing": True}, "leave --missing out"),
        ("list-users", {}, {"missing": True}, "leave --missing out"),
        ("list-mutes", {}, {"limit": 3}, "without --limit"),
    ],
)
def test_what_cannot_be_limited_says_so(  # noqa: PLR0917
    server, tmp_path, operation, params, options, hint
):
    server.seed(20)
    with pytest.raises(UsageError) as caught:
        go(operation, server, Source("none"), tmp_path / "j.db", params=params, **options)
    assert hint in caught.value.hint
    assert server.requests() == []


@pytest.mark.parametrize("operation", ["delete-oldest", "list-users"])
def test_what_names_nobody_beforehand_is_not_retried(server, tmp_path, operation):
    """A retry would delete the next users."""
    server.seed(20)
    params = {"count": 5} if operation == "delete-oldest" else {}
    made = job(operation, server.base_url, Source("none"), rate=FAST, params=params)
    done = runner.run(made, journal=tmp_path / "j.db")
    before = len(server.requests())
    for outcome in (["failed", "unknown"], ["succeeded"]):
        with pytest.raises(UsageError, match="names nobody beforehand"):
            runner.retry(done.record, made, journal=tmp_path / "j.db", outcome=outcome)
    assert len(server.requests()) == before


def test_mutes_of_several_scopes_and_pages_are_one_item_a_user(server, tmp_path):
    server.seed([{"username": f"u{n}", "mutes": {"chat": 50, "groupchat": -1}} for n in range(60)])
    done = go("list-mutes", server, Source("none"), tmp_path / "j.db")
    assert done.summary["items"] == 60
    assert rows(tmp_path / "j.db")["u59"]["data"]["groupchat"] == -1
    assert rows(tmp_path / "j.db")["u59"]["data"]["chat"] > 0


def test_nightly_purge_deletes_what_the_listing_admits(server, tmp_path):
    now_ms = int(time.time() * 1000)
    server.seed(
        [{"username": f"test_{n}", "created": now_ms - 10 * DAY_MS} for n in range(130)]
        + [{"username": f"test_new{n}", "created": now_ms} for n in range(20)]
        + [{"username": f"real{n}", "created": now_ms - 10 * DAY_MS} for n in range(30)]
        + [{"username": "test_keep", "created": now_ms - 10 * DAY_MS}]
    )
    where = Where(match="test_.*", created_before=time.time() - 7 * 86400)
    asked = []
    done = go(
        "delete", server, Source("listing", listing="users", where=where), tmp_path / "j.db",
        guard=Guard(protect=["test_keep"]), confirm=lambda preview: asked.append(preview.to_send),
    )  # fmt: skip
    assert asked == [130]
    assert done.exit_code == 0
    assert done.summary["counts"]["succeeded"] == 130
    assert done.summary["codes"] == {"protected": 1}
    left = {name for name, user in server.users().items() if user["exists"]}
    assert len(left) == 51
    assert "test_keep" in left


def test_delete_oldest_deletes_exactly_that_many_and_knows_whom(server, tmp_path):
    server.seed(400)
    done = go("delete-oldest", server, Source("none"), tmp_path / "j.db", params={"count": 250})
    assert done.summary["counts"]["succeeded"] == done.summary["items"] == 250
    gone = {name for name, user in server.users().items() if not user["exists"]}
    assert gone == set(rows(tmp_path / "j.db")) == {f"u{n}" for n in range(250)}
    assert server.stats()["operations"]["delete-oldest"] == 3


def test_delete_oldest_of_all_counts_them_first(server, tmp_path):
    server.seed(230)
    asked = []
    done = go("delete-oldest", server, Source("none"), tmp_path / "j.db", params={"all": True},
              confirm=lambda preview: asked.append(preview.to_send))  # fmt: skip
    assert asked == [230]
    assert done.summary["counts"]["succeeded"] == 230


def test_delete_oldest_refused_sends_no_deletion(server, tmp_path):
    server.seed(20)

    def refuse(preview):
        raise ConfirmationError("no")

    with pytest.raises(ConfirmationError):
        go("delete-oldest", server, Source("none"), tmp_path / "j.db", params={"count": 5}, confirm=refuse)
    assert "delete-oldest" not in server.stats()["operations"]


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "truncate", "html_502", "throttle"])
def test_delete_oldest_is_never_repeated_blindly(server, tmp_path, fault):
    server.seed(300)
    server.faults({"match": {"operation": "delete-oldest"}, "after": 1, "times": 1, "do": fault})
    done = go("delete-oldest", server, Source("none"), tmp_path / "j.db", params={"count": 200})
    assert done.summary["counts"]["succeeded"] == done.summary["items"] == 200, done.summary
    gone = {name for name, user in server.users().items() if not user["exists"]}
    assert gone == set(rows(tmp_path / "j.db"))
    assert len(gone) == 200


def test_a_listing_rides_out_faults(server, tmp_path):
    server.seed(300)
    server.faults(
        {"match": {"operation": "list-users"}, "after": 1, "times": 1, "do": "drop_after"},
        {"match": {"operation": "list-users"}, "after": 2, "times": 1, "do": "throttle"},
    )
    done = go("list-users", server, Source("none"), tmp_path / "j.db")
    assert done.summary["items"] == 300


LISTING_JOB = """
name: all
provider: easemob
operation: list-users
connection: {{base_url: "{url}", org: sandbox, app: demo, auth: {{token: sandbox-token}}}}
rate: {{limit: 20}}
"""


@pytest.mark.parametrize("how", [pytest.param("sigint", marks=pytest.mark.slow), "sigkill"])
def test_an_interrupted_listing_continues_where_it_stopped(tmp_path, how):
    with serving() as server:
        server.seed(3000)
        (tmp_path / "job.yaml").write_text(LISTING_JOB.format(url=server.base_url))
        process = start("run", "job.yaml", "--json", cwd=tmp_path)
        wait_until(lambda: server.stats()["operations"].get("list-users", 0) >= 8)
        if how == "sigkill":
            kill(process)
        else:
            process.send_signal(signal.SIGINT)
            ended = finish(process)
            assert ended.code == 130, ended.err
        before = server.stats()["operations"]["list-users"]
        again = bulkim("run", "job.yaml", "--json", cwd=tmp_path)
        assert again.code == 0, again.err
        assert again.json["items"] == again.json["counts"]["succeeded"] == 3000
        assert server.stats()["operations"]["list-users"] - before <= 30 - before + 1


def test_items_of_an_earlier_run_are_a_source(server, tmp_path):
    journal = tmp_path / "j.db"
    server.seed([{"username": f"u{n}", "nickname": f"Nick {n}"} for n in range(40)])
    listed = go("list-users", server, Source("none"), journal)
    done = go("mute", server, Source("run", run=listed.summary["run"]), journal, params={"chat": 60})
    assert done.summary["counts"]["succeeded"] == 40
    failed = go("mute", server, ["u1", "nobody"], journal, params={"chat": 60}, name="two")
    again = go(
        "mute",
        server,
        Source("run", run="two", outcome=["failed"]),
        journal,
        params={"chat": 60},
        name="three",
    )
    assert failed.summary["counts"]["failed"] == again.summary["items"] == 1


def test_what_failed_of_a_listing_is_retried_without_listing_again(server, tmp_path):
    journal = tmp_path / "j.db"
    server.seed(20)
    server.faults({"match": {"operation": "ban", "user": "u7"}, "do": {"error": ILLEGAL}})
    ban = job("ban", server.base_url, Source("listing", listing="users"), rate=FAST)
    first = runner.run(ban, journal=journal)
    assert first.summary["counts"]["failed"] == 1
    server.faults()
    with Reader.open(journal) as opened:
        parent = opened.find("last")
    listings = server.stats()["operations"]["list-users"]
    second = runner.retry(parent, ban, journal=journal)
    assert second.summary["items"] == second.summary["counts"]["succeeded"] == 1
    assert server.stats()["operations"]["list-users"] == listings


def test_a_run_without_secrets_goes_on_when_its_input_is_gone(server, tmp_path):
    server.seed(40)
    users = tmp_path / "users.txt"
    users.write_text("".join(f"u{n}\n" for n in range(40)))
    server.faults({"match": {"operation": "ban"}, "after": 10, "times": 1, "do": {"error": UNPAID}})
    ban = job("ban", server.base_url, Source("text", path=users), rate=FAST, concurrency=1)
    assert runner.run(ban, journal=tmp_path / "j.db").exit_code == 6
    users.unlink()
    again = runner.run(ban, journal=tmp_path / "j.db")
    assert again.exit_code == 0
    assert again.summary["counts"]["succeeded"] == 40
