"""Users without a home, and folders that they may not enter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.processes import environment

from bulkim import places


def unshared() -> str | None:
    """Why a process cannot be given an id without an entry here; None: it can."""
    if os.getuid() != 0:
        return "needs root"
    try:
        done = subprocess.run(
            ["unshare", "-U", "--map-user=12345", "true"], capture_output=True, timeout=10, check=False
        )
    except FileNotFoundError:
        return "there is no unshare"
    return None if done.returncode == 0 else f"unshare: {done.stderr.decode().strip()}"


NOBODY = unshared()


def nobody(shell, *words: str) -> subprocess.CompletedProcess[str]:
    """bulkim as a container runs it: an id that no entry knows, and no HOME."""
    kept = {
        name: value for name, value in environment().items() if name != "HOME" and not name.startswith("XDG_")
    }
    return subprocess.run(
        ["unshare", "-U", "--map-user=12345", "--map-group=12345", sys.executable, "-m", "bulkim", *words],
        cwd=shell.folder, env=kept, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(NOBODY is not None, reason=str(NOBODY))
def test_a_user_without_a_home(shell, server):
    server.seed(["u0"])
    job = shell.job("look", server.base_url, "get-user", ["u0"])
    said = nobody(shell, "run", job, "-q")
    assert said.returncode == 0, said.stderr
    assert "quota.not_shared" in said.stderr, "it is said that the limit is kept for this process alone"
    assert nobody(shell, "quota").returncode == 0
    text = (shell.folder / job).read_text().splitlines()
    named = [line if not line.startswith("connection:") else "connection: mine" for line in text]
    said = nobody(shell, "check", shell.write("named.yaml", "\n".join(named)))
    assert said.returncode == 3
    assert "there is no connection 'mine' (connections.yaml has none)" in said.stderr


def test_a_home_that_is_not_there(shell, server):
    server.seed(["u0"])
    job = shell.job("look", server.base_url, "get-user", ["u0"])
    said = subprocess.run(
        [sys.executable, "-m", "bulkim", "run", job, "-q"], cwd=shell.folder, capture_output=True, text=True,
        env=environment(HOME="/proc/nobody", XDG_STATE_HOME="", XDG_CONFIG_HOME=""), timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "quota.not_shared" in said.stderr


@pytest.mark.parametrize("place", [places.config_folder, places.state_folder])
def test_no_home_is_an_error_of_the_system(monkeypatch, place):
    """What keeps something there treats it as it treats a folder that cannot be written."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    with pytest.raises(OSError, match="no home folder"):
        place()


def test_a_file_in_a_folder_that_may_not_be_entered_is_not_there(tmp_path, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = tmp_path / "users.csv"
    file.touch()
    assert places.there(file)
    assert not places.there(tmp_path)
    monkeypatch.setattr("pathlib.Path.exists", refused)
    assert not places.there(file)
