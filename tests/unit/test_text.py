"""Numbers, times and names as people read them."""

from __future__ import annotations

import json

import pytest

from bulkim import text


def test_counted():
    assert [text.counted(number, "call") for number in (0, 1, 8120)] == ["0 calls", "1 call", "8,120 calls"]


def test_clock():
    assert [text.clock(each) for each in (None, 0.4, 59.6, 3725)] == ["-", "0:00", "1:00", "1:02:05"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (4.21, "4.2 s"), (60, "1:00"), (750, "12:30"), (11100, "3:05:00")]
)
def test_duration(seconds, words):
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0.4 s"), (40, "40 s"), (720, "12 min"), (11100, "3 h 05"), (7200, "2 h"), (187200, "2 d 4 h"), (172800, "2 d")],
)  # fmt: skip
def test_span(seconds, words):
    assert text.span(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0.42, "0.42 ms"), (42.4, "42 ms"), (1300, "1.3 s"), (12345, "12.3 s")]
)
def test_milliseconds(value, words):
    assert text.milliseconds(value) == words


def test_moments(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert text.utc(1_795_000_000.125) == "2026-11-18T11:06:40.125Z"
        assert text.utc(1_795_000_000, f"{text.TO_THE_MINUTE} UTC") == "2026-11-18 11:06 UTC"
        assert text.local(1_795_000_000, text.MOMENT) == "2026-11-18 19:06:40"
        assert text.local(1_795_000_000, text.TO_THE_MINUTE) == "2026-11-18 19:06"
        assert text.local(1_795_000_000, text.WITH_ZONE) == "2026-11-18 19:06:40 CST"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_name_stands_before_the_first_line_only():
    rows = text.labelled("means", "a word " * 9, 40, 2)
    assert [label for label, _ in rows] == ["  means          ", " " * 17, " " * 17]
    assert all(len(label) + len(part) <= 40 for label, part in rows)


def test_what_is_copied_is_not_broken():
    url = "https://a1.easemob.com/1122161011178276/testapp/users/batch/status"
    assert text.labelled("request", f"POST {url}", 40)[-1][1] == url


def test_an_empty_value_has_a_line():
    assert text.labelled("note", "", 40) == [("note           ", "")]


def test_half_a_character_is_replaced_and_stays_told_apart():
    assert text.whole("plain, 研发, 😀") == "plain, 研发, 😀"
    assert text.whole("a\ud83d") == "a\ufffdd83d" != text.whole("a\ud83e")
    text.whole("\udcff\ud83d\ude00").encode()


def test_what_an_encoding_does_not_have_is_escaped_as_json_does():
    for value in ("研", "😀", "é", "\ud83d"):
        written = f'"{value}"'.encode("ascii", text.ESCAPED).decode()
        assert json.loads(written) == value


@pytest.mark.parametrize(("value", "expected"), [
    (1200.0, "1,200"), (100, "100"), (83.33, "83.3"), (12.5, "12.5"), (1.0, "1"), (0.583333, "0.58"), (0.02777, "0.028"),
])  # fmt: skip
def test_a_rate_has_digits_that_tell(value, expected):
    assert text.per_second(value) == expected


def test_a_vendor_and_an_app_of_one_name_are_said_once():
    assert [text.vendor_app("agora", "agora"), text.vendor_app("easemob", "chat")] == [
        "agora",
        "easemob chat",
    ]
