"""`bulkim` as processes of their own that need no half second to start: forked from one that has imported everything.

Each is a whole process: what it has open, holds and writes is its own, signals reach it, and SIGKILL ends it as it ends any
other. Only its command line in `ps` is its ancestor's. Run as a script, this is the ancestor. It has no threads: forking it is safe.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

NEEDED = ("anyio._backends._asyncio", "httpx", "bulkim.cli.jobs", "bulkim.cli.plan", "bulkim.journal.sqlite.session",
          "bulkim.sending.executor", "bulkim.transport", "bulkim.work.runner", "bulkim.work.workers")  # fmt: skip
_ASKING = threading.Lock()
DEATH = ("none", 0)  # at which place of `storm.launcher` it kills itself, and the how-manieth time


class Spawned:
    """What tests need of a `subprocess.Popen`."""

    def __init__(self, told: socket.socket, out: IO[str], err: IO[str]) -> None:
        self._told, self.stdout, self.stderr = told, out, err
        self._said = b""
        self.returncode: int | None = None
        while b"\n" not in self._said:
            self._said += self._told.recv(64)
        self.pid = int(self._said.split(b"\n")[0])

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"bulkim, process {self.pid}", timeout or 0.0)
        return code

    def _ended(self, within_s: float | None) -> int | None:
        deadline = None if within_s is None else time.monotonic() + within_s
        while self.returncode is None:
            self._told.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
            try:
                self._said += self._told.recv(64)
            except TimeoutError:
                return None
            _, *status = self._said.split()
            self.returncode = os.waitstatus_to_exitcode(int(status[0])) if status else None
        self._told.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        said: dict[str, str] = {}
        streams = {"out": self.stdout, "err": self.stderr}
        readers = [
            threading.Thread(
                target=lambda name=name, each=each: said.update({name: each.read()}), daemon=True
            )
            for name, each in streams.items()
        ]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        self.stdout.close()
        self.stderr.close()
        return said["out"], said["err"]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def spawn(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], death: tuple[str, int] = DEATH
) -> Spawned:
    """A `bulkim` with nothing on its standard input."""
    ours, its = socket.socketpair()
    (out, its_out), (err, its_err) = os.pipe(), os.pipe()
    asked = json.dumps([list(words), str(cwd), dict(env), *death]).encode()
    with its, _ASKING:
        socket.send_fds(_ancestor(), [len(asked).to_bytes(4, "big")], [its_out, its_err, its.fileno()])
        _ancestor().sendall(asked)
    os.close(its_out)
    os.close(its_err)
    return Spawned(ours, open(out, encoding="utf-8"), open(err, encoding="utf-8"))  # noqa: PTH123


@cache
def _ancestor() -> socket.socket:
    """Where they are asked for; the other end hears when this process has ended."""
    ours, its = socket.socketpair()
    env = {name: value for name, value in os.environ.items() if not name.startswith("BULKIM")}
    with its:
        subprocess.Popen(
            [sys.executable, "-m", "support.spawn", str(its.fileno())], pass_fds=[its.fileno()],
            env=env | {"PYTHONPATH": os.pathsep.join(sys.path)}, stdin=subprocess.DEVNULL,
        ).returncode = 0  # nobody waits for it  # fmt: skip
    return ours


# ------------------------------------------------------------------------------------------ the ancestor


def serve(orders: socket.socket) -> None:
    for name in NEEDED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait are waited for by nobody
    while True:
        head, fds, _, _ = socket.recv_fds(orders, 4, 3)
        if not head:
            return
        size, asked = int.from_bytes(head, "big"), b""
        while len(asked) < size:
            asked += orders.recv(size - len(asked))
        if not os.fork():
            orders.close()
            tend(json.loads(asked), *fds)
        for fd in fds:
            os.close(fd)


def tend(asked: list[Any], out: int, err: int, told: int) -> None:
    """Start one, and wait for it. Returns in the one that was started only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        os.close(told)
        be(*asked, out, err)
    os.close(out)
    os.close(err)
    with suppress(BrokenPipeError):
        os.write(told, f"{child}\n".encode())
        os.write(told, f"{os.waitpid(child, 0)[1]}\n".encode())
    os._exit(0)


def be(  # noqa: PLR0917
    words: list[str], cwd: str, env: dict[str, str], place: str, calls: int, out: int, err: int
) -> NoReturn:
    """The process that was asked for."""
    for target, fd in ((1, out), (2, err)):
        os.dup2(fd, target)
        os.close(fd)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as an interpreter opens them
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv[1:] = words
    from bulkim.cli import main

    if place != DEATH[0]:
        from storm.launcher import arm

        arm(place, calls)
    main()
    sys.exit(0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
