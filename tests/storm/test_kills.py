"""Kill -9 at every moment that matters, and run again: journal and server end equal for every user."""

from __future__ import annotations

import random

import pytest
from support.server import serving

from .campaign import Campaign, moments

LIMITS = {
    "users": 5000,
    "mute": 5000,
    "get-mute": 5000,
    "delete-oldest": 5000,
    "multiaccount_import": 5000,
    "setnospeaking": 5000,
}
OPERATIONS = ("register", "delete", "mute", "ban", "set-password", "delete-oldest", "list-users")
PAGED = {"delete-oldest", "list-users"}
SMALL = {
    "register": (60, 10),
    "list-users": (350, None),
    "delete-oldest": (260, None),
}  # users, items a request


def places(operation: str, seed: int, number: int, highest: int) -> list[tuple[str, int]]:
    found = moments(seed, number, highest)
    if operation in PAGED:  # a page is settled by being taken in
        found = [(place.replace("settle", "page"), 1 + (calls - 1) % 3) for place, calls in found]
    return found


@pytest.fixture
def server():
    with serving(limits=LIMITS) as running:
        running.latency([0.0, 0.02])
        yield running


@pytest.mark.parametrize(
    "operation",
    [name if name == "register" else pytest.param(name, marks=pytest.mark.slow) for name in OPERATIONS],
)
def test_a_kill_at_a_write_and_at_a_sending(server, tmp_path, operation):
    users, batch = SMALL.get(operation, (12, None))
    campaign = Campaign(server, tmp_path / operation, operation, users, batch=batch)
    seed = OPERATIONS.index(operation)
    for place, calls in places(operation, seed, 6, 5)[seed % 2 :: 3]:
        campaign.killed_at(place, calls)
    ended = campaign.to_the_end()
    assert ended.code in {0, -9}, ended.err  # -9: killed when the run had just finished
    campaign.compare()
    assert campaign.kills >= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_storm_of_kills_at_every_write_and_every_sending(server, tmp_path, operation, seed):
    users, batch = {"register": (400, 10), "list-users": (900, None), "delete-oldest": (900, None)}.get(
        operation, (100, None)
    )
    campaign = Campaign(server, tmp_path / operation, operation, users, batch=batch)
    for place, calls in places(operation, seed, 12, 9):
        campaign.killed_at(place, calls)
    ended = campaign.to_the_end()
    assert ended.code in {0, -9}, ended.err  # -9: killed when the run had just finished
    campaign.compare()
    assert campaign.kills >= (3 if operation in PAGED else 10)


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["easemob", "tencent"])
@pytest.mark.parametrize("operation", ["register", "delete", "mute"])
def test_a_storm_of_kills_at_random_moments(server, tmp_path, provider, operation):
    server.latency([0.0, 0.3])
    more = {"rate": {"limit": 30}}
    batch = 3 if operation == "register" or (provider, operation) == ("tencent", "delete") else None
    campaign = Campaign(server, tmp_path, operation, 150, provider=provider, batch=batch, more=more)
    dice = random.Random(operation)
    for _ in range(10):
        if campaign.killed_after(dice.uniform(0.4, 1.4)).code == 0:
            break
    ended = campaign.to_the_end()
    assert ended.code in {0, -9}, ended.err  # -9: killed when the run had just finished
    campaign.compare()
    assert campaign.kills >= 3
