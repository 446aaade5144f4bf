"""Signatures against the vendors' own, and credentials over their lives."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
import TLSSigAPIv2
from hypothesis import given
from hypothesis import strategies as st
from support.jobs import at

from bulkim.auth.credentials import credential as credential_at
from bulkim.auth.signatures import DAY_S, access_token2_app, usersig
from bulkim.errors import GuardError, RefusedError
from bulkim.model import Auth, Connection, Credentials, Fault, Reply
from bulkim.vendors import provider

APP_ID = "970CA35de60c44645bbae8a215061b33"
CERTIFICATE = "5CFd2fd1755d40ecb72977518be15d3b"
# From the test of AccessToken2 in Agora's DynamicKey tools: app privilege, 600 s.
VECTOR = (
    "007eJxTYNDNaz3snC8huEfHWdz6s98qltq4zqy9fl99Uh0FDvy6F6DAYGlu4OxobJqSamaQbGJiZmKalJSYapFoZGhqYGaYZGzs/kWAIYKJgYGRAYRZ"
    "gZgJzGdgAACt8hhr"
)
URL = "https://h.example"


def credential(connection, **options):
    return credential_at(connection, provider(connection.provider), **options)


NOW = 1_795_255_200.0


def inflated(token):
    """Different builds of zlib compress differently; what is inside is what counts."""
    assert token.startswith("007")
    return zlib.decompress(base64.b64decode(token[3:]))


# ------------------------------------------------------------------------------------- signatures


def test_agoras_own_vector():
    token = access_token2_app(APP_ID, CERTIFICATE, issued_at=1111111, expire_s=600, salt=1)
    assert inflated(token) == inflated(VECTOR)


def test_agora_grants_a_day_at_most():
    day = access_token2_app(APP_ID, CERTIFICATE, issued_at=1, expire_s=DAY_S, salt=1)
    assert access_token2_app(APP_ID, CERTIFICATE, issued_at=1, expire_s=10 * DAY_S, salt=1) == day


@pytest.mark.parametrize(
    ("app_id", "certificate", "culprit"),
    [
        ("", CERTIFICATE, "app_id"),
        (APP_ID[:-1] + "g", CERTIFICATE, "app_id"),
        (APP_ID, "x", "app_certificate"),
    ],
)
def test_an_id_that_agora_would_answer_with_nothing(app_id, certificate, culprit):
    with pytest.raises(RefusedError, match=f"^{culprit} is not 32 hexadecimal digits"):
        access_token2_app(app_id, certificate, issued_at=1, expire_s=1, salt=1)


@given(
    st.integers(1, 2**32 - 1),
    st.text(min_size=1),
    st.text(min_size=1),
    st.integers(1, 2**31),
    st.integers(1, 2**31),
)
def test_tencents_own_library_signs_alike(app_id, identifier, key, issued_at, expire_s):
    identifier, key = identifier.encode("utf-8", "ignore").decode(), key.encode("utf-8", "ignore").decode()
    theirs = TLSSigAPIv2.TLSSigAPIv2(app_id, key)
    patched = pytest.MonkeyPatch()
    patched.setattr(TLSSigAPIv2.time, "time", lambda: issued_at)
    try:
        expected = theirs.gen_sig(identifier, expire_s)
    finally:
        patched.undo()
    ours = usersig(app_id, identifier, key, issued_at=issued_at, expire_s=expire_s)
    assert ours == expected
    assert set("+/=") & set(ours) == set()


# ------------------------------------------------------------------------------------ credentials


def headers(credentials):
    return dict(credentials.headers)


def test_a_ready_token():
    token = credential(at("easemob", URL, Auth("token", secret="t"), org="o", app="a"))
    assert token.needs(NOW) is None
    assert headers(token.current(NOW)) == {"authorization": "Bearer t"}
    with pytest.raises(RefusedError, match="refused the token"):
        token.refused(token.current(NOW), NOW)


def test_open_registration_sends_nothing():
    nobody = credential(at("easemob", URL, Auth("none"), org="o", app="a"))
    assert nobody.current(NOW) == Credentials()
    with pytest.raises(RefusedError, match="without credentials"):
        nobody.refused(nobody.current(NOW), NOW)


def client():
    return credential(at("easemob", URL, Auth("client_secret", "id", "s3cret"), org="o", app="a"))


def granted(token="YWMt1", expires_in=3600):
    return Reply(
        200, json.dumps({"access_token": token, "expires_in": expires_in, "application": "uuid"}).encode()
    )


def test_a_token_is_fetched_with_client_credentials():
    fetched = client()
    call = fetched.needs(NOW)
    assert (call.method, call.path, call.template) == ("POST", "/o/a/token", "/{org}/{app}/token")
    assert json.loads(call.body) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "s3cret",
    }
    assert "s3cret" not in repr(call) + repr(fetched)
    assert fetched.current(NOW) is None
    assert fetched.accept(granted(), NOW) is None
    assert headers(fetched.current(NOW)) == {"authorization": "Bearer YWMt1"}
    assert fetched.needs(NOW) is None


def test_a_token_is_renewed_before_it_expires_and_serves_meanwhile():
    fetched = client()
    fetched.accept(granted(expires_in=3600), NOW)
    assert fetched.needs(NOW + 3299) is None
    assert fetched.needs(NOW + 3300) is not None
    assert fetched.current(NOW + 3599) is not None
    assert fetched.current(NOW + 3600) is None


@pytest.mark.parametrize(
    ("expires_in", "alive_at", "renewed_at"),
    [
        (5_184_000_000, 5_183_000, 5_184_000),  # milliseconds: 60 days
        (0, 300 * DAY_S, 366 * DAY_S),  # for ever
        (None, 300 * DAY_S, 366 * DAY_S),
        (1e-9, 0.5, 1),
        (float("inf"), 300 * DAY_S, 366 * DAY_S),
    ],
)
def test_an_implausible_life(expires_in, alive_at, renewed_at):
    fetched = client()
    fetched.accept(granted(expires_in=expires_in), NOW)
    assert fetched.needs(NOW + alive_at) is None
    assert fetched.needs(NOW + renewed_at) is not None


def test_a_refused_token_is_replaced_once():
    fetched = client()
    fetched.accept(granted("YWMt1"), NOW)
    first = fetched.current(NOW)
    fetched.refused(first, NOW + 5)
    assert fetched.current(NOW + 5) is None
    fetched.accept(granted("YWMt2"), NOW + 6)
    second = fetched.current(NOW + 6)
    fetched.refused(first, NOW + 7)  # a straggler: the token was replaced already
    assert fetched.current(NOW + 7) == second
    with pytest.raises(RefusedError, match="refused new credentials as well"):
        fetched.refused(second, NOW + 8)


def test_a_token_that_was_accepted_may_be_refused_again_soon_but_not_for_ever():
    fetched = client()
    for second in range(11):
        fetched.accept(granted(f"YWMt{second}"), NOW + second)
        token = fetched.current(NOW + second)
        fetched.accepted(token)
        if second < 10:
            fetched.refused(token, NOW + second)
    with pytest.raises(RefusedError, match="keeps refusing"):
        fetched.refused(token, NOW + 11)


def test_an_old_tokens_success_says_nothing_of_the_new_one():
    fetched = client()
    fetched.accept(granted("YWMt1"), NOW)
    first = fetched.current(NOW)
    fetched.refused(first, NOW + 5)
    fetched.accept(granted("YWMt2"), NOW + 6)
    fetched.accepted(first)
    with pytest.raises(RefusedError, match="refused new credentials as well"):
        fetched.refused(fetched.current(NOW + 7), NOW + 7)


def test_a_short_life_is_believed():
    fetched = client()
    fetched.accept(granted(expires_in=2), NOW)
    assert fetched.needs(NOW + 1.7) is None
    assert fetched.needs(NOW + 1.8) is not None


def test_a_token_may_be_refused_every_now_and_then():
    fetched = client()
    for hour in range(5):
        now = NOW + hour * 3600
        fetched.accept(granted(f"YWMt{hour}", expires_in=DAY_S), now)
        fetched.refused(fetched.current(now), now + 3000)
        assert fetched.needs(now + 3000) is not None


def test_a_fetch_is_refused_twice_at_most():
    fetched = client()
    refusal = Reply(
        400, b'{"error":"invalid_grant","error_description":"client_secret s3cret does not match"}'
    )
    assert fetched.accept(refusal, NOW) == 1.0
    assert fetched.needs(NOW) is not None
    with pytest.raises(RefusedError, match=r"client_secret \*\*\* does not match"):
        fetched.accept(refusal, NOW + 1)


@pytest.mark.parametrize(
    "lost",
    [
        Fault("connection", "connection refused", sent=False),
        Reply(502, b"<html>"),
        Reply(429, b"{}"),
        Reply(200, b"[]"),
        Reply(200, b'{"access_token": ""}'),
        Reply(200, b"<html>"),
    ],
)
def test_a_fetch_without_an_answer_is_tried_again_for_a_while(lost):
    fetched = client()
    assert [fetched.accept(lost, NOW) for _ in range(5)] == [1, 2, 4, 8, 16]
    with pytest.raises(GuardError, match="no token could be fetched"):
        fetched.accept(lost, NOW)


def test_a_lost_fetch_is_forgotten_after_a_good_one():
    fetched = client()
    fetched.accept(Reply(502, b""), NOW)
    fetched.accept(granted(), NOW)
    assert fetched.accept(Reply(502, b""), NOW) == 1


def test_agora_signs_anew_before_a_day_is_over():
    connection = at("agora", URL, Auth("app_certificate", APP_ID, CERTIFICATE), org="o", app="a")
    signed = credential(connection, draw=lambda bits: 7)
    first = signed.current(NOW)
    assert headers(first)["authorization"].startswith("Bearer 007")
    assert signed.current(NOW + DAY_S - 301) == first
    assert signed.current(NOW + DAY_S - 300) != first
    assert signed.needs(NOW) is None


def tencent(draw=lambda bits: 99):
    auth = Auth("secret_key", "admin", "key")
    return credential(at("tencent", URL, auth, sdk_app_id=1400000000), draw=draw)


def test_tencent_signs_into_the_query_and_draws_a_number_a_request():
    numbers = iter([1, 2])
    signed = tencent(lambda bits: next(numbers))
    first, second = dict(signed.current(NOW).query), dict(signed.current(NOW).query)
    assert list(first) == ["sdkappid", "identifier", "usersig", "random", "contenttype"]
    assert (first["random"], second["random"]) == ("1", "2")
    assert (
        first["usersig"]
        == second["usersig"]
        == usersig(1400000000, "admin", "key", issued_at=int(NOW), expire_s=DAY_S)
    )
    assert first["usersig"] not in repr(signed) + repr(signed.current)


def test_a_refused_signature_is_made_again_once():
    signed = tencent()
    signed.refused(signed.current(NOW), NOW + 1)
    again = signed.current(NOW + 1)
    with pytest.raises(RefusedError, match="new credentials as well"):
        signed.refused(again, NOW + 2)


def test_a_signature_of_the_same_second_is_another_one():
    signed = tencent()
    first, straggler = signed.current(NOW), signed.current(NOW)
    signed.refused(first, NOW + 0.1)
    second = signed.current(NOW + 0.1)
    assert dict(first.query)["usersig"] != dict(second.query)["usersig"]
    signed.refused(straggler, NOW + 0.2)
    assert dict(signed.current(NOW + 0.2).query)["usersig"] == dict(second.query)["usersig"]


def test_tencent_needs_its_app():
    auth = Auth("secret_key", "admin", "key")
    with pytest.raises(RefusedError, match="sdk_app_id"):
        credential(Connection("tencent", URL, auth)).current(NOW)
