"""Values and their fields: what is taken, and the words for what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.catalogue.shapes import Field
from bulkim.planning import Invalid, checker, quoted
from bulkim.vendors import PROVIDERS

USERNAME = PROVIDERS["easemob"].operation("delete").field("username")
TENCENT = PROVIDERS["tencent"].operation("delete").field("username")
SECONDS = PROVIDERS["easemob"].operation("mute").field("chat")
PASSWORD = PROVIDERS["easemob"].operation("register").field("password")
MAP = Field("attributes", type="map", bytes_max=50)
NAMES = Field("attributes", type="names")
INT = Field("count", type="int", minimum=1)
BOOL = Field("all", type="bool")


def reason(field, value) -> str:
    with pytest.raises(Invalid) as raised:
        checker(field)(value)
    return str(raised.value)


@pytest.mark.parametrize("name", ["a", "li.wei", "...", "A-b_c.9", "x" * 64, "%2e%2e".replace("%", "")])
def test_usernames(name):
    assert checker(USERNAME)(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (".", "username '.' is not allowed"),
        ("..", "username '..' is not allowed"),
        ("a/b", "username 'a/b' has a character that is not allowed: '/' at 2"),
        ("x?limit=100", "username 'x?limit=100' has a character that is not allowed: '?' at 2"),
        ("%2e%2e", "username '%2e%2e' has a character that is not allowed: '%' at 1"),
        ("a b", "username 'a b' has a character that is not allowed: ' ' at 2"),
        ("=cmd", "username '=cmd' has a character that is not allowed: '=' at 1"),
        ("'=a", "username ''=a' has a character that is not allowed: ''' at 1"),
        ("a\x00b", r"username 'a\x00b' has a character that is not allowed: '\x00' at 2"),
        ("a\nb", r"username 'a\nb' has a character that is not allowed: '\n' at 2"),
        ("p\u0430ul", r"username 'p\u0430ul' has a character that is not allowed: '\u0430' (CYRILLIC SMALL LETTER A) at 2"),
        ("\uff41", r"username 'ａ' has a character that is not allowed: 'ａ' (FULLWIDTH LATIN SMALL LETTER A) at 1"),
        ("a\u202eb", r"username 'a\u202eb' has a character that is not allowed: '\u202e' (RIGHT-TO-LEFT OVERRIDE) at 2"),
        ("李伟", "username '李伟' has a character that is not allowed: '李' (CJK UNIFIED IDEOGRAPH-674E) at 1"),
        ("x" * 65, f"username '{'x' * 65}' is 65 bytes long, at most 64"),
        ("李" * 22, f"username '{'李' * 22}' is 66 bytes long, at most 64"),
        ("x" * 5000, f"username '{'x' * 79}…' is 5000 bytes long, at most 64"),
        (7, "username 7 is a number, not text: quote it"),
        (True, "username true is true or false, not text: quote it"),
        ({"a": 1}, "username is a mapping, not text"),
        (["a"], "username is a list, not text"),
    ],
)  # fmt: skip
def test_usernames_that_are_refused(name, expected):
    assert reason(USERNAME, name) == expected


def test_tencents_usernames_take_more():
    assert checker(TENCENT)("a b/c?@") == "a b/c?@"
    assert reason(TENCENT, "x" * 33).endswith("is 33 bytes long, at most 32")
    assert reason(TENCENT, "é").endswith(r"'\xe9' (LATIN SMALL LETTER E WITH ACUTE) at 1")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("p" * 65, "password is 65 characters long, at most 64"),
        ("hunter2\n", "password has a character that is not allowed at 8"),
        (31337, "password is a number, not text: quote it"),
    ],
)
def test_a_secret_is_never_shown(value, expected):
    assert reason(PASSWORD, value) == expected


def test_other_text_may_hold_anything_but_control_characters():
    nickname = Field("nickname", chars_max=100)
    assert checker(nickname)("王芳 \u3000 👩‍👩‍👧 é") == "王芳 \u3000 👩‍👩‍👧 é"
    assert reason(nickname, "a\tb") == r"nickname 'a\tb' has a character that is not allowed: '\t' at 2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("60", 60), (" -1 ", -1), (0, 0), ("+5", 5), ("007", 7), ("2147483647", 2147483647)],
)
def test_seconds(value, expected):
    assert checker(SECONDS)(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("soon", "chat 'soon' is not a whole number of seconds (-1: for ever)"),
        ("60.0", "chat '60.0' is not a whole number of seconds (-1: for ever)"),
        ("1e3", "chat '1e3' is not a whole number of seconds (-1: for ever)"),
        ("٣", r"chat '\u0663' is not a whole number of seconds (-1: for ever)"),
        (1.5, "chat 1.5 is not a whole number of seconds (-1: for ever)"),
        (True, "chat true is not a whole number of seconds (-1: for ever)"),
        ("-2", "chat '-2' is less than -1"),
        ("2147483648", "chat '2147483648' is more than 2147483647"),
        ("9" * 30, f"chat '{'9' * 30}' is not a whole number of seconds (-1: for ever)"),
    ],
)
def test_seconds_that_are_refused(value, expected):
    assert reason(SECONDS, value) == expected


def test_numbers_and_truth():
    assert checker(INT)("12") == 12
    assert reason(INT, "0") == "count '0' is less than 1"
    assert [checker(BOOL)(value) for value in (True, "true", " FALSE ")] == [True, True, False]
    assert reason(BOOL, "yes") == "all 'yes' is not true or false"
    assert reason(BOOL, 1) == "all 1 is not true or false"


@pytest.mark.parametrize(
    "value", [{"team": "x", "level": 5, "vip": True}, '{"team": "x", "level": 5, "vip": true}']
)
def test_maps(value):
    assert checker(MAP)(value) == {"team": "x", "level": 5, "vip": True}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("team=x", "attributes 'team=x' is not JSON"),
        ("[1]", "attributes is a list, not a mapping of names to values"),
        ({}, "attributes is empty"),
        ({"a": None}, "attributes: 'a' is nothing; text, a number, true or false"),
        ({"a": [1]}, "attributes: 'a' is a list; text, a number, true or false"),
        ('{"a": {"b": 1}}', "attributes: 'a' is a mapping; text, a number, true or false"),
        ('{"a": NaN}', "attributes: 'a' is not a finite number"),
        ({"a": "x" * 51}, "attributes: 'a' is longer than 50 bytes"),
        ({"": "x"}, "attributes has a name that is not text: quote it"),
        ("[" * 100_000, f"attributes '{'[' * 79}…' is not JSON"),
    ],
)
def test_maps_that_are_refused(value, expected):
    assert reason(MAP, value) == expected


@pytest.mark.parametrize(
    "value", [["a", "b"], "a,b", " a , b", '["a", "b"]', {"a": 1, "b": 2}, '{"a": 1, "b": 2}']
)
def test_names(value):
    assert checker(NAMES)(value) == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], "attributes is empty"),
        ("a,,b", "attributes holds a name that is not allowed: ''"),
        (["a", 7], "attributes holds a number, not a name: quote it"),
        (7, "attributes 7 is a number, not a list of names: quote it"),
        ("[a", "attributes '[a' is not JSON"),
    ],
)
def test_names_that_are_refused(value, expected):
    assert reason(NAMES, value) == expected


@given(st.text(max_size=200))
def test_shown_text_is_printable_and_short(text):
    shown = quoted(text)
    assert shown.isprintable()
    assert len(shown) < 82 * 10


@given(st.text(max_size=80), st.sampled_from([USERNAME, TENCENT, SECONDS, PASSWORD, MAP, NAMES, INT, BOOL]))
def test_any_text_is_taken_or_refused(text, field):
    try:
        checker(field)(text)
    except Invalid as finding:
        words = str(finding)
    else:
        words = "taken"
    assert words.isprintable()
