"""Which proxy the environment names: every form that curl takes, and beside the real curl where there is one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.transport.proxies import ProxyVariableError, proxy_for

NAME = "http://vendor.test:18080"
SECURE = "https://vendor.test:18441"
ADDRESS = "http://192.0.2.7:18080"
P = "127.0.0.9:3128"  # nobody listens there

# Variables, a URL, and the proxy's host and port (None: there is none). Compared with curl.
CHOSEN = [
    ({}, SECURE, None),
    ({"https_proxy": f"http://{P}"}, SECURE, P),
    ({"HTTPS_PROXY": f"http://{P}"}, SECURE, P),
    ({"https_proxy": f"http://{P}", "HTTPS_PROXY": "http://127.0.0.10:1"}, SECURE, P),
    ({"https_proxy": "", "HTTPS_PROXY": f"http://{P}"}, SECURE, P),
    ({"http_proxy": f"http://{P}"}, SECURE, None),
    ({"http_proxy": f"http://{P}"}, NAME, P),
    ({"HTTP_PROXY": f"http://{P}"}, NAME, None),
    ({"https_proxy": f"http://{P}"}, NAME, None),
    ({"all_proxy": f"http://{P}"}, SECURE, P),
    ({"ALL_PROXY": f"http://{P}"}, NAME, P),
    ({"all_proxy": f"http://{P}", "ALL_PROXY": "http://127.0.0.10:1"}, NAME, P),
    ({"all_proxy": "http://127.0.0.10:1", "https_proxy": f"http://{P}"}, SECURE, P),
    # forms
    ({"https_proxy": P}, SECURE, P),
    ({"https_proxy": "127.0.0.9"}, SECURE, "127.0.0.9:1080"),
    ({"https_proxy": "http://127.0.0.9"}, SECURE, "127.0.0.9:1080"),
    ({"https_proxy": "https://127.0.0.9"}, SECURE, "127.0.0.9:443"),
    ({"https_proxy": f"https://{P}"}, SECURE, P),
    ({"https_proxy": f"http://{P}/"}, SECURE, P),
    ({"https_proxy": f"http://{P}/some/path"}, SECURE, P),
    ({"https_proxy": f"HTTP://{P}"}, SECURE, P),
    ({"https_proxy": f"http://me:p%40ss@{P}"}, SECURE, P),
    ({"https_proxy": f"me:p@{P}"}, SECURE, P),
    ({"https_proxy": "[::1]:3128"}, SECURE, "::1:3128"),
    ({"all_proxy": f"socks5://{P}"}, SECURE, P),
    ({"all_proxy": f"socks5h://{P}"}, SECURE, P),
    ({"all_proxy": "socks5://127.0.0.9"}, SECURE, "127.0.0.9:1080"),
    ({"all_proxy": f"socks://{P}/"}, SECURE, P),
    # exceptions
    *(
        ({"https_proxy": P, "http_proxy": P, "no_proxy": excepted}, url, chosen)
        for excepted, url, chosen in [
            ("*", SECURE, None),
            ("vendor.test", SECURE, None),
            ("VENDOR.TEST", SECURE, None),
            (".vendor.test", SECURE, None),
            ("vendor.test.", SECURE, None),
            ("test", SECURE, None),
            (".test", SECURE, None),
            ("dor.test", SECURE, P),
            ("a.vendor.test", SECURE, P),
            ("other.test,vendor.test", SECURE, None),
            ("other.test, vendor.test", SECURE, None),
            ("other.test vendor.test", SECURE, None),
            ("other.test", SECURE, P),
            ("", SECURE, P),
            ("192.0.2.7", ADDRESS, None),
            ("192.0.2.0/24", ADDRESS, None),
            ("192.0.2.0/30", ADDRESS, P),
            ("192.0.2.7/32", ADDRESS, None),
            ("192.0.2", ADDRESS, P),
            ("10.0.0.0/8,192.0.0.0/8", ADDRESS, None),
            ("2001:db8::1", "http://[2001:db8::1]:18080", None),
            ("2001:db8::2", "http://[2001:db8::1]:18080", P),
        ]
    ),
    ({"https_proxy": P, "no_proxy": "other.test", "NO_PROXY": "vendor.test"}, SECURE, P),
    ({"https_proxy": P, "NO_PROXY": "vendor.test"}, SECURE, None),
]  # fmt: skip


def chosen(variables: dict[str, str], url: str) -> str | None:
    parts = urlsplit(url)
    proxy = proxy_for(parts.scheme, parts.hostname or "", parts.port or 0, variables)
    return proxy and f"{proxy.host}:{proxy.port}"


@pytest.mark.parametrize(("variables", "url", "expected"), CHOSEN)
def test_which_proxy(variables, url, expected):
    assert chosen(variables, url) == expected


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl to compare with")
@pytest.mark.parametrize(("variables", "url", "expected"), CHOSEN)
def test_curl_takes_the_same(variables, url, expected):
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    parts = urlsplit(url)
    ended = subprocess.run(
        ["curl", "-sv", "--connect-timeout", "1", "--resolve", f"vendor.test:{parts.port}:127.0.0.8", url],
        check=False, env=environment | variables, capture_output=True, text=True, errors="replace", timeout=30,
    )  # fmt: skip
    tried = re.search(r"Trying \[?([^\]\s]+?)\]?:(\d+)\.\.\.", ended.stderr)
    assert tried, ended.stderr
    direct = f"{'127.0.0.8' if parts.hostname == 'vendor.test' else parts.hostname}:{parts.port}"
    assert f"{tried[1]}:{tried[2]}" == (expected or direct), ended.stderr


# What curl 7.88 does not do: ports in the exceptions, networks of IPv6 (a fault, mended later); and this host itself.
@pytest.mark.parametrize(
    ("excepted", "url", "expected"),
    [
        ("vendor.test:18441", SECURE, None),
        ("vendor.test:443", SECURE, P),
        ("2001:db8::/32", "http://[2001:db8::1]:18080", None),
        ("192.0.2.7:18080", ADDRESS, None),
        ("[2001:db8::1]:18080", "http://[2001:db8::1]:18080", None),
        ("[2001:db8::1]", "http://[2001:db8::1]:18080", None),
        ("", "http://localhost:1", None),
        ("", "http://127.1.2.3:1", None),
        ("", "http://[::1]:1", None),
    ],
)
def test_beyond_curl(excepted, url, expected):
    assert chosen({"https_proxy": P, "http_proxy": P, "no_proxy": excepted}, url) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("http://127.0.0.1:port", "port"),
        ("http://127.0.0.1:0", "port"),
        ("127.0.0.1:99999", "port"),
        ("http://", "no host"),
        ("ftp://127.0.0.1:3128", "ftp://"),
        ("socks4://127.0.0.1:1080", "socks4"),
        ("http://[::1", "no address"),
        ("http://a b:3128", "no host"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_variables_name(value, words):
    with pytest.raises(ProxyVariableError) as refused:
        chosen({"HTTPS_PROXY": value}, SECURE)
    assert "HTTPS_PROXY" in refused.value.message
    assert words in refused.value.message
    assert refused.value.exit_code == 3


def test_a_password_is_in_no_message():
    with pytest.raises(ProxyVariableError) as refused:
        chosen({"HTTPS_PROXY": "http://me:hunter2@127.0.0.1:port"}, SECURE)
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"
    proxy = proxy_for("https", "vendor.test", 443, {"HTTPS_PROXY": "http://me:hunter2%21@127.0.0.1:1"})
    assert proxy is not None
    assert proxy.auth == ("me", "hunter2!")
    assert "hunter2" not in proxy.url + repr(proxy)


def test_blanks_around_a_value_do_not_count():
    assert chosen({"HTTPS_PROXY": f" http://{P} "}, SECURE) == P


def test_socks_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ProxyVariableError) as refused:
        chosen({"all_proxy": f"socks5h://{P}"}, SECURE)
    assert "bulkim[socks]" in str(refused.value.hint)


@given(st.text(), st.text(), st.sampled_from([NAME, SECURE, ADDRESS]))
def test_no_value_breaks_it(value, excepted, url):
    with suppress(ProxyVariableError):
        chosen({"all_proxy": value, "no_proxy": excepted}, url)
