"""`bulkim` that dies at the n-th journal write or sending: python launcher.py PLACE N ARGUMENTS...

PLACE is ``begin``, ``settle``, ``remember``, ``page``, ``send``, ``intake``, ``secrets`` or ``synced``, with ``-before`` or ``-after``; or
``secrets-torn``, in the middle of a line; or ``none``. The process kills itself
with SIGKILL, so nothing is flushed, no handler runs, and the journal sees what a power cut at that moment would leave.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from bulkim.cli import main


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    def __init__(self, calls: int) -> None:
        self.left = calls

    def over(self) -> bool:
        self.left -= 1
        return self.left == 0


def deadly(method: Callable[..., Any], when: str, calls: int) -> Callable[..., Any]:
    countdown = Countdown(calls)

    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        fatal = countdown.over()
        if fatal and when == "before":
            die()
        result = method(*args, **kwargs)
        if fatal:
            die()
        return result

    return wrapped


def deadly_async(method: Callable[..., Any], when: str, calls: int) -> Callable[..., Any]:
    countdown = Countdown(calls)

    @functools.wraps(method)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        fatal = countdown.over()
        if fatal and when == "before":
            die()
        result = await method(*args, **kwargs)
        if fatal:
            die()
        return result

    return wrapped


def torn(secrets: Any) -> None:
    """Write all but the end of the last secret."""
    data = b"".join(secrets._new)
    secrets._new.clear()
    os.write(secrets._file, data[:-7])


def arm(place: str, calls: int) -> None:
    from bulkim.journal import Journal
    from bulkim.journal.sqlite.session import Session
    from bulkim.planning import generated
    from bulkim.planning.generated import GeneratedSecrets
    from bulkim.transport import Transport

    what, _, when = place.partition("-")
    match what:
        case "begin":  # of every attempt, pages included
            Session._begin = deadly(Session._begin, when, calls)  # type: ignore[method-assign]
        case "settle":
            Session.settle = deadly(Session.settle, when, calls)  # type: ignore[method-assign]
        case "remember":  # what was there before
            Session.remember = deadly(Session.remember, when, calls)  # type: ignore[method-assign]
        case "page":
            Session.take_in = deadly(Session.take_in, when, calls)  # type: ignore[method-assign]
        case "send":
            Transport.send = deadly_async(Transport.send, when, calls)  # type: ignore[method-assign]
        case "intake":
            Journal.read_input = deadly(Journal.read_input, when, calls)  # type: ignore[method-assign]
        case "secrets":
            generated._BLOCK = 4_000  # bytes, about: several writes of a short list
            write = torn if when == "torn" else GeneratedSecrets._write
            GeneratedSecrets._write = deadly(write, when, calls)  # type: ignore[method-assign]
        case "synced":
            GeneratedSecrets._save = deadly(GeneratedSecrets._save, when, calls)  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    del sys.argv[1:3]
    main()
