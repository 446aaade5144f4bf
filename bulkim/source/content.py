"""The bytes behind a source: where they are, their digest, their encoding; opened as often as wanted."""

from __future__ import annotations

import glob
import gzip
import io
import os
import shutil
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from bulkim.errors import InputError, Problem
from bulkim.files import near
from bulkim.source import encoding as encodings

CHUNK_BYTES = 1 << 18
LINE_MAX = 1_000_000  # characters
STDIN = "<stdin>"
_GZIP = b"\x1f\x8b"


class Content:
    """A file, or a temporary copy of what can be read only once. It is read through at once, for its encoding.

    Raises InputError when it cannot be read, is not text, or is text in an encoding that cannot be told.
    """

    def __init__(self, path: Path | None, encoding: str | None) -> None:
        self.name = STDIN if path is None else _tidy(path)
        self._path = path
        self._copy: BinaryIO | None = None
        try:
            if path is None or not stat.S_ISREG(path.stat().st_mode):
                self._copy = _copied(path)
                weakref.finalize(self, self._copy.close)
            self._version = self._look()
            with self._opened() as file:
                self._packed = file.read(2) == _GZIP
            with self._open() as file:
                head = file.read(4096)
            self.encoding, trial = self._decoded(head, encoding)
            self.codec, self.mark = encodings.written_back(head, self.encoding)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            message = "is compressed with gzip, and damaged or cut off"
            raise self.problem(message, hint="fetch it again; `gzip -t FILE` tests it") from None
        except OSError as error:
            raise self._unreadable(error) from None
        self.digest = trial.digest
        self.has_nul = trial.has_nul
        self.has_blanks = trial.has_blanks
        self.size = trial.lines  # how many lines it has

    def problem(self, message: str, *, line: int | None = None, hint: str | None = None) -> InputError:
        """An error about this input."""
        return InputError([Problem(self.name, line, None, message, hint)])

    def text(self) -> io.TextIOWrapper:
        """The text from the start, line ends untouched. Raises InputError when the file has changed."""
        try:
            if self._look() != self._version:
                raise self.problem("was changed while it was in use", hint="run the same command again")
            return io.TextIOWrapper(self._open(), encoding=self.encoding, errors="strict", newline="")
        except OSError as error:
            raise self._unreadable(error) from None

    def lines(self) -> Iterator[str]:
        """The lines with their ends. Raises InputError for what is too long to be a line."""
        with self.text() as file:
            for number, line in enumerate(iter(partial(file.readline, LINE_MAX), ""), 1):
                if len(line) == LINE_MAX:
                    message = f"the line is longer than {LINE_MAX:,} characters"
                    raise self.problem(message, line=number, hint="is it the right file?")
                yield line

    def _open(self) -> BinaryIO:
        """The bytes from the start, unpacked; readers do not disturb one another."""
        file = self._opened()
        if not self._packed:
            return file
        return cast("BinaryIO", io.BufferedReader(_Unpacked(file), CHUNK_BYTES))

    def _opened(self) -> BinaryIO:
        if self._copy is not None:
            return cast("BinaryIO", io.BufferedReader(_Shared(self._copy), CHUNK_BYTES))
        assert self._path is not None
        return self._path.open("rb", buffering=CHUNK_BYTES)

    def _chunks(self) -> Iterator[bytes]:
        with self._open() as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def _look(self) -> tuple[int, int, int] | None:
        """What changes when the file does; None for a copy, which never changes."""
        if self._copy is not None:
            return None
        assert self._path is not None
        found = self._path.stat()
        return found.st_size, found.st_mtime_ns, found.st_ino

    def _unreadable(self, error: OSError) -> InputError:
        if isinstance(error, FileNotFoundError):
            hint = near(self._path) if self._path else None
            if self._path and glob.has_magic(str(self._path)):
                return self.problem("no file has a name like this", hint=hint)
            return self.problem(
                "no such file", hint=hint or "a relative path starts at the job file's folder"
            )
        if isinstance(error, IsADirectoryError):
            return self.problem("is a folder, not a file")
        return self.problem(f"cannot be read: {error.strerror or type(error).__name__}")

    def _decoded(self, head: bytes, wanted: str | None) -> tuple[str, encodings.Trial]:
        """An encoding in which all of it is text, and what decoding it gave."""
        if wanted is None and (foreign := encodings.foreign(head)):
            raise self.problem(f"is {foreign[0]}", hint=foreign[1])
        marked = encodings.marked(head)
        name = wanted or marked or encodings.utf16_without_mark(head) or "utf-8"
        if name.lower().replace("-", "").replace("_", "") == "utf8":
            name = "utf-8-sig"  # takes a mark away if there is one
        trial = encodings.attempt(self._chunks(), name)
        if trial.fault is None:
            return name, trial
        if wanted is None and name == "utf-8-sig" and not marked and encodings.is_gb18030(self._chunks()):
            return "gb18030", encodings.attempt(self._chunks(), "gb18030")
        raise self.problem(
            f"is not {name.removesuffix('-sig').upper()} text: {trial.fault}",
            line=trial.fault_line,
            hint="save it as UTF-8, or name its encoding under source: {encoding: gb18030}",
        )


def _tidy(path: Path) -> str:
    """`list.csv` for `jobs/../list.csv`, unless `jobs` is a link that leads elsewhere."""
    plain = os.path.normpath(path)
    try:
        return plain if ".." in path.parts and Path(plain).samefile(path) else str(path)
    except OSError:
        return str(path)


def piped() -> bool:
    """Whether standard input has a list: a pipe or a file, but not a terminal, ``/dev/null`` or a closed stream."""
    if sys.stdin is None or sys.stdin.closed:
        return False
    try:
        return not stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode)
    except io.UnsupportedOperation:  # a program has put something in its place
        return True
    except OSError:
        return False


def _copied(path: Path | None) -> BinaryIO:
    """A pipe or standard input, kept in a temporary file that has no name. Raises OSError."""
    with nullcontext(sys.stdin.buffer) if path is None else path.open("rb") as source:
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the content
        try:
            shutil.copyfileobj(source, copy, CHUNK_BYTES)
        except BaseException:
            copy.close()
            raise
    return cast("BinaryIO", copy)


class _Unpacked(io.RawIOBase):
    """What a file holds that is compressed with gzip."""

    def __init__(self, file: BinaryIO) -> None:
        self._packed, self._text = file, gzip.GzipFile(fileobj=file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._text.readinto(buffer)

    def close(self) -> None:
        self._text.close()
        self._packed.close()
        super().close()


class _Shared(io.RawIOBase):
    """A file that others read too, with a position of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
