"""What holds for all tests: the host's shared quota ledger is theirs alone, their files lie in memory, and signals are heard."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

MEMORY = Path("/dev/shm")
ROOM = 2 << 30  # bytes

# No example is judged by how long it takes; where a test does not say how many it wants, these are enough for every run.
settings.register_profile(
    "busy", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


def pytest_configure() -> None:
    """Files lie in memory, and Ctrl-C is heard.

    Every commit of a journal waits for the disk, thousands of times in the suite; `TMPDIR` says where else it shall lie. And what a shell
    starts in the background ignores SIGINT, under nohup SIGHUP, and so does whatever is started by that.
    """
    for number, heard in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, heard)
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM
    if "TMPDIR" not in os.environ and roomy:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.fixture(scope="session", autouse=True)
def own_state_folder(tmp_path_factory):
    """Processes that tests start inherit it."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before
