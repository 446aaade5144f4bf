"""The catalogues hold together: what one declaration names, another one has."""

from __future__ import annotations

import re

import pytest

from bulkim.catalogue.shapes import Names, Paging, Probe
from bulkim.errors import UsageError
from bulkim.model import Kind
from bulkim.vendors import PROVIDERS, provider

OPERATIONS = [
    pytest.param(vendor, operation, id=f"{vendor.name}-{operation.name}")
    for vendor in PROVIDERS.values()
    for operation in vendor.operations
]
RULES = [
    pytest.param(rule, id=f"{name}-{n}") for name, of in PROVIDERS.items() for n, rule in enumerate(of.errors)
]


# Who can do what is the first table of docs/operations.md: it is made from the catalogues, and compared with them.


@pytest.mark.parametrize(
    ("name", "operation", "batch_max", "limits"),
    [
        ("easemob", "register", 60, [100]),
        ("easemob", "delete", 1, [100]),
        ("easemob", "delete-oldest", 100, [30, 100]),
        ("easemob", "online-status", 100, [100]),
        ("easemob", "list-mutes", 50, [100]),
        ("easemob", "get-attributes", 100, [100]),
        ("agora", "delete-oldest", 100, [30]),
        ("agora", "online-status", 100, [50]),
        ("agora", "register", 60, [100]),
        ("tencent", "register", 100, [100]),
        ("tencent", "delete", 100, [100]),
        ("tencent", "get-user", 100, [100]),
        ("tencent", "online-status", 500, [200]),
        ("tencent", "mute", 1, [200]),
        ("tencent", "remove-attributes", 100, [100]),
        ("easemob", "add-to-group", 60, [100]),
        ("easemob", "remove-from-group", 60, [100]),
        ("easemob", "add-to-room", 60, [100]),
        ("easemob", "remove-from-room", 100, [100]),
        ("easemob", "block", 50, [50]),
        ("easemob", "set-nickname", 50, [100]),
        ("agora", "set-nickname", 1, [100]),
        ("easemob", "import-contacts", 10, [100]),
        ("agora", "get-blocks", 1, [50]),
        ("easemob", "get-rooms", 1, [50]),
        ("agora", "unblock", 1, [50]),
        ("tencent", "disconnect", 1, [200]),
        ("tencent", "add-to-group", 20, [200]),
        ("tencent", "remove-from-group", 100, [200]),
        ("tencent", "mute-in-group", 500, [200]),
        ("tencent", "set-profile", 1, [200]),
        ("tencent", "get-profile", 100, [200]),
        ("tencent", "block", 1000, [200]),
        ("tencent", "add-tags", 100, [100]),
        ("tencent", "get-tags", 100, [100]),
    ],
)
def test_documented_sizes_and_limits(name, operation, batch_max, limits):
    vendor = provider(name)
    declared = vendor.operation(operation)
    assert (declared.batch_max, [vendor.pool(each).limit_per_s for each in declared.pools]) == (
        batch_max,
        limits,
    )


def test_agora_names_a_pool_for_each_of_easemobs_operations():
    names = [[each.name for each in provider(vendor).operations] for vendor in ("easemob", "agora")]
    assert [name for name in names[0] if name != "import-contacts"] == names[1]


def test_easemobs_users_share_one_pool_and_agoras_do_not():
    of = {
        name: {each.name: each.pools for each in provider(name).operations} for name in ("easemob", "agora")
    }
    users = {name for name, pools in of["easemob"].items() if "users" in pools}
    assert {"register", "delete", "get-user", "ban", "disconnect"} <= users
    assert len({of["agora"][name] for name in users}) == len(users)


@pytest.mark.parametrize(("vendor", "operation"), OPERATIONS)
def test_a_declaration_holds_together(vendor, operation):
    forms = [operation, *([operation.single] if operation.single else [])]
    for form in forms:
        assert form.name == operation.name
        assert form.effect is operation.effect
        assert form.source.startswith("https://")
        assert form.read_on
        assert form.pools
        assert all(vendor.pool(each).limit_per_s > 0 for each in form.pools)
        assert set(re.findall(r"\{(\w+)\}", form.path)) <= {each.name for each in form.fields}
    assert operation.help
    names = {each.name for each in (*operation.fields, *operation.options)}
    assert set(operation.any_of) | set(operation.otherwise) <= names
    assert all(each.fallback_of is None or each.fallback_of in names for each in operation.fields)
    assert operation.inverse is None or vendor.operation(operation.inverse)
    if isinstance(operation.body, Names):
        assert set(operation.body.also) <= names
    if isinstance(operation.paging, Paging):
        assert not operation.fields
    else:
        assert "username" in operation.keys
    if isinstance(operation.doubt, Probe):
        assert set(operation.doubt.remaining) <= names


