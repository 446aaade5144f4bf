"""A newcomer's first commands: without secrets, with another tool's options, with a name mistyped."""

from __future__ import annotations

import pytest

import bulkim

UNSET = ("NO_URL", "NO_ORG", "NO_APP", "NO_TOKEN")
JOB = """\
provider: easemob
operation: register
connection: {{base_url: "{url}", org: "{org}", app: "${{NO_APP}}", auth: {{token: "${{NO_TOKEN}}"}}}}
source: {{csv: users.csv}}
"""
USERS = "username,password\nanna,secret-1\nbad name,secret-2\n"


def job(shell, url: str = "${NO_URL}", org: str = "${NO_ORG}") -> str:
    shell.write("users.csv", USERS)
    return shell.write("job.yaml", JOB.format(url=url, org=org))


def test_check_and_plan_work_without_secrets_and_name_what_is_not_set(shell):
    name = job(shell)
    checked = shell("check", name)
    assert checked.code == 1, "the bad row is found all the same"
    assert "users.csv:3: username 'bad name'" in checked.out
    assert f"needed to run: {', '.join(UNSET)}" in checked.err
    planned = shell("plan", name)
    assert planned.code == 0
    assert "https://no-url.invalid/NO_ORG/NO_APP/users" in planned.out
    assert f"needed to run: {', '.join(UNSET)}" in planned.err
    for command in ("check", "plan"):
        assert shell(command, name, "--json").json["unset"] == list(UNSET)
    assert bulkim.estimate(name).unset == list(UNSET)
    assert bulkim.check(name).counts["send"] == 1


def test_the_way_on_from_invalid_rows_is_no_circle(shell):
    name = job(shell)
    assert "next: bulkim plan job.yaml" not in (checked := shell("check", name).err)
    assert "or, as a run leaves it out: bulkim plan job.yaml\n" in checked
    planned = shell("plan", name).err
    assert (
        "next: bulkim run job.yaml   (leaves it out; bulkim check job.yaml names the invalid row)\n"
        in planned
    )


@pytest.mark.parametrize("given", [True, False])
def test_a_rehearsal_is_what_was_asked_for_not_what_the_environment_is_called(shell, given):
    name = shell.write(
        "job.yaml",
        "provider: easemob\noperation: ban\nsource: {items: [a]}\nconnection: {base_url: 'http://127.0.0.1:9', org: o,"
        f" app: a, environment: {'prod' if given else 'sandbox'}, auth: {{token: t}}}}\n",
    )
    more = ["--sandbox"] if given else []
    for command, follows in (("check", "plan"), ("plan", "run")):
        assert f"next: {' '.join(['bulkim', follows, name, *more])}\n" in shell(command, name, *more).err


@pytest.mark.parametrize(
    "words", [("run",), ("run", "--yes"), ("plan", "-o", "x.plan"), ("plan", "--format", "markdown")]
)
def test_what_sends_or_is_kept_needs_them(shell, words):
    said = shell(words[0], job(shell), *words[1:])
    assert said.code == 3
    assert said.err.count("is not set (export ") == len(UNSET)


def test_a_wrong_value_beside_an_unset_one_is_still_found(shell):
    said = shell("check", job(shell, org="a b"))
    assert said.code == 3
    assert "job.yaml:3:" in said.err
    assert "may hold letters, digits" in said.err
    assert "NO_URL" not in said.err


def test_a_number_that_is_not_set(shell):
    shell.write("users.csv", "username\nanna\n")
    text = """\
provider: tencent
operation: delete
connection: {base_url: "https://console.tim.qq.com", sdk_app_id: "${NO_APP}", auth: {identifier: admin, secret_key: "${NO_KEY}"}}
source: {csv: users.csv}
"""
    said = shell("plan", shell.write("tencent.yaml", text), "--json")
    assert (said.code, said.json["unset"]) == (0, ["NO_APP", "NO_KEY"])


def test_a_name_of_a_connection_is_needed(shell):
    shell.write("users.csv", USERS)
    named = "provider: easemob\noperation: delete\nconnection: '${NO_NAME}'\nsource: {csv: users.csv}\n"
    said = shell("check", shell.write("named.yaml", named))
    assert said.code == 3
    assert "NO_NAME is not set" in said.err


