"""The suite runs once for each back end."""

from __future__ import annotations

import pytest
from fleet.planted import OneByOne

from .backends import BACKENDS

EVERY = {**BACKENDS, "postgresql": OneByOne}


@pytest.fixture(params=EVERY)
def backend(request, tmp_path, monkeypatch):
    """One run, held by a session, in each of the back ends."""
    monkeypatch.setattr("bulkim.fleet.database.CONNECT_S", 60)  # a busy machine takes its time to answer
    opened = EVERY[request.param](tmp_path)
    yield opened
    opened.close()
