"""No URL but the operation's template filled with that one id."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.jobs import anywhere, at

from bulkim.codec import encode
from bulkim.model import Auth, Item
from bulkim.transport import fills
from bulkim.vendors import PROVIDERS

CONNECTIONS = {name: anywhere(name) for name in PROVIDERS} | {
    "agora": at("agora", "https://h", Auth("token", secret="x"), app_id="0" * 32)
}
IN_PATH = [
    pytest.param(vendor, operation, id=f"{vendor.name}-{operation.name}")
    for vendor in PROVIDERS.values()
    for operation in vendor.operations
    if operation.paging is None and "{username}" in operation.path
]
TRAPS = st.sampled_from(
    [
        "",
        ".",
        "..",
        "a/b",
        "/",
        "x?limit=100",
        "%2e%2e",
        "%2E",
        "a#b",
        "a;b",
        "..%2f",
        "\\",
        "\x00",
        "é",
        "\ud800",
    ]
)
TEXT = st.one_of(TRAPS, st.text(max_size=20), st.text(alphabet="./%2eE?#\\;@:", max_size=8))


@pytest.mark.parametrize(("vendor", "operation"), IN_PATH)
@settings(max_examples=60)
@given(name=TEXT)
def test_an_id_is_one_segment_or_nothing_is_built(vendor, operation, name):
    item = Item(
        1, name, name, {"username": name, "message_id": "7", "password": "x", "attributes": {"a": "b"}}
    )
    try:
        call = encode(vendor, operation, CONNECTIONS[vendor.name], (item,))
    except ValueError:  # half a surrogate pair is one, too
        return
    if not fills(call.template, call.path):
        return  # the transport refuses it
    template, path = call.template.split("/"), call.path.split("/")
    assert len(template) == len(path)
    assert unquote(path[template.index("{username}")]) == name
    parts = urlsplit("https://h" + call.path)
    assert (parts.path, parts.query, parts.fragment) == (call.path, "", "")


@settings(max_examples=300)
@given(TEXT)
def test_only_one_harmless_segment_fills_a_place(raw):
    if fills("/o/a/users/{username}", f"/o/a/users/{raw}"):
        assert raw
        assert not set(raw) & set("/?#\\;")
        assert raw.isascii()
        assert raw.isprintable()
        assert unquote(raw) not in {".", ".."}


@pytest.mark.parametrize(
    "path",
    ["/o/a/users", "/o/a/users/", "/o/a/users/.", "/o/a/users/..", "/o/a/users/%2e%2e", "/o/a/users/%2E.", "/o/a/users/a/b",
     "/o/a/users/a?limit=100", "/o/a/users/a#", "/o/a/user/a", "/o/b/../a/users/a", "//o/a/users/a", "/o/a/users/a/"],
)  # fmt: skip
def test_what_is_not_the_template_is_refused(path):
    assert not fills("/o/a/users/{username}", path)


@pytest.mark.parametrize("name", ["u", "a b", "a/b", "é", "x?y", "a%2fb", "..."])
def test_what_is_quoted_whole_passes(name):
    assert fills("/o/a/users/{username}", f"/o/a/users/{quote(name, safe='')}")
