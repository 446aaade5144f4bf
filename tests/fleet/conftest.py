"""An empty fleet for each test that wants one; all share a PostgreSQL, but those that crash theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.server import serving

from .database import Database
from .scene import Scene


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time to answer."""
    monkeypatch.setattr("bulkim.fleet.database.CONNECT_S", 60)


@contextmanager
def having(**what: bool) -> Iterator[Database]:
    made = Database(**what)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def database() -> Iterator[Database]:
    """An empty fleet."""
    with having() as made:
        yield made


@pytest.fixture
def no_fleet() -> Iterator[Database]:
    """A database that has none yet."""
    with having(fleet=False) as made:
        yield made


@pytest.fixture
def own_database() -> Iterator[Database]:
    """An empty fleet on a server that the test may crash."""
    with having(own=True) as made:
        yield made


@contextmanager
def _scene(folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with serving(any_app=True) as server:
        made = Scene(folder, database, server)
        for (
            name,
            value,
        ) in (
            made.extra.items()
        ):  # what a test sets is taken back after the scene has ended, to what it was here
            monkeypatch.setenv(name, value)
        with made:
            yield made


@pytest.fixture
def scene(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A fleet without workers, and a vendor."""
    with _scene(tmp_path, database, monkeypatch) as made:
        yield made


@pytest.fixture
def own_scene(own_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The same, on a database that the test may take away."""
    with _scene(tmp_path, own_database, monkeypatch) as made:
        yield made
