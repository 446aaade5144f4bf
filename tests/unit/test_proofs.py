"""Proofs that a declaration may ask for: what is sent, and that nothing of a secret is shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qsl

import pytest

from bulkim.auth.credentials import credential, shown
from bulkim.catalogue.load import load
from bulkim.model import Auth, Call, Credentials, Reply

FILE = """\
provider: 1
name: proofs
label: Proofs
apps: [{keys: [realm], name: "{realm}", target: "{realm}"}]
identity: {pattern: "[a-z]+"}
auth: [AUTH]
envelope: {code: error}
pools: [{name: all, limit: 5}]
errors: []
operations:
  - {name: look, method: GET, path: "/users/{username}", effect: read, pools: [all]}
"""
CALL = Call("POST", "/v1/x", "/v1/x", (("page", "2"), ("name", "a b")), b'{"a":1}')
NOW = 1_700_000_000.5


def made(auth: str, given: Auth, call: Call = CALL) -> tuple[Credentials, Credentials]:
    provider = load(FILE.replace("AUTH", auth), "proofs.yaml")
    connection = provider.connect("https://h.example", {"realm": "r 1"}, given)
    current = credential(connection, provider, draw=lambda _: 7).current(NOW)
    assert current is not None
    return current.sign(call) if current.sign else current, shown(connection, provider)


def test_basic():
    found, seen = made("basic", Auth("password", "bot@x", "se:cret"))
    assert found.headers == (("authorization", "Basic " + base64.b64encode(b"bot@x:se:cret").decode()),)
    assert seen.headers == (("authorization", "Basic ***"),)


def test_a_key_with_a_word_before_it():
    found, seen = made('{api-key: {header: Authorization, prefix: "SSWS "}}', Auth("api_key", "", "k1"))
    assert found.headers == (("authorization", "SSWS k1"),)
    assert seen.headers == (("authorization", "SSWS ***"),)


def test_a_digest_over_secret_nonce_and_time():
    form = """{digest: {algorithm: sha1, over: [secret, nonce, timestamp], headers:
      {App-Key: "{app_key}", Nonce: "{nonce}", Timestamp: "{timestamp}", Signature: "{digest}"}}}"""
    found, seen = made(form, Auth("app_secret", "key1", "s3"))
    digest = hashlib.sha1(b"s371700000000").hexdigest()
    assert found.headers == (
        ("app-key", "key1"), ("nonce", "7"), ("timestamp", "1700000000"), ("signature", digest),
    )  # fmt: skip
    assert dict(seen.headers) == {"app-key": "key1", "nonce": "***", "timestamp": "***", "signature": "***"}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("over: [timestamp-ms, method, path, body], joined: ':'", b'1700000000500:POST:/v1/x:{"a":1}'),
        ("over: [method, target]", b"POST/v1/x?page=2&name=a+b"),
        ("over: [identity, body-md5]", b"key1" + hashlib.md5(b'{"a":1}').hexdigest().encode()),
        ("over: [body-sha256]", hashlib.sha256(b'{"a":1}').hexdigest().encode()),
    ],
)
def test_a_digest_of_the_request_itself(form, text):
    headers = 'headers: {X-Time: "{timestamp_ms}", X-Sign: "v1={digest}"}'
    auth = f"{{digest: {{algorithm: hmac-sha256, encoding: base64, {form}, {headers}}}}}"
    found, _ = made(auth, Auth("app_secret", "key1", "s3"))
    digest = base64.b64encode(hmac.new(b"s3", text, "sha256").digest()).decode()
    assert found.headers == (("x-time", "1700000000500"), ("x-sign", f"v1={digest}"))


def fetched(auth: str) -> tuple[Call, object]:
    provider = load(FILE.replace("AUTH", auth), "proofs.yaml")
    connection = provider.connect("https://h.example", {"realm": "r 1"}, Auth("client_secret", "id&", "s 3"))
    made = credential(connection, provider)
    call = made.needs(NOW)
    assert call is not None
    return call, made


def test_a_token_that_is_fetched_with_a_form():
    call, _ = fetched(
        '{oauth2-client: {path: "/realms/{realm}/token", body: form, scope: "users", audience: "https://a"}}'
    )
    assert (call.method, call.path) == ("POST", "/realms/r%201/token")
    assert dict(parse_qsl(call.body.decode())) == {
        "grant_type": "client_credentials", "client_id": "id&", "client_secret": "s 3", "scope": "users",
        "audience": "https://a",
    }  # fmt: skip


def test_a_token_that_is_fetched_with_basic_and_says_nothing_of_its_life():
    call, made = fetched("{oauth2-client: {path: /oauth/token, body: form, basic: true, life_s: 60}}")
    assert call.headers == (("authorization", "Basic " + base64.b64encode(b"id%26:s+3").decode()),)
    assert dict(parse_qsl(call.body.decode())) == {"grant_type": "client_credentials"}
    assert made.accept(Reply(200, json.dumps({"access_token": "t"}).encode()), NOW) is None
    assert made.current(NOW + 59).headers == (("authorization", "Bearer t"),)
    assert made.current(NOW + 61) is None


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("{digest: {algorithm: sha1, over: [secret], headers: {A: '{nonce}'}}}", "the digest stands in no header"),
        ("{digest: {algorithm: sha1, over: [secret], headers: {A: '{digset}'}}}", "there is no key 'digset' to fill in"),
        ("{oauth2-client: {path: 'https://evil.example/token'}}", "is no path of whole segments"),
        ("{oauth2-client: {path: '/{org}/token'}}", "is no path of whole segments and keys of the app"),
    ],
)  # fmt: skip
def test_a_proof_fills_in_what_it_has(auth, expected):
    from bulkim.errors import InputError

    with pytest.raises(InputError) as raised:
        load(FILE.replace("AUTH", auth), "proofs.yaml")
    assert expected in "\n".join(map(str, raised.value.problems))
