"""Standard streams that are there whatever the caller closed, take any text, and never end a run.

A run's exit code tells what happened to the users. A reader that left or a full disk under stdout comes afterwards, and stderr
is for words that nobody may be there to read.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from bulkim.text import ESCAPED


class OutputError(OSError):
    """stdout cannot be written. It has no `errno`: click would end the program for a broken pipe, with a code of its own."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause.strerror or str(cause))
        self.reader_left = cause.errno == errno.EPIPE

    @property
    def words(self) -> str:
        """What the system said."""
        return str(self.args[0])


class _Stdout(io.TextIOWrapper):
    """Says of its errors that they are its own."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputError(error) from error


class _Stderr(io.TextIOWrapper):
    """Keeps its errors to itself: there is nowhere left to say them."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


class JsonLines(io.TextIOBase):
    """stderr for a collector of logs: what is not JSON already becomes an event of its own, a line each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rest = ""

    @property
    def encoding(self) -> str:  # type: ignore[override] # a stream's own is a plain attribute
        return self._stream.encoding

    def isatty(self) -> bool:
        """Nobody looks at it: no colours, no live block."""
        return False

    def write(self, text: str, /) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._put(line)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def end(self) -> None:
        """A line that nobody ended."""
        rest, self._rest = self._rest, ""
        self._put(rest)

    def _put(self, line: str) -> None:
        if not line.strip():
            return
        if not line.startswith('{"'):
            moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            event = {"timestamp": moment, "level": "info", "event": "said", "message": line}
            line = json.dumps(event, ensure_ascii=False)
        self._stream.write(line + "\n")


COPIED = ("next: ", "journal: ")  # what begins so is typed again: a break in it would be copied too
_TYPED = re.compile("`[^`]*`")
_GLUE = "\u2800"  # a blank that no line is broken at


def folded(text: str, stream: TextIO) -> str:
    """Lines broken between words where a terminal shows them; URLs, and commands between backticks, stay in one piece."""
    try:
        room = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):
        return text
    if not room:
        return text
    return "\n".join(part for line in text.split("\n") for part in _broken(line, room))


def _broken(line: str, room: int) -> list[str]:
    if len(line) * 2 <= room or line.startswith(COPIED):
        return [line]
    from bulkim.view.width import wrapped_spans

    glued = _TYPED.sub(lambda typed: typed[0].replace(" ", _GLUE), line)
    parts = wrapped_spans([(glued, "")], room)
    return ["".join(words for words, _ in part).replace(_GLUE, " ") for part in parts]


def prepare() -> None:
    """To be called once, before anything is opened: a file in the place of a closed stream would be written into."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if not _is_open(number):
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for good
    sys.stdout = _again(sys.stdout, _Stdout)
    sys.stderr = _again(sys.stderr, _Stderr)


def let_go() -> None:
    """What is still to be written to stdout goes nowhere; else Python complains of it once more when it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    with suppress(OSError, ValueError):
        sys.stdout.flush()


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _again(stream: Any, form: type[io.TextIOWrapper]) -> Any:
    """The same stream in our form. The old one is kept by `sys`: it would close what both share."""
    if type(stream) is not io.TextIOWrapper or stream not in (sys.__stdout__, sys.__stderr__):
        return stream
    stream.flush()
    return form(stream.buffer, encoding=stream.encoding, errors=ESCAPED, line_buffering=stream.line_buffering,
                write_through=stream.write_through)  # fmt: skip
