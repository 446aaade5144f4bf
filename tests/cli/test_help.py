"""Help pages, start-up, and what happens when something is typed wrongly."""

from __future__ import annotations

import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage

import pytest
from click.testing import CliRunner

from bulkim import __version__, cli
from bulkim.cli import COMMANDS
from bulkim.errors import BusyError, InputError, Problem

HEAVY = (
    "httpx",
    "rich",
    "structlog",
    "pydantic",
    "sqlite_utils",
    "sqlite3",
    "uvicorn",
    "anyio",
    "ruamel",
    "bulkim.sandbox",
)


def python(*words, **more):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, **more)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_an_example(shell, command):
    said = shell(command, "--help")
    assert said.code == 0
    first, example, *rest = said.out.splitlines()
    assert first in {"Example:", "Examples:"}
    assert example.startswith(f"  bulkim {command}")
    assert any(line.startswith("Usage: bulkim") for line in rest)
    assert max(map(len, said.out.splitlines())) <= 80


def test_the_groups_help_lists_every_command(shell):
    said = shell("--help")
    assert said.out.startswith("Examples:\n  bulkim demo\n")
    for name, entry in COMMANDS.items():
        assert f"  {name} " in said.out
        assert entry.help in said.out


def test_nothing_typed_is_a_wish_for_help(shell):
    said = shell()
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Examples:\n  bulkim demo\n")
    assert "error" not in said.err.splitlines()[-1]


def test_version(shell):
    assert shell("--version").out == f"bulkim {__version__}\n"


def test_help_imports_nothing_heavy():
    code = f"import sys\nfrom bulkim.cli import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\nprint([m for m in {HEAVY} if m in sys.modules])"
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_commands_help_imports_no_network(command):
    heavy = ("httpx", "uvicorn", "anyio", "bulkim.sandbox.server", "pydantic")
    code = f"import sys\nfrom bulkim.cli import cli\ntry: cli.main(['{command}', '--help'])\nexcept SystemExit: pass\nprint([m for m in {heavy} if m in sys.modules])"
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


def test_checking_a_job_opens_no_journal_and_no_network(tmp_path):
    """It begins in half the time so."""
    (tmp_path / "job.json").write_text(
        '{"provider": "easemob", "operation": "delete", "source": {"items": ["u1"]}, "connection": {"base_url":'
        ' "https://a1.easemob.com", "org": "o", "app": "a", "auth": {"token": "t"}}}'
    )
    heavy = ("asyncio", "sqlite3", "ssl", "bulkim.journal")
    code = f"import sys\nfrom bulkim.cli import cli\ntry: cli.main(['check', {str(tmp_path / 'job.json')!r}])\nexcept SystemExit: pass\nprint([m for m in {heavy} if m in sys.modules])"
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


def test_python_dash_m():
    assert python("-m", "bulkim", "--version").stdout == f"bulkim {__version__}\n"


def test_an_unknown_command_names_the_nearest(shell):
    said = shell("opreations")
    assert (said.code, said.out) == (2, "")
    assert "Did you mean 'operations'?" in said.err


@pytest.mark.parametrize(
    "words",
    [("run", "x.yaml", "--progress", "loud"), ("run", "x.yaml", "--set", "nothing"), ("run", "x.yaml", "--limit", "0"),
     ("run", "x.yaml", "--confirm", "demo"), ("run", "x.yaml", "--confirm", "demo:many"), ("results", "last", "--outcome", "fine")],
)  # fmt: skip
def test_usage_errors(shell, words):
    said = shell(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-2].startswith("error: ")
    assert said.err.splitlines()[-1] == f"hint: `bulkim {words[0]} --help` shows examples"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run"], "name a job file, e.g. `bulkim run job.yaml`; `bulkim init` writes one to start from"),
        (["show"], "name a run, e.g. `bulkim show last`; `bulkim runs` lists them"),
        (["job.yaml"], "did you mean `bulkim run job.yaml`?"),
        (["nonsense"], "`bulkim --help` lists the commands"),
        (["-v", "runs"], "options come after the command, e.g. `bulkim runs --json`"),
    ],
)
def test_who_does_not_know_how_to_go_on_is_told(shell, words, hint):
    said = shell(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-1] == f"hint: {hint}"


def raising(monkeypatch, error):
    def command(*_, **__):
        raise error

    monkeypatch.setattr("bulkim.vendors.provider", command)


def test_an_error_has_its_exit_code_and_a_hint(shell, monkeypatch):
    raising(monkeypatch, BusyError("busy", hint="wait"))
    said = shell("explain", "easemob", "x", "--json")
    assert (said.code, said.out, said.err) == (75, "", "error: busy\nhint: wait\n")


def test_input_errors_are_listed(shell, monkeypatch):
    raising(
        monkeypatch, InputError([Problem("j.yaml", 3, 1, "one", "h"), Problem("j.yaml", None, None, "two")])
    )
    said = shell("explain", "easemob", "x")
    assert said.code == 3
    assert said.err == "j.yaml:3:1: one (h)\nj.yaml: two\nerror: 2 problems; nothing was sent\n"


def test_errors_inside_a_task_group_are_unwrapped(shell, monkeypatch):
    raising(monkeypatch, BaseExceptionGroup("g", [ExceptionGroup("h", [BusyError("busy")])]))
    assert shell("explain", "easemob", "x").code == 75


def test_a_bug_is_one_line_and_a_traceback_only_when_asked_for(shell, monkeypatch):
    from bulkim import redact

    raising(monkeypatch, RuntimeError("lost the\nmarbles of my-secret-value"))
    redact.hide(["my-secret-value"])
    said = shell("explain", "easemob", "x")
    assert said.code == 70
    assert said.err.splitlines()[0] == "error: internal error: RuntimeError: lost the marbles of ***"
    assert "this is a bug of bulkim" in said.err
    assert "Traceback" not in said.err
    shown = shell("explain", "easemob", "x", "-v").err
    assert "Traceback" in shown
    assert "my-secret-value" not in shown


def test_interrupts(shell, monkeypatch):
    raising(monkeypatch, KeyboardInterrupt())
    assert shell("explain", "easemob", "x").code == 130


def test_a_journal_that_is_none(shell):
    shell.write("bulkim.db", "this is no database" * 100)
    assert shell("runs").code == 3
    said = shell("runs", "--journal", "none.db")
    assert (said.code, said.out) == (3, "")
    assert "hint: run a job first" in said.err


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    run = subprocess.run(
        f"{sys.executable} -m bulkim schema | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.stderr == ""


def test_the_environment_names_the_journal(shell, monkeypatch):
    monkeypatch.setenv("BULKIM_JOURNAL", "elsewhere.db")
    assert "elsewhere.db" in shell("runs").err


def test_main_is_the_entry_point(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bulkim", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0


def cpu(*words):
    """Least CPU seconds of several tries."""
    tries = []
    for _ in range(8):
        before = getrusage(RUSAGE_CHILDREN)
        python(*words)
        after = getrusage(RUSAGE_CHILDREN)
        tries.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(tries)


@pytest.mark.slow
def test_help_is_as_fast_as_click_allows():
    assert cpu("-m", "bulkim", "--help") <= 1.5 * cpu("-c", "import click")


def test_a_runner_of_the_callers_own_works_too():
    assert CliRunner().invoke(cli.cli, ["--version"]).exit_code == 0
