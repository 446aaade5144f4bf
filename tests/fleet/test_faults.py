"""Workers that are killed, stopped, cut off; a database that is restarted, crashed, taken away. All books agree in the end."""

from __future__ import annotations

import random
import signal
import time

import pytest
from support.processes import finish, wait_until

from .proxy import Proxy
from .scene import Scene

pytestmark = pytest.mark.slow
LIMIT = 20


def begun(scene: Scene, *, users: int = 400, limit: float = LIMIT, **more) -> tuple[str, list[str]]:
    names = scene.users("mute", users)
    job = scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}, rate={"limit": limit}, **more)
    return scene.submit(job), names


def at_work(scene: Scene, effects: int) -> None:
    wait_until(lambda: scene.done() >= effects, within_s=90)


def test_a_killed_workers_run_goes_on_elsewhere(scene):
    run, names = begun(scene)
    first = scene.worker()
    at_work(scene, 60)
    scene.worker()
    first.kill()
    scene.until(run)
    scene.compare(run, names)
    assert scene.fleet("status", "--json").json["runs"][0]["takeovers"] == 1


def test_a_drained_worker_gives_back_and_leaves_nothing_in_doubt(scene):
    run, names = begun(scene)
    first = scene.worker()
    at_work(scene, 60)
    scene.worker()
    first.send_signal(signal.SIGTERM)
    assert finish(first).code == 143
    scene.until(run)
    scene.compare(run, names)
    assert scene.database.one("SELECT count(*) FROM bulkim.attempt WHERE kind = 'lost'") == 0
    assert scene.fleet("status", "--json").json["runs"][0]["takeovers"] == 0


def test_a_dead_childs_runs_are_free_at_once(scene):
    run, names = begun(scene)
    parent = scene.worker("--processes", "2")
    at_work(scene, 60)
    holder = scene.holder(run)
    pid = scene.database.one("SELECT pid FROM bulkim.worker WHERE name = %s", holder)
    import os

    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: scene.holder(run) not in {holder, None}, within_s=60)
    scene.until(run)
    scene.compare(run, names)
    parent.send_signal(signal.SIGTERM)
    assert finish(parent).code == 143


def test_a_stopped_worker_wakes_and_sends_nothing_more(scene):
    run, names = begun(scene, users=600)
    sleeper = scene.worker()
    at_work(scene, 60)
    scene.worker()
    holder = scene.holder(run)
    sleeper.send_signal(signal.SIGSTOP)
    wait_until(lambda: scene.holder(run) != holder, within_s=60)
    at_work(scene, 200)
    sleeper.send_signal(signal.SIGCONT)
    scene.until(run)
    scene.compare(run, names)
    assert scene.database.one("SELECT count(*) FROM bulkim.session WHERE ended = 'lost'") == 1


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the proxy's threads end when they end
@pytest.mark.parametrize("way", ["both", "to", "from"])
def test_a_worker_that_is_cut_off_from_the_database_stops_sending(scene, way):
    """The vendor stays reachable: what was taken over must not be sent twice. Either way alone may be cut, too."""
    proxy = Proxy(scene.database.port)
    run, names = begun(scene, users=600)
    scene.worker(BULKIM_FLEET=scene.database.dsn.replace(str(scene.database.port), str(proxy.port)))
    at_work(scene, 60)
    holder = scene.holder(run)
    proxy.cut(way)
    scene.worker()
    wait_until(lambda: scene.holder(run) not in {holder, None}, within_s=60)
    at_work(scene, 200)
    proxy.heal()
    scene.until(run)
    scene.compare(run, names)
    scene.close()
    proxy.close()


@pytest.mark.parametrize("crashed", [False, True])
def test_a_database_that_comes_back_finds_its_owners(own_scene, crashed):
    scene = own_scene
    run, names = begun(scene, users=300)
    scene.worker()
    scene.worker()
    at_work(scene, 60)
    holder = scene.holder(run)
    with scene.database.server.away(crashed=crashed):
        time.sleep(3)
    scene.until(run)
    scene.compare(run, names)
    assert scene.database.one("SELECT count(*) FROM bulkim.session") == 1, holder


def test_a_database_that_is_away_for_longer_than_a_lease(own_scene):
    scene = own_scene
    run, names = begun(scene, users=300)
    scene.worker()
    at_work(scene, 60)
    with scene.database.server.away(crashed=True):
        time.sleep(15)
        before = scene.done()
        time.sleep(2)
        assert scene.done() == before, "without a lease nothing is sent"
    scene.until(run)
    scene.compare(run, names)


def test_runs_end_though_the_engines_tables_are_gone(scene):
    run, names = begun(scene, users=200)
    scene.worker()
    at_work(scene, 20)
    scene.database.query("DROP SCHEMA bulkim_engine CASCADE")
    scene.until(run)
    scene.compare(run, names)
    more = scene.users("more", 20)
    second = scene.submit(scene.job("more", "mute", {"text": "more.txt"}, params={"chat": 60}))
    scene.until(second)
    scene.compare(second, more)


def test_killed_at_random_moments_again_and_again(scene):
    run, names = begun(scene, users=500, limit=50)
    dice = random.Random(7)
    ended = lambda: scene.database.one("SELECT coalesce(sum(items), 0) FROM bulkim.tally")  # noqa: E731
    for _ in range(4):
        one = scene.worker()
        before = ended()  # a run that three workers in a row die with, and nothing of it ends, is stopped
        wait_until(lambda before=before: ended() > before or scene.state(run) == "done", within_s=90)
        time.sleep(dice.random() * 2)
        one.kill()
        scene.database.query("SELECT bulkim.bury(worker) FROM bulkim.claim WHERE worker IS NOT NULL")
    scene.worker()
    scene.until(run)
    scene.compare(run, names)


def test_without_gate_and_fence_it_doubles(scene, tmp_path):
    """The control: a lease that nobody checks. Did this not double, the other tests would prove nothing."""
    (tmp_path / "sitecustomize.py").write_text(RECKLESS)
    unfence(scene.database)
    run, _ = begun(scene, users=600)
    sleeper = scene.worker(PYTHONPATH=str(tmp_path))
    at_work(scene, 60)
    holder = scene.holder(run)
    sleeper.send_signal(signal.SIGSTOP)
    scene.worker(PYTHONPATH=str(tmp_path))
    wait_until(lambda: scene.holder(run) != holder, within_s=60)
    at_work(scene, 200)
    sleeper.send_signal(signal.SIGCONT)
    twice = lambda: max(user["effects"].get("mute_set", 0) for user in scene.server.users().values()) > 1  # noqa: E731
    wait_until(twice, within_s=60)


RECKLESS = """
import bulkim.fleet.lease as lease
lease.Lease.is_open = lambda self: True
lease.Lease.lose = lambda self: None
"""


def unfence(database) -> None:
    """Every turn is written, whoever holds the run."""
    text = database.one("SELECT pg_get_functiondef('bulkim.turns'::regproc)")
    for before, after in (
        (" AND epoch = epoch_ AND turn = turn_ - 1", ""),
        ("RAISE EXCEPTION '% items were to end, % were pending', x->>'z', n", "NULL"),
        ("AS _(b);", "AS _(b) ON CONFLICT DO NOTHING;"),
    ):
        assert before in text
        text = text.replace(before, after)
    database.query(text)
