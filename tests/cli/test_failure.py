"""What nobody foresaw: a fault of the machine is told from one of bulkim's."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from bulkim.cli import State
from bulkim.cli.failure import INTERNAL, report
from bulkim.process import FILES_BESIDE, FILES_WANTED, connections_max, files_max

NO_LIMIT = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("number", "way_on"),
    [
        (errno.EMFILE, "ulimit -n 1024"),
        (errno.ENOSPC, "make room"),
        (errno.ENOMEM, "memory"),
        (errno.EDQUOT, "make room"),
    ],
)
def test_what_the_machine_is_out_of_is_no_bug(capsys, number, way_on):
    error = OSError(number, os.strerror(number), "structlog/__init__.py")
    assert report(ExceptionGroup("tasks", [error]), State()) == 4
    said = capsys.readouterr().err
    assert os.strerror(number) in said
    assert "structlog/__init__.py" in said
    assert way_on in said
    assert "bug" not in said


def test_any_other_is_a_bug(capsys):
    assert report(OSError(errno.EINVAL, "no such thing"), State()) == INTERNAL
    assert "this is a bug of bulkim" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limits", "found"),
    [((24, 24), 24), ((256, 4096), FILES_WANTED), ((256, 512), 512), ((256, NO_LIMIT), FILES_WANTED), ((NO_LIMIT, NO_LIMIT), FILES_WANTED), ((5000, 5000), 5000)],
)  # fmt: skip
def test_how_many_files_may_be_open(monkeypatch, limits, found):
    """A soft limit is raised to what is wanted, as far as the hard one lets it."""
    held = [limits]
    monkeypatch.setattr(resource, "getrlimit", lambda _which: held[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _which, wanted: held.append(wanted))
    assert files_max() == found
    assert held[-1] == ((found, limits[1]) if limits[0] in {24, 256} and found != 24 else limits)


@pytest.mark.parametrize(
    ("limits", "runs", "each"),
    [
        ((1024, NO_LIMIT), 1, FILES_WANTED - FILES_BESIDE),
        ((1024, NO_LIMIT), 20, FILES_WANTED - FILES_BESIDE),
        ((1024, 1024), 20, 1024 // 20 - FILES_BESIDE),
        ((24, 24), 4, 1),
    ],
)
def test_the_runs_of_a_worker_divide_what_may_be_open(monkeypatch, limits, runs, each):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _which, _wanted: None)
    assert connections_max(runs) == each


def test_a_limit_that_cannot_be_raised_holds(monkeypatch):
    def refuse(_which: int, _wanted: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert files_max() == 256
