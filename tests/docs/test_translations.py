"""The Chinese pages keep every command, figure and link of the English ones, and lack nothing that these say."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="make docs installs it")
DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS))

import generated  # noqa: E402 - Sphinx finds them there, too
import translations  # noqa: E402

from bulkim.codes import OWN  # noqa: E402
from bulkim.vendors import PROVIDERS  # noqa: E402


def literals(text: str) -> list[str]:
    """What is typed or read letter for letter."""
    return sorted(re.findall(r"`[^`]+`", text))


def links(text: str) -> list[str]:
    return sorted(re.findall(r"\]\(([^)]+)\)", text))


def figures(text: str) -> list[str]:
    """Numbers in digits, those in links left out."""
    return sorted(re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"\]\([^)]+\)", "", text)))


@pytest.mark.parametrize("page", translations.PAGES)
def test_nothing_is_lost_in_translation(page):
    messages = [each for each in translations.translated(page) if each.id]
    for message in messages:
        for part in (literals, links, figures):
            assert part(message.string) == part(message.id), f"{page}: {message.id}"
        # "1. " would be a list, which Sphinx does not put where a heading was; "1\\. " is a heading.
        assert not re.match(r"(\d+[.)]|[-*+]) ", message.string), f"{page}: {message.id}"


@pytest.mark.slow  # Sphinx reads the pages
def test_what_changed_in_english_was_translated_again(tmp_path):
    lacks = {
        page: list(translations.lacking(page, each))
        for page, each in translations.templates(tmp_path).items()
    }
    assert not {page: texts for page, texts in lacks.items() if texts}, (
        "make docs-locale, then translate what it names"
    )


def test_the_error_catalogue_is_generated_in_both_languages():
    english, chinese = ("\n".join(generated.errors(each)) for each in ("en", generated.CHINESE))
    assert english.count("\n| ") == chinese.count("\n| ")
    assert re.findall(r"^\| (`[^|]*`) \|", english, re.MULTILINE) == re.findall(
        r"^\| (`[^|]*`) \|", chinese, re.MULTILINE
    )
    texts = [each.meaning for each in OWN.values()] + [
        rule.meaning for one in PROVIDERS.values() for rule in one.errors
    ]
    assert not [text for text in texts if text in chinese]
