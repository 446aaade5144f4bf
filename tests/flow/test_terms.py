"""What was decided when a run began is what happens, whatever file, name or option says otherwise now."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from support.jobs import rows
from support.server import serving
from support.ways import REFUSED, Called, Said, Typed

import bulkim

DONE = 12  # calls before the vendor refuses the token, and the run stops


@pytest.fixture(scope="module")
def running():
    with serving(limits={"users": 5000, "mute": 5000}) as found:
        yield found


@pytest.fixture
def server(running, tmp_path, monkeypatch):
    running.reset()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BULKIM_JOURNAL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return running


@pytest.fixture(params=[Typed, pytest.param(Called, marks=pytest.mark.slow)], ids=["typed", "called"])
def way(request):
    return request.param()


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{n:02}" for n in range(count)]


TESTS, BOSSES = names("test", 20), names("boss", 5)


def write(path: str, server, operation: str, source: str, more: str = "") -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(
        f"provider: easemob\noperation: {operation}\nsource: {source}\nconcurrency: 1\nbatch: 1\n"
        f"connection: {{base_url: '{server.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n{more}"
    )
    return path


def lines(path: str, users: list[str]) -> None:
    Path(path).write_text("".join(f"{user}\n" for user in users))


def stopped(way, server, job: str, operation: str = "delete", **options) -> Said:
    """The job's first session: it ends after `DONE` calls."""
    server.faults({"match": {"operation": operation}, "after": DONE, "do": REFUSED})
    said = way.run(job, **options)
    server.faults()
    assert (said.code, said.summary["counts"]["succeeded"]) == (6, DONE), said
    return said


def there(server, prefix: str) -> int:
    return sum(user["exists"] for name, user in server.users().items() if name.startswith(prefix))


def runs() -> list[bulkim.RunRecord]:
    return bulkim.runs()


# ------------------------------------------------------------ guards hold for what is pending


@pytest.mark.parametrize("source", ["listing", "stdin", "nothing piped", "gone", "run", "file"])
def test_a_pattern_that_is_added_protects_whatever_is_pending(way, server, source):
    server.seed(TESTS + BOSSES)
    lines("list", TESTS + BOSSES)
    if source == "run":
        write("look.yaml", server, "get-user", "{text: list}")
        way.run("look.yaml")
    places = {"listing": "{listing: users}", "stdin": "{text: '-'}", "nothing piped": "{text: '-'}",
              "run": "{run: look}"}  # fmt: skip
    if source == "nothing piped" and way.name == "typed":
        pytest.skip("the test's runner always pipes something: see test_stdin.py")
    job = write("job.yaml", server, "delete", places.get(source, "{text: list}"))
    piped = Path("list").read_text()
    stdin = {"stdin": piped, "nothing piped": piped}.get(source)
    first = stopped(way, server, job, stdin=stdin)
    write("job.yaml", server, "delete", places.get(source, "{text: list}"), 'guard: {protect: ["boss.*"]}')
    if source == "gone":
        Path("list").unlink()
    before = there(server, "boss")
    said = way.run(job, stdin=piped if source == "stdin" else None)
    assert said.code == 0, said
    assert said.summary["run"] == first.summary["run"]
    assert there(server, "boss") == before > 0
    assert there(server, "test") == 0
    assert said.summary["codes"]["protected"] == before
    assert 'guard.protect ["boss.*"]' in said.text


def test_a_guard_that_is_laxer_is_taken_over_and_said(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}", "guard: {max_items: 100}\nrate: {limit: 100}")
    stopped(way, server, job)
    write("job.yaml", server, "delete", "{text: list}", "rate: {limit: 200}")
    said = way.run(job)
    assert said.code == 0
    assert "taken over: " in said.text
    assert "rate.limit 100.0 -> 200.0" in said.text
    assert "guard.max_items 100 is gone" in said.text


