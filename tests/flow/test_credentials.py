"""Credentials over whole runs: fetched or signed once, renewed in time, and given up before a vendor has to lock us out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.jobs import CERTIFICATE, CLIENT, USER_SIG, job, rows
from support.server import APPS, NO_LIMITS, serving

from bulkim.auth.signatures import SIGNERS
from bulkim.model import Auth, Rate
from bulkim.sandbox import App
from bulkim.vendors import PROVIDERS
from bulkim.work import runner

APP_ID = CERTIFICATE.identity


def names(count):
    return [f"u{n}" for n in range(count)]


def easemob(**changes):
    return App("easemob", org="sandbox", app="demo", client_id="sandbox-client", client_secret="sandbox-secret", **changes)  # fmt: skip


def unauthorized(after, times):
    return {
        "match": {"operation": "get-user"},
        "after": after,
        "times": times,
        "do": {"error": {"http": 401, "error": "unauthorized", "description": "token is illegal."}},
    }


def ask(server, tmp_path, count, auth=CLIENT, **changes):
    vendor = changes.get("provider", "easemob")
    server.seed(count, app=APPS[vendor])
    asking = job("get-user", server.base_url, names(count), auth=auth, **changes)
    return runner.run(asking, journal=tmp_path / "j.db")


# ------------------------------------------------------------------------------- Easemob: fetched tokens


def test_one_fetch_for_many_in_flight(server, tmp_path):
    server.latency(0.05)
    done = ask(server, tmp_path, 120)
    assert done.summary["counts"]["succeeded"] == 120
    assert server.stats()["token_fetches"] == 1


def test_a_run_longer_than_a_tokens_life_does_not_notice(tmp_path):
    with serving(apps=(easemob(token_ttl_s=2),), limits=NO_LIMITS) as server:
        done = ask(server, tmp_path, 110, rate=Rate(limit=40))
        fetches, errors = server.stats()["token_fetches"], server.stats()["errors"]
    assert done.summary["counts"]["succeeded"] == 110
    assert fetches >= 2
    assert errors.get("unauthorized", 0) <= 2  # what was under way when it expired
    assert {row["attempts"] for row in rows(tmp_path / "j.db").values()} == {1}


def test_a_401_fetches_once_however_many_calls_were_under_way(server, tmp_path):
    server.latency(0.05)
    server.faults(unauthorized(after=20, times=8))
    done = ask(server, tmp_path, 80)
    assert done.summary["counts"]["succeeded"] == 80
    assert server.stats()["token_fetches"] == 2
    assert {row["attempts"] for row in rows(tmp_path / "j.db").values()} == {1}


def test_a_late_401_does_not_burn_the_new_token(server, tmp_path):
    """One call of the old token is answered long after the others."""
    slow = {"match": {"operation": "get-user", "user": "u9"}, "times": 1, "do": {"delay": 0.3}}
    server.latency(0.02)
    late = {**unauthorized(after=0, times=1), "match": {"operation": "get-user", "user": "u9"}}
    server.faults(slow, late, unauthorized(after=8, times=1))
    done = ask(server, tmp_path, 60)
    assert done.summary["counts"]["succeeded"] == 60
    assert server.stats()["token_fetches"] == 2


def test_a_token_that_is_revoked_again_and_again_is_replaced(server, tmp_path):
    server.faults(*(unauthorized(after=after, times=1) for after in (10, 30, 50)))
    done = ask(server, tmp_path, 80, concurrency=1)
    assert done.summary["counts"]["succeeded"] == 80
    assert server.stats()["token_fetches"] == 4


def test_new_tokens_that_are_refused_too_stop_the_run(server, tmp_path):
    server.faults(unauthorized(after=0, times=100))
    server.latency(0.1)
    done = ask(server, tmp_path, 60, concurrency=4)
    assert (done.exit_code, done.summary["state"]) == (6, "stopped")
    assert done.summary["counts"]["pending"] == 60
    assert server.stats()["token_fetches"] == 2
    assert done.summary["requests"] == 2


def test_a_wrong_secret_is_tried_twice(server, tmp_path):
    done = ask(server, tmp_path, 5, Auth("client_secret", "sandbox-client", "wrong"))
    assert done.exit_code == 6
    assert server.stats()["operations"] == {"token": 2}


def test_a_ready_token_that_is_refused_cannot_be_renewed(server, tmp_path):
    done = ask(server, tmp_path, 60, Auth("token", secret="not-a-token"), concurrency=4)
    assert done.exit_code == 6
    assert server.stats()["operations"]["get-user"] == 1


def test_milliseconds_of_one_cluster_are_understood(tmp_path):
    with serving(apps=(easemob(),), quirks=frozenset({"ttl-milliseconds"})) as server:
        done = ask(server, tmp_path, 10)
        assert server.stats()["token_fetches"] == 1
    assert done.exit_code == 0


def test_secrets_and_tokens_stay_out_of_the_journal(server, tmp_path):
    ask(server, tmp_path, 5)
    for part in tmp_path.iterdir():
        content = part.read_bytes()
        assert b"sandbox-secret" not in content
        assert b"YWMt" not in content


# ------------------------------------------------------------------------------------ open registration


def test_open_registration_is_one_user_a_request_without_a_header(tmp_path):
    with serving(apps=(easemob(open_registration=True),)) as server:
        users = [{"username": name, "password": "1"} for name in names(5)]
        registering = job("register", server.base_url, users, auth=Auth("none"))
        done = runner.run(registering, journal=tmp_path / "j.db")
        assert server.stats()["register_sizes"] == {"1": 5}
    assert done.summary["counts"]["succeeded"] == 5


def test_registration_that_is_not_open_stops_the_run(server, tmp_path):
    users = [{"username": name, "password": "1"} for name in names(30)]
    registering = job("register", server.base_url, users, auth=Auth("none"), concurrency=4)
    done = runner.run(registering, journal=tmp_path / "j.db")
    assert done.exit_code == 6
    assert server.stats()["operations"]["register"] <= 4
    assert server.stats()["effects"] == {}


# ------------------------------------------------------------------------ Agora and Tencent: signed here


@pytest.mark.parametrize(
    "where",
    [{"org": "sandbox", "app": "agora"}, {"org": None, "app": None, "app_id": APP_ID}],
    ids=["org-app", "app-id"],
)
def test_a_007_token_opens_both_addresses(server, tmp_path, where):
    done = ask(server, tmp_path, 10, CERTIFICATE, provider="agora", **where)
    assert done.summary["counts"]["succeeded"] == 10
    assert server.stats(APPS["agora"])["token_fetches"] == 0


def signatures(monkeypatch, name, **changes):
    """The different signatures that an algorithm makes from now on; `changes` are the algorithm's."""
    made = set()
    signer = SIGNERS[name]

    def signed(signing):
        text = signer.sign(signing)
        made.add(text)
        return text

    monkeypatch.setitem(SIGNERS, name, replace(signer, sign=signed, **changes))
    return made