# ------------------------------------------------------------------------------------------ mistyped


@pytest.mark.parametrize("option", ["--dry-run", "--dryrun", "-n"])
def test_a_dry_run_is_called_plan(shell, option):
    said = shell("run", "job.yaml", option)
    assert said.code == 2
    assert "`bulkim plan JOB` shows what would be sent and sends nothing" in said.err


def test_another_unknown_option_is_not(shell):
    assert "bulkim plan" not in shell("runs", "--dry-run").err
    assert "options come after the command" in shell("--json", "runs").err


def test_a_mistyped_file_names_the_near_one(shell):
    job(shell)
    assert "did you mean 'job.yaml'?" in shell("check", "jbo.yaml").err
    assert "did you mean" not in shell("check", "quite-another.yaml").err
    assert "`bulkim init` writes one" in shell("check", "quite-another.yaml").err
    (shell.folder / "jobs").mkdir()
    shell.write("jobs/purge.yaml", "")
    assert "did you mean 'jobs/purge.yaml'?" in shell("run", "jobs/prge.yaml").err
    (shell.folder / "users.csv").rename(shell.folder / "user.csv")
    assert "user.csv'?)" in shell("check", "job.yaml").err
    assert "Did you mean 'user.csv'?" in shell("sandbox", "--faults", "usr.csv").err


# ------------------------------------------------------------------------------------------- explain

ILLEGAL = [{
    "match": {"operation": "register", "user": "user-2"},
    "do": {"error": {"http": 400, "error": "illegal_argument", "description": "username user-2 is not legal"}},
}]  # fmt: skip


def test_explain_picks_the_rule_that_the_run_met(shell, server):
    server.call("PUT", "/faults", ILLEGAL)
    name = shell.job("met", server.base_url, "register", ["user-1", "user-2"])
    assert shell("run", name, "-q").code == 1
    everything = shell("explain", "easemob", "illegal_argument", "--all").out
    assert everything.count("illegal_argument, HTTP 400") > 2
    said = shell("explain", "easemob", "illegal_argument")
    assert said.out.count("illegal_argument, HTTP 400") == 1
    assert "such as user-2" in said.out
    assert "something other than a-z" in said.out
    assert "more of this code: bulkim explain easemob illegal_argument --all" in said.err
    assert shell("explain", "easemob", "illegal_argument", "--run", "met").out == said.out
    met = [
        rule
        for rule in shell("explain", "easemob", "illegal_argument", "--json").json["rules"]
        if rule["met"]
    ]
    assert [(each["met"][0]["items"], each["pattern"] is not None) for each in met] == [(1, True)]


def test_explain_without_such_an_item_tells_all(shell, server):
    server.call("PUT", "/faults", [])
    name = shell.job("fine", server.base_url, "register", ["user-1"])
    assert shell("run", name, "-q").code == 0
    said = shell("explain", "easemob", "illegal_argument")
    assert said.out == shell("explain", "easemob", "illegal_argument", "--all").out
    refused = shell("explain", "easemob", "illegal_argument", "--run", "last")
    assert refused.code == 2
    assert "has met no illegal_argument" in refused.err
    assert shell("explain", "easemob", "illegal_argument", "--run", "nobody").code == 2


def test_a_plan_says_what_became_of_the_job_so_far(shell, server):
    users = [f"u{n}" for n in range(1, 6)]
    server.seed(users)
    look = shell.job("look", server.base_url, "get-user", users)
    assert shell("plan", look, "--json").json["earlier"] is None
    server.faults(
        {
            "match": {"operation": "get-user"},
            "after": 2,
            "do": {"error": {"http": 401, "error": "unauthorized"}},
        }
    )
    run = shell("run", look, "--set", "concurrency=1", "--json").json["run"]
    assert shell("plan", look, "--json").json["earlier"] == {
        "run": run, "finished": None, "done": 2, "pending": 3, "others": 0, "others_done": 0,
    }  # fmt: skip
    assert f"run {run} is unfinished: 2 done, 3 pending." in " ".join(shell("plan", look).out.split())
    server.faults()
    assert shell("run", look).code == 0
    earlier = shell("plan", look, "--json").json["earlier"]
    assert (earlier["run"], earlier["done"], earlier["pending"]) == (run, 5, 0)
    assert f"run {run} finished this job at " in " ".join(shell("plan", look).out.split())


