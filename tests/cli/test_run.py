"""check, plan, run, retry: what is typed, what is said, and the exit code."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from support.processes import PATIENCE_S


def summary_keys():
    return {
        "run", "name", "provider", "operation", "state", "items", "counts", "codes", "requests", "retries",
        "throttled", "resumed", "elapsed_s", "journal",
    }  # fmt: skip


# ------------------------------------------------------------------------------------------ check, plan


def test_check_says_that_all_is_well(shell, server):
    said = shell("check", shell.job("j", server.base_url, "register", ["a", "b"]))
    assert said.code == 0
    assert said.out == "✓ j: 2 items, 2 to send\n"
    assert said.err == "next: bulkim plan j.yaml\n"
    assert server.requests() == []


def test_one_is_singular(shell, server):
    job = shell.job("j", server.base_url, "register", ["a"])
    assert shell("check", job).out == "✓ j: 1 item, 1 to send\n"
    assert ": 1 of 1 item to send" in shell("run", job).err
    assert "1 call in " in shell("show", "last").out
    assert shell("results", "last", "-o", "x.csv").err.startswith("1 item of run ")
    assert "asked about 1 item that run " in shell("verify", "last").err


def test_check_names_invalid_items_with_their_lines(shell, server):
    job = shell.job("j", server.base_url, "delete", ["a", "b/c", "A", ".."])
    said = shell("check", job)
    assert said.code == 1
    first, second, verdict = said.out.splitlines()
    assert first.startswith((f"{shell.folder}/j.csv:3: ", "j.csv:3: "))
    assert ":5: " in second
    assert verdict == "! j: 4 items, 1 to send; skipped: 1 duplicate, 2 invalid"
    found = shell("check", job, "--json")
    assert found.code == 1
    assert found.json["counts"] == {"send": 1, "duplicate": 1, "protected": 0, "invalid": 2}
    assert [each["line"] for each in found.json["problems"]] == [3, 5]


def test_check_names_every_problem_of_the_file(shell):
    job = shell.write("j.yaml", "provider: easmob\noperation: register\nsorce: {}\n")
    said = shell("check", job)
    assert (said.code, said.out) == (3, "")
    assert "j.yaml:1:11: " in said.err
    assert "j.yaml:3:1: " in said.err
    assert "nothing was sent" in said.err
    problems = shell("check", job, "--json").json["problems"]
    assert {(each["line"], each["column"]) for each in problems} >= {(1, 11), (3, 1)}
    assert shell("run", job).code == shell("plan", job).code == 3
    assert not (shell.folder / "bulkim.db").exists()


def test_a_job_that_is_not_there(shell):
    said = shell("run", "none.yaml")
    assert said.code == 3
    assert "none.yaml: no such file" in said.err


def test_plan_shows_the_first_request_without_secrets(shell, server):
    job = shell.job("j", server.base_url, "register", ["alice", "bob"])
    said = shell("plan", job)
    assert said.code == 0
    assert f"POST {server.base_url}/sandbox/demo/users" in said.out
    assert "Authorization: Bearer ***" in said.out
    found = shell("plan", job, "--json").json
    assert (found["items"], found["send"], found["requests"], found["pool"]) == (2, 2, 1, "users")
    assert json.loads(found["first_request"]["body"])[0] == {
        "username": "alice",
        "password": "***",
        "nickname": "Alice",
    }
    assert "pw-alice" not in said.out
    assert "sandbox-token" not in said.out + json.dumps(found)
    assert server.requests() == []


def test_plan_warns_of_destruction_and_production(shell, server):
    said = shell("plan", shell.job("j", server.base_url, "delete", ["a"], environment="production"))
    assert "PRODUCTION" in said.out
    assert "it cannot be undone" in " ".join(said.out.split())


# -------------------------------------------------------------------------------------------------- run


def test_run_adds_up_and_names_the_next_command(shell, server):
    server.seed(["u2"])
    said = shell("run", shell.job("j", server.base_url, "register", ["u1", "u2", "u3"]))
    assert said.code == 0
    assert "3 in = 2 succeeded + 1 unchanged" in said.out.splitlines()
    assert "duplicate_unique_property_exists  e.g. u2" in said.out
    assert "The username is taken" in said.out
    assert re.search(r"^next: bulkim results [a-z0-9]{8}$", said.err, re.MULTILINE)


def test_run_json_is_one_object(shell, server):
    said = shell("run", shell.job("j", server.base_url, "register", ["u1"]), "--json", "-q")
    assert said.err == ""
    assert len(said.out.splitlines()) == 1
    assert set(said.json) == summary_keys()
    assert said.json["counts"]["succeeded"] == 1


def test_run_quiet_is_one_line(shell, server):
    said = shell("run", shell.job("j", server.base_url, "register", ["u1"]), "-q")
    assert (said.out, said.err) == ("1 in = 1 succeeded\n", "")


def test_failed_items_exit_1_and_retry_sends_them_again(shell, server):
    job = shell.job("mutes", server.base_url, "mute", ["u1", "u2"], "params: {chat: 60}\n")
    server.seed(["u1"])
    said = shell("run", job)
    assert said.code == 1
    assert "2 in = 1 succeeded + 1 failed" in said.out
    assert re.search(r"^next: bulkim retry [a-z0-9]{8}$", said.err, re.MULTILINE)
    assert re.search(r"^next: bulkim results [a-z0-9]{8} --outcome failed$", said.err, re.MULTILINE)
    server.seed(["u2"])
    again = shell("retry", "last", "--json", "-q")
    assert again.code == 0
    assert again.json["counts"]["succeeded"] == 1
    assert again.json["items"] == 1


def test_many_invalid_rows_are_all_named_where_that_is_wanted(shell):
    job = shell.job("j", "http://127.0.0.1:1", "register", [f"b/{n}" for n in range(60)])
    said = shell("check", job)
    assert said.code == 1
    line, total, *_ = said.out.splitlines()
    assert line.startswith("j.csv:2: username 'b/0'")
    assert line.endswith("; 60 rows like this, the first of them here")
    assert total == "60 invalid items: `bulkim check -v` names all"
    assert len(shell("check", job, "--json").json["problems"]) == 50
    for way in (shell("check", job, "-v").out, shell("check", job, "-v", "--json").out):
        assert way.count("username 'b/") == 60


def test_invalid_items_are_what_is_worth_a_look(shell, server):
    said = shell("run", shell.job("j", server.base_url, "register", ["u1", "b/c"]))
    assert said.code == 1
    (mend,) = [line for line in said.err.splitlines() if line.startswith("next: ")]
    assert re.fullmatch(r"next: bulkim results [a-z0-9]{8} --rejects -o FILE", mend)
    rows = shell(*mend.split()[2:-2]).out.splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["b/c"]


def test_what_can_be_mended_is_offered_without_duplicates(shell, server):
    """A duplicate that is sent later would replace what the first row set."""
    said = shell("run", shell.job("j", server.base_url, "register", ["u1", "b/c", "u1"]))
    (mend,) = [line for line in said.err.splitlines() if line.startswith("next: ")]
    assert re.fullmatch(r"next: bulkim results [a-z0-9]{8} --rejects --without duplicate -o FILE", mend)
    rows = shell(*mend.split()[2:-2]).out.splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["b/c"]
    assert "b/c" not in shell("results", "last", "--without", "invalid").out


@pytest.mark.parametrize("progress", ["bar", pytest.param("plain", marks=pytest.mark.slow)])
def test_why_a_run_stops_is_said_before_its_account(shell, server, progress):
    job = shell.job(
        "j", server.base_url, "mute", ["u1", "u2"], "params: {chat: 60}\nguard: {max_failures: 0}\n"
    )
    screen = shell.at_terminal("run", job, "--progress", progress)
    places = [screen.index(words) for words in ("run.stopping", "stopped after", "next: ")]
    assert places == sorted(places)
    assert "run.stopping" not in screen[places[1] :]


def test_retry_needs_the_job_file(shell, server):
    job = shell.job("mutes", server.base_url, "mute", ["u1"], "params: {chat: 60}\n")
    shell("run", job)
    (shell.folder / job).rename(shell.folder / "moved.yaml")
    said = shell("retry", "last")
    assert said.code == 3
    assert "--job FILE" in said.err
    assert shell("retry", "last", "--job", "moved.yaml").code == 1


def test_a_journal_of_ones_own_is_named_in_what_to_type(shell, server):
    job = shell.job("mutes", server.base_url, "mute", ["u1"], "params: {chat: 60}\n")
    said = shell("run", job, "--journal", "own.db")
    assert re.search(r"^next: bulkim retry [a-z0-9]{8} --journal own.db$", said.err, re.MULTILINE)


def test_limit_and_set(shell, server):
    job = shell.job("j", server.base_url, "register", ["u1", "u2", "u3"])
    assert shell("run", job, "--limit", "2", "--json").json["items"] == 2
    assert shell("run", job, "--new", "--set", "batch=1", "--json").json["requests"] == 3


def test_an_unfinished_run_is_continued_and_said_so(shell, server):
    server.seed(4)
    server.faults(
        {
            "match": {"path": "u2"},
            "times": 1,
            "do": {"error": {"http": 403, "error": "forbidden_op", "description": "no"}},
        }
    )
    job = shell.job("gone", server.base_url, "delete", ["u0", "u1", "u2", "u3"], "concurrency: 1\n")
    said = shell("run", job, "--yes")
    assert said.code == 6
    assert "stopped: forbidden_op" in said.out
    assert "next: bulkim run gone.yaml" in said.err
    left = 4 - shell("show", "last", "--json").json["counts"]["succeeded"]
    again = shell("run", job, "--confirm", f"demo:{left}")
    assert again.code == 0
    assert (
        f"continuing run {shell('show', 'last', '--json').json['run']}: {4 - left} done, {left} pending; --new starts afresh"
        in again.err
    )
    assert "4 in = 4 succeeded" in again.out


def test_rehearsal(shell, server):
    job = shell.job("gone", server.base_url, "delete", ["u0", "u1"])
    said = shell("run", job, "--sandbox", "--yes")
    assert said.code == 0
    assert "2 in = 2 succeeded" in said.out
    assert "the sandbox was given 2 users" in said.err
    assert server.requests() == []


def test_a_rehearsal_is_never_continued_for_real(shell, server):
    job = shell.job("mutes", server.base_url, "mute", ["u1"], "params: {chat: 60}\n")
    shell.write(
        job,
        (shell.folder / job).read_text().replace("app: demo", "app: real").replace("org: sandbox", "org: o"),
    )
    said = shell("run", job, "--sandbox")
    assert "next: bulkim plan mutes.yaml" in said.err
    assert "next: bulkim r" not in said.err
    refused = shell("retry", "last", "--outcome", "skipped")
    assert (refused.code, refused.out) == (2, "")
    assert "but this job goes to o#real" in refused.err
    assert server.requests() == []


def test_what_to_type_has_the_changes_but_no_secret(shell, server):
    job = shell.job("mutes", server.base_url, "mute", ["u1"], "params: {chat: 60}\n")
    said = shell("run", job, "--set", "batch=1", "--set", "connection.auth.token=sandbox-token")
    run = shell("show", "last", "--json").json["run"]
    assert f"next: bulkim retry {run} --set batch=1 --set 'connection.auth.token=***'" in said.err


def test_each_way_on_repeats_what_the_run_needs(shell, server):
    """From `check` to `show`: without the same --set it would go somewhere else."""
    job = shell.job("gone", "http://127.0.0.1:1", "delete", ["u1", "u2", "u3"], "retries: 0\n")
    changes = ["--set", f"connection.base_url={server.base_url}", "--set", "batch=1"]
    words = f" --set connection.base_url={server.base_url} --set batch=1"
    assert f"next: bulkim plan gone.yaml{words}\n" in shell("check", job, *changes).err
    assert f"next: bulkim run gone.yaml{words}\n" in shell("plan", job, *changes).err
    fault = {
        "match": {"path": "u1"},
        "times": 1,
        "do": {"error": {"http": 403, "error": "forbidden_op", "description": "no"}},
    }
    server.faults(fault)
    told = f"next: bulkim run gone.yaml --limit 2{words}"
    assert told in shell("run", job, "--yes", "--limit", "2", *changes).err
    for look in ("show", "watch"):
        assert told in shell(look, "last").err
    left = shell("show", "last", "--json").json["counts"]["pending"]
    assert shell(*told.split()[2:], "--confirm", f"demo:{left}").code == 0


def test_a_retry_is_reminded_of_what_the_run_had(shell, server):
    job = shell.job("mutes", server.base_url, "mute", ["u1"], "params: {chat: 60}\n")
    text = (shell.folder / job).read_text()
    shell.write(job, text.replace("sandbox-token", '"${NO_SUCH_TOKEN}"'))
    token = ["--set", "connection.auth.token=sandbox-token"]
    assert shell("run", job, "--set", "batch=1", *token).code == 1
    run = shell("show", "last", "--json").json["run"]
    hint = f"run {run} had --set batch=1 --set 'connection.auth.token=***': add them"
    for command in ("retry", "verify"):
        said = shell(command, "last")
        assert (said.code, hint in said.err) == (3, True), said
    assert "--set 'connection.auth.token=***'" in shell("show", "last").err
    assert b"sandbox-token" not in (shell.folder / "bulkim.db").read_bytes()
    assert shell("retry", "last", *token).code == 1


def test_a_retry_of_what_was_done_since_says_so(shell, server):
    job = shell.job("mutes", server.base_url, "mute", ["u1", "u2"], "params: {chat: 60}\n")
    shell("run", job)
    first = shell("show", "last", "--json").json["run"]
    server.seed(["u1"])
    shell("run", job)
    later = shell("show", "last", "--json").json["run"]
    said = shell("retry", first)
    assert (
        f"1 item of these, 'u1' for one, was done by run {later} since then. They are sent again" in said.err
    )
    assert "since then" not in shell("retry", later).err


def test_why_it_stopped_and_what_to_do(shell, server):
    job = shell.job("gone", "http://127.0.0.1:1", "delete", ["u1"], "retries: 0\n")
    said = shell("run", job, "--yes")
    assert said.code == 4
    assert "stopped: connection" in said.out
    assert "if base_url is wrong, mend it and run it with --new" in " ".join(said.out.split())
    assert "next: bulkim run gone.yaml" in said.err


def test_no_secret_in_anything(shell, server):
    job = shell.job("j", server.base_url, "register", ["u1", "u2"])
    server.faults({"match": {"operation": "register"}, "times": 1, "do": "drop_after"})
    said = shell("run", job, "-vv", "--log-file", "run.log", "--log-format", "json")
    assert said.code == 0
    everything = [said.out, said.err, shell("results", "last").out, shell("show", "last", "--json").out]
    everything += [(shell.folder / name).read_bytes().decode("latin-1") for name in ("run.log", "bulkim.db")]
    for text in everything:
        assert "sandbox-token" not in text
        assert "pw-u1" not in text
    events = [json.loads(line) for line in (shell.folder / "run.log").read_text().splitlines()]
    assert {"run.started", "run.ended", "attempt.settled"} <= {each["event"] for each in events}


# -------------------------------------------------------------------------------- what only vendors know


def listing(shell, server, operation, more):
    return shell.write(
        f"{operation}.yaml",
        f"provider: easemob\noperation: {operation}\n"
        f"connection: {{base_url: '{server.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n{more}",
    )


def test_a_listing_as_a_source(shell, server):
    server.seed(5)
    job = listing(shell, server, "delete", "source: {listing: users, where: {match: 'u[0-2]'}}\n")
    assert (
        shell("check", job).out == "✓ delete: the job is sound; its items: the users that the vendor lists\n"
    )
    assert shell("plan", job, "--json").json["items"] is None
    said = shell("run", job, "--confirm", "demo:3")
    assert said.code == 0, said.err
    assert "3 in = 3 succeeded" in said.out
    assert shell("run", job, "--new").code == 0, "nothing left, nothing to confirm"


def test_whom_a_listing_would_hit_can_be_seen(shell, server):
    server.seed(5)
    job = listing(shell, server, "delete", "source: {listing: users, where: {match: 'u[0-2]'}}\n")
    refused = shell("run", job, "--confirm", "demo:2")
    assert refused.code == 3
    assert "plan" not in refused.err, "it cannot count what the vendor lists"
    assert "`bulkim run JOB --set operation=list-users` lists those whom the job would take" in refused.err
    assert "3 in = 3 succeeded" in shell("run", job, "--set", "operation=list-users").out
    assert set(server.stats()["operations"]) == {"list-users"}


def test_list_users(shell, server):
    server.seed(5)
    said = shell("run", listing(shell, server, "list-users", ""))
    assert said.code == 0
    assert "5 in = 5 succeeded" in said.out
    assert len(shell("results", "last", "--json").json) == 5


def test_delete_oldest(shell, server):
    server.seed(5)
    job = listing(shell, server, "delete-oldest", "params: {count: 2}\n")
    found = shell("plan", job, "--json").json
    assert (found["send"], found["requests"], found["first_request"]["method"]) == (2, 1, "DELETE")
    assert found["first_request"]["url"].endswith("/users?limit=2")
    assert shell("run", job).code == 3
    said = shell("run", job, "--confirm", "demo:2")
    assert "2 in = 2 succeeded" in said.out


def test_an_earlier_run_as_a_source(shell, server):
    shell("run", shell.job("mutes", server.base_url, "mute", ["u1", "u2"], "params: {chat: 60}\n"))
    job = listing(shell, server, "get-user", "source: {run: mutes, outcome: [failed]}\n")
    assert shell("check", job).out == "✓ get-user: 2 items, 2 to send\n"
    assert shell("check", job, "--journal", "none.db").code == 3


@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_which_earlier_run_feeds_is_said(shell, server, command):
    server.seed(["u1"])
    mutes = shell.job("mutes", server.base_url, "mute", ["u1", "u2"], "params: {chat: 60}\n")
    first = shell("run", mutes, "--json").json["run"]
    job = listing(shell, server, "get-user", "source: {run: mutes, outcome: [failed]}\n")
    said = shell(command, job)
    assert re.search(rf"source: run {first} \(mutes, mute, begun .+\): 1 of its 2 items matches\n", said.err)
    run = shell("retry", first, "--json").json["run"]
    job = listing(shell, server, "get-user", "source: {run: mutes, outcome: [succeeded]}\n")
    said = shell(command, job)
    assert re.search(
        rf"source: run {run} .+: 0 of its 1 item match; to take another run, write its id", said.err
    )


# --------------------------------------------------------------------------------------------- confirm


@pytest.fixture
def purge(shell, server):
    server.seed(["u0", "u1"])

    def run(*words, environment="test", stdin=None):
        job = shell.job("gone", server.base_url, "delete", ["u0", "u1"], environment=environment)
        said = shell("run", job, "--progress", "none", *words, stdin=stdin)
        sent = len(server.requests())
        assert (said.code == 0) == (sent == 2), "either everything or nothing"
        if said.code:
            assert sent == 0
            assert shell("runs", "--json").out in {"[]\n", ""}
        return said

    return run


@pytest.mark.parametrize(
    ("environment", "words", "code"),
    [
        ("test", (), 3), ("test", ("--yes",), 0), ("test", ("--confirm", "demo:2"), 0),
        ("test", ("--confirm", "demo:3"), 3), ("test", ("--confirm", "other:2"), 3),
        ("test", ("--yes", "--confirm", "demo:1"), 3),
        ("production", (), 3), ("production", ("--yes",), 3), ("production", ("--confirm", "demo:2"), 0),
        ("production", ("--yes", "--confirm", "demo:2"), 0), ("production", ("--confirm", "demo:1"), 3),
    ],
)  # fmt: skip
def test_without_a_terminal(purge, environment, words, code):
    said = purge(*words, environment=environment)
    assert said.code == code
    assert ("Nothing was sent" in said.err) == (code == 3)


@pytest.mark.parametrize(
    ("words", "code"),
    [((), 0), (("--confirm", "demo:2"), 0), (("--confirm", "demo:3"), 3), (("--confirm", "other:2"), 3)],
)
def test_a_number_that_is_given_holds_for_what_does_not_destroy_too(shell, server, words, code):
    job = shell.job("new", server.base_url, "register", ["u0", "u1"], environment="production")
    said = shell("run", job, "--progress", "none", *words)
    assert said.code == code
    assert len(server.requests()) == (1 if code == 0 else 0)
    if code:
        assert "Nothing was sent" in said.err


@pytest.mark.parametrize(
    ("environment", "typed", "code"),
    [("test", "y\n", 0), ("test", "\n", 3), ("test", "n\n", 3), ("test", "", 3),
     ("production", "demo:2\n", 0), ("production", "y\n", 3), ("production", "demo:3\n", 3), ("production", "", 3)],
)  # fmt: skip
def test_at_a_terminal(purge, monkeypatch, environment, typed, code):
    monkeypatch.setattr("bulkim.cli.presenter.on_terminal", lambda: True)
    said = purge(environment=environment, stdin=typed)
    assert said.code == code
    assert "delete 2 items at easemob app demo" in said.err
    assert "u0, u1" in said.err
    assert "cannot be undone" in " ".join(said.err.split())
    assert said.out == "" or code == 0


def test_a_real_terminal_is_asked(shell, server):
    server.seed(["u0"])
    job = shell.job("gone", server.base_url, "delete", ["u0"])
    screen = shell.at_terminal("run", job, asked="Go on? [y/N]", typed="y\n")
    assert "1 in = " in screen
    assert "\x1b[" in screen
    assert server.users()["u0"]["exists"] is False


# --------------------------------------------------------------------------------------------- signals


def test_ctrl_c_leaves_a_run_that_continues(shell, server):
    server.seed(200)
    job = shell.job("gone", server.base_url, "delete", [f"u{number}" for number in range(200)])
    command = [sys.executable, "-m", "bulkim", "run", job, "--yes", "--json", "--set", "rate.limit=50"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=shell.folder
    ) as process:
        while process.poll() is None and len(server.requests()) < 10:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    found = json.loads(out)
    assert (process.returncode, found["state"]) == (130, "interrupted")
    assert 10 <= found["counts"]["succeeded"] < 200
    assert found["counts"]["succeeded"] + found["counts"]["pending"] == 200
    assert "next: bulkim run gone.yaml" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_from_a_thousand_items_on_the_apps_name_is_typed(shell, server):
    names = [f"u{n}" for n in range(1000)]
    server.seed(1000)
    job = shell.job("gone", server.base_url, "delete", names)
    screen = shell.at_terminal("run", job, asked="to go on", typed="y\n")
    assert "These are 1,000. Type the app's name to go on" in screen
    assert "not confirmed" in screen
    assert server.requests() == []
    screen = shell.at_terminal("run", job, "--limit", "999", asked="Go on?", typed="n\n")
    assert "Go on? [y/N]" in screen
    assert server.requests() == []


# ------------------------------------------------------------------------------- what it says of what it does


def test_check_names_who_is_protected_and_by_what(shell):
    """A pattern that a template brought may meet users of one's own."""
    job = shell.job(
        "j",
        "http://127.0.0.1:1",
        "register",
        ["admin.root", "u1", "admin.x"],
        'guard: {protect: ["admin.*"]}\n',
    )
    said = shell("check", job)
    assert "2 protected" in said.out
    expected = "note: guard.protect leaves out 2 users: j.csv:2: 'admin.root' is protected by 'admin.*', and 1 more: `bulkim check -v` names them"
    assert expected in said.err
    assert "j.csv:4: 'admin.x' is protected by 'admin.*'\n" in shell("check", job, "-v").out
    assert [each["line"] for each in shell("check", job, "--json").json["protected"]] == [2, 4]


