"""The published JSON Schema says the same as the loader."""

from __future__ import annotations

import json

import pytest
from support.json_schema import Validator

from bulkim.errors import InputError
from bulkim.jobfile import json_schema, load
from bulkim.vendors import PROVIDERS
from bulkim.yamltree import parse

SCHEMA = json_schema(PROVIDERS)
fits = Validator(SCHEMA).fits
CONNECTION = '{base_url: https://h, org: "1", app: a, auth: {token: t}}'
TENCENT = 'sdk_app_id: {id}, auth: {{identifier: a, secret_key: "${{K}}"}}}}'
JOBS = [  # body after `provider: easemob`; whether it is valid
    ("operation: delete\nsource: {csv: u.csv}", True),
    ("operation: delete\nsource: {text: '-'}\nguard: {protect: [a], max_failures: 2%, canary: 1}", True),
    ("operation: register\nsource: {items: [a, {username: b, team: x}]}\nbatch: 60", True),
    (
        "operation: mute\nsource: {listing: users, where: {match: a.*}}\nparams: {chat: -1}\nconcurrency: 4",
        True,
    ),
    (
        "operation: mute\nsource: {run: last, outcome: [failed]}\nrate: {limit: 5, pools: {mutes-set: 3}}",
        True,
    ),
    ("operation: delete-oldest\nparams: {all: true}\nconcurrency: auto", True),
    ("operation: set-attributes\nsource: {csv: u.csv}\nparams: {attributes: {team: x, level: 5}}", True),
    ("operation: delete\nsource: {csv: u.csv}\nwindow: 22:00-04:00", True),
    ("operation: delete\nsource: {csv: u.csv}\nwindow: 1:00 - 5:30 Asia/Shanghai", True),
    ("operation: delete\nsource: {csv: u.csv}\nwindow: {hours: 01:00-05:30, zone: UTC}", True),
    ("operation: delete\nsource: {csv: u.csv}\nrate: {limit: 1200/min, pools: {users: 500/h}}", True),
    ("operation: list-users\nsource: {listing: users, where: {created_before: 7d}}", True),
    (
        'operation: delete\nsource: {csv: u.csv}\nnotify: {url: "https://h/x", format: dingtalk, secret: s}',
        True,
    ),
    ("operation: delete\nsource: {csv: u.csv}\nnotify: [{url: 'https://h/x'}, {url: 'https://h/y'}]", True),
    ("operation: delete\nsource: {csv: u.csv}\nnotify: []", False),
    ("operation: delete\nsource: {csv: u.csv}\nnotify: [{format: slack}]", False),
    ("operation: delete\nsource: {csv: u.csv}\nnotify: 'https://h/x'", False),
    ("operation: list-mutes\nsource: {listing: users}", False),
    ("operation: list-users\nsource: {items: [a]}", False),
    ("operation: delete", False),
    ("operation: delete\nsource: {csv: u.csv}\nwindow: at night", False),
    ("operation: delete\nsource: {csv: u.csv}\nwindow: {zone: UTC}", False),
    ("operation: delete\nsource: {csv: u.csv}\nrate: {limit: fast}", False),
    ("operation: delete\nsource: {csv: u.csv}\nrate: {limit: 5/d}", False),
    ("operation: fly\nsource: {csv: u.csv}", False),
    ("operation: delete\nsource: {csv: u.csv}\nbatch: 2", False),
    ("operation: delete\nsource: {csv: u.csv, columns: {user: u}}", False),
    ("operation: delete\nsource: {csv: u.csv, text: u.txt}", False),
    ("operation: delete\nsource: {csv: u.csv}\nrate: {limit: 0}", False),
    ("operation: delete\nsource: {csv: u.csv}\nrate: {share: 1.1}", False),
    ("operation: delete\nsource: {csv: u.csv}\nparams: {chat: 1}", False),
    ("operation: mute\nsource: {csv: u.csv}\nparams: {chat: soon}", False),
    ("operation: mute\nsource: {csv: u.csv}\nparams: {chat: -2}", False),
    ("operation: delete-oldest\nparams: {count: 1}\nsource: {csv: u.csv}", False),
    ("operation: delete\nsource: {csv: u.csv}\ntimeout: 1000", False),
    ("operation: delete\nsource: {csv: u.csv}\ncolour: red", False),
    ("operation: delete\nsource: {run: last, outcome: [lost]}", False),
]


@pytest.mark.parametrize(("body", "valid"), JOBS)
def test_schema_and_loader_agree(tmp_path, body, valid):
    text = f"provider: easemob\nconnection: {CONNECTION}\n{body}\n"
    path = tmp_path / "job.yaml"
    path.write_text(text)
    assert fits(parse(text, "job")[0].plain()) is valid
    if valid:
        load(path, env={}, providers=PROVIDERS)
    else:
        with pytest.raises(InputError):
            load(path, env={}, providers=PROVIDERS)


@pytest.mark.parametrize(
    ("provider", "connection", "valid"),
    [
        ("easemob", "staging", True),
        ("easemob", CONNECTION, True),
        ("easemob", "{base_url: https://h, org: '1', auth: {token: t}}", False),
        ("easemob", "{base_url: https://h, org: '1', app: a, auth: {token: t, client_id: x}}", False),
        ("agora", "{base_url: https://h, app_id: x, auth: {app_id: x, app_certificate: y}}", True),
        ("agora", "{base_url: https://h, org: '1', app: a, app_id: x, auth: {token: t}}", False),
        ("tencent", "{base_url: https://h, " + TENCENT.format(id="1400000000"), True),
        ("tencent", "{base_url: https://h, " + TENCENT.format(id='"${ID}"'), True),
        ("tencent", "{base_url: https://h, " + TENCENT.format(id="mine"), False),
    ],
)
def test_connections(provider, connection, valid):
    text = f"provider: {provider}\noperation: delete\nsource: {{csv: u.csv}}\nconnection: {connection}\n"
    assert fits(parse(text, "job")[0].plain()) is valid


def test_every_key_is_described():
    for shape in (SCHEMA, *SCHEMA["$defs"].values()):
        assert shape["description"]
        for name, schema in shape["properties"].items():
            assert "description" in schema or "$ref" in schema, name


def test_it_is_plain_json_of_a_reasonable_size():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "null" not in json.dumps(SCHEMA)
    assert len(json.dumps(SCHEMA)) < 100_000
