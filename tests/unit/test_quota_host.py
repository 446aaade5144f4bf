"""Places in a quota that processes of one host share."""

from __future__ import annotations

import multiprocessing
import os
import stat
import time
from itertools import pairwise

import pytest
from support.jobs import at

from bulkim import uptime
from bulkim.model import Auth
from bulkim.quota.host import HostQuota, holders, owner_of
from bulkim.quota.source import QuotaUnavailable

RATES = {"users": (100.0, 98.5)}


def test_places_of_two_ledgers_interleave(tmp_path):
    one, other = (HostQuota(tmp_path / "quota.db", "easemob org#app") for _ in range(2))
    now = 50.0
    starts = [
        ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=now)[0]
        for _ in range(50)
        for ledger in (one, other)
    ]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert min(gaps) > 1 / 98.5 - 1e-9
    assert starts[0] == now
    one.close()
    other.close()


def test_apps_do_not_share(tmp_path):
    one = HostQuota(tmp_path / "quota.db", "easemob org#app")
    other = HostQuota(tmp_path / "quota.db", "easemob org#other")
    for _ in range(10):
        one.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    assert other.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)[0] == 50.0
    one.close()
    other.close()


def test_a_refusal_rests_everybody(tmp_path):
    one, other = (HostQuota(tmp_path / "quota.db", "x") for _ in range(2))
    one.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    one.refused(["users"], 57.0)
    assert other.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)[0] == 57.0
    one.close()
    other.close()


def test_nested_pools_take_the_slower_ones_places(tmp_path):
    ledger = HostQuota(tmp_path / "quota.db", "x")
    rates = {"mass-delete": (30.0, 29.5), "users": (100.0, 98.5)}
    first, gap, _ = ledger.take(rates, 1, shared=1.0, slack_s=0.0, now=50.0)
    second = ledger.take(rates, 1, shared=1.0, slack_s=0.0, now=50.0)
    assert gap == 1 / 29.5
    assert second.start - first >= gap
    ledger.close()


def test_who_is_alone_may_make_up_for_what_was_overslept(tmp_path):
    one, other = HostQuota(tmp_path / "quota.db", "x"), HostQuota(tmp_path / "quota.db", "x")
    rates = {"users": (100.0, 100.0)}
    one.take(rates, 1, shared=0.9, slack_s=0.03, now=50.0)
    assert one.take(rates, 1, shared=0.9, slack_s=0.03, now=60.0) == (59.97, 0.01, False)
    one._db.execute("UPDATE holder SET pid = 1")  # as if it were another process
    assert other.take(rates, 1, shared=0.9, slack_s=0.03, now=70.0) == (70.0, 1 / 90, True)
    one.close()
    other.close()


def test_a_clock_from_before_a_reboot_is_forgotten(tmp_path):
    ledger = HostQuota(tmp_path / "quota.db", "x")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=900_000.0)
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=5.0)[0] == 5.0
    ledger.close()


def _hold(path, ready, go):
    ledger = HostQuota(path, "x")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=time.monotonic())
    ready.set()
    go.wait()
    os._exit(1)  # without a word


def test_holders_are_living_processes(tmp_path):
    path = tmp_path / "quota.db"
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(path, ready, go))
    process.start()
    assert ready.wait(20)
    mine = HostQuota(path, "x")
    mine.take(RATES, 3, shared=1.0, slack_s=0.0, now=time.monotonic())
    assert {(each.pid, each.calls) for each in holders(path, now=time.time())} == {
        (process.pid, 1),
        (os.getpid(), 3),
    }
    go.set()
    process.join()
    assert [each.pid for each in holders(path, now=time.time())] == [os.getpid()]
    mine.close()
    assert holders(path, now=time.time()) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_vendors_app_is_one_owner_and_every_sandbox_its_own():
    def connection(url):
        return at("easemob", url, Auth("none"), org="o", app="a")

    assert owner_of(connection("https://a1.easemob.com")) == owner_of(connection("https://a61.easemob.com"))
    assert owner_of(connection("http://127.0.0.1:1")) != owner_of(connection("http://127.0.0.1:2"))


def test_a_ledger_that_cannot_be_used_says_so_in_its_own_words(tmp_path):
    (tmp_path / "quota.db").write_text("no database at all, but long enough to be taken for one\n" * 100)
    with pytest.raises(QuotaUnavailable, match="not a database"):
        HostQuota(tmp_path / "quota.db", "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(QuotaUnavailable):
        HostQuota(tmp_path / "file" / "quota.db", "x")
    quota = HostQuota(tmp_path / "other.db", "x")
    quota._db.execute("DROP TABLE pool")
    with pytest.raises(QuotaUnavailable):
        quota.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    quota.close()


def test_places_and_rests_of_another_boot_do_not_count(tmp_path, monkeypatch):
    for uptime_s in (2400.0, 3600.0):  # before it, and less ahead than a place may be
        monkeypatch.setattr(uptime, "boot", lambda: "one")
        ledger = HostQuota(tmp_path / "quota.db", "x")
        ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=uptime_s)
        ledger.refused(["users"], uptime_s + 500.0)
        ledger.close()
        monkeypatch.setattr(uptime, "boot", lambda: "another")
        ledger = HostQuota(tmp_path / "quota.db", "x")
        assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=5.0)[0] == 5.0
        ledger.close()


def test_a_rest_for_ever_holds_nobody(tmp_path):
    ledger = HostQuota(tmp_path / "quota.db", "x")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    ledger.refused(["users"], 1e9)
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=60.0)[0] < 61.0
    ledger.close()


@pytest.mark.parametrize("column", ["next_at", "rest_until"])
def test_text_where_a_time_belongs_is_replaced(tmp_path, column):
    ledger = HostQuota(tmp_path / "quota.db", "x")
    ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=50.0)
    ledger._db.execute(f"UPDATE pool SET {column} = 'x'")
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=60.0)[0] == 60.0
    ledger.refused(["users"], 70.0)
    assert ledger.take(RATES, 1, shared=1.0, slack_s=0.0, now=60.0)[0] == 70.0
    ledger.close()