def test_pools_have_short_names_and_users():
    for vendor in PROVIDERS.values():
        forms = [form for each in vendor.operations for form in (each, each.single) if form]
        used = {pool for form in forms for pool in form.pools}
        assert used == {each.name for each in vendor.pools}
        assert len(vendor.pools) == len(used)
        assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in used)


@pytest.mark.parametrize("name", ["easemob", "agora"])
@pytest.mark.parametrize(
    ("username", "legal"),
    [
        ("user1", True),
        ("A.b_c-9", True),
        ("...", True),
        (".", False),
        ("..", False),
        ("", False),
        ("a/b", False),
        ("a?limit=100", False),
        ("a b", False),
        ("用户", False),
        ("a\n", False),
    ],
)
def test_what_an_easemob_id_may_be(name, username, legal):
    for operation in provider(name).operations:
        if field := operation.field("username"):
            assert (re.fullmatch(field.pattern, username) is not None) is legal
            assert field.bytes_max == 64


def test_how_long_what_an_import_at_tencent_sets_may_be():
    register = provider("tencent").operation("register")
    assert [register.field(name).bytes_max for name in ("nickname", "face_url")] == [500, 500]


def test_what_a_tencent_id_may_be():
    field = provider("tencent").operation("delete").field("username")
    assert field.bytes_max == 32
    assert all(re.fullmatch(field.pattern, name) for name in ("..", "a/b", "A b~"))
    assert not any(re.fullmatch(field.pattern, name) for name in ("", "é", "a\n"))


def test_what_destroys_says_so_everywhere():
    for vendor in PROVIDERS.values():
        destroying = {each.name for each in vendor.operations if each.destroys}
        assert destroying == {"delete", "delete-oldest", "ban", "remove-friends"} & {
            each.name for each in vendor.operations
        }


def test_passwords_are_secret_even_where_nobody_uses_them():
    for vendor in PROVIDERS.values():
        assert "password" in vendor.operation("register").secrets


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_explains_itself(rule):
    for sentence in (rule.meaning, rule.remedy):
        assert sentence.endswith(".")
        assert sentence[0].isupper() or sentence.startswith(("bulkim ", "`"))
    assert rule.page.startswith("https://")
    assert rule.status or rule.code or rule.pattern
    if rule.pattern:
        assert set(re.compile(rule.pattern).groupindex) <= {"user"}


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("easemob", "reach_limit", Kind.THROTTLED),
        ("agora", "reach_limit", Kind.THROTTLED),
        ("easemob", "resource_limited", Kind.EXHAUSTED_PLAN),
        ("easemob", "organization_application_not_found", Kind.FATAL),
        ("easemob", "web_application", Kind.FATAL),
        ("easemob", "413", Kind.POISONED),
        ("tencent", "60007", Kind.THROTTLED),
        ("tencent", "70050", Kind.UNAUTHORIZED),
        ("tencent", "70107", Kind.ABSENT),
        ("tencent", "70398", Kind.EXHAUSTED_PLAN),
        ("tencent", "71000", Kind.FATAL),
        ("tencent", "60020", Kind.EXHAUSTED_PLAN),
        ("tencent", "30008", Kind.TRANSIENT),
    ],
)
def test_codes_are_explained(name, code, kind):
    assert kind in {rule.kind for rule in provider(name).rules(code)}


def test_nobody_knows_what_was_never_documented():
    assert provider("tencent").rules("12345") == ()


def test_an_unknown_provider_is_a_usage_error():
    with pytest.raises(UsageError) as caught:
        provider("easemobb")
    assert caught.value.hint == "one of easemob, agora, tencent"


def test_a_name_is_folded_as_its_vendor_folds_it():
    assert [provider(name).folded("Aa") for name in ("easemob", "agora", "tencent")] == ["aa", "aa", "Aa"]