def test_invalid_rows_are_no_green_end(shell, server):
    """`check` and `run` have one sign for it."""
    job = shell.job("j", server.base_url, "register", ["u1", "b/c"])
    assert shell("check", job).out.splitlines()[-1].startswith("! j: ")
    assert shell("run", job).out.startswith("! ")
    assert shell("run", shell.job("k", server.base_url, "register", ["u2"])).out.startswith("✓ ")


def test_check_with_invalid_rows_says_what_is_next(shell):
    said = shell("check", shell.job("j", "http://127.0.0.1:1", "register", ["u1", "b/c"]))
    assert (
        "next: correct the 1 row and check again; or, as a run leaves it out: bulkim plan j.yaml\n"
        in said.err
    )


def test_a_title_above_the_header(shell):
    job = shell.job("j", "http://127.0.0.1:1", "delete", [])
    for text in (
        "Users of 2026;;\nusername;nickname;x\nann;A;\n",
        "Users of 2026\n\nusername,nickname\nann,A\n",
    ):
        shell.write("j.csv", text)
        said = shell("check", job)
        assert said.code == 3
        assert "looks like the header: take the" in said.err
    shell.write("j.csv", "user,nick\nann,username\n")
    assert "looks like the header" not in shell("check", job).err


def test_a_guard_that_trips_with_the_last_answers_leaves_nothing_to_continue(shell, server):
    """What is left is a retry; the same command again would send nothing."""
    job = shell.job("j", server.base_url, "mute", ["u1"], "params: {chat: 60}\nguard: {max_failures: 0}\n")
    said = shell("run", job)
    assert said.code == 4
    assert "1 item failed, and guard.max_failures allows 0" in said.out
    assert "Every item has been reached" in said.out
    assert re.search(r"^next: bulkim retry [a-z0-9]{8}$", said.err, re.MULTILINE)
    assert "next: bulkim run" not in said.err
    job = shell.job(
        "k",
        server.base_url,
        "mute",
        ["u1", "u2", "u3"],
        "params: {chat: 60}\nguard: {max_failures: 0}\nconcurrency: 1\n",
    )
    said = shell("run", job)
    assert "next: bulkim run k.yaml" in said.err
    assert "Every item has been reached" not in said.out