@pytest.mark.parametrize("source", ["listing", "gone", "file"])
def test_who_was_protected_and_is_not_any_more(way, server, source):
    """A file is read again, and they join. What only the journal holds has let them go: that is said, with the way to them."""
    server.seed(TESTS + BOSSES)
    lines("list", TESTS + BOSSES)
    place = "{listing: users}" if source == "listing" else "{text: list}"
    job = write("job.yaml", server, "delete", place, 'guard: {protect: ["boss.*"]}')
    stopped(way, server, job)
    write("job.yaml", server, "delete", place)
    if source == "gone":
        Path("list").unlink()
    said = way.run(job)
    assert said.code == 0
    if source == "file":
        assert (said.counts, there(server, "boss")) == ({"succeeded": 25}, 0)
        return
    assert (said.counts, there(server, "boss")) == ({"succeeded": 20, "skipped": 5}, 5)
    assert "guard.protect lets 5 items through that this run has skipped" in said.text
    assert "--missing" in said.text
    lines("list", TESTS + BOSSES)
    assert (way.run(job, missing=True).counts, there(server, "boss")) == ({"succeeded": 5}, 0)


def test_fewer_items_are_allowed_now(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    stopped(way, server, job)
    refused = way.run(job, set={"guard.max_items": 7})
    assert refused.code == 4
    assert there(server, "test") == len(TESTS) - DONE
    assert way.run(job, set={"guard.max_items": 8}).code == 0


# ----------------------------------------------------------------- what is refused

CHANGES = {
    "operation": ({"operation": "ban"}, 'operation was "delete", is now "ban"'),
    "limit": ({}, "--limit was not set, is now 5"),
    "app": ({"connection.app": "other"}, 'app was "sandbox#demo", is now "sandbox#other"'),
    "source": ({"source.text": "others"}, 'source.place was "list", is now "others"'),
    "encoding": ({"source.encoding": "utf-8"}, "source.encoding was not set"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_deed_or_selection_is_refused_and_putting_it_back_continues(way, server, change):
    server.seed(TESTS)
    lines("list", TESTS)
    lines("others", BOSSES)
    job = write("job.yaml", server, "delete", "{text: list}")
    first = stopped(way, server, job)
    changes, words = CHANGES[change]
    before = server.requests()
    refused = way.run(job, set=changes, **({"limit": 5} if change == "limit" else {}))
    assert refused.code == 3
    assert first.summary["run"] in refused.text
    assert words in refused.text
    assert "put it back to continue the run, or begin another one with --new" in refused.text
    assert server.requests() == before
    again = way.run(job)
    assert (again.code, again.summary["run"]) == (0, first.summary["run"])


def test_new_begins_another_run_with_other_params(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "mute", "{text: list}", "params: {chat: 60}")
    first = stopped(way, server, job, "mute")
    assert way.run(job, set={"params.chat": -1}).code == 3
    said = way.run(job, set={"params.chat": -1}, new=True)
    assert (said.code, said.counts) == (0, {"succeeded": 20})
    assert said.summary["run"] != first.summary["run"]


def test_a_listing_narrowed_otherwise_is_refused(way, server):
    server.seed(TESTS + BOSSES)
    job = write("job.yaml", server, "delete", '{listing: users, where: {match: ".*"}}')
    stopped(way, server, job)
    before = there(server, "boss")
    refused = way.run(job, set={"source.where.match": "test.*"})
    assert refused.code == 3
    assert "source.where was " in refused.text
    assert there(server, "boss") == before


def test_a_connection_by_name_is_the_same_if_it_leads_there(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    first = stopped(way, server, job)
    text = Path(job).read_text()
    mapping = next(line for line in text.splitlines() if line.startswith("connection: "))
    Path("connections.yaml").write_text(mapping.replace("connection: ", "mine: ", 1) + "\n")
    Path(job).write_text(text.replace(mapping, "connection: mine"))
    said = way.run(job)
    assert (said.code, said.summary["run"]) == (0, first.summary["run"])


def test_an_age_means_the_moment_at_which_the_run_began(way, server):
    """`created_before: 7d` on the eighth day would take others."""
    server.seed(TESTS, created=1_000_000)
    job = write("job.yaml", server, "delete", '{listing: users, where: {match: ".*", created_before: 7d}}')
    stopped(way, server, job)
    (record,) = runs()
    assert record.terms is not None
    moment = record.terms["moments"]["created_before"]
    assert way.run(job).code == 0
    assert runs()[0].terms["moments"]["created_before"] == moment


# -------------------------------------------------------------------- whose run it is


def test_two_job_files_of_one_name_have_a_run_each(way, server):
    monday, tuesday = names("mon", 20), names("tue", 8)
    server.seed(monday + tuesday)
    for folder, users in (("mon", monday), ("tue", tuesday)):
        write(f"{folder}/purge.yaml", server, "delete", "{text: list}")
        lines(f"{folder}/list", users)
    first = stopped(way, server, "mon/purge.yaml")
    said = way.run("tue/purge.yaml")
    assert (said.code, said.counts) == (0, {"succeeded": 8})
    assert f"has the unfinished run {first.summary['run']} (8 items pending)" in said.text
    assert there(server, "mon") == 20 - DONE
    again = way.run("mon/purge.yaml")
    assert (again.summary["run"], again.counts) == (first.summary["run"], {"succeeded": 20})


def test_another_file_with_the_same_users_is_refused_with_the_runs_id(way, server):
    """A fresh checkout of the same job."""
    server.seed(TESTS)
    for folder in ("one", "two"):
        write(f"{folder}/purge.yaml", server, "delete", "{text: list}")
        lines(f"{folder}/list", TESTS)
    first = stopped(way, server, "one/purge.yaml")
    run = first.summary["run"]
    before = server.requests()
    refused = way.run("two/purge.yaml")
    assert refused.code == 3
    assert f"in run {run} too" in refused.text
    assert f"--continue {run}" in refused.text
    assert server.requests() == before
    assert len(runs()) == 1, "nothing was begun"
    said = way.run("two/purge.yaml", continue_run=run)
    assert (said.code, said.summary["run"], said.counts) == (0, run, {"succeeded": 20})


def test_a_name_of_two_jobs_lists_both(server):
    server.seed(TESTS)
    way = Typed()
    found = []
    for folder, users in (("one", TESTS[:3]), ("two", TESTS[3:6])):
        write(f"{folder}/purge.yaml", server, "delete", "{text: list}")
        lines(f"{folder}/list", users)
        found.append(way.run(f"{folder}/purge.yaml").summary["run"])
    for act in (lambda: bulkim.summary("purge"), lambda: bulkim.retry_items("purge")):
        with pytest.raises(bulkim.UsageError, match="is the name of 2 jobs") as refused:
            act()
        assert all(run in refused.value.message for run in found)


def test_a_run_that_has_finished_is_not_continued(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    run = way.run(job).summary["run"]
    refused = way.run(job, continue_run=run)
    assert refused.code == 2
    assert "has finished" in refused.text


# --------------------------------------------------------------------------- the input


def test_what_is_new_gone_and_changed_is_said(way, server):
    server.seed([*TESTS, *BOSSES])
    seconds = dict.fromkeys(TESTS, 60)

    def save(values: dict[str, int]) -> None:
        Path("m.csv").write_text(
            "username,chat\n" + "".join(f"{user},{value}\n" for user, value in values.items())
        )

    save(seconds)
    job = write("job.yaml", server, "mute", "{csv: m.csv}")
    run = stopped(way, server, job, "mute").summary["run"]
    save({**{user: 3600 if user in TESTS[9:14] else 60 for user in TESTS[:18]}, BOSSES[0]: 60})
    said = way.run(job)
    assert said.code == 0
    assert "input: 1 new, 2 gone of those pending, 5 changed (3 of them already done)" in said.text
    assert f"bulkim retry {run} --changed" in said.text
    muted = {name: user["mutes"].get("chat", 0) for name, user in server.users().items()}
    assert sum(value > 100 for value in muted.values()) == 2, "those pending went as they are now"
    again = way.retry(run, changed=True)
    assert (again.code, again.counts) == (0, {"succeeded": 3})
    assert "nothing to send" in way.retry(run, changed=True).text


def test_a_retry_of_changed_rows_says_that_those_who_exist_stay_as_they_are(way, server):
    def save(word: str) -> None:
        Path("u.csv").write_text("username,password\n" + "".join(f"{user},{word}-{user}\n" for user in TESTS))

    save("oldpassword")
    job = write("job.yaml", server, "register", "{csv: u.csv}")
    run = stopped(way, server, job, "register").summary["run"]
    save("newpassword")
    said = way.run(job)
    kept = "register leaves a user who exists as they are; set-password and set-nickname change them"
    assert f"stay as they were sent, and a retry would not change them: {kept}" in said.text
    assert "sends them again" not in said.text
    again = way.retry(run, changed=True)
    assert (again.code, set(again.counts)) == (0, {"unchanged"})
    assert f"--changed: those who are done end as unchanged: {kept}" in again.text


def test_changed_passwords_are_seen_without_being_kept(way, server):
    server.seed(TESTS)

    def save(word: str) -> None:
        Path("u.csv").write_text("username,password\n" + "".join(f"{user},{word}-{user}\n" for user in TESTS))

    save("oldpassword")
    job = write("job.yaml", server, "set-password", "{csv: u.csv}")
    run = stopped(way, server, job, "set-password").summary["run"]
    save("newpassword")
    said = way.run(job)
    assert f"input: 0 new, 0 gone of those pending, 20 changed ({DONE} of them already done)" in said.text
    again = way.retry(run, changed=True)
    assert (again.code, again.counts) == (0, {"succeeded": DONE})
    kept = b"".join(path.read_bytes() for path in Path().glob("bulkim.db*"))
    for word in (b"oldpassword", b"newpassword"):
        assert word not in kept
    (key,) = Path("state").rglob("digest.key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes() not in kept


def test_without_a_place_for_the_key_a_run_goes_on(server, monkeypatch):
    way = Typed()
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/proc/nowhere")
    server.seed(TESTS)
    Path("u.csv").write_text("username,password\n" + "".join(f"{user},password\n" for user in TESTS))
    job = write("job.yaml", server, "set-password", "{csv: u.csv}")
    stopped(way, server, job, "set-password")
    said = way.run(job)
    assert (said.code, said.counts) == (0, {"succeeded": 20})


@pytest.mark.parametrize("kind", ["text", "csv", "jsonl", "piped"])
def test_an_input_that_is_empty_now_is_refused(way, server, kind):
    server.seed(TESTS)
    head = {"csv": "username\n"}.get(kind, "")
    full = head + "".join(f'{{"username": "{user}"}}\n' if kind == "jsonl" else f"{user}\n" for user in TESTS)
    Path("in").write_text(full)
    source = "{text: '-'}" if kind == "piped" else f"{{{kind}: in}}"
    job = write("job.yaml", server, "delete", source)
    run = stopped(way, server, job, stdin=full if kind == "piped" else None).summary["run"]
    Path("in").write_text(head)
    refused = way.run(job, stdin="" if kind == "piped" else None)
    assert refused.code == 3
    assert f"is empty, and run {run} has 8 items pending" in refused.text
    assert runs()[0].state != "finished"
    Path("in").write_text(full)
    said = way.run(job, stdin=full if kind == "piped" else None)
    assert (said.code, said.summary["run"], said.counts) == (0, run, {"succeeded": 20})


def test_most_of_what_is_pending_may_be_dropped_if_that_is_meant(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    stopped(way, server, job)
    lines("list", TESTS[:15])  # 5 of 8 pending are gone
    refused = way.run(job)
    assert refused.code == 3
    assert "lacks 5 of the 8 items that run" in refused.text
    assert "--accept-removals" in refused.text
    said = way.run(job, accept_removals=True)
    assert (said.code, said.counts) == (0, {"succeeded": 15, "skipped": 5})


def test_half_of_what_is_pending_may_go(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    stopped(way, server, job)
    lines("list", TESTS[:16])
    said = way.run(job)
    assert (said.code, said.counts) == (0, {"succeeded": 16, "skipped": 4})
    assert "input: 0 new, 4 gone of those pending, 0 changed" in said.text


def test_what_was_removed_stays_so_until_it_is_back(way, server):
    """An input that is edited twice: the numbers go on adding up, and it is said who is back."""
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    stopped(way, server, job)
    lines(
        "list", [each for each in TESTS[:18] if each != TESTS[0]]
    )  # the first is done: it is not among those gone
    server.faults({"match": {"operation": "delete"}, "after": 1, "do": REFUSED})
    said = way.run(job)
    server.faults()
    assert "input: 0 new, 2 gone of those pending, 0 changed" in said.text
    assert (said.summary["items"], said.summary["codes"]["removed"]) == (20, 2)
    lines("list", [*TESTS[:17], TESTS[19]])
    said = way.run(job)
    assert (
        "input: 1 new (1 of them removed before, and back), 1 gone of those pending, 0 changed" in said.text
    )
    assert (said.code, said.counts) == (0, {"succeeded": 18, "skipped": 2})
    assert (said.summary["items"], said.summary["codes"]["removed"]) == (20, 2)
    left = bulkim.results(said.summary["run"], outcome="skipped")
    assert sorted(each.username for each in left) == [TESTS[17], TESTS[18]]


def test_another_list_that_is_piped_is_compared_like_a_file(way, server):
    others = names("next", 20)
    server.seed(TESTS + others)
    job = write("job.yaml", server, "delete", "{text: '-'}")
    stopped(way, server, job, stdin="\n".join(TESTS))
    refused = way.run(job, stdin="\n".join(others))
    assert refused.code == 3
    assert "lacks 8 of the 8 items that run" in refused.text
    assert there(server, "next") == 20
    mended = "\n".join([*TESTS[:19], *others[:2]])
    said = way.run(job, stdin=mended)
    assert (said.code, said.counts) == (0, {"succeeded": 21, "skipped": 1})
    assert "input: 2 new, 1 gone of those pending, 0 changed" in said.text


def test_an_operation_with_secrets_needs_its_list_again(server):
    way = Called()  # at the command line the test's runner always pipes something
    server.seed(TESTS)
    full = "username,password\n" + "".join(f"{user},password\n" for user in TESTS)
    job = write("job.yaml", server, "set-password", "{csv: '-'}")
    run = stopped(way, server, job, "set-password", stdin=full).summary["run"]
    refused = way.run(job)
    assert refused.code == 3
    assert f"run {run} needs its list again" in refused.text
    said = way.run(job, stdin=full)
    assert (said.code, said.counts) == (0, {"succeeded": 20})


def test_a_mended_row_costs_its_own_call_only(way, server):
    server.seed(TESTS)
    lines("list", [*TESTS, "b/d", "new1"])
    job = write("job.yaml", server, "mute", "{text: list}", "params: {chat: 60}")
    first = way.run(job)
    assert first.counts == {"succeeded": 20, "failed": 1, "skipped": 1}
    server.seed(["new1", "bd"])
    assert way.retry(first.summary["run"]).counts == {"succeeded": 1}
    lines("list", [*TESTS, "bd", "new1"])
    said = way.run(job, missing=True)
    assert (said.code, said.counts) == (0, {"succeeded": 1})
    nothing = way.run(job, missing=True)
    assert nothing.code == 0
    assert nothing.summary["items"] == 0
    assert "nothing is missing" in nothing.text
    assert len(runs()) == 3
    assert way.run(job, missing=True, set={"params.chat": 600}).summary["items"] == 22, "that is other work"


# ----------------------------------------------------------------------- an earlier run


def test_last_is_the_newest_run_before_this_one(way, server):
    lines("list", TESTS)
    write("look.yaml", server, "get-user", "{text: list}")
    assert way.run("look.yaml").counts == {"failed": 20}
    server.seed(TESTS)
    job = write("p.yaml", server, "mute", "{run: last, outcome: [failed]}", "params: {chat: 60}")
    said = way.run(job)
    assert (said.code, said.counts) == (0, {"succeeded": 20})


def test_a_jobs_own_name_is_its_run_before_this_one(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    assert way.run(write("mine.yaml", server, "ban", "{text: list}")).code == 0
    said = way.run(write("mine.yaml", server, "unban", "{run: mine}"))
    assert (said.code, said.counts) == (0, {"succeeded": 20})


@pytest.mark.parametrize("name", ["look", "last"])
def test_what_a_name_meant_is_fixed_when_the_run_begins(way, server, name):
    server.seed(TESTS)
    lines("list", TESTS)
    write("look.yaml", server, "get-user", "{text: list}")
    fed = way.run("look.yaml").summary["run"]
    job = write("q.yaml", server, "mute", f"{{run: {name}}}", "params: {chat: 60}")
    stopped(way, server, job, "mute")
    lines("list", ["other"])
    way.run("look.yaml")
    said = way.run(job)
    assert (said.code, said.counts) == (0, {"succeeded": 20})
    assert next(each for each in runs() if each.name == "q").terms["feeds"] == fed


# --------------------------------------------------------------------------------- retry


def failed_mutes(way, server) -> str:
    """A run whose users all failed; now they are there."""
    lines("list", TESTS)
    said = way.run(write("m.yaml", server, "mute", "{text: list}", "params: {chat: 60}"))
    assert said.counts == {"failed": 20}
    server.seed(TESTS)
    return said.summary["run"]


@pytest.mark.parametrize(
    ("operation", "more"),
    [("delete", ""), ("disconnect", ""), ("mute", "params: {chat: -1}"), ("unmute", "")],
)
def test_a_retry_repeats_what_the_run_did_or_refuses(way, server, operation, more):
    run = failed_mutes(way, server)
    write("m.yaml", server, operation, "{text: list}", more)
    before = server.requests()
    refused = way.retry(run)
    assert refused.code == 3
    assert f"run {run} was begun with other terms" in refused.text
    assert server.requests() == before


@pytest.mark.parametrize(("operation", "more"), [("delete", ""), ("mute", "params: {chat: -1}")])
def test_an_unfinished_retry_goes_on_as_it_began_or_not_at_all(way, server, operation, more):
    run = failed_mutes(way, server)
    server.faults({"match": {"operation": "mute"}, "after": DONE, "do": REFUSED})
    begun = way.retry(run)
    server.faults()
    assert begun.code == 6
    write("m.yaml", server, operation, "{text: list}", more)
    assert way.retry(run).code == 3
    write("m.yaml", server, "mute", "{text: list}", "params: {chat: 60}")
    said = way.retry(run)
    assert (said.code, said.summary["run"], said.counts) == (0, begun.summary["run"], {"succeeded": 20})


def test_another_selection_beside_an_unfinished_retry_is_refused_with_its_id(way, server):
    run = failed_mutes(way, server)
    server.faults({"match": {"operation": "mute"}, "after": DONE, "do": REFUSED})
    begun = way.retry(run).summary["run"]
    server.faults()
    refused = way.retry(run, outcome=("failed",))
    assert refused.code == 3
    assert f"run {begun} is an unfinished retry of run {run}" in refused.text
    said = way.retry(run, outcome=("failed",), new=True)
    assert said.summary["run"] not in {run, begun}


def test_with_nothing_to_retry_no_run_is_made(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    run = way.run(write("m.yaml", server, "mute", "{text: list}", "params: {chat: 60}")).summary["run"]
    said = way.retry(run)
    assert said.code == 0
    assert (
        f"nothing to retry: run {run} has no item that is failed or unknown (its items: 20 succeeded)"
        in said.text
    )
    assert len(runs()) == 1


def test_a_retry_goes_to_the_runs_app_or_nowhere(way, server):
    run = failed_mutes(way, server)
    text = Path("m.yaml").read_text().replace("app: demo", "app: other")
    Path("m.yaml").write_text(text)
    refused = way.retry(run)
    assert refused.code == 3
    assert 'app was "sandbox#demo", is now "sandbox#other"' in refused.text


def test_who_is_protected_now_is_not_retried(way, server):
    run = failed_mutes(way, server)
    write("m.yaml", server, "mute", "{text: list}", 'params: {chat: 60}\nguard: {protect: ["test0.*"]}')
    said = way.retry(run)
    assert (said.code, said.counts) == (0, {"succeeded": 10, "skipped": 10})


# --------------------------------------------------------------------------- rehearsals


def test_a_rehearsal_feeds_nothing_real(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    write("move.yaml", server, "get-user", "{text: list}")
    real = way.run("move.yaml", limit=3).summary["run"]
    rehearsed = way.run("move.yaml", sandbox=True)
    assert rehearsed.summary["rehearsal"] is True
    job = write("gone.yaml", server, "delete", "{run: move, outcome: [succeeded]}")
    said = way.run(job)
    assert said.counts == {"succeeded": 3}, "the real one, not the newest"
    assert next(each for each in runs() if each.name == "gone").terms["feeds"] == real
    named = way.run(write("id.yaml", server, "delete", f"{{run: {rehearsed.summary['run']}}}"))
    assert named.code in {2, 3}
    assert "was a rehearsal" in named.text
    assert there(server, "test") == 17


def test_in_a_rehearsal_names_find_rehearsals_first(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    write("move.yaml", server, "get-user", "{text: list}")
    way.run("move.yaml", limit=3)
    way.run("move.yaml", sandbox=True)
    said = way.run(write("gone.yaml", server, "delete", "{run: move, outcome: [succeeded]}"), sandbox=True)
    assert said.summary["items"] == 20
    assert there(server, "test") == 20


def test_rehearsals_are_marked_everywhere(server):
    way = Typed()
    lines("list", TESTS)
    job = write("m.yaml", server, "mute", "{text: list}", "params: {chat: 60}")
    assert way.run(job, sandbox=True).summary["rehearsal"] is True
    (record,) = runs()
    assert record.rehearsal
    assert bulkim.summary("last")["rehearsal"] is True
    for words in (
        ["runs"],
        ["show", "last"],
        ["report", "last", "--format", "markdown"],
        ["results", "last"],
    ):
        from click.testing import CliRunner

        from bulkim.cli import cli

        assert "rehearsal" in CliRunner().invoke(cli, words).output, words


@pytest.mark.parametrize("operation", ["register", "mute", "delete"])
def test_a_rehearsal_is_neither_undone_nor_verified(way, server, operation):
    """Nobody at the vendor was changed: whatever its undoing would send would meet real users."""
    server.seed(TESTS)
    Path("list").write_text("username,password\n" + "".join(f"{name},longenough\n" for name in TESTS))
    params = "params: {chat: 60}" if operation == "mute" else ""
    assert way.run(write("m.yaml", server, operation, "{csv: list}", params), sandbox=True).code == 0
    before = len(server.requests())
    for said in (way.undo("last"), way.undo("last", offline=True), way.verify("last")):
        assert said.code in {2, 3}
        assert "was a rehearsal" in said.text
    assert len(server.requests()) == before, "the vendor is not asked, either"


def test_undo_goes_by_what_the_run_did(way, server):
    """Whatever its job file says now."""
    server.seed(TESTS)
    lines("list", TESTS)
    way.run(write("m.yaml", server, "mute", "{text: list}", "params: {chat: 60}"))
    text = Path("m.yaml").read_text().replace("app: demo", "app: other")
    Path("m.yaml").write_text(
        text.replace("operation: mute", "operation: delete").replace("params: {chat: 60}", "")
    )
    refused = way.undo("last")
    assert refused.code == 2
    assert "was sent to" in refused.text
    said = way.undo("last", offline=True)
    assert said.code == 0
    assert "operation: mute" in said.text
    assert '"chat": 0' in said.text, "nobody was muted before"
    assert 'app: "demo"' in said.text


def test_a_rehearsal_and_a_real_run_never_continue_each_other(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    first = stopped(way, server, job)
    rehearsed = way.run(job, sandbox=True)
    assert rehearsed.summary["run"] != first.summary["run"]
    assert way.run(job).summary["run"] == first.summary["run"]


# --------------------------------------------------------------------------- confirming


def test_a_confirmation_stays_valid_for_what_is_left(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}", "")
    production(job)
    stopped(way, server, job, confirm="demo:20")
    said = way.run(job, confirm="demo:20")
    assert (said.code, said.counts) == (0, {"succeeded": 20})


def test_it_needs_no_repeating(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    production(job)
    stopped(way, server, job, confirm="demo:20")
    said = way.run(job, yes=False)
    assert (said.code, said.counts) == (0, {"succeeded": 20})


def test_it_bounds_the_whole_run(way, server):
    server.seed(TESTS + BOSSES)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    production(job)
    stopped(way, server, job, confirm="demo:20")
    lines("list", [*TESTS, "boss00"])
    refused = way.run(job, confirm="demo:20")
    assert refused.code == 3
    assert "says 20, but 9 items would be sent (12 were sent before, 21 in all)" in refused.text
    assert there(server, "boss") == 5
    assert way.run(job, confirm="demo:21").code == 0


def test_production_now_and_not_before(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    if way.name == "typed":
        stopped(way, server, job)
    else:
        stopped(way, server, job, confirm="demo:20")
    production(job)
    refused = way.run(job, yes=way.name == "typed")
    assert refused.code == 3
    assert there(server, "test") == 8
    said = way.run(job, confirm="demo:8")
    assert (said.code, said.counts) == (0, {"succeeded": 20})


def production(job: str) -> None:
    text = Path(job).read_text()
    Path(job).write_text(text.replace("app: demo,", "app: demo, environment: production,"))


# ---------------------------------------------------------------- what the run does not know


def test_a_deletion_that_found_nobody_says_so(way, server):
    lines("list", TESTS)
    said = way.run(write("job.yaml", server, "delete", "{text: list}"))
    assert (said.code, said.counts) == (0, {"unchanged": 20})
    assert "nobody was found: 20 of 20 users were gone already at demo" in said.text


def test_a_pattern_that_protects_nobody_names_the_nearest(way, server):
    server.seed([*TESTS, "admin1"])
    lines("list", [*TESTS, "admin1"])
    said = way.run(write("job.yaml", server, "get-user", "{text: list}", 'guard: {protect: ["admn.*"]}'))
    assert "guard.protect 'admn.*' matched nobody; the nearest name is 'admin1'" in said.text


def test_a_where_that_lets_nobody_through_names_the_nearest(way, server):
    server.seed(TESTS)
    said = way.run(write("job.yaml", server, "delete", '{listing: users, where: {match: "tset.*"}}'))
    assert (said.code, said.summary["items"]) == (0, 0)
    assert "source.where.match 'tset.*' matched nobody" in said.text
    assert "'test" in said.text


def test_a_journal_that_is_new_is_said(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    place = f"journal: created {Path.cwd() / 'bulkim.db'}"
    assert place in way.run(job, limit=1).text
    assert place not in way.run(job, limit=1).text


def test_an_unfinished_run_of_this_job_in_another_folders_journal_is_said(way, server, tmp_path, monkeypatch):
    server.seed(TESTS)
    lines("list", TESTS)
    job = str(tmp_path / write("job.yaml", server, "delete", "{text: list}"))
    run = stopped(way, server, job).summary["run"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    said = way.run(job, limit=1)
    assert f"the unfinished run {run} in another journal (8 of 20 pending)" in said.text
    assert f"--journal {tmp_path / 'bulkim.db'} continues that one" in said.text
    assert said.summary["run"] != run
    other = {name: str(tmp_path / "bulkim.db") for name in ["journal"]}
    assert (way.run(job, **other).summary["run"], there(server, "test")) == (run, 0)
    assert "another journal" not in way.run(job, limit=1).text, "it has finished"


def test_who_has_no_state_folder_runs_without_that_hint(way, server, monkeypatch):
    server.seed(TESTS)
    lines("list", TESTS)
    Path("state").write_text("no folder")
    said = way.run(write("job.yaml", server, "mute", "{text: list}", "params: {chat: 60}"))
    assert (said.code, said.counts) == (0, {"succeeded": 20})


def test_an_older_journal_without_terms_is_continued(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "delete", "{text: list}")
    run = stopped(way, server, job).summary["run"]
    with sqlite3.connect("bulkim.db") as db:
        db.execute("UPDATE run SET terms = NULL")
    db.close()
    refused = way.run(job, set={"operation": "ban"})
    assert refused.code == 3
    said = way.run(job)
    assert (said.summary["run"], said.counts) == (run, {"succeeded": 20})


def test_journal_and_vendor_agree(server):
    """What the cases above rest on."""
    server.seed(TESTS)
    lines("list", TESTS)
    Typed().run(write("job.yaml", server, "delete", "{text: list}"))
    ended = {name for name, row in rows(Path("bulkim.db")).items() if row["outcome"] == "succeeded"}
    assert ended == {name for name, user in server.users().items() if not user["exists"]}


def test_a_finished_job_that_is_run_again_is_said_to_begin_anew(way, server):
    server.seed(TESTS)
    lines("list", TESTS)
    job = write("job.yaml", server, "mute", "{text: list}", "params: {chat: 60}")
    first = way.run(job)
    assert "This is a new run" not in first.text
    again = way.run(job)
    assert again.counts == {"succeeded": 20}
    told = f"run {first.summary['run']} finished this job at "
    assert told in again.text
    assert ": 20 done. This is a new run and sends all rows again; --missing sends only" in again.text
    assert "of it has" not in again.text
    lines("list", [*TESTS, "more"])
    server.seed(["more"])
    mended = way.run(job, missing=True)
    lines("list", TESTS)
    third = way.run(job)
    told = f"run {mended.summary['run']} finished this job at "
    assert told in third.text
    assert ": 1 done; 2 other runs of it have done up to 20 each. This is a new run" in third.text
    for asked in ({"missing": True}, {"new": True}):
        assert "This is a new run" not in way.run(job, **asked).text, asked
    rehearsed = write("other.yaml", server, "mute", "{text: list}", "params: {chat: 60}")
    assert "This is a new run" not in way.run(rehearsed).text, "another job file, another job"


def test_what_is_listed_anew_each_time_is_done_again_without_a_word(way, server):
    job = write("purge.yaml", server, "delete", "{listing: users}")
    for _ in range(2):
        server.seed(TESTS)
        said = way.run(job)
        assert said.counts == {"succeeded": 20}
        assert "This is a new run" not in said.text
