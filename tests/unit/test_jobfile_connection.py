"""Connections: by name, from the environment, of each vendor, of the sandbox."""

from __future__ import annotations

import pytest

from bulkim.errors import InputError
from bulkim.jobfile import load
from bulkim.vendors import PROVIDERS
from bulkim.work.rehearsal import published

EASEMOB = '{base_url: https://a1.easemob.com, org: "1122", app: a, auth: {token: t}}'


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    """The user's configuration folder."""
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    (folder / "bulkim").mkdir(parents=True)
    return folder / "bulkim"


@pytest.fixture
def connect(tmp_path):
    def connect(connection: str, *, provider="easemob", operation="delete", env=None, **options):
        path = tmp_path / "job.yaml"
        text = f"provider: {provider}\noperation: {operation}\nsource: {{csv: u.csv}}\nconnection: {connection}\n"
        path.write_text(text)
        return load(path, env=env or {}, providers=PROVIDERS, **options).connection

    return connect


@pytest.fixture
def complaints(connect, tmp_path):
    def complaints(*args, **options):
        with pytest.raises(InputError) as raised:
            connect(*args, **options)
        return [str(each).replace(f"{tmp_path}/", "") for each in raised.value.problems]

    return complaints


# ------------------------------------------------------------------------------------------- ${VAR}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "one"),
        ("x${A}y${B}", "xoney${A}"),  # one pass: what a value holds is not looked at again
        ("$${A}", "${A}"),
        ("$A $ $$ a$", "$A $ $$ a$"),
        ("pa$$word", "pa$$word"),
        ("{A}", "{A}"),
    ],
)
def test_variables_are_filled_in_once(connect, written, value):
    found = connect(EASEMOB.replace("token: t", f'token: "{written}"'), env={"A": "one", "B": "${A}"})
    assert found.auth.secret == value


def test_all_unset_variables_are_named_at_once(complaints):
    text = '{base_url: "${URL}", org: "${ORG}", app: "${APP}", auth: {client_id: "${ID}${MORE}", client_secret: s}}'
    assert complaints(text) == [
        f"job.yaml:4:{column}: the environment variable {name} is not set (export {name}=...)"
        for column, name in ((24, "URL"), (39, "ORG"), (54, "APP"), (82, "ID"), (82, "MORE"))
    ]


@pytest.mark.parametrize("written", ["${}", "${A:-default}", "${A", "${1}", "${A B}", "${${A}}"])
def test_what_is_not_a_variable_is_refused(complaints, written):
    found = complaints(EASEMOB.replace("token: t", f'token: "{written}"'), env={"A": "one"})
    hint = "${...} holds the name of an environment variable and nothing else (for a literal ${ write $${)"
    assert found == [f"job.yaml:4:83: {hint}"]


@pytest.mark.parametrize("value", ["two\nlines", "bell\x07", "\x00", "a\u2028b"])
def test_a_value_with_control_characters_is_refused_without_being_shown(complaints, value):
    found = complaints(EASEMOB.replace("token: t", 'token: "${A}"'), env={"A": value})
    assert found == [
        "job.yaml:4:83: the environment variable A holds a line end or another control character"
    ]


def test_an_empty_value_is_told_apart_from_an_unset_one(complaints):
    assert complaints(EASEMOB.replace("token: t", 'token: "${A}"'), env={"A": ""}) == [
        "job.yaml:4:83: connection.auth.token must not be empty"
    ]