LIVES = {"agora": ("agora-access-token2", CERTIFICATE), "tencent": ("tencent-usersig", USER_SIG)}


@pytest.mark.parametrize("vendor", [pytest.param("agora", marks=pytest.mark.slow), "tencent"])
def test_a_run_longer_than_a_signatures_life_signs_anew(server, tmp_path, monkeypatch, vendor):
    name, auth_of_it = LIVES[vendor]
    made = signatures(monkeypatch, name, life_s=2)
    done = ask(server, tmp_path, 100, auth_of_it, provider=vendor, rate=Rate(limit=40), batch=1)
    assert done.summary["counts"]["succeeded"] == 100
    assert len(made) >= 2


@pytest.mark.parametrize("latency_s", [0, 0.3])
def test_a_wrong_certificate_stops_the_run_after_two_tries(server, tmp_path, monkeypatch, latency_s):
    server.latency(latency_s)
    made = signatures(monkeypatch, "agora-access-token2")
    wrong = Auth("app_certificate", APP_ID, "0" * 32)
    done = ask(server, tmp_path, 60, wrong, provider="agora")
    assert done.exit_code == 6
    assert len(made) <= 2
    assert done.summary["counts"]["pending"] == 60
    assert server.stats(APPS["agora"])["operations"]["get-user"] == 2


def test_a_wrong_secret_key_stops_the_run_at_once(server, tmp_path):
    """70009: it is another app's key, and signing again would not change that."""
    wrong = Auth("secret_key", "administrator", "wrong")
    done = ask(server, tmp_path, 60, wrong, provider="tencent", batch=1, concurrency=4)
    assert (done.exit_code, done.summary["counts"]["pending"]) == (6, 60)
    assert done.summary["codes"] == {}
    assert server.stats(APPS["tencent"])["operations"]["get-user"] == 1


def test_a_wrong_identifier_stops_the_run_at_once(server, tmp_path):
    wrong = Auth("secret_key", "somebody", "sandbox-secret-key")
    done = ask(server, tmp_path, 60, wrong, provider="tencent", batch=1, concurrency=4)
    assert done.exit_code == 6
    assert server.stats(APPS["tencent"])["operations"]["get-user"] == 1


def usersig_fault(code, times, after=0):
    return {
        "match": {"operation": "get-user"},
        "after": after,
        "times": times,
        "do": {"error": {"ErrorCode": code, "ErrorInfo": "no"}},
    }


def test_an_expired_usersig_is_signed_anew(server, tmp_path, monkeypatch):
    made = signatures(monkeypatch, "tencent-usersig")
    server.latency(0.05)  # so that all three are under way
    server.faults(usersig_fault(70001, 3, after=10))
    done = ask(server, tmp_path, 40, USER_SIG, provider="tencent", batch=1)
    assert done.summary["counts"]["succeeded"] == 40
    assert len(made) == 2


@pytest.fixture
def short_minute(monkeypatch):
    """70050's minute, shortened in the table that the client reads."""
    tencent = PROVIDERS["tencent"]
    (rule,) = [each for each in tencent.errors if each.code == "70050"]
    assert rule.wait_s == 60
    before = rule.wait_s
    object.__setattr__(rule, "wait_s", 0.5)
    yield
    object.__setattr__(rule, "wait_s", before)


def test_a_lock_is_waited_out_once(server, tmp_path, short_minute):
    server.faults(usersig_fault(70050, 1))
    done = ask(server, tmp_path, 10, USER_SIG, provider="tencent", batch=1, concurrency=1)
    assert done.summary["counts"]["succeeded"] == 10
    first, second = (each["arrived"] for each in server.requests("get-user")[:2])
    assert second - first >= 0.5


def test_a_lock_that_stays_stops_the_run_without_hammering(server, tmp_path, short_minute):
    server.faults(usersig_fault(70050, 1000))
    done = ask(server, tmp_path, 100, USER_SIG, provider="tencent", batch=1, concurrency=4)
    assert (done.exit_code, done.summary["counts"]["pending"]) == (6, 100)
    assert server.stats(APPS["tencent"])["operations"]["get-user"] == 2
