"""Files that we write: an ordinary one in one piece, and nothing else's name taken away from it.

A file of ours appears under its name when it is whole. What is no ordinary file (a device, a FIFO, `/dev/stdout`, `>(...)`) is
written through, and a link goes on pointing where it points: renaming over it would replace it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO

from bulkim.text import ESCAPED, close

PRIVATE = 0o600
NAMES_MAX = 10_000  # of a folder that are looked at for a near one
_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev/fd|proc/self/fd)/(\d{1,6})")
# A folder that takes no new file, or a file that is a mount of its own: what is there is written over in its place.
_IN_PLACE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV}


@contextmanager
def written(
    path: Path, *, mode: int = PRIVATE, encoding: str = "utf-8", waits: bool = True
) -> Iterator[IO[str]]:
    """A stream whose text is in the file afterwards. Raises OSError; then an ordinary file is as it was.

    `mode`: of a file that is new. `encoding`: one without a mark of its own. `waits`: for somebody who reads a FIFO, as a shell
    does; else one that nobody reads is an error. A reader that left a pipe is no error.
    """
    if (through := _special(path, waits)) is not None:
        with suppress(BrokenPipeError), _opened(through, encoding) as stream:
            yield stream
        return
    target = Path(os.path.realpath(path))
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        if error.errno not in _IN_PLACE or not target.exists():
            raise
        with _opened(os.open(target, os.O_WRONLY | os.O_TRUNC), encoding) as stream:
            yield stream
        return
    try:
        with _opened(descriptor, encoding) as stream:
            yield stream
            stream.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        _put(Path(temporary), target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def one_of(path: Path, others: Iterable[Path]) -> Path | None:
    """Which of the others is the same file as `path`, under whatever name, or would be if it were there."""
    real = os.path.realpath(path)
    for other in others:
        with suppress(OSError):
            if real == os.path.realpath(other) or path.samefile(other):
                return other
    return None


def ordinary(path: Path) -> bool:
    """Whether it can be written again and again: it is a file, or there is nothing yet."""
    if str(path) in _STREAMS or _DESCRIPTOR.fullmatch(str(path)):
        return False
    return not path.exists() or path.is_file()


def _special(path: Path, waits: bool) -> int | None:
    """An open descriptor of what is no ordinary file; None: it is one, or there is nothing yet."""
    found = _DESCRIPTOR.fullmatch(str(path))
    number = int(found[1]) if found else _STREAMS.get(str(path))
    if number is not None:
        return os.dup(number)  # opened by its name it would be written from its beginning
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return None
    return None if regular else _through(path, waits)


def _through(path: Path, waits: bool) -> int:
    if waits:
        return os.open(path, os.O_WRONLY)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        raise OSError(
            error.errno, "nobody reads it" if error.errno == errno.ENXIO else error.strerror
        ) from None
    os.set_blocking(descriptor, True)
    return descriptor


def _opened(descriptor: int, encoding: str) -> IO[str]:
    return os.fdopen(descriptor, "w", encoding=encoding, errors=ESCAPED, newline="")


def _put(temporary: Path, target: Path) -> None:
    try:
        temporary.replace(target)
    except OSError as error:
        if error.errno not in _IN_PLACE or not target.exists():
            raise
        target.write_bytes(temporary.read_bytes())


def near(path: Path) -> str | None:
    """A hint that names the file of the same folder which was probably meant; None: there is none like it."""
    folder, name = path.parent, path.name
    try:
        names = [each.name for each in islice(folder.iterdir(), NAMES_MAX) if not each.is_dir()]
    except OSError:
        return None
    # By their stems: what many files end with is no likeness. Of one stem, the file with the likest ending.
    alike = {each: Path(each).stem for each in names}
    if (stem := close(path.stem, alike.values())) is None:
        return None
    found = close(name, [each for each, its in alike.items() if its == stem], cutoff=0.0)
    return f"did you mean '{found if folder == Path() else folder / str(found)}'?"
