"""The command line in this process, and jobs for it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.processes import PATIENCE_S
from support.server import serving

from bulkim import redact
from bulkim.cli import cli
from bulkim.log import handlers as log


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Shell:
    """A folder in which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(cli, list(words), input=stdin)
        assert "\x1b" not in result.stdout, "no colours where there is no terminal"
        return Said(result.exit_code, result.stdout, result.stderr)

    def at_terminal(
        self,
        *words: str,
        asked: str = "",
        typed: str = "",
        then: Callable[[], None] | None = None,
        **environment: str,
    ) -> str:
        """A command on a pseudo-terminal; when `asked` appears it is answered. Returns all that was shown."""
        master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **environment}
        command = [sys.executable, "-m", "bulkim", *words]
        process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=self.folder, env=environment
        )
        os.close(slave)
        screen, deadline = b"", time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    screen += os.read(master, 65536)
                except OSError:  # the other end is closed
                    break
            if asked and asked.encode() in screen:
                os.write(master, typed.encode())
                if then:
                    then()
                asked = ""
        os.close(master)
        process.wait(PATIENCE_S)
        return screen.decode()

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def job(  # noqa: PLR0917
        self, name: str, url: str, operation: str, users: list[str], more: str = "", environment: str = "test"
    ) -> str:
        rows = "\n".join(f"{user},pw-{user},{user.title()}" for user in users)
        self.write(f"{name}.csv", f"username,password,nickname\n{rows}\n")
        return self.write(
            f"{name}.yaml",
            f"provider: easemob\noperation: {operation}\n"
            f"connection: {{base_url: '{url}', org: sandbox, app: demo, environment: {environment},"
            f" auth: {{token: sandbox-token}}}}\n"
            f"source: {{csv: {name}.csv}}\nrate: {{limit: 1000}}\n{more}",
        )


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("BULKIM_JOURNAL", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    yield Shell(tmp_path)
    log.close()
    redact._hidden.clear()


@pytest.fixture(scope="session")
def running():
    with serving(limits={"users": 5000, "mute": 5000}) as found:
        yield found


@pytest.fixture
def server(running):
    running.call("POST", "/reset", {})
    return running
