"""Of each operation that changes something: whether it is read back, and whether its undo brings back what was there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.apps import KEYS, connection
from support.server import serving

import bulkim
from bulkim.errors import BulkimError

BOTH = ("easemob", "agora")
ALL = (*BOTH, "tencent")
NEW = {"username": "new", "password": "a-password"}
# operation -> where, its items, its params
OPERATIONS = {
    "register": (ALL, [NEW], {}),
    "delete": (ALL, ["a"], {}),
    "delete-oldest": (BOTH, None, {"count": 1}),
    "set-password": (BOTH, [{"username": "a", "password": "another-one"}], {}),
    "ban": (BOTH, ["a", "banned"], {}),
    "unban": (BOTH, ["a", "banned"], {}),
    "disconnect": (ALL, ["a"], {}),
    "mute": (ALL, ["a", "muted"], {"chat": 60_000, "groupchat": -1}),
    "unmute": (ALL, ["a", "muted"], {}),
    "set-attributes": (ALL, ["a", "described"], {"attributes": {"x": "new"}}),
    "remove-attributes": (ALL, ["a", "described"], {}),
}
PAIRS = [(provider, operation) for operation, (where, _, _) in OPERATIONS.items() for provider in where]
READ_BACK, UNDONE = 24, 21  # wholly, at least


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with serving() as server:
        yield server, tmp_path_factory.mktemp("undo")


def job(url, provider, operation, source, params):
    return {
        "name": f"{provider}-{operation}", "provider": provider, "operation": operation, "rate": {"limit": 1000},
        "connection": {**connection(provider, url)}, "params": params, **({"source": {"items": source}} if source else {}),
    }  # fmt: skip


def seeded(server, app):
    server.reset()
    described = {"username": "described", "attributes": {"x": "old", "y": "kept"}}
    lasting = "C2CmsgNospeakingTime" if app == KEYS["tencent"] else "chat"
    server.seed(
        [
            "a",
            described,
            {"username": "muted", "mutes": {lasting: -1}},
            {"username": "banned", "activated": False},
        ],
        app=app,
    )


def state(server, app):
    """Who is there, and how."""
    return {
        name: {
            "mutes": {scope: left for scope, left in each.get("mutes", {}).items() if left},
            **{key: each.get(key) for key in ("activated", "attributes")},
        }
        for name, each in server.users(app).items()
        if each["exists"]
    }


def tried(here, provider, operation) -> tuple[bool, bool]:
    """(read back, undone): by what the server shows afterwards."""
    server, folder = here
    app, (_, source, params) = KEYS[provider], OPERATIONS[operation]
    if (provider, operation) == ("tencent", "remove-attributes"):
        params = {"attributes": ["x"]}
    seeded(server, app)
    before, journal = state(server, app), folder / f"{provider}-{operation}.db"
    asked = job(server.base_url, provider, operation, source, params)
    run = bulkim.run(asked, journal=journal, confirm=lambda _: True)
    try:
        verified = bulkim.verify(run.run, job=asked, journal=journal)
        read_back = verified.counts[bulkim.Verdict.HOLDS] == verified.asked
    except BulkimError:
        read_back = False
    try:
        undo = bulkim.undo(run.run, job=asked, journal=journal, accept_risk=True)
    except BulkimError:
        return read_back, False
    assert state(server, app) != before, "there is something to undo"
    for path in undo.write(Path(folder, f"{provider}-{operation}.yaml")):
        path.write_text(
            re.sub(r"  auth: .*", f"  auth: {json.dumps(asked['connection']['auth'])}", path.read_text())
        )
        assert bulkim.run(path, journal=journal, confirm=lambda _: True).exit_code == 0, path.read_text()
    after = state(server, app)
    if operation in {"delete", "delete-oldest"}:
        return read_back, after.keys() == before.keys()
    return read_back, after == before


@pytest.mark.slow
def test_what_is_read_back_and_what_is_undone(here):
    found = {pair: tried(here, *pair) for pair in PAIRS}
    assert len(found) == 29
    read = [pair for pair, (read_back, _) in found.items() if read_back]
    undone = [pair for pair, (_, undone) in found.items() if undone]
    assert len(read) >= READ_BACK, sorted(set(PAIRS) - set(read))
    assert len(undone) >= UNDONE, sorted(set(PAIRS) - set(undone))
