"""Standard streams that are closed, full, gone, or of another encoding; signals. Real processes: an exit code is theirs to give.

The exit code tells what happened to the users. What becomes of printing it comes afterwards.
"""

from __future__ import annotations

import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import environment

from bulkim.cli.streams import folded

FULL = Path("/dev/full")
BULKIM = f"{sys.executable} -m bulkim"


def slowly(*values: object) -> list[object]:
    """Each starts some processes: two of a kind are enough for every day."""
    return [
        pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=pytest.mark.slow)
        for each in values
    ]


def typed(shell, line: str, **extra: str) -> subprocess.CompletedProcess[bytes]:
    """A line as one types it into a shell, with the exit code of its first program."""
    return subprocess.run(
        ["bash", "-c", line.replace("bulkim", BULKIM) + "\nexit ${PIPESTATUS[0]}"],
        cwd=shell.folder, env=environment(**extra), capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def quiet(said: subprocess.CompletedProcess[bytes]) -> bool:
    return b"bug of bulkim" not in said.stderr and b"Traceback" not in said.stderr


@pytest.fixture
def job(shell, server) -> str:
    server.seed(["u0", "u1"])
    return shell.job("gone", server.base_url, "delete", ["u0", "u1"])


# ------------------------------------------------------------------------------------ streams that are not there


@pytest.mark.slow
@pytest.mark.parametrize(
    "redirected", ["<&- >&- 2>&- --json", "2>&1 | head -1", *slowly("<&-", ">&-", "2>&-", "--json | true")]
)
def test_a_run_does_its_work_whoever_listens(shell, server, job, redirected):
    said = typed(shell, f"bulkim run {job} --yes {redirected}")
    assert said.returncode == 0, said.stderr
    assert quiet(said)
    assert [each["exists"] for each in server.users().values()] == [False, False]


def test_what_it_opens_does_not_take_the_place_of_a_closed_stream(shell, job):
    """Else words for stderr would be written into the journal."""
    assert typed(shell, f"bulkim run {job} --yes -v --progress plain <&- >&- 2>&-").returncode == 0
    assert typed(shell, "bulkim runs --json").returncode == 0


@pytest.mark.parametrize("redirected", [">&-", *slowly("<&-", "2>&-", "| true")])
def test_who_only_reads_is_content_too(shell, job, redirected):
    assert shell("run", job, "--yes", "-q").code == 0
    for command in ("results last", "show last", "schema"):
        said = typed(shell, f"bulkim {command} {redirected}")
        assert said.returncode == 0
        assert quiet(said)


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full on this system")
@pytest.mark.parametrize("more", ["", *slowly("--json")])
def test_a_full_disk_under_stdout_does_not_change_what_was_done(shell, server, job, more):
    said = typed(shell, f"bulkim run {job} --yes {more} > {FULL}")
    assert said.returncode == 0
    assert said.stderr.decode().splitlines()[-1] == (
        "error: cannot write to standard output: No space left on device"
    )
    assert [each["exists"] for each in server.users().values()] == [False, False]


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full on this system")
def test_results_that_could_not_be_printed_are_an_error(shell, job):
    assert shell("run", job, "--yes", "-q").code == 0
    said = typed(shell, f"bulkim results last > {FULL}")
    assert said.returncode == 2
    assert quiet(said)


@pytest.mark.parametrize("redirected", ["2>&1 | head -1", *slowly("--json | true")])
def test_failures_are_told_although_the_reader_left(shell, server, redirected):
    server.seed(["u0"])
    job = shell.job("look", server.base_url, "get-user", ["u0", "nobody"])
    assert typed(shell, f"bulkim run {job} {redirected}").returncode == 1


# ------------------------------------------------------------------------------------------ other encodings


@pytest.fixture
def german(tmp_path_factory) -> dict[str, str]:
    """An environment whose locale is not UTF-8, as old servers have it."""
    place = tmp_path_factory.mktemp("locales")
    if not shutil.which("localedef"):
        pytest.skip("there is no localedef to make a locale with")
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(place / "de_DE.ISO-8859-1")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"localedef makes no locale: {made.stderr}")
    return {"LOCPATH": str(place), "LC_ALL": "de_DE.ISO-8859-1"}


@pytest.mark.parametrize("encoding", slowly("gbk", "latin-1"))
def test_a_terminal_that_is_not_utf_8(shell, server, encoding):
    everything_is_printed(shell, server, encoding, PYTHONIOENCODING=encoding)


@pytest.mark.slow
def test_a_locale_that_is_not_utf_8(shell, server, german):
    everything_is_printed(shell, server, "latin-1", **german)


