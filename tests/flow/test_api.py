"""bulkim from Python, on the embedded sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import pkgutil
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import anyio
import pytest
from support.here import bulkim_here

import bulkim
from bulkim import api
from bulkim.cli.options import DEFAULT_JOURNAL

USERS = [f"user{number}" for number in range(1, 6)]


def job(operation: str = "delete", **changes):
    return {
        "name": "from-python", "provider": "easemob", "operation": operation,
        "connection": {
            "base_url": "https://a1.easemob.com", "org": "1122", "app": "testapp", "auth": {"token": "${NOT_SET}"},
        },
        "source": {"items": USERS}, **changes,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BULKIM_JOURNAL", raising=False)


def run(given, **options):
    return bulkim.run(given, sandbox=True, **options)


# ------------------------------------------------------------------------------------------- names


def test_public_names_are_those_of_the_api_and_no_module_stands_in_their_way():
    assert bulkim.__all__ == api.__all__
    assert set(bulkim.__all__) <= set(dir(bulkim))
    assert not {each.name for each in pkgutil.iter_modules(bulkim.__path__)} & set(bulkim.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bulkim.nonsense  # noqa: B018


def test_import_alone_imports_nothing():
    script = "import sys, bulkim; bulkim.__version__; print([name for name in sys.modules if name.startswith('bulkim.')])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "['bulkim.version']"


# -------------------------------------------------------------------------------------------- jobs


def test_check_and_estimate_send_nothing():
    loaded = bulkim.load(
        job(source={"items": [*USERS, "no/path"]}), set={"rate.limit": 50, "guard": {"protect": ["user1"]}}, sandbox=True
    )  # fmt: skip
    checked = bulkim.check(loaded)
    assert dict(checked.counts) == {"send": 4, "duplicate": 0, "protected": 1, "invalid": 1}
    assert not checked.ok
    assert "no/path" in str(checked.problems[0])
    estimate = bulkim.estimate(loaded)
    assert (estimate["send"], estimate["requests"], estimate["limit_per_s"]) == (4, 4, 50)
    assert not list(Path().iterdir())


def test_problems_of_a_mapping_name_the_key():
    wrong = job(rate={"limti": 3, "share": "x"}, guard={"max_items": "x"})
    del wrong["name"]
    with pytest.raises(bulkim.InputError) as caught:
        bulkim.load(wrong)
    problems = [str(each) for each in caught.value.problems]
    assert any(each.startswith("job.rate.limti: unknown key 'limti'") for each in problems)
    assert any(each.startswith("job.guard.max_items: ") for each in problems)
    assert any(each.startswith("job: needs the key 'name'") for each in problems)
    assert any("NOT_SET" in each for each in problems)
    assert not any(":0" in each for each in problems)


def test_a_mapping_holds_only_what_a_file_could_say():
    with pytest.raises(bulkim.InputError, match="object is of no use"):
        bulkim.load(job(params={"chat": object()}))


def test_secrets_of_a_mapping_stay_out_of_the_journal():
    given = job("register", source={"items": [{"username": "a", "password": "pw-planted-here"}]})
    run(given | {"connection": {**given["connection"], "auth": {"token": "token-planted"}}})
    content = b"".join(file.read_bytes() for file in Path().iterdir())
    assert b"from-python" in content
    assert b"planted" not in content


# -------------------------------------------------------------------------------------------- runs


def test_a_run_its_results_and_its_retry(tmp_path):
    seen: list[int] = []
    loaded = bulkim.load(job("get-user", source={"items": [*USERS, "ghost"]}), sandbox=True)
    finished = run(loaded, observe=lambda telemetry: seen.append(telemetry.done))
    assert (finished.state, finished.exit_code, finished.counts["succeeded"]) == ("finished", 0, 6)
    assert seen[-1] == 6
    rows = list(bulkim.results(finished.run, outcome=["succeeded"]))
    assert [row.username for row in rows] == [*USERS, "ghost"]
    assert rows[0].data["username"] == "user1"
    assert [record.run for record in bulkim.runs()] == [finished.run]
    assert bulkim.summary() == {**finished.summary, "resumed": False}
    with pytest.raises(bulkim.UsageError, match="no file") as caught:
        bulkim.retry_items("last")
    assert "job=" in caught.value.hint
    again = bulkim.retry_items("last", job=loaded, outcome=["succeeded"], limit=2, sandbox=True)
    assert (again.summary["parent"], again.counts["succeeded"]) == (finished.run, 2)


def test_a_retry_of_another_app_is_refused():
    run(job("get-user"))
    with pytest.raises(bulkim.UsageError, match="was sent to"):
        bulkim.retry_items("last", job=bulkim.load(job("get-user"), set={"connection.auth.token": "t"}))


def test_a_file_and_the_same_journal_as_the_command_line(tmp_path):
    (tmp_path / "users.txt").write_text("\n".join(USERS))
    (tmp_path / "look.yaml").write_text(
        "provider: easemob\noperation: get-user\nsource: {text: users.txt}\n"
        "connection: {base_url: 'https://a1.easemob.com', org: o, app: a, auth: {token: '${NOT_SET}'}}\n"
    )
    finished = run("look.yaml")
    assert finished.summary["name"] == "look"
    assert bulkim_here("show", "last", "--json").json["run"] == finished.run
    assert str(api._journal(None)) == DEFAULT_JOURNAL


def test_no_journal_is_an_error_of_bulkim():
    with pytest.raises(bulkim.JournalError, match="no journal"):
        bulkim.runs()


# ------------------------------------------------------------------------------------- confirmation


@pytest.mark.parametrize(
    ("confirm", "error", "words"),
    [
        (None, bulkim.ConfirmationError, "5 items at demo would go"),
        ("demo:4", bulkim.ConfirmationError, "confirm says 4, but 5 items would be sent"),
        ("other:5", bulkim.ConfirmationError, "names the app 'other'"),
        ("demo", bulkim.UsageError, "like testapp:120"),
        (lambda preview: preview.to_send < 5, bulkim.ConfirmationError, "not confirmed"),
    ],
)
def test_what_destroys_is_refused_unconfirmed(confirm, error, words):
    with pytest.raises(error, match=words) as caught:
        run(job(), confirm=confirm)
    if confirm is None:
        assert 'confirm="demo:COUNT"' in caught.value.hint
        assert caught.value.hint in caught.value.__notes__[0]
    assert bulkim.runs() == []


@pytest.mark.parametrize("confirm", ["demo:5", lambda preview: preview.to_send == 5])
def test_what_destroys_goes_on_confirmed(confirm):
    assert run(job(), confirm=confirm).counts["succeeded"] == 5


def test_what_does_not_destroy_is_confirmed_where_somebody_asks_for_it():
    with pytest.raises(bulkim.ConfirmationError, match="confirm says 4, but 5 items would be sent"):
        run(job("get-user"), confirm="demo:4")
    with pytest.raises(bulkim.ConfirmationError, match="not confirmed"):
        run(job("get-user"), confirm=lambda _: False)
    assert run(job("get-user"), confirm=lambda preview: preview.to_send == 5).state == "finished"


# --------------------------------------------------------------------------- loops, threads, signals


def test_inside_a_running_loop_it_says_what_to_do_and_a_thread_works():
    async def inside():
        with pytest.raises(bulkim.UsageError, match="running event loop") as caught:
            run(job("get-user"))
        assert caught.value.hint == "await bulkim.arun(...)"
        return await anyio.to_thread.run_sync(lambda: run(job("get-user")))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(inside()).counts["succeeded"] == 5


SLOW = {"rate": {"limit": 4}, "source": {"items": [f"user{number}" for number in range(60)]}}


def test_a_notebook_awaits_a_run_and_its_own_loop_goes_on():
    ticks = []

    async def cell():
        async def tick():
            while True:
                ticks.append(threading.current_thread())
                await asyncio.sleep(0.01)

        ticking = asyncio.ensure_future(tick())
        finished = await bulkim.arun(job("get-user", rate={"limit": 10}), sandbox=True)
        assert repr(finished).startswith(
            f"Finished(run='{finished.run}', state='finished', exit_code=0, counts="
        )
        ticking.cancel()
        return finished

    assert asyncio.run(cell()).counts["succeeded"] == 5
    assert len(ticks) > 5


@pytest.mark.parametrize("cancels", [1, 3])
def test_a_cancelled_run_drains_before_it_is_cancelled(cancels):
    async def cancel():
        sent = asyncio.Event()
        loop = asyncio.get_running_loop()
        observe = lambda now: now.done and loop.call_soon_threadsafe(sent.set)  # noqa: E731
        running = asyncio.ensure_future(bulkim.arun(job("get-user", **SLOW), sandbox=True, observe=observe))
        await sent.wait()
        for _ in range(cancels):
            running.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([running])
        assert running.cancelled()

    asyncio.run(cancel())
    summary = bulkim.summary()
    assert (summary.state, summary.stop["code"]) == ("interrupted", "asked")
    assert 0 < summary.counts["succeeded"] < 60
    assert summary.counts["succeeded"] + summary.counts["pending"] == 60
    with sqlite3.connect("bulkim.db") as db:
        assert db.execute("SELECT count(*) FROM attempt WHERE ended_at IS NULL").fetchone() == (0,), (
            "all are answered"
        )
    db.close()


def test_a_scope_that_is_over_drains_too():
    async def limited():
        with anyio.move_on_after(1.5) as scope:
            await bulkim.arun(job("get-user", **SLOW), sandbox=True)
        return scope.cancelled_caught

    assert asyncio.run(limited())
    assert bulkim.summary().state == "interrupted"


def test_what_a_run_raises_is_raised_where_it_is_awaited():
    with pytest.raises(bulkim.ConfirmationError):
        asyncio.run(bulkim.arun(job(), sandbox=True))


def test_an_event_of_another_thread_drains():
    stop = threading.Event()
    finished = run(job("get-user", **SLOW), stop=stop, observe=lambda now: now.done and stop.set())
    assert (finished.state, finished.exit_code) == ("interrupted", 75)
    assert 0 < finished.counts["succeeded"] < 60
    assert finished.counts["succeeded"] + finished.counts["pending"] == 60


def test_an_event_that_was_set_before_sends_nothing():
    stop = threading.Event()
    stop.set()
    finished = run(job("get-user"), stop=stop)
    assert (finished.state, finished.summary["requests"], finished.counts["pending"]) == ("interrupted", 0, 5)


# ------------------------------------------------------------------------------- items of one's own


def people(number):
    return ({"username": f"user{n}", "password": f"planted-{n:05}", "team": "a"} for n in range(number))


@pytest.mark.parametrize(
    "given",
    [
        lambda: job("register", source={"items": people(1500)}),
        lambda: job("register", source={"items": list(people(1500))}),
        lambda: bulkim.load(job("register"), items=people(1500), sandbox=True),
    ],
    ids=["generator", "list", "instead"],
)
def test_items_are_any_iterable_of_mappings_secrets_included(given):
    finished = run(given())
    assert finished.counts["succeeded"] == 1500
    row = next(bulkim.results())
    assert (row.username, row.extra) == ("user0", {"team": "a"})
    assert b"planted" not in b"".join(file.read_bytes() for file in Path().iterdir())


@pytest.mark.parametrize(
    ("job", "given", "place"),
    [
        ({"operation": "list-users"}, {"items": ["anna"]}, "items: list-users takes no items"),
        ({}, {"set": {"source": {"items": []}}}, 'set["source"]: source.items must not be empty'),
        ({}, {"items": ["anna"], "set": {"rate.limti": 5}}, 'set["rate.limti"]: unknown key'),
    ],
)
def test_a_programs_items_and_changes_have_the_names_that_they_have_there(job, given, place):
    """Nobody typed ``--set``."""
    connection = {"base_url": "http://127.0.0.1:1", "org": "1", "app": "a", "auth": {"token": "t"}}
    base = {"name": "n", "provider": "agora", "operation": "delete", "connection": connection}
    with pytest.raises(bulkim.InputError) as raised:
        bulkim.load({**base, **job}, **given)
    assert str(raised.value).startswith(place)


def test_items_take_the_place_of_a_files_source(tmp_path):
    Path("look.yaml").write_text(
        "provider: easemob\noperation: get-user\nsource: {text: nowhere.txt}\n"
        "connection: {base_url: 'https://a1.easemob.com', org: o, app: a, auth: {token: '${NOT_SET}'}}\n"
    )
    loaded = bulkim.load("look.yaml", items=["user1", {"username": "user2"}], sandbox=True)
    assert bulkim.estimate(loaded).send == 2
    assert run(loaded).counts["succeeded"] == 2


@pytest.mark.parametrize("items", [(), [], iter(())], ids=["tuple", "list", "iterator"])
def test_no_items_are_nothing_to_do_as_an_empty_file(items):
    """A service has a day without new users."""
    finished = run(bulkim.load(job("get-user"), items=items, sandbox=True))
    assert (finished.state, finished.exit_code, finished.summary["items"]) == ("finished", 0, 0)


class Frame:
    """A table as those of pandas: its own iterator gives the names of its columns."""

    columns = ("username", "since")

    def __iter__(self):
        return iter(self.columns)


class Pandas(Frame):
    def to_dict(self, orient):
        assert orient == "records"
        return [{"username": "user1", "since": date(2026, 11, 1)}, {"username": "user2", "since": None}]


class Polars(Frame):
    def to_dict(self, *, as_series):
        pytest.fail("by column")

    def to_dicts(self):
        return Pandas().to_dict("records")


@pytest.mark.parametrize("table", [Pandas(), Polars()], ids=["pandas", "polars"])
def test_a_table_is_its_rows(table):
    run(bulkim.load(job("get-user"), items=table, sandbox=True))
    assert [(each.username, each.extra) for each in bulkim.results()] == [
        ("user1", {"since": "2026-11-01"}), ("user2", {}),
    ]  # fmt: skip


class Member(NamedTuple):
    username: str
    team: str


def test_rows_of_a_database_and_named_tuples_are_items():
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    rows = [
        *database.execute("SELECT 'user1' AS username, 'x' AS team"),
        Member("user2", "y"),
    ]
    for items in (rows, iter(rows)):
        run(bulkim.load(job("get-user"), items=items, sandbox=True))
        assert [(each.username, each.extra["team"]) for each in bulkim.results()] == [
            ("user1", "x"),
            ("user2", "y"),
        ]


@pytest.mark.parametrize("many", [False, True], ids=["in the job", "beside it"])
def test_no_number_is_no_value_and_infinity_is_refused(many):
    row = {"username": "user1", "nickname": float("nan"), "password": "x"}
    rows = [row] if not many else [row, *({"username": f"v{n}", "password": "x"} for n in range(1200))]
    loaded = bulkim.load({**job("register"), "source": {"items": rows}}, sandbox=True)
    assert "NaN" not in str(bulkim.estimate(loaded).first_request)
    rows[0]["nickname"] = float("inf")
    with pytest.raises(bulkim.InputError):
        bulkim.load({**job("register"), "source": {"items": rows}}, sandbox=True)


@pytest.mark.parametrize("items", ["alice", b"bert", {"username": "alice"}], ids=["text", "bytes", "mapping"])
def test_what_is_one_user_is_not_taken_letter_by_letter(items):
    with pytest.raises(bulkim.InputError, match=r"not rows") as caught:
        bulkim.load(job("get-user"), items=items, sandbox=True)
    assert "items=[...]" in str(caught.value)


def test_values_of_the_standard_library_become_text_and_numbers():
    row = {
        "username": "user1", "chat": 60.0, "d": date(2026, 11, 1), "t": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "n": Decimal("1.50"), "u": UUID(int=7), "p": Path("a/b"),
    }  # fmt: skip
    small = {**job("mute"), "source": {"items": [row]}}
    for loaded in (bulkim.load(job("mute"), items=[row], sandbox=True), bulkim.load(small, sandbox=True)):
        run(loaded)
        (found,) = bulkim.results()
        assert found.extra == {
            "d": "2026-11-01", "t": "2026-11-01T12:00:00+00:00", "n": "1.50", "u": str(UUID(int=7)), "p": "a/b",
        }  # fmt: skip


def test_an_outcome_may_stand_alone_and_must_be_one():
    run(bulkim.load(job("get-user"), items=["user1"], sandbox=True))
    assert [each.username for each in bulkim.results(outcome="succeeded")] == ["user1"]
    for call in (
        lambda: list(bulkim.results(outcome=["fail"])),
        lambda: bulkim.retry_items("last", outcome="fail"),
    ):
        with pytest.raises(bulkim.UsageError, match="there is no outcome 'fail'"):
            call()
    with pytest.raises(bulkim.UsageError, match="empty"):
        next(bulkim.results(""))


def test_an_item_that_no_file_could_hold_is_named():
    with pytest.raises(bulkim.InputError) as caught:
        bulkim.load(job("mute"), items=[{"username": "a", "chat": 1}, {"username": "b", "chat": object()}, 3])
    assert [str(each) for each in caught.value.problems] == [
        "job.source.items[1]: chat: object is no text, number, list or mapping; turn it into one",
        "job.source.items[2]: expected a mapping or a username, got int",
    ]


def test_an_empty_cell_of_a_table_is_no_value():
    loaded = bulkim.load(
        job("mute"), items=[{"username": "a", "chat": 60, "groupchat": float("nan")}], sandbox=True
    )
    assert bulkim.check(loaded).ok


# --------------------------------------------------------------------------------------- documents


def test_estimate_and_summary_are_the_documents_of_the_command_line(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(job("get-user")))
    finished = run("job.json")
    assert dict(bulkim.summary(finished.run)) == {**finished.summary, "resumed": False}
    assert dict(bulkim.summary()).items() <= bulkim_here("show", "last", "--json").json.items()
    estimate = bulkim.estimate(bulkim.load("job.json", sandbox=True))
    assert dict(estimate) == bulkim_here("plan", "job.json", "--sandbox", "--json").json
    assert (estimate.item_count, estimate["items"], len(estimate)) == (5, 5, len(list(estimate.items())))
    with pytest.raises(AttributeError):
        estimate.send = 3
    with pytest.raises(KeyError):
        estimate["item_count"]
    assert "stop" not in bulkim.summary()
    assert bulkim.summary().stop is None


# ------------------------------------------------------------------------------------------- after


def test_a_report_is_a_text_and_a_file(tmp_path):
    run(job("get-user"))
    assert bulkim.report("last", tmp_path / "run.html") == (tmp_path / "run.html").read_text()
    assert bulkim.report(style="markdown").startswith("#")
    assert "user1" not in bulkim.report(style="markdown", redact=True)


def test_verify_blocks_and_says_so():
    async def inside():
        bulkim.verify()

    with pytest.raises(bulkim.UsageError, match="running event loop"):
        asyncio.run(inside())


def test_the_first_ctrl_c_drains_and_returns():
    given = job("get-user", rate={"limit": 4}, source={"items": [f"user{number}" for number in range(60)]})
    pressed = []

    def press(telemetry):
        if telemetry.done and not pressed:
            pressed.append(os.kill(os.getpid(), signal.SIGINT))

    finished = run(given, observe=press)
    assert (finished.state, finished.exit_code) == ("interrupted", 130)
    assert 0 < finished.counts["succeeded"] < 60
    assert finished.counts["succeeded"] + finished.counts["pending"] == 60


def test_what_an_observer_raises_is_raised():
    def observe(_):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(job("get-user"), observe=observe)
    assert bulkim.runs()[0].state in {"stopped", "interrupted"}


def test_a_webhook_that_does_not_answer_is_a_warning(monkeypatch):
    monkeypatch.setattr("bulkim.work.notify.notify", lambda *_, **__: "no answer")
    loaded = bulkim.load(job("get-user", notify={"url": "http://127.0.0.1:9/"}), sandbox=True)
    with pytest.warns(RuntimeWarning, match="no answer"):
        api._told(loaded, run(loaded), sandbox=False)
