"""A database for each session of tests, and an empty fleet for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.server import serving

from bulkim.fleet import schema
from bulkim.fleet.database import connected

from .database import Database
from .scene import Scene


@pytest.fixture(scope="session")
def cluster() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


@pytest.fixture
def own_cluster() -> Iterator[Database]:
    """For a test that crashes it."""
    database = Database()
    yield database
    database.close()


@pytest.fixture
def database(cluster: Database) -> Database:
    """An empty fleet."""
    cluster.query("DROP SCHEMA IF EXISTS bulkim CASCADE")
    cluster.query("DROP SCHEMA IF EXISTS bulkim_engine CASCADE")
    with connected(cluster.dsn) as connection:
        schema.migrate(connection)
    return cluster


@pytest.fixture
def scene(cluster: Database, tmp_path: Path) -> Iterator[Scene]:
    """A fleet without workers, on the session's database."""
    for schema_name in ("bulkim", "bulkim_engine"):
        cluster.query(f"DROP SCHEMA IF EXISTS {schema_name} CASCADE")
    with serving(any_app=True) as server:
        made = Scene(tmp_path, cluster, server)
        yield made
        made.close()


@pytest.fixture
def own_scene(own_cluster: Database, tmp_path: Path) -> Iterator[Scene]:
    """The same, on a database that the test may take away."""
    with serving(any_app=True) as server:
        made = Scene(tmp_path, own_cluster, server)
        yield made
        made.close()
