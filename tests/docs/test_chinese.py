"""The Chinese README keeps what the English one says: every command, every link, every figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[str]:
    """What is typed and shown; comments are translated."""
    found = []
    for _, code in _BLOCK.findall(text):
        found += [re.sub(r"\s+# .*", "", line) for line in code.splitlines()]
    return found


def links(text: str) -> set[str]:
    return set(re.findall(r"\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)) - {
        ("README.md", ""),
        ("README.zh-CN.md", ""),
    }


def figures(text: str) -> list[str]:
    prose = _BLOCK.sub("", text)
    return sorted(re.findall(r"\d[\d,.]*\d|\d", re.sub(r"\]\([^)]*\)", "", prose)))


def literals(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text)))


@pytest.mark.parametrize("part", [blocks, links, figures], ids=lambda part: part.__name__)
def test_nothing_is_lost_in_translation(part):
    assert part(CHINESE) == part(ENGLISH)


def test_every_word_of_the_program_is_named():
    assert literals(ENGLISH) <= literals(CHINESE)


def test_each_leads_to_the_other():
    assert "(README.zh-CN.md)" in ENGLISH
    assert "(README.md)" in CHINESE
