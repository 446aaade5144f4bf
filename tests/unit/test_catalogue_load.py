"""A catalogue is written down and read back, and what is wrong with one is said with its place."""

from __future__ import annotations

import json

import pytest

from bulkim.catalogue.load import load
from bulkim.catalogue.references import faults
from bulkim.catalogue.written import written
from bulkim.errors import InputError
from bulkim.vendors import PROVIDERS

SMALL = """\
provider: 1
name: small
label: Small
identity: {fold: exact}
apps: [{keys: [workspace], name: "{workspace}", target: "{workspace}"}]
auth: [bearer]
envelope: {code: error, reason: message}
pools: [{name: users, limit: 10}]
errors: []
operations:
  - name: look
    method: GET
    path: /users/{username}
    effect: read
    fields: [{name: username, key: true, pattern: "[a-z]+"}]
    pools: [users]
"""


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_built_in_catalogue_survives_being_written_and_read(name):
    text = json.dumps(written(PROVIDERS[name]), ensure_ascii=False, indent=1)
    assert load(text, f"{name}.yaml") == PROVIDERS[name]


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_built_in_catalogue_holds_together(name):
    assert list(faults(PROVIDERS[name])) == []


def test_a_shape_without_keys_is_its_tag_alone():
    found = written(load(SMALL, "small.yaml"))
    assert found["auth"] == ["bearer"]
    assert "body" not in found["operations"][0]
    doubt = {each["name"]: each.get("doubt") for each in written(PROVIDERS["easemob"])["operations"]}
    assert (doubt["delete"], doubt["delete-oldest"], doubt["get-user"]) == ("repeat", "never", None)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("provider: 1", "provider: 2", "1:11: provider: expected 1, the version of the format"),
        ("label: Small", "lable: Small", "3:1: unknown key 'lable' (did you mean 'label'?)"),
        ("fold: exact", "fold: exakt", "4:18: identity.fold: expected one of lower, exact, got 'exakt' (did you mean 'exact'?)"),
        ("[bearer]", "[baerer]", "6:8: auth.0: there is no shape 'baerer' (did you mean 'bearer'?)"),
        ("[bearer]", "[{api-key: {}}]", "6:8: auth.0: an API key stands in a `header` or in a `query` parameter (give one of the two)"),
        ("[bearer]", "[{api-key: {headr: x}}]", "6:19: unknown key 'headr' under auth.0.api-key (did you mean 'header'?)"),
        ("limit: 10", "limit: '10'", '8:30: pools.0.limit: \'10\' must be calls a second, or text such as "50/s", "1200/min" or "1000/10s"'),
        ("effect: read", "effect: rread", "14:13: operations.0.effect: expected one of create, ensure, delete, read, disrupt, got 'rread' (did you mean 'read'?)"),
        ("effect: read", "effect: ensure", "11:5: operations.0 needs the key 'doubt'"),
        ("effect: read", "effect: delete\n    doubt: repeat", "11:5: operations.0: needs the key 'destroys': what goes with it, in the words of a confirmation"),
        ("effect: read", "effect: read\n    batch_max: 5", "15:16: operations.0.batch_max: its body has room for one item: the others of a call would be lost (leave batch_max out)"),
        ("effect: read", "effect: read\n    verify: {operation: lok}", "15:13: operations.0.verify: there is no operation 'lok' (did you mean 'look'?)"),
        ("pools: [users]", "pools: [user]", "16:12: operations.0.pools: there is no pool 'user' (did you mean 'users'?)"),
        ("limit: 10", "limit: 10, burst: 20", "8:41: pools.0.burst: 20 calls at once are more than the limit's 10 in 1 s (write the limit over a longer time, such as 180/min)"),
        ("limit: 10", "limit: 10, burst: 0", "8:41: pools.0.burst: 0 must be at least 1"),
        ("limit: 10", "limit: 0", "8:30: pools.0.limit: 0 must be more than 0"),
        ("label: Small", "label: 7", "3:8: label: expected text, got 7 (quote it)"),
        ("pools: [users]", "pools: users", "16:12: operations.0.pools: expected a list, got 'users' (write [one, two])"),
        (', pattern: "[a-z]+"', "", "13:11: operations.0.path: the field 'username' has no pattern (a pattern says what may stand in an address)"),
        ('"[a-z]+"', '"[a-z"', "15:51: operations.0.fields.0.pattern: '[a-z' is not a regular expression: unterminated character set at position 0"),
        ("/users/{username}", "/users/x{username}", "13:11: operations.0.path: '/users/x{username}' is no path of whole segments, such as /users/{username}"),
        ("[workspace]", "[auth]", "5:15: apps.0.keys: 'auth' cannot name an app (lower-case letters, digits and _)"),
        ('target: "{workspace}"', 'target: "w"', '5:57: apps.0.target: lacks workspace: two apps would share a target (target: "{workspace}")'),
        ('[{keys: [workspace], name: "{workspace}", target: "{workspace}"}]', "[]", "5:7: apps: names no app (apps: [{}], where base_url and auth say it all)"),
        ('target: "{workspace}"}', 'target: "{workspace}"}, {}', "5:7: apps: has a form without keys, which every connection fits (leave it alone, or remove it)"),
        ('name: "{workspace}", ', "", '5:8: apps.0.name: names every app alike: a confirmation would not tell them apart (name: "{workspace}")'),
        ("code: error,", "code: 'error|',", "7:18: envelope.code: 'error|' has an empty path, or a space (first.path|second.path)"),
        ("effect: read", "effect: read\n    result: {map-by-key: {at: a|b}}", "15:31: operations.0.result.map-by-key.at: 'a|b' is two paths, and one is taken here (alternatives are for a code, a reason and a state)"),
        ("effect: read", "effect: read\n    result: {per-item: {items: rows, key: id, code: code| no, ok: [x]}}", "15:53: operations.0.result.per-item.code: 'code| no' has an empty path, or a space (first.path|second.path)"),
        ("key: true, ", "", "15:13: operations.0.fields: names nobody (a field `username` with `key: true`)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(before, after, expected):
    assert before in SMALL
    with pytest.raises(InputError) as raised:
        load(SMALL.replace(before, after, 1), "small.yaml")
    assert f"small.yaml:{expected}" in [str(each) for each in raised.value.problems]


def test_all_problems_are_shown_at_once():
    text = SMALL.replace("label: Small", "lable: Small").replace("[users]", "users").replace("read", "rread")
    with pytest.raises(InputError) as raised:
        load(text, "small.yaml")
    assert [each.line for each in raised.value.problems] == [1, 3, 14, 16]


@pytest.mark.parametrize("text", ["name: small", "[]", "provider: [", "text"])
def test_a_file_that_is_no_provider_is_said_to_be_none(text):
    with pytest.raises(InputError):
        load(text, "small.yaml")


def test_a_limit_may_lie_inside_another_and_each_has_its_window():
    text = """
provider: 1
name: nested
label: Nested
apps: [{keys: [app], name: "{app}", target: "{app}"}]
auth: [bearer]
identity: {name: id, pattern: "[a-z]+"}
envelope: {code: error}
errors: [{kind: throttled, status: 429}]
pools:
  - {name: narrow, limit: 180/min, burst: 20}
  - {name: wide, limit: 600/min, learn: {remaining: X-Left, reset: X-Reset, unit: epoch}}
  - {name: long, limit: 1000/10s}
operations:
  - {name: look, method: GET, path: "/users/{id}", effect: read, pools: [narrow, wide]}
"""
    provider = load(text, "nested.yaml")
    assert [each.limit_per_s for each in provider.pools] == [3.0, 10.0, 100.0]
    assert provider.operations[0].pools == ("narrow", "wide")
    assert [each.learn is not None for each in provider.pools] == [False, True, False]
    assert [each.burst_s for each in provider.pools] == [20 / 3, 0, 0]


def test_what_is_wrong_is_said_in_the_vendors_own_word_for_a_user():
    text = (
        SMALL.replace("{fold: exact}", "{name: user_id}")
        .replace("{username}", "{user_ids}")
        .replace(
            'fields: [{name: username, key: true, pattern: "[a-z]+"}]',
            "batch_max: 2\n    body: {json: {users: {$items: {id: '{userid}'}}}}",
        )
    )
    with pytest.raises(InputError) as raised:
        load(text, "small.yaml")
    assert [str(each) for each in raised.value.problems] == [
        "small.yaml:11:5: operations.0.fields: names nobody (a field `user_id` with `key: true`)",
        "small.yaml:13:11: operations.0.path: there is no field 'user_ids' (did you mean 'user_id'?)",
        "small.yaml:16:11: operations.0.body: there is no field 'userid' (did you mean 'user_id'?)",
    ]
