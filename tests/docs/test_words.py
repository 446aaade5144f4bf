"""Plain words: no line longer than a screen, none of the phrases that readers stumbled over, no option without a word."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from bulkim.cli import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
    if "_generated" not in page.parts
)
SCREEN = 160  # columns
FORBIDDEN = re.compile(
    r"(?i)\b(?:are found out|costs? no attempt|rails against|makes trouble|is content|what is pure|overslept|go along into|is the net under"
    r"|goes along as|is said with|see a run go on|who holds how much|in one piece, readable|destroy without asking|stop gently after"
    r"|nobody knows what became|shows that it goes on|a page is nothing for)\b"
)
LITERAL = re.compile(r"`[^`]*`|https?://\S+|\]\([^)]*\)")


def prose(page: Path) -> list[tuple[int, str]]:
    """Lines that are read as sentences: not code, not tables, not what the program wrote."""
    lines, inside = [], False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside and not line.startswith(("|", "<", "!")):
            lines.append((number, line))
    return lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_is_longer_than_a_screen(page):
    if page.name == "CHANGELOG.md":
        return  # an entry is a line
    long = [
        f"{page.name}:{number}: {len(line)} columns"
        for number, line in prose(page)
        if len(LITERAL.sub("", line)) > SCREEN
    ]
    assert not long, long


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_usual_words(page):
    text = page.read_text(encoding="utf-8")
    found = [
        f"{page.name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for match in FORBIDDEN.finditer(text)
    ]
    assert not found, found


@pytest.mark.parametrize("name", COMMANDS)
def test_help_uses_the_usual_words_and_explains_every_option(name):
    context = click.Context(cli, info_name="bulkim")
    command = cli.get_command(context, name)
    assert command is not None
    shown = command.get_help(click.Context(command, info_name=name, parent=context))
    assert not FORBIDDEN.search(shown)
    assert max(map(len, shown.splitlines())) <= 100
    for parameter in command.params:
        assert getattr(parameter, "hidden", False) or getattr(parameter, "help", None), (
            f"{name} {parameter.opts}"
        )


def test_messages_use_the_usual_words():
    found = []
    for file in sorted((ROOT / "bulkim").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        found += [f"{file.name}: {match[0]}" for match in FORBIDDEN.finditer(text)]
    assert not found, found


def test_the_glossary_has_ten_words():
    rows = re.findall(
        r"^\| ([a-z]+) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(set(rows) - {"word"}) == sorted(
        [
            "item",
            "outcome",
            "doubt",
            "settle",
            "pool",
            "narrowing",
            "rehearsal",
            "terms",
            "destructive",
            "ledger",
        ]
    )
