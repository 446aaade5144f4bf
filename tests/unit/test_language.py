"""What explains a run's end is there in Chinese: whole, compiled, and with the same placeholders and commands."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from bulkim import codes, language
from bulkim.model import Status
from bulkim.vendors import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "bulkim" / "locale" / "zh_CN" / "LC_MESSAGES"
METHODS = [("bulkim/view/report/templates/**.html", "jinja2"), ("bulkim/**.py", "python")]
KEYWORDS = {"_": None, "gettext": None, "counted": (2, 3)}
LITERAL = re.compile(r"`[^`]+`|\{\w+\}|--[a-z-]+|\b[A-Z_]{6,}\b|\b\d+\b")  # what no translation may lose


@cache
def messages() -> frozenset[str | tuple[str, str]]:
    """What the code asks a translation for, and the data that it hands over."""
    found: set[str | tuple[str, str]] = set()
    for _, _, message, _, _ in extract_from_dir(ROOT, METHODS, {}, KEYWORDS):
        found.add(tuple(message) if isinstance(message, list | tuple) else message)
    for vendor in PROVIDERS.values():
        found |= {text for rule in vendor.errors for text in (rule.meaning, rule.remedy)}
    own = [*codes.OWN.values(), *(codes.of_status(code) for code in ("402", "502"))]
    found |= {text for each in own for text in (each.meaning, each.remedy, each.follows)}
    found |= {text for each in codes.KINDS.values() for text in (each.meaning, each.follows)}
    found |= {*codes.UNANSWERED.values(), *codes.ENDED_UNKNOWN.values(), codes.REHEARSED, codes.REPEATED}
    found |= {codes.LOST, "died", "died: killed, or the power went", "lost"}
    found |= {str(each) for each in Status} | {"finished", "interrupted", "stopped", "running", "refused"}
    return frozenset(message for message in found if message and message != ("",))


@pytest.fixture(scope="module")
def translated():
    with (FOLDER / "bulkim.po").open("rb") as file:
        return read_po(file, locale="zh_CN")


def test_every_message_is_translated(translated):
    known = {message.id for message in translated if message.id and message.string and any(message.string)}
    assert not (messages() - known), "give them a translation in bulkim/locale, then: make locale"


def test_no_translation_is_left_over(translated):
    asked = messages()
    assert not [message.id for message in translated if message.id and message.id not in asked]


def test_translations_keep_commands_placeholders_and_numbers(translated):
    for message in translated:
        if not message.id:
            continue
        source = message.id if isinstance(message.id, str) else message.id[0]
        target = message.string if isinstance(message.string, str) else message.string[0]
        assert sorted(LITERAL.findall(source)) == sorted(LITERAL.findall(target)), source


def pairs(catalogue) -> set[tuple[object, object]]:
    return {(_plain(each.id), _plain(each.string)) for each in catalogue if each.id}


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def test_what_is_compiled_is_what_is_written(translated):
    with (FOLDER / "bulkim.mo").open("rb") as file:
        compiled = read_mo(file)
    assert pairs(compiled) == pairs(translated), "make locale"


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en_US"),
        ({"LANG": "en_US.UTF-8", "BULKIM_LANG": "zh-CN"}, "zh_CN"),
        ({"BULKIM_LANG": " ", "LANG": "zh_CN"}, "zh_CN"),
    ],
)
def test_the_first_variable_that_is_set_decides(environment, found):
    assert language.wanted(environment) == found


@pytest.mark.parametrize(
    ("name", "tag"), [("zh_CN", "zh-CN"), ("zh", "zh-CN"), ("zh_TW", "zh-CN"), ("de_DE", "en"), ("", "en")]
)
def test_who_reads_chinese_gets_chinese(name, tag):
    assert language.tag({"BULKIM_LANG": name}) == tag


def test_only_what_explains_is_translated(tmp_path):
    def said(*words: str, language: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "bulkim", *words], capture_output=True, text=True, check=False, cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "BULKIM_LANG": language, "PYTHONUTF8": "1"},
        )  # fmt: skip
        return ended.stdout + ended.stderr

    def both(*words: str) -> tuple[str, str]:
        return said(*words, language="en"), said(*words, language="zh_CN")

    for words in (["explain", "easemob", "reach_limit", "--json"], ["run", "--help"], ["show", "nobody"]):
        english, chinese = both(*words)
        assert english == chinese, words
    english, chinese = both("explain", "easemob", "reach_limit")
    assert "Too many calls in this second" in english
    assert "这一秒内的调用过多" in chinese
