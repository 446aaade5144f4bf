"""This user's own folders: where connections are looked up, and what processes of a host share is kept."""

from __future__ import annotations

import errno
from pathlib import Path

HINT = "set HOME, XDG_CONFIG_HOME and XDG_STATE_HOME to folders"


def config_folder() -> Path:
    """For what people write. Raises OSError: the user has no home (an id without an entry, and no HOME)."""
    from platformdirs import user_config_path

    try:
        return user_config_path("bulkim")
    except RuntimeError as error:
        raise _homeless() from error


def state_folder() -> Path:
    """For what bulkim keeps. Raises OSError: the user has no home."""
    from platformdirs import user_state_path

    try:
        return user_state_path("bulkim")
    except RuntimeError as error:
        raise _homeless() from error


def there(path: Path) -> bool:
    """Whether there is such a file. One in a folder that may not be entered is not there for us."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:
        return False


def _homeless() -> OSError:
    return OSError(errno.ENOENT, f"this user has no home folder ({HINT})")
