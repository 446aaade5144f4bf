"""The suite runs once for each back end."""

from __future__ import annotations

import pytest

from .backends import BACKENDS


@pytest.fixture(params=BACKENDS)
def backend(request, tmp_path):
    """One run, held by a session, in each of the back ends."""
    opened = BACKENDS[request.param](tmp_path)
    yield opened
    opened.close()