def everything_is_printed(shell, server, encoding: str, **told: str) -> None:
    """Files stay UTF-8, what the terminal lacks is escaped, and the exit codes are those of what was done."""
    server.seed(["u0"])
    shell.write("u.csv", "username,dept,mood\nu0,研发,😀 é\nu1,x,y\n")
    job = shell.write(
        "j.yaml",
        f"provider: easemob\noperation: get-user\nconnection: {{base_url: '{server.base_url}', org: sandbox,"
        " app: demo, auth: {token: sandbox-token}}\nsource: {csv: u.csv}\n",
    )
    assert typed(shell, f"bulkim run {job}", **told).returncode == 1, "u1 is not there"
    for command in ("show last", "plan j.yaml", "operations register", "schema", "report last --format markdown",
                    "results last --format table", "results last --format csv"):  # fmt: skip
        said = typed(shell, f"bulkim {command}", **told)
        assert said.returncode == 0, (command, said.stderr)
        said.stdout.decode(encoding)
    said = typed(shell, "bulkim results last --format jsonl", **told)
    rows = [json.loads(line) for line in said.stdout.decode(encoding).splitlines()]
    assert (rows[0]["dept"], rows[0]["mood"]) == ("研发", "😀 é"), "JSON stays JSON"


# --------------------------------------------------------------------------------------------------- signals


@pytest.fixture
def slow(shell, server) -> str:
    server.seed(200)
    return shell.job("gone", server.base_url, "delete", [f"u{number}" for number in range(200)])


def signalled(shell, server, line: list[str], *numbers: signal.Signals) -> tuple[int, str]:
    """(exit code, stderr) of a process that got these signals in the midst of its work."""
    process = subprocess.Popen(
        line, cwd=shell.folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while process.poll() is None and len(server.requests()) < 10:
            time.sleep(0.02)
        for number in numbers:
            process.send_signal(number)
        return process.wait(30), process.communicate()[1]
    finally:
        process.kill()


def running(job: str, rate: int = 50) -> list[str]:
    return [sys.executable, "-m", "bulkim", "run", job, "--yes", "--json", "--set", f"rate.limit={rate}"]


def settled(shell) -> Iterator[tuple[str, dict[str, int]]]:
    for run in shell("runs", "--json").json:
        yield run["state"], run["counts"]


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([signal.SIGINT], 130),
        ([signal.SIGTERM, signal.SIGHUP], 143),  # a service manager's
        ([signal.SIGHUP, signal.SIGTERM], 143),  # the same, as the kernel may hand them out
        *slowly(
            ([signal.SIGHUP], 129),
            ([signal.SIGTERM], 143),
            ([signal.SIGHUP, signal.SIGHUP, signal.SIGHUP], 129),  # the kernel's and the shell's
        ),
    ],
)
def test_a_signal_drains(shell, server, slow, numbers, code):
    server.latency(0.3)
    ended, err = signalled(shell, server, running(slow), *numbers)
    assert ended == code, err
    assert "next: bulkim run gone.yaml" in err
    ((state, counts),) = settled(shell)
    assert state == "interrupted"
    assert counts["unknown"] == 0
    assert counts["succeeded"] == len(server.requests("delete")), "what was in flight was waited for"


@pytest.mark.slow
@pytest.mark.parametrize("ignored", ["INT", *slowly("HUP", "TERM")])
def test_a_signal_that_the_parent_ignored_stays_ignored(shell, server, slow, ignored):
    """nohup; a job in the background of a script."""
    number = signal.Signals[f"SIG{ignored}"]
    line = ["bash", "-c", f"trap '' {ignored}; exec \"$@\"", "bash", *running(slow, rate=200)]
    ended, err = signalled(shell, server, line, number)
    assert ended == 0, err
    assert not any(each["exists"] for each in server.users().values())


@pytest.mark.slow
def test_a_terminal_that_goes_away(shell, server, slow):
    """Nothing can be printed any more, and the exit code still tells."""
    server.latency(0.3)
    master, slave = pty.openpty()
    code = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *running(slow)], cwd=shell.folder, env={**environment(), "TERM": "xterm"},
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        while process.poll() is None and len(server.requests()) < 10:
            time.sleep(0.02)
        os.close(master)
        assert process.wait(30) == 129
    finally:
        process.kill()
    ((state, counts),) = settled(shell)
    assert (state, counts["unknown"]) == ("interrupted", 0)


# ---------------------------------------------------------------------------------------- lines on a terminal


class Terminal(io.StringIO):
    """Something to look at, forty columns wide."""

    def isatty(self):
        return True

    def fileno(self):
        return 2


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("note: not set in the environment, and needed to run: APP_KEY", ["note: not set in the environment, and", "  needed to run: APP_KEY"]),
        ("hint: what is wrong is said by `bulkim check jobs/a.yaml`", ["hint: what is wrong is said by", "  `bulkim check jobs/a.yaml`"]),
        ("warning: 列“昵称”有三行与前一行相同，因此不会发送这三行，请核对一下", ["warning: 列“昵称”有三行与前一行相同，因", "  此不会发送这三行，请核对一下"]),
        ("next: bulkim run a.yaml --set rate.limit=50 --limit 10", ["next: bulkim run a.yaml --set rate.limit=50 --limit 10"]),
        ("error: no\nhint: none", ["error: no", "hint: none"]),
    ],
)  # fmt: skip
def test_a_terminal_gets_whole_words_and_a_file_whole_lines(monkeypatch, text, lines):
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((40, 24)))
    assert folded(text, Terminal()).split("\n") == lines
    assert folded(text, io.StringIO()) == text