def test_variables_are_filled_in_nowhere_else(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text(
        f'name: "${{HOME}}"\nprovider: easemob\noperation: delete\nconnection: {EASEMOB}\nsource: {{csv: "${{HOME}}"}}'
    )
    job = load(path, env={"HOME": "/root"}, providers=PROVIDERS)
    assert (job.name, job.source.path) == ("${HOME}", tmp_path / "${HOME}")


# --------------------------------------------------------------------------------- connections.yaml


def test_a_name_is_looked_up_beside_the_job_then_in_the_configuration_folder(connect, config, tmp_path):
    (config / "connections.yaml").write_text(f"both: {EASEMOB}\nfar: {EASEMOB.replace('app: a', 'app: far')}")
    (tmp_path / "connections.yaml").write_text(f"both: {EASEMOB.replace('app: a', 'app: near')}")
    assert connect("both").app_name == "near"
    assert connect("far").app_name == "far"
    assert connect('"${WHICH}"', env={"WHICH": "far"}).app_name == "far"


def test_other_entries_need_not_be_in_order(connect, tmp_path):
    (tmp_path / "connections.yaml").write_text(f'mine: {EASEMOB}\nother: {{auth: "${{NOT_SET}}"}}')
    assert connect("mine").app_name == "a"


def test_an_unknown_name_lists_those_that_are_known(complaints, config, tmp_path):
    (config / "connections.yaml").write_text(f"production: {EASEMOB}")
    (tmp_path / "connections.yaml").write_text(f"staging: {EASEMOB}")
    assert complaints("stagin") == [
        "job.yaml:4:13: connection: there is no connection 'stagin' (did you mean 'staging'?)"
    ]
    assert complaints("xyz") == [
        "job.yaml:4:13: connection: there is no connection 'xyz' (known: staging, production)"
    ]


def test_a_name_without_any_connection_file(complaints):
    assert complaints("mine") == [
        (
            "job.yaml:4:13: connection: there is no connection 'mine' (neither connections.yaml nor "
            "config/bulkim/connections.yaml has one)"
        )
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "mine:\n  base_url: 5\n",
            [
                "connections.yaml:2:3: connection needs the key 'auth'",
                "connections.yaml:2:13: connection.base_url: expected text, got 5 (quote it)",
            ],
        ),
        (
            "mine: [\n",
            [
                (
                    "connections.yaml:2:1: is not YAML: while parsing a flow node, expected the node content, but found"
                    " '<stream end>' (a value or a closing bracket is missing)"
                )
            ],
        ),
        ("- mine\n", ["connections.yaml:1:1: expected a mapping of names to connections"]),
        ("", ["connections.yaml: is empty (`bulkim init` writes one to start from)"]),
    ],
)
def test_problems_in_a_connection_file_are_reported_there(complaints, tmp_path, text, expected):
    (tmp_path / "connections.yaml").write_text(text)
    assert complaints("mine") == expected


def test_set_reaches_into_a_named_connection(connect, tmp_path):
    (tmp_path / "connections.yaml").write_text(f"mine: {EASEMOB}")
    assert connect("mine", overrides=[("connection.app", "other")]).app_name == "other"
    assert connect("none-such", overrides=[("connection", "mine")]).app_name == "a"


# ---------------------------------------------------------------------------------------- vendors


@pytest.mark.parametrize(
    ("provider", "connection", "target", "kind"),
    [
        ("easemob", EASEMOB, "1122#a", "token"),
        (
            "easemob",
            EASEMOB.replace("{token: t}", "{client_id: i, client_secret: s}"),
            "1122#a",
            "client_secret",
        ),
        (
            "agora",
            "{base_url: https://a41.chat.agora.io, org: '4', app: b, auth: {app_id: i, app_certificate: c}}",
            "4#b",
            "app_certificate",
        ),
        ("agora", "{base_url: https://a41.chat.agora.io, app_id: 970c, auth: {token: t}}", "970c", "token"),
        (
            "tencent",
            "{base_url: https://console.tim.qq.com, sdk_app_id: 1400000000, auth: {identifier: admin, secret_key: k}}",
            "1400000000",
            "secret_key",
        ),
        (
            "tencent",
            "{base_url: https://console.tim.qq.com, sdk_app_id: '1400000000', auth: {identifier: a, secret_key: k}}",
            "1400000000",
            "secret_key",
        ),
    ],
)
def test_every_form(connect, provider, connection, target, kind):
    found = connect(connection, provider=provider)
    assert (found.target, found.auth.kind) == (target, kind)


