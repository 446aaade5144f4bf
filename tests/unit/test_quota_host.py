"""Places in a quota that processes of one host share."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import time
from contextlib import closing
from itertools import pairwise

import pytest
from support.jobs import at

from bulkim import process, uptime
from bulkim.model import Auth
from bulkim.quota.ledger import (
    FORGOTTEN,
    Block,
    Ledger,
    QuotaUnavailable,
    Rest,
    forget,
    holders,
    owner_of,
    rests,
)

RATES = {"users": (100.0, 98.5)}


def test_places_of_two_ledgers_interleave(tmp_path):
    one, other = (Ledger(tmp_path / "quota.db", "easemob org#app") for _ in range(2))
    now = 50.0
    starts = [
        ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=now).start
        for _ in range(50)
        for ledger in (one, other)
    ]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert min(gaps) > 1 / 98.5 - 1e-9
    assert starts[0] == now
    one.close()
    other.close()


def test_apps_do_not_share(tmp_path):
    one = Ledger(tmp_path / "quota.db", "easemob org#app")
    other = Ledger(tmp_path / "quota.db", "easemob org#other")
    for _ in range(10):
        one.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    assert other.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0).start == 50.0
    one.close()
    other.close()


def test_a_refusal_rests_everybody(tmp_path):
    one, other = (Ledger(tmp_path / "quota.db", "x") for _ in range(2))
    one.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    one.refused(["users"], 57.0)
    assert other.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0).start == 57.0
    one.close()
    other.close()


def test_nested_pools_take_the_slower_ones_places(tmp_path):
    ledger = Ledger(tmp_path / "quota.db", "x")
    rates = {"mass-delete": (30.0, 29.5), "users": (100.0, 98.5)}
    first, second = (ledger.take(rates, 1, shared=1.0, slack_s=0.0, now=50.0) for _ in range(2))
    assert first.gap_s == 1 / 29.5
    assert second.start - first.start >= first.gap_s
    ledger.close()


def test_who_is_alone_may_make_up_for_what_was_overslept(tmp_path):
    one, other = Ledger(tmp_path / "quota.db", "x"), Ledger(tmp_path / "quota.db", "x")
    rates = {"users": (100.0, 100.0)}
    one.take(rates, 1, shared=0.9, slack_s=0.03, now=50.0)
    assert one.take(rates, 1, shared=0.9, slack_s=0.03, now=60.0) == Block(59.97, 0.01, shared=False)
    one._db.execute("UPDATE holder SET pid = 1")  # as if it were another process
    assert other.take(rates, 1, shared=0.9, slack_s=0.03, now=70.0) == Block(70.0, 1 / 90, shared=True)
    one.close()
    other.close()


def test_a_clock_from_before_a_reboot_is_forgotten(tmp_path):
    ledger = Ledger(tmp_path / "quota.db", "x")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=900_000.0)
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=5.0).start == 5.0
    ledger.close()


def _hold(path, ready, go):
    ledger = Ledger(path, "x")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=time.monotonic())
    ready.set()
    go.wait()
    os._exit(1)  # without a word


def test_holders_are_living_processes(tmp_path):
    path = tmp_path / "quota.db"
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(path, ready, go))
    holder.start()
    assert ready.wait(20)
    mine = Ledger(path, "x")
    mine.take(RATES, 3, shared=1.0, slack_s=0.0, now=time.monotonic())
    assert {(each.pid, each.calls) for each in holders(path, now=time.time())} == {
        (holder.pid, 1),
        (os.getpid(), 3),
    }
    go.set()
    holder.join()
    assert [each.pid for each in holders(path, now=time.time())] == [os.getpid()]
    mine.close()
    assert holders(path, now=time.time()) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_vendors_app_is_one_owner_and_every_sandbox_its_own():
    def connection(url):
        return at("easemob", url, Auth("none"), org="o", app="a")

    assert owner_of(connection("https://a1.easemob.com")) == owner_of(connection("https://a61.easemob.com"))
    assert owner_of(connection("http://127.0.0.1:1")) != owner_of(connection("http://127.0.0.1:2"))


@pytest.mark.parametrize("broken", [b"no database at all, but long enough for one\n" * 100, None])
def test_a_broken_ledger_is_put_aside_and_a_new_one_begun(tmp_path, broken):
    path = tmp_path / "quota.db"
    if broken is None:  # a database, but torn
        Ledger(path, "x").close()
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
        broken = path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096)
    path.write_bytes(broken)
    ledger = Ledger(path, "x")
    assert ledger.aside == tmp_path / "quota.db.broken"
    assert ledger.aside.read_bytes()[100:] == broken[100:]
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0).start == 50.0
    ledger.close()
    second = Ledger(path, "x")
    assert second.aside is None, "it is said once"
    second.close()


def test_a_ledger_with_other_tables_is_made_anew(tmp_path):
    with closing(sqlite3.connect(tmp_path / "quota.db")) as db:
        db.execute("CREATE TABLE pool (name TEXT PRIMARY KEY, next_at REAL)")
    ledger = Ledger(tmp_path / "quota.db", "x")
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0).start == 50.0
    ledger.close()


def test_a_locked_ledger_is_not_a_broken_one(tmp_path, monkeypatch):
    path = tmp_path / "quota.db"
    Ledger(path, "x").close()
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs | {"timeout": 0}))
    with closing(connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(QuotaUnavailable, match="locked"):
            Ledger(path, "x")
    assert not (tmp_path / "quota.db.broken").exists()


def test_a_ledger_that_cannot_be_used_says_so_in_its_own_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(QuotaUnavailable):
        Ledger(tmp_path / "file" / "quota.db", "x")
    quota = Ledger(tmp_path / "other.db", "x")
    quota._db.execute("DROP TABLE pool")
    with pytest.raises(QuotaUnavailable):
        quota.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    quota.close()


def test_places_and_rests_of_another_boot_do_not_count(tmp_path, monkeypatch):
    for uptime_s in (2400.0, 3600.0):  # before it, and less ahead than a place may be
        monkeypatch.setattr(uptime, "boot", lambda: "one")
        ledger = Ledger(tmp_path / "quota.db", "x")
        ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=uptime_s)
        ledger.refused(["users"], uptime_s + 500.0)
        ledger.close()
        monkeypatch.setattr(uptime, "boot", lambda: "another")
        ledger = Ledger(tmp_path / "quota.db", "x")
        assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=5.0).start == 5.0
        ledger.close()


def test_a_rest_for_ever_holds_nobody(tmp_path):
    ledger = Ledger(tmp_path / "quota.db", "x")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    ledger.refused(["users"], 1e9)
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=60.0).start < 61.0
    ledger.close()


@pytest.mark.parametrize("column", ["next_at", "rest_until"])
def test_text_where_a_time_belongs_is_replaced(tmp_path, column):
    ledger = Ledger(tmp_path / "quota.db", "x")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    ledger._db.execute(f"UPDATE pool SET {column} = 'x'")
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=60.0).start == 60.0
    ledger.refused(["users"], 70.0)
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=60.0).start == 70.0
    ledger.close()


def test_two_containers_that_count_their_processes_alike_are_two_holders(tmp_path, monkeypatch):
    path = tmp_path / "quota.db"
    one = Ledger(path, "x")
    one.take(RATES, 1, shared=0.9, slack_s=0.0, now=50.0)
    monkeypatch.setattr(process, "identity", lambda _pid: "boot:1:pid:[2]")
    other = Ledger(path, "x")  # the same pid, in another namespace
    assert other.take(RATES, 1, shared=0.9, slack_s=0.0, now=60.0).shared
    monkeypatch.undo()
    assert len(holders(path, now=time.time())) == 2, "who cannot be seen from here is believed for a while"
    other.close()
    assert [each.pid for each in holders(path, now=time.time())] == [os.getpid()]
    assert not one.take(RATES, 1, shared=0.9, slack_s=0.0, now=70.0).shared
    one.close()


@pytest.fixture
def resting(tmp_path):
    """A ledger, and its process that was asked to rest for 300 s at 50."""
    ledger = Ledger(tmp_path / "quota.db", "easemob o#a")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    ledger.refused(["users"], 350.0, 300.0)
    yield ledger
    ledger.close()


def test_where_a_pool_rests_nobody_takes_a_place(resting, tmp_path):
    other = Ledger(tmp_path / "quota.db", "easemob o#a")
    block = other.take(RATES, 5, shared=1.0, slack_s=0.0, now=60.0)
    assert block.rests == {"users": Rest(350.0, 300.0)}
    other.refused(["users"], 61.0)
    assert other.take(RATES, 5, shared=1.0, slack_s=0.0, now=60.0).start == 350.0, (
        "a shorter rest ends no longer one"
    )
    assert other.take(RATES, 1, shared=1.0, slack_s=0.0, now=351.0).start == 351.0
    other.close()


def test_a_rest_is_told_and_forgotten(resting, tmp_path):
    path = tmp_path / "quota.db"
    assert rests(path, now=60.0) == {"easemob o#a users": Rest(350.0, 300.0)}
    assert rests(path, now=351.0) == {}
    assert resting.forgotten({"users": 100.0}) == []
    forget(path, "easemob o#a users")
    assert rests(path, now=60.0) == {}
    assert resting.forgotten({"users": 100.0}) == ["users"]
    assert resting.take(RATES, 1, shared=1.0, slack_s=0.0, now=60.0).start == 60.0, "at once"
    resting.refused(["users"], 65.0, 5.0)
    assert resting.forgotten({"users": 100.0}) == [], "the vendor may ask again"
    assert FORGOTTEN < 0


def test_rests_of_another_boot_are_none(resting, tmp_path, monkeypatch):
    monkeypatch.setattr(uptime, "boot", lambda: "another")
    assert rests(tmp_path / "quota.db", now=60.0) == {}
