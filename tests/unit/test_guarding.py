"""Who is protected, and what a pattern that matched nobody may have meant."""

from __future__ import annotations

import pytest

from bulkim.model import Guard
from bulkim.planning.guarding import Matched, compiled, nearest, protector
from bulkim.vendors import PROVIDERS

EASEMOB, TENCENT = PROVIDERS["easemob"], PROVIDERS["tencent"]


def test_the_whole_name_must_match_as_the_vendor_compares_names():
    protects = protector(Guard(protect=("admin.*", "boss")), EASEMOB)
    assert protects is not None
    assert protects("Admin1") == "protected by 'admin.*'"
    assert protects("boss2") is None
    exact = protector(Guard(protect=("admin.*",)), TENCENT)
    assert exact is not None
    assert exact("Admin1") is None


def test_nobody_is_protected_by_nothing():
    assert protector(Guard(), EASEMOB) is None


@pytest.mark.parametrize(
    ("pattern", "names", "found"),
    [
        ("Test_.*", ["anna", "test_1"], "test_1"),  # another case
        ("admin", ["anna", "admin1"], "admin1"),  # the pattern must match the whole name
        (r"tset_\d+", ["anna", "test_1"], "test_1"),  # a slip of the pen
        ("boss.*", ["anna", "bob"], None),
        ("[0-9]{9}", ["anna"], None),
    ],
)
def test_the_nearest_name(pattern, names, found):
    assert nearest(pattern, names) == found


def test_patterns_that_matched_nobody_are_told_with_the_nearest_name():
    matched = Matched(compiled(["admin.*", "adm1n.*", "svc-.*"], TENCENT))
    for name in ("anna", "admin1", "svc_9"):
        matched.take(name)
    assert matched.notes("guard.protect") == [
        "guard.protect 'adm1n.*' matched nobody; the nearest name is 'admin1'",
        "guard.protect 'svc-.*' matched nobody; the nearest name is 'svc_9'",
    ]


def test_a_pattern_behind_another_one_has_matched_too():
    matched = Matched(compiled(["admin.*", "admin1"], EASEMOB))
    matched.take("Admin1")
    assert matched.notes("guard.protect") == []


def test_where_nobody_came_by_nothing_is_said():
    assert Matched(compiled(["admin.*"], EASEMOB)).notes("guard.protect") == []
