"""Secrets that are made: each is on disk, in a file of the user's own, before the request that needs it leaves.

The file is a CSV of usernames and secrets, readable by its owner alone, and nothing else of bulkim holds a byte of them. A run that is
resumed or retried finds them there again. In memory are 32 bytes a user.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import secrets
import stat
import string
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bulkim.errors import InputError, Problem
from bulkim.journal.records import Entry
from bulkim.planning.seen import Seen

_ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))  # what can be read out
_LINE_MAX = 8_192  # bytes
_BLOCK = 1 << 16


class GeneratedSecrets:
    """One file of secrets. Raises InputError where it is not one, or cannot be written."""

    def __init__(self, path: Path | None, field: str, size: int, folded: Callable[[str], str]) -> None:
        """`path`: None for a rehearsal, whose secrets go with it. `size`: characters. `folded`: how the vendor compares usernames."""
        self.name = str(path) if path is not None else "the rehearsal's secrets"
        self._path, self._size, self._folded, self._header = path, size, folded, ["username", field]
        self._seen, self._places = Seen(), array("Q")  # the offset of each line
        self._new: list[bytes] = []
        self._file = self._end = -1  # not open; -1: not read
        with self._worded():
            if path is None or path.exists():
                self._file = _opened(path)
                weakref.finalize(self, os.close, self._file)
                self._take_in()

    def of(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries; when they have passed, whoever is to be sent has a secret on disk. Raises InputError."""
        with self._locked():
            for each in entries:
                if each.key is not None and each.skip_code is None:
                    self._want(each.key, each.username)
                yield each
            self._save()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else adds to the file meanwhile; what somebody has added since is known."""
        with self._worded():
            if self._file < 0:
                self._file = _opened(self._path)
                weakref.finalize(self, os.close, self._file)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OSError(0, "another process is making secrets in it") from None
        try:
            with self._worded():
                os.fchmod(self._file, 0o600)
                self._take_in()
                self._mend()
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._problem(f"cannot be written: {error.strerror or error}") from None

    def find(self, key: str) -> str | None:
        """Somebody's secret; None: they have none."""
        index = self._seen.index(key)
        if index is None:
            return None
        line = os.pread(self._file, _LINE_MAX, self._places[index]).partition(b"\n")[0]
        cells = _cells(line)
        return cells[1] if len(cells) == 2 and self._folded(cells[0]) == key else None

    def _want(self, key: str, username: str) -> None:
        if self._seen.add(key, 1) is not None:
            return
        secret = "".join(secrets.choice(_ALPHABET) for _ in range(self._size))
        line = _line([username, secret])
        self._places.append(self._end)
        self._end += len(line)
        self._new.append(line)
        if len(self._new) * 40 > _BLOCK:
            self._write()

    def _write(self) -> None:
        data = b"".join(self._new)
        self._new.clear()
        with self._worded():
            while data:
                data = data[os.write(self._file, data) :]

    def _save(self) -> None:
        self._write()
        with self._worded():
            os.fsync(self._file)
            if self._path is not None:
                _sync(self._path.parent)

    def _take_in(self) -> None:
        """Where each line begins that was not read yet."""
        with os.fdopen(os.dup(self._file), "rb", buffering=1 << 18) as file:
            at = file.seek(max(self._end, 0))
            for line in file:
                if at == 0 and not line.endswith(b"\n") and not _line(self._header).startswith(line):
                    raise self._foreign()
                if not line.endswith(b"\n"):
                    break
                self._line(line, at)
                at += len(line)
        self._end = at

    def _mend(self) -> None:
        """A last line that was cut off was never used: it is dropped. One that somebody's editor left open is closed."""
        rest = os.pread(self._file, _LINE_MAX, self._end)
        cells = _cells(rest)
        if self._end and len(cells) == 2 and len(cells[1]) >= self._size:
            os.pwrite(self._file, b"\n", self._end + len(rest))
            self._take_in()
        elif rest:
            os.ftruncate(self._file, self._end)
        if self._end == 0:
            header = _line(self._header)
            os.pwrite(self._file, header, 0)
            self._end = len(header)
        os.lseek(self._file, self._end, os.SEEK_SET)

    def _line(self, line: bytes, at: int) -> None:
        cells = _cells(line)
        if at == 0:
            if cells != self._header:
                raise self._foreign()
        elif len(cells) == 2 and self._seen.add(self._folded(cells[0]), 1) is None:
            self._places.append(at)

    def _foreign(self) -> InputError:
        hint = f"its first line must be {','.join(self._header)}; name a file of its own under `into`"
        return self._problem("is no file of generated secrets: it is left as it is", hint)

    def _problem(self, message: str, hint: str | None = None) -> InputError:
        return InputError([Problem(self.name, None, None, message, hint)])


def _opened(path: Path | None) -> int:
    if path is None:
        descriptor, name = tempfile.mkstemp(prefix="bulkim-rehearsal-")
        os.unlink(name)  # noqa: PTH108 - from here on it has no name
        return descriptor
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no ordinary file")
    return descriptor


def _sync(folder: Path) -> None:
    """The file's name is on disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _cells(line: bytes) -> list[str]:
    """None for what is no line of a table."""
    with suppress(csv.Error):
        return next(csv.reader([line.decode("utf-8", "replace").rstrip("\r\n")]), [])
    return []
