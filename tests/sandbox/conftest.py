"""Two ways in: `sandbox` is a real server on a real port, `offline` the same application on a clock of our own."""

from __future__ import annotations

import httpx
import pytest

from bulkim.sandbox import Embedded

from .helpers import TOKEN, Offline, Sandbox


@pytest.fixture
def offline() -> Offline:
    return Offline()


@pytest.fixture(scope="session")
def running():
    with (
        Embedded() as embedded,
        httpx.Client(headers=TOKEN, timeout=10, verify=False, trust_env=False) as http,
    ):
        yield Sandbox(embedded, http)


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.control("POST", "reset")
    return running
