"""A database that will not write, or that has forgotten; and workers of another version than it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.here import bulkim_here
from support.processes import wait_until

from bulkim.errors import GuardError
from bulkim.fleet import schema
from bulkim.fleet.database import away, connected
from bulkim.fleet.journal import Store
from bulkim.fleet.listing import ListingJournal

from .planted import held, loop, plant, there
from .test_faults import at_work, begun

slow = pytest.mark.slow


def still(scene, seconds: float = 2.5) -> bool:
    before = scene.done()
    time.sleep(seconds)
    return scene.done() == before


# ------------------------------------------------------------------------------------- it will not write


@contextmanager
def read_only(database):
    """As after a failover to a standby: connections are closed, and new ones may only read."""
    hang_up = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    database.query(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    database.query(hang_up)
    yield
    database.admin(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
    database.query(hang_up)


@slow
def test_a_read_only_database_is_waited_for_and_nothing_is_sent_meanwhile(scene):
    run, names = begun(scene, users=200, limit=50)
    scene.hand()
    at_work(scene, 40)
    with read_only(scene.database):
        wait_until(lambda: still(scene))
        assert scene.done() < len(names)
    scene.until(run)
    scene.compare(run, names)


@slow
def test_one_that_stays_so_ends_the_run_which_can_be_resumed(scene, monkeypatch):
    monkeypatch.setattr("bulkim.fleet.journal.UNWRITABLE_S", 1.0)
    run, names = begun(scene, users=200, limit=50)
    scene.hand()
    at_work(scene, 40)
    with read_only(scene.database):
        time.sleep(4)
        assert still(scene)
    scene.until(run, "stopped")
    why = scene.fleet("status", "--json").json["runs"][0]["why"]
    assert why.startswith("the journal cannot be written: cannot execute")
    assert scene.fleet("watch", run).code == 4
    assert scene.fleet("resume", run).code == 0
    scene.until(run)
    scene.compare(run, names)


def test_a_listing_waits_for_a_database_that_will_not_write_but_not_for_ever(database, monkeypatch):
    run_id, refused = plant(database, "r1"), threading.Event()

    def heard(error):
        refused.set()
        return away(error)

    def ask_for_a_page():
        journal.begin_page(now=4.0)
        journal.durable()

    monkeypatch.setattr("bulkim.fleet.database.away", heard)
    store = Store(database.dsn)
    journal = ListingJournal(store, loop(), held(database, run_id, "w"))
    with ThreadPoolExecutor(1) as session:
        with read_only(database):
            asking = session.submit(ask_for_a_page)
            assert refused.wait(60)
        asking.result(60)
    assert database.query("SELECT mode FROM bulkim.attempt") == [("page",)]
    monkeypatch.setattr("bulkim.fleet.journal.UNWRITABLE_S", 0.0)
    with read_only(database):
        ask_for_a_page()
        with pytest.raises(GuardError, match="the journal cannot be written: cannot execute"):
            journal.begin_page(now=5.0)
    there(store.close())


@pytest.fixture
def small_disk(own_scene):
    """A fleet whose calls are written to a disk of two megabytes."""
    folder, there = own_scene.database.server.folder / "small", own_scene.database.server.data.stat()
    folder.mkdir()
    options = f"size=2m,mode=0700,uid={there.st_uid},gid={there.st_gid}"
    mounted = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        own_scene.database.query(f"CREATE TABLESPACE small LOCATION '{folder}'")
        own_scene.database.query("ALTER TABLE bulkim.attempt SET TABLESPACE small")
        yield own_scene, folder / "filling"
    finally:
        own_scene.close()
        own_scene.database.server.kill()
        subprocess.run(["umount", str(folder)], check=False)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as one, suppress(OSError):
        while True:
            one.write(bytes(4096))


@slow
def test_a_full_disk_is_waited_for_and_nothing_is_sent_meanwhile(small_disk):
    scene, filling = small_disk
    run, names = begun(scene, users=400, limit=50)
    scene.hand()
    at_work(scene, 20)
    fill(filling)
    wait_until(lambda: still(scene))
    assert scene.done() < len(names)
    filling.unlink()
    scene.until(run)
    scene.compare(run, names)


# --------------------------------------------------------------------------------------- it has forgotten


@slow
def test_a_copy_of_yesterday_is_not_gone_on_from(own_scene):
    """As after a failover to a standby that was behind: what was acknowledged is not there. The run stops, and says so."""
    scene, server = own_scene, own_scene.database.server
    run, names = begun(scene, users=600)
    scene.hand()
    at_work(scene, 40)
    server.stop()
    kept = server.copy()
    server.start()
    at_work(scene, 120)
    server.stop()
    server.put_back(kept)
    server.start()
    scene.until(run, "stopped")
    assert "the database went back in time" in scene.fleet("status", "--json").json["runs"][0]["why"]
    assert still(scene)
    assert max(user["effects"].get("mute_set", 0) for user in scene.server.users().values()) == 1
    assert scene.done() < len(names)


# -------------------------------------------------------------------------------------- of another version


def test_a_database_of_version_1_is_brought_up_under_those_who_use_it(no_fleet, monkeypatch):
    with connected(no_fleet.dsn) as connection:
        connection.execute("CREATE SCHEMA bulkim")
        connection.execute(schema.scripts()[0])
        connection.execute("INSERT INTO bulkim.meta VALUES (1, 1, 7, 2)")
        share = "SELECT bulkim.share('p', 'h', 10, 1.3, 10, %s, %s, 10, true, NULL)"
        assert connection.execute(share, (1, 0)).fetchone() == (10,)
        monkeypatch.setenv("BULKIM_FLEET", no_fleet.dsn)
        assert "is at version 1 of 2" in bulkim_here("fleet", "status").err
        ended = bulkim_here("fleet", "init")
        assert (ended.code, "brought from version 1 to 2" in ended.err) == (0, True), ended.err
        assert connection.execute(share, (2, 10)).fetchone() == (10,), "on the connection that it had"
    assert no_fleet.query("SELECT version, lease_s, holder FROM bulkim.meta, bulkim.holder") == [
        (2, 7.0, "h")
    ]


def test_a_newer_database_that_allows_it_is_worked_with(scene):
    scene.database.query("UPDATE bulkim.meta SET version = version + 1")
    run, names = begun(scene, users=5)
    scene.hand()
    scene.until(run)
    scene.compare(run, names)
    assert "version 3" in scene.fleet("init").err


@pytest.mark.slow
def test_a_worker_that_is_too_old_gives_its_runs_back_and_ends(scene):
    run, _ = begun(scene, users=600)
    hand = scene.hand()
    at_work(scene, 5)
    scene.database.query("UPDATE bulkim.meta SET version = 9, minimum = 9")
    wait_until(lambda: scene.state(run) == "queued")
    hand._thread.join(20)
    assert hand.code == 75
    ended = scene.fleet("status")
    assert (ended.code, "a newer bulkim has made this fleet (version 9" in ended.err) == (3, True)


def test_the_number_of_scripts_is_the_newest_version(database):
    assert len(schema.scripts()) == schema.KNOWN == database.one("SELECT version FROM bulkim.meta")
    assert plant(database, "r1") > 0
