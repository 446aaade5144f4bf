"""What completes a word, and the scripts in the shells themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import stat
import subprocess
import sys
import time
from contextlib import closing

import pytest
from click.testing import CliRunner
from support.processes import PATIENCE_S

from bulkim.cli import COMMANDS, cli
from bulkim.journal import Journal
from bulkim.journal import completion as glance
from bulkim.journal.records import Entry, NewRun
from bulkim.journal.sqlite.tally import count_ended

NOTHING: list[tuple[str, str]] = []


def completed(line: str, shell: str = "zsh", word: str | None = None) -> list[tuple[str, str]]:
    """(value, description) of what completes the line; those that are left to the shell come as ("<dir>", "")."""
    words = line.split(" ")
    cword = str(len(words) - 1) if word is None else word
    environment = {"_BULKIM_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": cword}
    result = CliRunner().invoke(cli, [], env=environment)
    assert (result.exit_code, result.stderr) == (0, "")
    if shell == "bash":
        pairs = [each.split(",", 1) for each in result.stdout.splitlines() if each]
        return [(value if kind == "plain" else f"<{kind}>", "") for kind, value in pairs]
    lines = iter(result.stdout.removesuffix("\n").split("\n") if result.stdout.strip() else ())
    return [
        (value if kind == "plain" else f"<{kind}>", "" if words == "_" else words)
        for kind, value, words in zip(lines, lines, lines, strict=True)
    ]


def values(line: str, **more: str) -> list[str]:
    return [value for value, _ in completed(line, **more)]


def record(path, name: str, users: list[str]) -> str:
    """A run of which nothing was sent."""
    with closing(Journal.open(path)) as journal:
        new = NewRun(name, "easemob", "mute", "https://a1 org#app", {})
        run = journal.create_run(new, now=time.time())
        entries = [Entry(at, at + 1, user.lower(), user) for at, user in enumerate(users, 1)]
        journal.read_input(run, entries, name="x.csv", digest=None, now=time.time())
        return journal.run_name(run)


@pytest.fixture
def journal(shell):
    path = shell.folder / "bulkim.db"
    older = record(path, "purge", ["Alice", "alan", "bob"])
    newer = record(path, "campaign", ["carol"])
    with closing(Journal.open(path)) as opened, opened._database.transaction() as tx:
        run_id = tx.execute("SELECT id FROM run WHERE run = ?", (older,)).fetchone()[0]
        tx.execute("UPDATE item SET outcome = 'failed', code = 'reach_limit' WHERE username = 'bob'")
        count_ended(tx, run_id, [("failed", "reach_limit", "bob", "slow\ndown", 1)])
        tx.execute("UPDATE run SET state = 'interrupted' WHERE id = ?", (run_id,))
    return older, newer


# ----------------------------------------------------------------------------------------- what there is


def test_commands_and_options():
    assert values("bulkim ") == list(COMMANDS)
    assert ("retry", "Send a run's failed and unknown items again") in completed("bulkim re")
    assert values("bulkim retry --out") == ["--outcome"]
    assert values("bulkim results last --format ") == ["csv", "jsonl", "table", "junit"]
    assert values("bulkim results last --outcome s") == ["succeeded", "skipped"]


def test_runs_the_newest_first(journal):
    older, newer = journal
    assert completed("bulkim show ") == [
        ("last", f"{newer}: campaign, mute, unfinished, 1 pending"),
        (newer, "campaign, mute, unfinished, 1 pending"),
        (older, "purge, mute, interrupted, 2 pending, 1 failed"),
        ("campaign", f"its newest run, {newer}"),
        ("purge", f"its newest run, {older}"),
    ]
    assert values("bulkim retry pur") == ["purge"]


@pytest.mark.parametrize("command", ["retry", "verify", "undo", "show", "watch", "results", "report"])
def test_every_command_that_wants_a_run_completes_it(journal, command):
    assert values(f"bulkim {command} la") == ["last"]


def test_the_journal_is_the_one_that_is_named(journal, shell, monkeypatch):
    record(shell.folder / "other.db", "elsewhere", ["dora"])
    assert values("bulkim show --journal other.db else") == ["elsewhere"]
    monkeypatch.setenv("BULKIM_JOURNAL", "other.db")
    assert values("bulkim show else") == ["elsewhere"]


@pytest.mark.parametrize("start", ["al", "AL"])
def test_users_whatever_the_case(journal, start):
    assert completed(f"bulkim show purge {start}") == [("alan", "pending"), ("Alice", "pending")]


def test_users_are_bounded(shell):
    record(shell.folder / "bulkim.db", "many", [f"user_{number:03}" for number in range(200)])
    assert values("bulkim show last user_19") == [f"user_{number}" for number in range(190, 200)]
    assert len(values("bulkim show last ")) == 50


def test_codes_of_the_run(journal):
    for command in ("retry", "results"):
        assert completed(f"bulkim {command} purge --code ") == [("reach_limit", "1 failed: slow down")]
        assert completed(f"bulkim {command} campaign --code ") == NOTHING


def test_operations_and_vendors():
    assert completed("bulkim operations dev") == [
        ("devices", "Lists the devices on which a user is signed in")
    ]
    assert values("bulkim operations --provider t") == ["tencent"]
    assert values("bulkim run job.yaml --set operation=reg") == ["operation=register"]
    assert values("bulkim run job.yaml --set rate.limit=") == []


def test_error_codes_of_the_vendor_and_our_own():
    assert completed("bulkim explain tencent 70107") == [("70107", "There is no such account.")]
    assert "timeout" in values("bulkim explain easemob t")
    assert values("bulkim explain nobody t") == []


def test_jobs_and_folders(shell):
    for name in ("a.yaml", "b.yml", "c.csv"):
        shell.write(name, "")
    (shell.folder / "jobs").mkdir()
    shell.write("jobs/d.yaml", "")
    assert values("bulkim run ") == ["<dir>", "a.yaml", "b.yml"]
    assert values("bulkim check ./a") == ["<dir>", "./a.yaml"]
    assert values("bulkim retry last --job jobs/") == ["<dir>", "jobs/d.yaml"]
    assert values("bulkim run ~/jo") == ["<file>"], "the shell knows whose home that is"


def test_an_option_and_its_value_in_one_word():
    assert values("bulkim results last --format=j") == ["--format=jsonl", "--format=junit"]


def test_in_bash_a_word_begins_after_an_equals_sign():
    assert values("bulkim run job.yaml --set operation=reg", shell="bash", word="reg") == ["register"]
    assert values("bulkim results last --format=j", shell="bash", word="j") == ["jsonl", "junit"]
    assert values("bulkim results last --format ", shell="bash", word="")[0] == "csv"


# ------------------------------------------------------------------------------------------- harmlessness


@pytest.mark.parametrize("line", ["bulkim show ", "bulkim show last ", "bulkim results last --code "])
def test_without_a_journal_there_is_nothing_and_none_is_made(shell, line):
    assert completed(line) == NOTHING
    shell.write("bulkim.db", "this is no database" * 100)
    assert completed(line) == NOTHING
    shell.write("bulkim.db", "")
    assert completed(line) == NOTHING
    assert [each.name for each in shell.folder.iterdir()] == ["bulkim.db"]


def test_a_journal_is_left_as_it_was(journal, shell):
    before = {each.name: each.read_bytes() for each in shell.folder.iterdir()}
    assert values("bulkim show purge b") == ["bob"]
    assert {each.name: each.read_bytes() for each in shell.folder.iterdir()} == before


def test_a_run_that_is_being_written_is_seen(shell):
    path = shell.folder / "bulkim.db"
    with closing(Journal.open(path)):
        run = record(path, "going-on", ["u1"])
        assert glance.runs(path, limit=1)[0].run == run


@pytest.mark.parametrize(
    "line", ["bulkim nonsense ", "bulkim run no/such/", "bulkim show 'half ", "bulkim show last x y z "]
)
def test_whatever_is_typed_nothing_is_said(shell, line):
    completed(line)


def test_an_error_stays_silent(shell, monkeypatch):
    monkeypatch.setattr(glance, "runs", lambda *_, **__: 1 / 0)
    assert completed("bulkim show ") == NOTHING


def test_completing_imports_nothing_heavy(journal):
    heavy = ("sqlite_utils", "pydantic", "rich", "anyio", "structlog", "bulkim.journal.sqlite.writer")
    script = (
        "import sys\nfrom bulkim.cli import cli\ntry: cli.main([])\n"
        f"except SystemExit: pass\nsys.exit(str([m for m in {heavy} if m in sys.modules]))"
    )
    for line in (
        "bulkim ",
        "bulkim show purge a",
        "bulkim operations m",
        "bulkim explain easemob r",
        "bulkim run ",
    ):
        environment = {
            **os.environ,
            "_BULKIM_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": "",
        }
        ended = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.stderr == "[]\n", line
        assert ended.stdout.strip(), line


# ------------------------------------------------------------------------------------------ in the shells

READY = "ready.*> "  # said, and the next prompt: now the shell reads keys itself


def test_the_shell_is_told_or_found_out(shell, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert shell("completion").out.startswith("#compdef bulkim")
    assert "Register-ArgumentCompleter" in shell("completion", "powershell").out
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    said = shell("completion")
    assert (said.code, said.out) == (2, "")
    assert "hint: name the shell: bulkim completion bash" in said.err


def test_fish_keeps_our_order_and_whole_descriptions(shell):
    script = shell("completion", "fish").out
    assert "--keep-order" in script
    assert 'string split --max 1 ","' in script


@pytest.fixture
def environment(shell):
    """`bulkim` is on the path."""
    folder = shell.folder / "bin"
    folder.mkdir()
    program = folder / "bulkim"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bulkim "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(shell.folder)}


def typed(command: list[str], environment, keys: list[tuple[str, str]]) -> None:
    """Type into an interactive shell, and wait for what each key press must bring onto the screen: a pattern.

    A shell that still works on a line has not taken the terminal over: what is typed then is echoed and edited by the
    kernel. So a line that ends with Return is waited for up to the prompt after it.
    """
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    try:
        for pressed, expected in keys:
            os.write(master, pressed.encode())
            screen, deadline = "", time.monotonic() + PATIENCE_S
            while not re.search(expected, screen, re.DOTALL) and time.monotonic() < deadline:
                if select.select([master], [], [], 0.1)[0]:
                    screen += os.read(master, 65536).decode()
            assert re.search(expected, screen, re.DOTALL), f"{pressed!r} brought {screen!r}"
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.skipif(not shutil.which("bash"), reason="no Bash here")
def test_in_bash(journal, shell, environment):
    record(shell.folder / "bulkim.db", "with blank", ["u1"])
    shell.write("two words.yaml", "")
    (shell.folder / "folder").mkdir()
    start = (
        "PS1='> '; bind 'set enable-bracketed-paste off'; eval \"$(bulkim completion bash)\"; echo rea''dy\n"
    )
    typed(
        ["bash", "--norc", "-i"],
        environment,
        [
            (start, READY), ("bulkim show pu\t", "rge "), ("ALI\t", "lice "), ("\x15bulkim show with\t", r"with\\ blank "),
            ("\x15bulkim show 'with\t", "with blank' "),
            ("\x15bulkim run two\t", r"two\\ words\.yaml "), ("\x15bulkim run fol\t", "folder/"), ("\x15bulkim run a --set operation=reg\t", "operation=register "),
        ],
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh here")
def test_in_zsh(journal, shell, environment):
    record(shell.folder / "bulkim.db", "odd:name", ["we:ird", "with blank"])
    shell.write("two words.yaml", "")
    (shell.folder / "folder").mkdir()
    start = (
        "PS1='> '; autoload -Uz compinit; compinit -u -D; eval \"$(bulkim completion zsh)\"; echo rea''dy\n"
    )
    typed(
        ["zsh", "-f", "-i"],
        environment,
        [(start, READY), ("bulkim show pu\t", "rge "), ("\x15bulkim results last --format=js\t", "jsonl "), ("\x15bulkim show \t", "-- purge, mute"),
         ("\x15bulkim ru\t", "bulkim run"), ("\t", "List all runs"), ("\x15bulkim run two\t", r"two\\ words\.yaml "),
         ("\x15bulkim run fol\t", "folder/"), ("\x15bulkim show odd\t", ":name "), ("we\t", "we:ird "),
         ("\x15bulkim show odd:name with\t", r"with\\ blank "), ("\x15bulkim run a --accept\t", "-removals "),
         ("\x15bulkim run a --set operation=reg\t", "operation=register ")],
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")
def test_in_fish(journal, shell, environment):
    record(shell.folder / "bulkim.db", "odd:name", ["we:ird", "with blank"])
    shell.write("two words.yaml", "")
    lines = (
        "show pu",
        "results last --format=js",
        "run two",
        "show odd:name with",
        "run a --set operation=reg",
    )
    script = "; ".join(
        ["bulkim completion fish | source", *(f"complete -C 'bulkim {line}'" for line in lines)]
    )
    ended = subprocess.run(
        ["fish", "--no-config", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    older, _ = journal
    expected = f"purge\tits newest run, {older}\n--format=jsonl\ntwo words.yaml\nwith blank\tpending\noperation=register\tCreates users\n"
    assert (ended.stdout, ended.stderr) == (expected, "")