@pytest.mark.parametrize(
    ("provider", "operation", "connection", "expected"),
    [
        (
            "easemob",
            "delete",
            "{base_url: https://h, app_id: x, auth: {token: t}}",
            [
                "13: a connection to easemob needs org and app",
                "35: connection.app_id is not for easemob (it has org, app)",
            ],
        ),
        (
            "agora",
            "delete",
            "{base_url: https://h, org: x, auth: {token: t}}",
            ["13: a connection to agora needs org and app or app_id"],
        ),
        (
            "agora",
            "delete",
            "{base_url: https://h, org: x, app: y, app_id: z, auth: {token: t}}",
            ["13: a connection to agora needs org and app or app_id, not both"],
        ),
        (
            "agora",
            "register",
            "{base_url: https://h, app_id: x, auth: none}",
            ["52: connection.auth: agora does not take none (it takes {token}, {app_id, app_certificate})"],
        ),
        (
            "easemob",
            "delete",
            EASEMOB.replace("{token: t}", "none"),
            ["75: connection.auth: none is for register only, not for delete"],
        ),
        (
            "tencent",
            "delete",
            "{base_url: https://h, sdk_app_id: 0, auth: {identifier: a, secret_key: k}}",
            ["47: connection.sdk_app_id 0 must be more than 0"],
        ),
        (
            "easemob",
            "delete",
            EASEMOB.replace("{token: t}", "{token: t, client_id: x}"),
            ["86: unknown key 'client_id' under connection.auth (known: token)"],
        ),
        (
            "easemob",
            "delete",
            EASEMOB.replace("{token: t}", "{client_id: x}"),
            ["75: connection.auth needs the key 'client_secret'"],
        ),
        (
            "easemob",
            "delete",
            EASEMOB.replace("{token: t}", "{tokn: t}"),
            [
                (
                    "75: connection.auth: expected a token, client_id and client_secret, app_id and app_certificate, identifier and"
                    " secret_key, or none (did you mean 'token'?)"
                )
            ],
        ),
        (
            "easemob",
            "delete",
            EASEMOB.replace("app: a", "app: a/../b"),
            ["66: connection.app 'a/../b' may hold letters, digits, _ - and . only"],
        ),
        (
            "easemob",
            "delete",
            EASEMOB.replace("app: a", "app: .."),
            ["66: connection.app '..' may hold letters, digits, _ - and . only"],
        ),
        (
            "easemob",
            "delete",
            EASEMOB.replace("app: a", "app: a#b"),
            ["66: connection.app 'a#b' may hold letters, digits, _ - and . only"],
        ),
        ("easemob", "delete", "5", ["13: connection: expected a mapping, got 5"]),
    ],
)
def test_what_does_not_fit_the_vendor(complaints, provider, operation, connection, expected):
    found = complaints(connection, provider=provider, operation=operation)
    assert found == [f"job.yaml:4:{each}" for each in expected]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://a1.easemob.com", "https://a1.easemob.com"),
        ("https://A1.Easemob.com:8443/", "https://a1.easemob.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_addresses(connect, written, kept):
    assert connect(EASEMOB.replace("https://a1.easemob.com", f'"{written}"')).base_url == kept


@pytest.mark.parametrize(
    "written",
    [
        "a1.easemob.com",
        "ftp://a1.easemob.com",
        "https://",
        "https://a1.easemob.com/1122/testapp",
        "https://a1.easemob.com?x=1",
        "https://a1.easemob.com#x",
        "https://user:secret@a1.easemob.com",
        "https://a1.easemob.com:99999",
        "https://a1.eаsemob.com",  # a Cyrillic letter
        "https://a1.easemob.com\\\\@evil.example",
        "https://[::1",
        "http://a1.easemob.com",
        "http://127.0.0.1.evil.example",
        "https://a b",
    ],
)
def test_addresses_that_are_refused(complaints, written):
    (found,) = complaints(EASEMOB.replace("https://a1.easemob.com", f'"{written}"'))
    assert found.startswith("job.yaml:4:24: connection.base_url")
    assert "secret" not in found


def test_plain_http_to_another_machine_must_be_allowed(connect):
    allowed = EASEMOB.replace("https:", "http:").replace("org", "allow_http: true, org")
    assert connect(allowed).base_url == "http://a1.easemob.com"


# ---------------------------------------------------------------------------------------- sandbox


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_rehearsal_needs_no_environment(connect, provider):
    text = {
        "easemob": '{base_url: "${U}", org: "${O}", app: a, environment: production, auth: {token: "${T}"}}',
        "agora": '{base_url: "${U}", app_id: "${A}", auth: {app_id: "${A}", app_certificate: "${C}"}}',
        "tencent": '{base_url: "${U}", sdk_app_id: "${S}", auth: {identifier: a, secret_key: "${K}"}}',
    }
    found = connect(text[provider], provider=provider, sandbox=published("http://127.0.0.1:8900"))
    assert (found.base_url, found.environment) == ("http://127.0.0.1:8900", "sandbox")
    assert (
        found.target
        == {"easemob": "sandbox#demo", "agora": "sandbox#agora", "tencent": "1400000000"}[provider]
    )
    assert found.auth.secret


def test_a_rehearsal_still_finds_mistakes(complaints):
    found = complaints(
        '{base_url: "${U}", ogr: x, app: a, auth: {token: t}}', sandbox=published("http://127.0.0.1:1")
    )
    assert found == ["job.yaml:4:32: unknown key 'ogr' under connection (did you mean 'org'?)"]