def test_plan_shows_the_share_of_ones_own_limit_and_variables_as_they_are_written(shell):
    job = shell.job("j", "http://127.0.0.1:1", "register", ["u1"])
    said = shell("plan", job, "--set", "rate.limit=50/min", "--set", "rate.share=0.7")
    assert "0.58 calls/s (35/min: rate.share 0.7 of 50/min)" in said.out
    assert "rate.share" not in shell("plan", job).out
    text = "provider: tencent\noperation: delete\nconnection: {base_url: 'http://127.0.0.1:1', sdk_app_id: 1400000000,\n"
    auth = ' auth: {identifier: "${NO_SUCH_NAME}", secret_key: "${NO_SUCH_KEY}"}}\n'
    shell.write("t.yaml", f"{text}{auth}source: {{items: [a]}}\n")
    assert "&identifier=${NO_SUCH_NAME}&" in shell("plan", "t.yaml").out


def test_explain_without_a_code_lists_them(shell):
    said = shell("explain", "tencent")
    assert said.code == 0
    assert re.search(r"^70398 .*The plan's number of accounts is used up", said.out, re.MULTILINE)
    assert "70398" in [each["code"] for each in shell("explain", "tencent", "--json").json]


def test_verify_says_what_it_asked(shell, server):
    shell("run", shell.job("j", server.base_url, "register", ["u1"]))
    said = shell("verify", "last")
    assert said.code == 0
    assert (
        "asked with get-user: whether the user is there; password and nickname are not compared" in said.err
    )


def test_a_vendors_own_word_finds_the_operation(shell):
    job = shell.job("j", "http://127.0.0.1:1", "deactivate", ["u1"])
    assert "at Easemob that is `ban`" in shell("check", job).err
    assert "at Tencent Chat that is `register`" in shell("operations", "multiaccount_import").err
    said = shell("init", "x", "--provider", "tencent", "--operation", "account_import")
    assert (said.code, "at Tencent Chat that is `register`" in said.err) == (2, True)
