"""Texts in so many columns."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.cli.preview import _request
from bulkim.view.account import stopped
from bulkim.view.meanings import Meaning
from bulkim.view.width import chopped, columns, wrapped, wrapped_spans

CHINESE = "应答丢失；bulkim 事后查询，确认已经完成。请检查“数据源”中的 ID，然后（重新）运行该作业：它会继续。"


@pytest.mark.parametrize("width", range(8, 90))
def test_no_line_begins_with_what_closes_or_ends_with_what_opens(width):
    lines = wrapped(CHINESE, width)
    assert "".join(lines).replace(" ", "") == CHINESE.replace(" ", "")
    assert max(map(columns, lines)) <= width
    assert not [line for line in lines if line[0] in "；，。”）：" or line[-1] in "“（"]


@given(text=st.text(max_size=80), width=st.integers(4, 30))
def test_nothing_is_lost_and_every_line_fits(text, width):
    lines = wrapped(text, width)
    if not text.isascii():
        assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(columns(line) <= width for line in lines)


def test_what_to_do_is_said_in_the_readers_language(monkeypatch):
    summary = {"stop": {"code": "unauthorized", "reason": "no"}}
    known = Meaning("The vendor does not accept the credentials.", "Check `base_url`.", "")
    for language, words in (("en", "compare the ids"), ("zh_CN", "请检查 `base_url`。")):
        monkeypatch.setenv("BULKIM_LANG", language)
        lines = stopped(summary, lambda *_: known, hint="compare the ids")
        assert words in "".join(text for line in lines for text, _ in line)


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize(
    "text",
    [
        CHINESE,
        "run 1a2b: 10 calls in 0.2 s; 400 more calls that only read, on limits of their own; 5 retries",
    ],
)
def test_spans_break_between_words_and_keep_their_styles(text, width):
    line = [
        ("  ✗ ", "red"),
        *((part, "bold" if number % 2 else "") for number, part in enumerate(re.split("(;)", text))),
    ]
    lines = wrapped_spans(line, width)
    shown = ["".join(part for part, _ in each) for each in lines]
    assert max(map(columns, shown)) <= width
    assert " ".join("".join(shown).split()).replace(" ", "") == ("✗" + text).replace(" ", "")
    if text != CHINESE:
        assert [word for each in shown for word in each.split()] == ["✗", *text.split()]
    assert "".join(p for each in lines for p, style in each if style == "bold") == "".join(
        re.split("(;)", text)[1::2]
    )
    assert all(each.startswith("    ") for each in shown[1:])


def test_a_line_that_fits_and_a_word_that_cannot_stay_as_they_are():
    assert wrapped_spans([("a  b", "red")], 4) == [[("a  b", "red")]]
    assert wrapped_spans([("a ", ""), ("b" * 50, "red")], 40) == [
        [("a", "")],
        [("  ", ""), ("b" * 50, "red")],
    ]


URL = "https://docs.example.com/im/account-system.html?of=user-mute-and-more"


@pytest.mark.parametrize("words", ["see", "请见"])
@pytest.mark.parametrize("width", [10, 30, 60])
def test_a_url_is_never_broken(words, width):
    assert URL in wrapped(f"{words} {URL} {words}", width)


@given(text=st.text(st.characters(exclude_categories=["C", "M", "Z"]), max_size=60), width=st.integers(2, 30))
def test_a_text_in_pieces_has_every_character(text, width):
    pieces = chopped(text, width)
    assert "".join(pieces) == text
    assert all(columns(each) <= width for each in pieces)


def test_a_request_shown_before_it_is_sent_is_broken_by_columns():
    body = '[{"username":"anna","nickname":"' + "王小明  " * 20 + '"}]'
    first = {"method": "POST", "url": URL, "headers": {}, "body": body}
    shown = ["".join(part for part, _ in line) for line in _request(first, 60)][2:]
    assert "".join(line[2:] for line in shown) == body
    assert max(map(columns, shown)) in {59, 60}
