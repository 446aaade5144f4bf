"""`bulkim` as processes of their own that need no half second to start: forked from one that has imported everything.

Each is a whole process: what it has open, holds and writes is its own, and SIGKILL ends it as it ends any other. Run as a
script, this is the one that is forked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from support.processes import PATIENCE_S, Ended, environment

NEEDED = ("anyio._backends._asyncio", "httpx", "bulkim.cli.jobs", "bulkim.cli.plan", "bulkim.journal.sqlite.session",
          "bulkim.sending.executor", "bulkim.transport", "bulkim.work.runner", "bulkim.work.workers")  # fmt: skip


class Nursery:
    """Where they come from. One at a time."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder = process, folder

    def bulkim(
        self, words: Sequence[str], *, cwd: Path, place: str = "none", calls: int = 0, env: Mapping[str, str]
    ) -> Ended:
        """One run to its end, or to its death at a place of `storm.launcher`. Raises AssertionError: it hangs."""
        out, err = self._folder / "out", self._folder / "err"
        asked = [list(words), str(cwd), place, calls, environment(**env), str(out), str(err)]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        watchdog = threading.Timer(PATIENCE_S, self._process.kill)
        watchdog.start()
        said = self._process.stdout.readline()
        watchdog.cancel()
        assert said, f"it hangs: {words} {place} {calls}"
        return Ended(int(said), out.read_text(), err.read_text())


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    """One that is there until the end of the block. `folder` is for what they say."""
    folder.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, "-m", "storm.nursery"], env=environment(PYTHONPATH=path), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        try:
            yield Nursery(process, folder)
        finally:
            process.kill()


def serve() -> None:
    for name in NEEDED:
        import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            be(*json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def be(  # noqa: PLR0917
    words: list[str], cwd: str, place: str, calls: int, env: dict[str, str], out: str, err: str
) -> None:
    """The process that was asked for; it does not come back."""
    from bulkim.cli import main

    from .launcher import arm

    for target, file in ((0, os.devnull), (1, out), (2, err)):
        os.dup2(os.open(file, os.O_RDONLY if target == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), target)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv[1:] = words
    arm(place, calls)
    main()


if __name__ == "__main__":
    serve()
