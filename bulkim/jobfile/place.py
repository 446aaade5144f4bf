"""Where a job comes from: a file, whose place is what was typed, or a pipe, which has none."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

from bulkim.errors import InputError, Problem
from bulkim.files import near
from bulkim.places import config_folder, there
from bulkim.yamltree import BYTES_MAX, decode

STDIN = Path("-")
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_HANDLES = ("/dev/fd/", "/dev/std", "/proc/")  # what a process has open; a file in /dev/shm is a file


def is_stream(path: Path) -> bool:
    """Whether the job is read from a pipe: ``-``, ``<(...)``, a FIFO. It can be read once, and its place means nothing."""
    if path == STDIN or str(path.absolute()).startswith(_HANDLES):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def absolute(path: Path) -> Path:
    """The place as it was typed, made absolute. Links are not resolved: a name that leads elsewhere tomorrow stays the job's name."""
    plain = Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve follows links
    try:
        return plain if plain.samefile(path) else path.absolute()  # `link/../job.yaml` is not `job.yaml`
    except OSError:
        return path.absolute() if path.exists() else plain


def text_of(path: Path, *, missing: str = "`bulkim init` writes one to start from") -> str:
    """A file's text; `missing` is what to do where there is none. Raises InputError."""
    return read(path, missing=missing)[0]


def read(path: Path, *, missing: str = "`bulkim init` writes one to start from") -> tuple[str, str]:
    """A file's text, and the SHA-256 of its bytes in hexadecimal. Raises InputError."""
    try:
        raw = _bytes_of(path)
        return decode(raw, label(path)), hashlib.sha256(raw).hexdigest()
    except FileNotFoundError:
        raise InputError([Problem(label(path), None, None, "no such file", near(path) or missing)]) from None
    except OSError as error:
        message = f"cannot be read: {error.strerror or type(error).__name__}"
        raise InputError([Problem(label(path), None, None, message)]) from None


def names_a_provider(value: Any) -> bool:
    """Whether it names a file that declares a provider: by its place, or one in the user's configuration folder."""
    if not isinstance(value, str):
        return False
    return "/" in value or value.endswith((".yaml", ".yml", ".json")) or own_provider(value) is not None


def own_provider(name: str) -> Path | None:
    """The file of that name in the user's configuration folder, under ``providers``."""
    if not _NAME.fullmatch(name):
        return None
    try:
        path = config_folder() / "providers" / f"{name}.yaml"
    except OSError:  # no home
        return None
    return path if there(path) else None


def own_providers() -> list[str]:
    """The names of all files there."""
    try:
        found = sorted((config_folder() / "providers").glob("*.yaml"))
    except OSError:
        return []
    return [each.stem for each in found if _NAME.fullmatch(each.stem)]


def label(path: Path) -> str:
    """The file in messages."""
    return "<stdin>" if path == STDIN else str(path)


def _bytes_of(path: Path) -> bytes:
    if path == STDIN:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        return sys.stdin.buffer.read(BYTES_MAX + 1)
    with path.open("rb") as file:
        return file.read(BYTES_MAX + 1)