def test_what_is_odd_about_rows_is_told_where_they_are_sent(shell, server):
    """Not every day anew of rows that `--missing` leaves out, and not of users whom the vendor has named."""
    server.seed(["1e1", "ann", "NULL", "bob"])
    text = "provider: easemob\noperation: {}\nconnection: {{base_url: '{}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n"
    shell.write("u.csv", "username\nNULL\n ann\n")
    look = shell.write("look.yaml", text.format("get-user", server.base_url) + "source: {csv: u.csv}\n")
    odd, blank = (
        "1 id looks like a cell without a value (line 2: 'NULL')",
        "blanks around 1 cell were taken away (line 3)",
    )
    for said in (shell("check", look), shell("run", look)):
        assert said.code == 0
        assert odd in said.err
        assert blank in said.err
    shell.write("u.csv", "username\nNULL\n ann\n bob\n")
    for command in ("plan", "run"):
        said = shell(command, look, "--missing")
        assert said.code == 0
        assert "without a value" not in said.err
        assert "blanks around 1 cell were taken away (line 4)" in said.err
    feed = shell.write(
        "mute.yaml", text.format("mute", server.base_url) + "source: {run: look}\nparams: {chat: 60}\n"
    )
    assert "without a value" not in shell("check", feed).err
    assert "without a value" not in shell("run", feed).err


@pytest.mark.parametrize(
    ("provider", "operation", "said"), [("easemob", "register", True), ("agora", "register", True), ("easemob", "delete", False)]
)  # fmt: skip
def test_a_plan_says_what_users_cost_who_exist_already(shell, provider, operation, said):
    shell.write("users.csv", "username,password\nanna,secret-1\n")
    text = f"provider: {provider}\noperation: {operation}\nsource: {{csv: users.csv}}\n"
    where = 'connection: {base_url: "https://a1.easemob.com", org: o, app: a, auth: {token: t}}\n'
    found = shell("plan", shell.write("job.yaml", text + where))
    assert ("about one more for each user who exists already" in " ".join(found.out.split())) is said


def test_a_plan_of_what_is_missing(shell, server):
    users = [f"u{n}" for n in range(1, 6)]
    server.seed([*users, "v1"])
    look = shell.job("look", server.base_url, "get-user", users)
    assert shell("plan", look, "--missing", "--json").json["send"] == 5, "there is no journal yet"
    assert shell("run", look).code == 0
    assert shell("plan", look, "--missing", "--json").json["send"] == 0
    shell.job("look", server.base_url, "get-user", [*users, "v1"])
    assert (
        shell("plan", look, "--missing", "--json").json["send"],
        shell("plan", look, "--json").json["send"],
    ) == (1, 6)
    assert "next: bulkim run look.yaml --missing" in shell("plan", look, "--missing").err
    assert (bulkim.estimate(look, missing=True).send, bulkim.estimate(look).send) == (1, 6)
    for words in (("-o", "x.plan"), ("--format", "markdown")):
        said = shell("plan", look, "--missing", *words)
        assert (said.code, "leave --missing out" in said.err) == (2, True)


def test_a_plan_says_that_a_run_would_be_refused(shell, server):
    users = ["u1", "u2", "u3"]
    job = shell.job("gone", server.base_url, "delete", users, "guard: {max_items: 2}\n")
    assert "max_items is 2: a run of 3 would be refused" in " ".join(shell("plan", job).out.split())
    assert "would be refused" not in shell("plan", job, "--set", "guard.max_items=3").out


def test_a_run_that_stopped_before_it_had_items_is_in_nobodys_way(shell, server):
    server.seed(["u1", "u2"])
    more = "connection: {{base_url: '{0}', org: sandbox, app: demo, auth: {{token: '{1}'}}}}\n"
    head = "provider: easemob\noperation: get-user\nsource: {listing: users}\n"
    job = shell.write("look.yaml", head + more.format(server.base_url, "wrong"))
    assert shell("run", job).code == 6
    shell.write("look.yaml", head + more.format(server.base_url, "sandbox-token"))
    said = shell("run", job, "--limit", "1", "--json")
    assert (said.code, said.json["items"]) == (0, 1), said.err
    assert "stopped before it had any items; this is another one" in said.err
