"""A database for each session of tests, and an empty fleet for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bulkim.fleet import schema
from bulkim.fleet.database import connected

from .database import Database


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
