"""A saved plan is what happens: exactly that, or less, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.here import bulkim_here
from support.jobs import rows

import bulkim

USERS = [f"test{n:02}" for n in range(20)]
REFUSED = {"error": {"http": 401, "error": "unauthorized", "description": "Unable to authenticate"}}


@pytest.fixture
def at(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BULKIM_JOURNAL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    server.seed(USERS)
    return server


def write(server, operation: str = "delete", source: str = "{csv: users.csv}", more: str = "") -> str:
    Path("job.yaml").write_text(
        f"provider: easemob\noperation: {operation}\nsource: {source}\nconcurrency: 1\nbatch: 1\n"
        f"connection: {{base_url: '{server.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n{more}"
    )
    return "job.yaml"


def table(rows: list[str], header: str = "username") -> None:
    Path("users.csv").write_text("\n".join([header, *rows]) + "\n")


def plan(*words: str, job: str = "job.yaml", file: str = "job.plan") -> str:
    """Writes one; returns its digest."""
    said = bulkim_here("plan", job, "-o", file, "--json", *words)
    assert said.code == 0, said.err
    return said.json["digest"]


def run(*words: str, file: str = "job.plan"):
    return bulkim_here("run", file, "--json", *words)


def there(server) -> set[str]:
    return {name for name, user in server.users().items() if user["exists"]}


def body(file: str = "job.plan") -> list[str]:
    return Path(file).read_text().splitlines()


# ----------------------------------------------------------------------------------- what it holds


def test_a_plan_has_a_line_an_item_and_its_own_digest(at):
    table(["test00", "admin", "test01", "test00", "a/b"])
    digest = plan(job=write(at, more='guard: {protect: ["admin"]}\n'))
    lines = body()
    assert lines[0] == "bulkim plan 1"
    assert lines[-1] == f"digest {digest}"
    items = [line for line in lines if line.startswith(("delete ", "skip:"))]
    assert [re.sub("[0-9a-f]{16}", "D", each) for each in items] == [
        "delete D test00",
        "skip:protected - admin",
        "delete D test01",
        "skip:duplicate - test00",
        "skip:invalid - a/b",
    ]
    assert json.loads(lines[-2].removeprefix("counts ")) == {
        "send": 2, "duplicate": 1, "protected": 1, "invalid": 1,
    }  # fmt: skip
    assert 'term operation "delete"' in lines
    assert at.requests() == []
    assert not Path("bulkim.db").exists()


def test_two_plans_of_the_same_are_the_same_and_differ_where_their_inputs_do(at):
    write(at)
    table(USERS)
    first = plan(file="one.plan")
    assert plan(file="two.plan") == first
    assert Path("one.plan").read_bytes() == Path("two.plan").read_bytes()
    table(["new", *USERS[:-1]])
    assert plan(file="three.plan") != first
    one, three = set(body("one.plan")), set(body("three.plan"))
    assert {line.split()[-1] for line in one ^ three if line.startswith("delete")} == {"new", USERS[-1]}


def test_what_was_odd_about_the_input_is_said(at):
    table([" test00 ", "test01"])
    said = bulkim_here("plan", write(at), "-o", "job.plan")
    assert "blanks around 1 cell" in said.err
    assert any(line.startswith("delete ") and line.endswith(" test00") for line in body())


def test_no_secret_is_in_a_plan_and_its_digests_cannot_be_tried(at):
    table(["neo,ju5t-Guess-me,The One"], "username,password,nickname")
    write(at, "register")
    plan()
    text = Path("job.plan").read_text()
    for secret in ("ju5t-Guess-me", "sandbox-token"):
        assert secret not in text
    (key,) = Path("state").rglob("digest.key")
    key.unlink()
    before, again = body(), plan()
    assert again
    assert [line for line in body() if line.startswith("register")] != [
        line for line in before if line.startswith("register")
    ]


def test_a_tables_lines_are_those_of_any_other_source(at):
    """A table is planned by columns, the rest item by item: the digests must not tell which."""
    people = [("neo", "pw-0", "The One"), ("ann", "pw-1", ""), ("bob", "pw-0", ""), ("ünal", "pw-2", "Ü\\x")]
    table([",".join(each) for each in people], "username,password,nickname")
    plan(job=write(at, "register"), file="csv.plan")
    named = (dict(zip(("username", "password", "nickname"), each, strict=True)) for each in people)
    Path("users.jsonl").write_text("".join(json.dumps(each) + "\n" for each in named))
    plan(job=write(at, "register", "{jsonl: users.jsonl}"), file="jsonl.plan")
    csv, jsonl = (
        [line for line in body(name) if line.startswith(("register", "skip"))]
        for name in ("csv.plan", "jsonl.plan")
    )
    assert csv == jsonl
    assert len({line.split()[1] for line in csv}) == len(people), "two users with one password look alike"


def test_a_name_alone_is_all_there_is_to_it_as_it_is_spelled(at):
    """Its line shows it: the digest is that of nothing. Another spelling is another value all the same."""
    table(["test00", "test01"])
    plan(job=write(at))
    digests = {line.split()[1] for line in body() if line.startswith("delete ")}
    assert len(digests) == 1
    table(["TEST00", "test01"])
    said = run("--yes")
    assert "1 with other values now" in said.err
    assert there(at) == {*USERS} - {"test01"}


def test_a_set_that_looks_like_a_secret_is_in_no_plan(at):
    table(USERS)
    said = bulkim_here("plan", write(at), "-o", "job.plan", "--set", "connection.auth.token=abcdef123")
    assert said.code == 2
    assert "looks like a secret" in said.err
    assert not Path("job.plan").exists()


@pytest.mark.parametrize("name", ["a b", "naïve", "日本", "back\\slash"])
def test_odd_names_come_back_as_they_were(at, name):
    at.seed([name])
    Path("users.jsonl").write_text(json.dumps({"username": name}) + "\n")
    write(at, source="{jsonl: users.jsonl}")
    plan()
    counts = bulkim_here("plan", "job.plan", "--json").json["counts"]
    said = run("--yes")
    assert said.json["items"] == 1
    assert said.json["counts"]["succeeded"] == counts["send"]


def test_who_is_named_by_more_than_a_name_is_told_apart(at):
    Path("users.csv").write_text("username,message_id\ntest00,1\ntest00,2\nTEST01,1\n")
    write(at, "offline-message-status")
    plan()
    Path("users.csv").write_text("username,message_id\ntest00,2\nTEST01,1\n")
    said = run()
    assert said.json["codes"]["removed"] == 1
    assert "1 no longer in the input" in said.err


def test_what_names_nobody_cannot_be_planned(at):
    Path("job.yaml").write_text(
        "provider: easemob\noperation: delete-oldest\nparams: {count: 3}\n"
        f"connection: {{base_url: '{at.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n"
    )
    said = bulkim_here("plan", "job.yaml", "-o", "job.plan")
    assert said.code == 3
    assert "names nobody" in said.err
    assert at.requests() == []


# ------------------------------------------------------------------------------------- what it does


def test_exactly_the_plan_is_sent(at):
    table(["test00,a", "test01,b", "test02,c", "test03,d"], "username,nickname")
    write(at, "delete")
    digest = plan()
    table(["test09,x", "test03,d", "test00,a", "test02,c", "test05,y"], "username,nickname")
    said = run("--confirm-plan", digest[:8])
    assert said.code == 0, said.err
    assert there(at) == set(USERS) - {"test00", "test02", "test03"}
    assert said.json["counts"] == {
        "succeeded": 3, "unchanged": 0, "failed": 0, "unknown": 0, "skipped": 1, "pending": 0,
    }  # fmt: skip
    assert said.json["codes"] == {"removed": 1}
    assert "left out by the plan: 1 no longer in the input, 2 not in the plan" in said.err


def test_an_item_with_other_values_is_left_out(at):
    table(["neo,pw-one", "trinity,pw-two"], "username,password")
    write(at, "register")
    plan()
    table(["neo,pw-other", "trinity,pw-two"], "username,password")
    said = run()
    assert said.code == 0, said.err
    assert there(at) == {*USERS, "trinity"}
    assert rows(Path("bulkim.db"))["neo"]["code"] == "changed"
    assert "1 with other values now" in said.err


def test_a_listing_is_read_when_it_is_planned_and_not_again(at):
    write(at, source="{listing: users, where: {match: 'test0.*'}}", more='guard: {protect: ["test03"]}\n')
    digest = plan()
    assert [line.split()[-1] for line in body() if line.startswith("delete ")] == sorted(
        set(USERS[:10]) - {"test03"}
    )
    listed = len(at.requests())
    at.seed(["test0x"])
    said = run("--confirm-plan", digest)
    assert said.code == 0, said.err
    assert "matched nobody" not in said.err, "the plan has left out whom they protect"
    assert there(at) == {"test0x", "test03", *USERS[10:]}
    assert len(at.requests()) - listed == 9


def test_an_earlier_run_is_the_one_that_it_was(at):
    table(USERS[:3])
    Path(write(at, "get-user")).rename("look.yaml")
    assert bulkim_here("run", "look.yaml").code == 0
    write(at, source="{run: look}")
    plan()
    table(USERS)
    bulkim_here("run", "look.yaml")
    assert run("--yes").code == 0
    assert there(at) == set(USERS[3:])


def test_standard_input_is_compared(at):
    write(at, source="{text: '-'}")
    said = bulkim_here("plan", "job.yaml", "-o", "job.plan", stdin="test00\ntest01\n")
    assert said.code == 0
    assert bulkim_here("run", "job.plan", "--yes", stdin="test01\ntest02\n").code == 0
    assert there(at) == set(USERS) - {"test01"}


def test_set_options_are_a_part_of_the_plan(at):
    table(USERS[:2])
    write(at, "mute")
    digest = plan("--set", "params={chat: 60}")
    said = run("--confirm-plan", digest[:8], "--set", "rate.limit=50")
    assert said.code == 0, said.err
    assert "rate.limit" in said.err
    assert there(at) == set(USERS)
    assert run("--new", "--set", "params={chat: 61}").code == 3


def test_a_guard_that_is_stricter_holds(at):
    table(USERS[:3])
    write(at)
    plan()
    said = run("--yes", "--set", 'guard.protect=["test01"]')
    assert said.code == 0, said.err
    assert "stricter since the plan was written: guard.protect" in said.err
    assert there(at) == set(USERS) - {"test00", "test02"}


# -------------------------------------------------------------------------------------- confirming


def test_a_plan_is_confirmed_by_its_digest(at):
    table(USERS)
    write(at, more="")
    digest = plan()
    for words in (
        (),
        ("--confirm-plan", "0" * 8),
        ("--confirm-plan", digest[:7]),
        ("--confirm-plan", digest + "0"),
    ):
        said = run(*words)
        assert said.code == 3, words
        assert at.requests() == []
    assert f"--confirm-plan {digest[:8]}" in run().err
    assert run("--confirm-plan", digest.upper()).code == 0
    assert there(at) == set()


def test_naming_the_plan_is_enough_at_a_production_app(at):
    table(USERS[:2])
    Path("job.yaml").write_text(Path(write(at)).read_text().replace("org:", "environment: production, org:"))
    digest = plan()
    assert run("--yes").code == 3
    assert run("--confirm-plan", digest[:8]).code == 0


def test_a_job_is_not_confirmed_as_a_plan(at):
    table(USERS)
    said = bulkim_here("run", write(at), "--confirm-plan", "7f3a19c2")
    assert said.code == 3
    assert "a saved plan" in said.err
    assert at.requests() == []


def test_what_was_confirmed_holds_for_the_rest_of_the_run(at):
    table(USERS)
    write(at)
    digest = plan()
    at.faults({"match": {"operation": "delete"}, "after": 7, "do": REFUSED})
    first = run("--confirm-plan", digest[:8])
    assert first.code == 6
    assert "next: bulkim run job.plan" in first.err
    at.faults()
    table(USERS[:-2])
    second = run()
    assert second.code == 0, second.err
    assert second.json["run"] == first.json["run"]
    assert there(at) == {USERS[-1], USERS[-2]}
    assert second.json["codes"]["removed"] == 2


def test_a_run_goes_on_by_what_it_began_by(at):
    table(USERS)
    write(at)
    plan()
    at.faults({"match": {"operation": "delete"}, "after": 3, "do": REFUSED})
    assert run("--yes").code == 6
    at.faults()
    sent = len(at.requests())
    said = bulkim_here("run", "job.yaml", "--yes")
    assert said.code == 3
    assert "bulkim run" in said.err
    assert "job.plan" in said.err
    table(USERS[:-1])
    plan(file="other.plan")
    assert run("--yes", file="other.plan").code == 3
    assert len(at.requests()) == sent
    table(["gone"])
    assert run("--yes").code == 3, "an input that lost everything is refused, as without a plan"
    assert run("--yes", "--accept-removals").code == 0
    assert len(there(at)) == 17


def test_a_job_that_was_begun_without_a_plan_does_not_go_on_by_one(at):
    table(USERS)
    write(at)
    plan()
    at.faults({"match": {"operation": "delete"}, "after": 3, "do": REFUSED})
    assert bulkim_here("run", "job.yaml", "--yes").code == 6
    at.faults()
    assert run("--yes").code == 3
    assert run("--yes", "--new").code == 0


def test_a_plan_expires_for_whoever_begins_by_it(at, monkeypatch):
    table(USERS)
    write(at)
    digest = plan("--expires", "2h")
    assert any(line.startswith("expires ") for line in body())
    at.faults({"match": {"operation": "delete"}, "after": 3, "do": REFUSED})
    assert run("--confirm-plan", digest).code == 6
    at.faults()
    later = __import__("time").time() + 7201
    monkeypatch.setattr("bulkim.work.ways.time.time", lambda: later)
    assert run().code == 0, "one that has begun goes on"
    said = run("--confirm-plan", digest)
    assert said.code == 3
    assert "expired" in said.err


# ------------------------------------------------------------------------------- whatever is changed


@pytest.mark.parametrize("file", ["job.yaml", "job.plan"])
def test_one_byte_changed_anywhere_and_nothing_is_sent(at, file):
    table(USERS[:3])
    write(at, more="# a remark\n")
    digest = plan()
    whole = Path(file).read_bytes()
    for place in range(0, len(whole), 1 if file == "job.yaml" else 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        Path(file).write_bytes(bytes(changed))
        said = run("--confirm-plan", digest)
        assert said.code == 3, (place, bytes(changed[place - 8 : place + 8]), said)
        assert "Traceback" not in said.err
    for more in (whole + b"\n", whole + b"#", whole[:-1], b"", whole[: len(whole) // 2]):
        Path(file).write_bytes(more)
        assert run("--confirm-plan", digest).code == 3
    assert at.requests() == []
    Path(file).write_bytes(whole)
    assert run("--confirm-plan", digest).code == 0


def test_another_vendors_text_and_nothing_is_sent(at, monkeypatch):
    table(USERS[:3])
    write(at)
    digest = plan()
    monkeypatch.setattr("bulkim.work.plan_reading.written", lambda vendor: {"name": vendor.name})
    said = run("--confirm-plan", digest)
    assert said.code == 3
    assert "the provider's text" in said.err
    assert at.requests() == []


def test_a_plan_with_another_key_is_refused(at, tmp_path, monkeypatch):
    table(USERS[:3])
    write(at)
    digest = plan()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    said = run("--confirm-plan", digest)
    assert said.code == 3
    assert "another key" in said.err


def test_a_plan_whose_job_is_gone(at):
    table(USERS[:3])
    Path(write(at)).rename("moved.yaml")
    write(at)
    plan()
    Path("job.yaml").unlink()
    said = run("--yes")
    assert said.code == 3
    assert "not there any more" in said.err


def test_limit_and_missing_do_not_go_with_a_plan(at):
    table(USERS[:3])
    write(at)
    plan()
    assert run("--yes", "--limit", "2").code == 2
    assert run("--yes", "--missing").code == 2
    assert at.requests() == []


# --------------------------------------------------------------------------------------- rehearsing


@pytest.mark.parametrize("source", ["{csv: users.csv}", "{listing: users}"])
def test_a_plan_is_rehearsed_in_the_sandbox_first(at, source):
    table(USERS)
    write(at, source=source)
    digest = plan()
    asked = len(at.requests())
    said = run("--sandbox", "--confirm-plan", digest[:8])
    assert said.code == 0, said.err
    assert said.json["rehearsal"] is True
    assert said.json["counts"]["succeeded"] == 20
    assert len(at.requests()) == asked
    assert run("--confirm-plan", digest[:8]).code == 0
    assert there(at) == set()


def test_a_listing_that_cannot_be_rehearsed_says_what_can(at):
    write(at, source="{listing: users}")
    assert (
        "(`bulkim plan JOB -o FILE`) and rehearse that"
        in bulkim_here("run", "job.yaml", "--sandbox", "--yes").err
    )
    assert "how many: `bulkim plan JOB -o FILE` asks" in " ".join(bulkim_here("plan", "job.yaml").out.split())
    said = bulkim_here("plan", "job.yaml", "-o", "job.plan")
    assert "to review it: bulkim plan job.plan --format markdown" in said.err


def test_a_plan_of_a_rehearsal_is_never_run_for_real(at):
    table(USERS)
    write(at)
    plan("--sandbox")
    assert run("--yes").code == 3
    assert run("--yes", "--sandbox").code == 0
    assert at.requests() == []


# ------------------------------------------------------------------------------------------- review


def test_a_page_for_a_review(at):
    table(["test00", "admin", "a|b"])
    write(at, more='guard: {protect: ["admin"]}\n')
    digest = plan()
    page = bulkim_here("plan", "job.plan", "--format", "markdown")
    assert page.code == 0
    for words in (
        digest,
        f"--confirm-plan {digest[:8]}",
        "| delete | 1 |",
        "| `admin` | skip: protected |",
        "a\\|b",
    ):
        assert words in page.out
    assert bulkim_here("plan", "job.yaml", "--format", "markdown").out == page.out
    assert bulkim_here("plan", "job.yaml", "--format", "markdown", "-o", "page.md").code == 0
    assert Path("page.md").read_text() == page.out
    shown = bulkim_here("plan", "job.plan")
    assert digest in shown.out
    assert "1 to send; skipped: 1 protected, 1 invalid" in shown.out
    assert "cannot be undone" in " ".join(shown.out.split()), "what it destroys is shown with the plan, too"


def test_a_plan_is_not_written_over_what_a_run_needs(at):
    table(USERS)
    write(at)
    for file in ("job.yaml", "users.csv", "bulkim.db"):
        assert bulkim_here("plan", "job.yaml", "-o", file).code == 2


# ------------------------------------------------------------------------------------------- Python


def test_from_python(at):
    table(USERS)
    write(at)
    planned = bulkim.plan("job.yaml", "job.plan")
    assert planned.counts["send"] == 20
    assert planned.digest == plan(file="again.plan")
    with pytest.raises(bulkim.ConfirmationError):
        bulkim.run(plan="job.plan")
    with pytest.raises(bulkim.ConfirmationError):
        bulkim.run(plan="job.plan", confirm_plan="0" * 64)
    assert at.requests() == []
    finished = bulkim.run(plan="job.plan", confirm_plan=planned.digest[:8])
    assert finished.counts["succeeded"] == 20
    assert bulkim.run("job.plan", confirm=lambda _: True).counts["unchanged"] == 20


def test_a_mapping_is_planned_and_run(at):
    job = {"name": "m", "provider": "easemob", "operation": "delete", "source": {"items": USERS[:3]},
           "connection": {"base_url": at.base_url, "org": "sandbox", "app": "demo", "auth": {"token": "sandbox-token"}}}  # fmt: skip
    planned = bulkim.plan(job, "m.plan", expires_s=60)
    assert planned.expires
    with pytest.raises(bulkim.UsageError):
        bulkim.run(plan="m.plan")
    with pytest.raises(bulkim.TermsError):
        bulkim.run({**job, "source": {"items": USERS}}, plan="m.plan", confirm_plan=planned.digest)
    finished = bulkim.run(job, plan="m.plan", confirm_plan=planned.digest)
    assert finished.counts["succeeded"] == 3
    with pytest.raises(bulkim.UsageError):
        bulkim.run()
