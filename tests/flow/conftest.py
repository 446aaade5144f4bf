"""One sandbox for all the tests of a worker; each finds it as new."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.server import NO_LIMITS, Server, serving


@pytest.fixture(scope="session")
def shared() -> Iterator[Server]:
    """Without limits: what waits for a place in a quota starts a server of its own, or sets one with `limits`."""
    with serving(limits=NO_LIMITS) as running:
        yield running


@pytest.fixture
def server(shared: Server) -> Server:
    shared.reset()
    return shared
