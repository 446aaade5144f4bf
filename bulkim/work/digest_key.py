"""The key of this user's digests: made once, kept where only they can read it, and never beside a journal."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bulkim.places import config_folder, state_folder
from bulkim.planning.digests import KEY_BYTES, Digests

NAME = "digest.key"


def digests(journal: Path) -> Digests | None:
    """With the key in this user's state folder; None where there is no place for one: then secrets are not compared.

    Whoever has the journal must not have the key with it: a journal in that very folder gets its key from the configuration folder.
    """
    beside = os.path.realpath(journal.parent)
    for folder in _folders():
        if os.path.realpath(folder) == beside:
            continue
        try:
            return Digests(_kept(folder / NAME))
        except OSError:
            continue
    return None


def _folders() -> Iterator[Path]:
    """Where a key may be, the best place first; nothing where the user has no home."""
    for place in (state_folder, config_folder):
        with suppress(OSError):  # no home: an uid without an entry, and no HOME
            yield place()


def _kept(path: Path) -> bytes:
    """The key in the file, which is made if it is not there. Raises OSError."""
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{NAME}.")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(handle)
        os.link(name, path)  # one of two who come at once makes it; a link never replaces
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise OSError(f"{path} is no key")
    return key
