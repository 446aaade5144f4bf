"""The site and the man pages: built without a warning, without anything from elsewhere, and true to the program."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.browser import CHROMIUM, browsing

import bulkim
from bulkim.cli import COMMANDS
from bulkim.log.events import EVENTS
from bulkim.vendors import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

import generated  # noqa: E402 - Sphinx finds it there, too


def sphinx(tmp_path: Path, builder: str, *options: str) -> Path:
    pytest.importorskip("sphinx", reason="make docs installs it")
    words = [
        "--quiet",
        "--fail-on-warning",
        "--keep-going",
        "-d",
        str(tmp_path / "doctrees"),
        "-b",
        builder,
        *options,
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "sphinx", *words, str(DOCS), str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return tmp_path / "out"


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", generated.CHINESE])
def test_the_site_loads_nothing_from_elsewhere(tmp_path, language):
    out = sphinx(tmp_path, "html", "-D", f"language={language}")
    assert ("错误码" in (out / "errors.html").read_text(encoding="utf-8")) == (language == generated.CHINESE)
    resource = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*(?:src|srcset)=["'](?:https?:)?//|<link\b[^>]*href=["'](?:https?:)?//"""
    )
    for page in out.rglob("*.html"):
        assert not resource.search(page.read_text(encoding="utf-8")), page.name
    for style in out.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()[^;)]*//", style.read_text(encoding="utf-8")), style.name


@pytest.mark.slow
def test_every_command_has_a_man_page(tmp_path):
    out = sphinx(tmp_path, "man", "-t", "man")
    assert {page.name for page in out.glob("*.1")} == {"bulkim.1", *(f"bulkim-{name}.1" for name in COMMANDS)}
    page = (out / "bulkim-run.1").read_text(encoding="utf-8")
    assert r"bulkim run purge.yaml \-\-confirm testapp:120" in page
    assert "max\\-duration" in page


# ---------------------------------------------------------------------------------------- generated


def page(name: str) -> str:
    return "\n".join(generated.PAGES[name]())


def test_every_operation_is_explained():
    for provider in PROVIDERS.values():
        for operation in provider.operations:
            assert f"({provider.name}-{operation.name})=" in page("operations")
            assert operation.source in page("operations")


def test_every_code_has_its_meaning_and_remedy():
    text = page("errors")
    for provider in PROVIDERS.values():
        for rule in provider.errors:
            assert rule.meaning in text
            assert rule.remedy[1:].replace("|", "\\|") in text


def test_every_event_is_there():
    assert [f"## {event.name}" for event in EVENTS] == re.findall(r"^## .*", page("events"), re.MULTILINE)


def test_common_options_stand_once():
    assert "`--journal PATH`" in page("common-options")


# -------------------------------------------------------------------------------------- handwritten


def read_from_environment() -> set[str]:
    """Names that the client asks `os.environ` or click for."""
    names = set()
    for file in (ROOT / "bulkim").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        names |= set(re.findall(r"""environ(?:\.get\(|\[)"(\w+)\"""", text))
        names |= {node.value.value for node in ast.walk(ast.parse(text))
                  if isinstance(node, ast.keyword) and node.arg == "envvar" and isinstance(node.value, ast.Constant)}  # fmt: skip
    return names


def test_environment_variables_are_listed():
    listed = set(re.findall(r"`([A-Z_]+)`", (DOCS / "environment.md").read_text(encoding="utf-8")))
    by_the_shell = {"COMP_WORDS", "COMP_CWORD"}  # while it completes
    assert read_from_environment() - by_the_shell <= listed


def test_the_python_page_uses_names_that_exist():
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    for code in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        compile(code, "python.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert set(re.findall(r"\bbulkim\.(\w+)", code)) <= set(bulkim.__all__)
    documented = set(re.findall(r"^\.\. auto\w+:: (\w+)$", text, re.MULTILINE))
    assert documented == set(bulkim.__all__)


HEADING = """<!doctype html><meta name="viewport" content="width=device-width"><link rel="stylesheet" href="{css}">
<style>:root{{--color-background-primary:#fff;--color-foreground-secondary:#555}}h2{{font-size:32px;width:{width}px}}.headerlink{{margin-left:.5rem;visibility:hidden}}</style>
<h2>每晚清理测试账号<a class="headerlink" href="#x">¶</a></h2>
<div role="main"><div class="table-wrapper container" style="overflow-x:auto"><table><tr><th style="min-width:600px">x</table></div></div>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("screen", [375, 1280])
def test_a_heading_that_fills_its_line_has_no_second_one(tmp_path, screen):
    place = tmp_path / "page.html"
    place.write_text(HEADING.format(css=(DOCS / "_static" / "site.css").as_uri(), width=8 * 32))
    with browsing(place, size=(screen, 600)) as tab:
        assert tab.evaluate("document.querySelector('h2').getBoundingClientRect().height") < 64
        assert tab.evaluate("document.documentElement.scrollWidth") == screen, "nothing sticks out"
        shadows = tab.evaluate(
            "getComputedStyle(document.querySelector('.table-wrapper')).backgroundAttachment"
        )
        assert shadows == "local, local, scroll, scroll", "a table that goes on beyond the edge shows it"
