"""Agora Chat: the same endpoints at two addresses, with signed tokens and a quota a method."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import zlib

import pytest

from bulkim.sandbox.access_token import SignedTokenError, verify_app_token

from .helpers import AGORA

APP_ID = "970CA35de60c44645bbae8a215061b33"
CERTIFICATE = "5CFd2fd1755d40ecb72977518be15d3b"
# The app token vector of Agora's own library: issued at 1111111, salt 1, 600 seconds.
VECTOR = (
    "007eJxTYNDNaz3snC8huEfHWdz6s98qltq4zqy9fl99Uh0FDvy6F6DAYGlu4OxobJqSamaQbGJiZmKalJSYapFoZGhqYGaYZGzs"
    "/kWAIYKJgYGRAYRZgZgJzGdgAACt8hhr"
)


def text(value: bytes) -> bytes:
    return struct.pack("<H", len(value)) + value


def sign(*, issued, lifetime=600, privilege=2, user=b"", app_id=APP_ID, certificate=CERTIFICATE, service=5):
    salt = 7
    info = text(app_id.encode()) + struct.pack("<IIIH", issued, lifetime, salt, 1)
    info += struct.pack("<HHHI", service, 1, privilege, lifetime) + text(user)
    first = hmac.digest(struct.pack("<I", issued), certificate.encode(), hashlib.sha256)
    signature = hmac.digest(hmac.digest(struct.pack("<I", salt), first, hashlib.sha256), info, hashlib.sha256)
    return "007" + base64.b64encode(zlib.compress(text(signature) + info)).decode()


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def test_the_vector_opens_the_app_for_ten_minutes():
    verify_app_token(VECTOR, APP_ID, CERTIFICATE, now=1111111)
    verify_app_token(VECTOR, APP_ID, CERTIFICATE, now=1111710.9)
    with pytest.raises(SignedTokenError) as expired:
        verify_app_token(VECTOR, APP_ID, CERTIFICATE, now=1111711)
    assert expired.value.expired


def test_no_token_lives_longer_than_a_day():
    token = sign(issued=1000, lifetime=10**6)
    verify_app_token(token, APP_ID, CERTIFICATE, now=1000 + 86399)
    with pytest.raises(SignedTokenError):
        verify_app_token(token, APP_ID, CERTIFICATE, now=1000 + 86400)


@pytest.mark.parametrize("address", [AGORA, f"/app-id/{APP_ID}"])
def test_a_signed_token_opens_both_addresses(offline, address):
    token = sign(issued=int(offline.clock.wall()))
    assert offline.call("GET", f"{address}/users", headers=bearer(token)).status == 200
    offline.clock.pass_s(600)
    refused = offline.call("GET", f"{address}/users", headers=bearer(token))
    assert refused.status == 401
    assert refused.json()["error_description"] == "Unable to authenticate due to expired access token"


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate": "0" * 32},
        {"app_id": "0" * 32},
        {"privilege": 1},
        {"user": b"user1"},
        {"service": 1},
    ],
)
def test_a_token_that_is_not_this_apps(offline, changes):
    token = sign(issued=int(offline.clock.wall()), **changes)
    refused = offline.call("GET", f"{AGORA}/users", headers=bearer(token))
    assert (refused.status, refused.json()["error"]) == (401, "auth_bad_access_token")


@pytest.mark.parametrize("token", ["007", "007!!!!", "007AAAA", VECTOR[:-8]])
def test_a_token_cut_short(offline, token):
    refused = offline.call("GET", f"{AGORA}/users", headers=bearer(token))
    assert (refused.status, refused.json()["error"]) == (401, "auth_bad_access_token")


def test_an_unknown_app_id(offline):
    assert offline.call("GET", "/app-id/nothing/users").status == 404


def test_each_method_has_its_own_quota(offline):
    offline.call("GET", f"{AGORA}/users")
    offline.call("GET", f"{AGORA}/users/u")
    offline.call("POST", f"{AGORA}/users", {"username": "u", "password": "1"})
    offline.call("POST", f"{AGORA}/users", [{"username": "v", "password": "1"}])
    offline.call("POST", f"{AGORA}/users/batch/status", {"usernames": ["u"]})
    offline.call("DELETE", f"{AGORA}/users")
    pools = offline.world.apps["sandbox/agora"].pools
    assert {name: (pool.arrivals, pool.limit) for name, pool in pools.items()} == {
        "list-users": (1, 100),
        "get-user": (1, 100),
        "register": (2, 100),
        "online-status-batch": (1, 50),
        "delete-oldest": (1, 30),
    }


def test_disconnect_answers_as_on_agoras_page(offline):
    answer = offline.call("GET", f"{AGORA}/users/u/disconnect").json()
    assert list(answer) == [
        "uri", "timestamp", "organization", "application", "entities", "action", "data", "duration", "applicationName",
    ]  # fmt: skip
    assert answer["data"] == {"result": True}


def test_passwords_are_measured_in_bytes(offline):
    refused = offline.call("POST", f"{AGORA}/users", {"username": "u", "password": "密" * 22})
    assert refused.json()["error_description"] == "PASSWORD_TOO_LONG"
