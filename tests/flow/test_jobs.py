"""The ready jobs, from their files to what they leave at the vendors: the nightly purge, a retry, a migration."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.jobs import rows
from support.server import APP, APPS

from bulkim.errors import GuardError
from bulkim.jobfile import load
from bulkim.vendors import PROVIDERS
from bulkim.work import runner
from bulkim.work.rehearsal import published

JOBS = Path(__file__).parents[2] / "jobs"
NOW_MS = int(time.time() * 1000)
DAY_MS = 86_400_000


def go(server, tmp_path, name, **changes):
    ready = load(JOBS / f"{name}.yaml", env={}, providers=PROVIDERS, sandbox=published(server.base_url))
    return runner.run(ready, journal=tmp_path / "j.db", **changes)


def there(server, vendor="easemob"):
    return {name for name, user in server.users(APPS[vendor]).items() if user["exists"]}


def test_the_nightly_purge(server, tmp_path):
    old, spared = NOW_MS - 8 * DAY_MS, ["test_keep_1", "admin_1", "anna"]
    server.seed([f"test_{n}" for n in range(120)], created=old)
    server.seed(spared, created=old)
    server.seed(["test_new"], created=NOW_MS - 6 * DAY_MS)
    asked = []
    done = go(server, tmp_path, "purge", confirm=lambda preview: asked.append(preview.to_send))
    assert asked == [120]
    assert (done.exit_code, done.summary["counts"]["succeeded"]) == (0, 120)
    assert done.summary["codes"] == {"protected": 1}
    assert there(server) == {*spared, "test_new"}
    again = go(server, tmp_path, "purge")
    assert (again.exit_code, again.summary["counts"]["succeeded"]) == (0, 0)


def test_a_purge_of_more_than_usual_deletes_nobody(server, tmp_path):
    server.seed(5001, prefix="test_", created=NOW_MS - 8 * DAY_MS)
    with pytest.raises(GuardError, match="5,001 items"):
        go(server, tmp_path, "purge")
    assert len(there(server)) == 5001


def test_a_migration_from_easemob_to_tencent(server, tmp_path):
    server.seed([{"username": f"u{n}", "nickname": f"Nick {n}"} for n in range(230)])
    server.seed(["no.nickname", "n" * 33])
    listed = go(server, tmp_path, "migrate-list")
    assert (listed.exit_code, listed.summary["items"]) == (0, 232)
    moved = go(server, tmp_path, "migrate-register")
    assert moved.summary["counts"]["succeeded"] == 231
    assert moved.summary["codes"]["invalid"] == 1
    assert moved.exit_code == 1  # one name is too long for Tencent
    assert moved.summary["requests"] == 3
    users = server.users(APPS["tencent"])
    assert set(users) == there(server) - {"n" * 33}
    assert (users["u7"]["nickname"], users["no.nickname"]["nickname"]) == ("Nick 7", None)


def test_what_failed_is_done_again(server, tmp_path):
    server.seed(["spam_king"])
    first = go(server, tmp_path, "mute-campaign")
    assert first.summary["counts"]["failed"] == 2
    server.seed(["cheap_watches", "room_flooder"])
    again = go(server, tmp_path, "retry-failed")
    assert (again.exit_code, again.summary["items"]) == (0, 2)
    assert set(rows(tmp_path / "j.db")) == {"cheap_watches", "room_flooder"}
    mutes = server.users(APP)["room_flooder"]["mutes"]
    assert 0 < mutes["chatroom"] <= 3600 < mutes["chat"]


def test_the_list_of_one_vendor_serves_another(server, tmp_path):
    done = go(server, tmp_path, "tencent-import")
    assert (done.exit_code, done.summary["requests"]) == (0, 1)
    assert server.users(APPS["tencent"])["wang.fang"]["nickname"] == "王芳"
    assert not any(b"Sunflower" in part.read_bytes() for part in tmp_path.iterdir())


def test_the_other_vendors_jobs(server, tmp_path):
    server.seed([{"username": "li.wei", "online": True}], app=APPS["agora"])
    assert go(server, tmp_path, "agora-status").exit_code == 0
    assert rows(tmp_path / "j.db")["li.wei"]["data"] == "online"
    server.seed([{"username": "test_0001", "attributes": {"sex": "F", "age": "7"}}], app=APPS["tencent"])
    assert go(server, tmp_path, "tencent-attributes").exit_code == 0
    assert server.users(APPS["tencent"])["test_0001"]["attributes"] == {"age": "7"}
