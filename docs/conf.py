"""Sphinx: `make docs` builds the site from these pages and from the program itself, without any network."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import bulkim

if TYPE_CHECKING:
    import click
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generated  # noqa: E402 - stands beside this file

MAN = globals()["tags"].has("man")  # which Sphinx puts here
GETTEXT = globals()["tags"].has("gettext")  # only what is to be translated
LANGUAGES = globals()["tags"].has("languages")  # the Chinese site lies beside this one, in zh/

project = "bulkim"
author = "the bulkim authors"
version = release = bulkim.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
smartquotes = False  # what is shown is typed: --json, 'last'
nitpicky = True
nitpick_ignore_regex = [  # other projects' pages are not fetched, and what is no public name has no page
    ("py:.*", r"(?!bulkim\.).*"),
    ("py:.*", r"bulkim\.(\w+\.)+\w+"),
]

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

locale_dirs = ["locale"]
gettext_compact = False
_ERRORS = re.compile(r"<!-- begin errors -->.*?<!-- end errors -->\n", re.DOTALL)
ONLY_ENGLISH = "本页只有英文版。"

html_theme = "furo"
html_title = f"bulkim {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        *(["sidebar/language.html"] if LANGUAGES else []),
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_show_sphinx = html_show_copyright = False
html_copy_source = html_show_sourcelink = False

# Man pages are another set of documents: one a command, and bulkim(1) around them.
PAGES = ("bulkim", *(f"bulkim-{name}" for name in generated.COMMANDS))
if MAN:
    root_doc = "man/bulkim"
    include_patterns = ["man/*", "_generated/man/*"]
    man_pages = [
        (f"_generated/man/{page}" if "-" in page else root_doc, page, generated.purpose(page), "", 1)
        for page in PAGES
    ]
elif GETTEXT:
    import translations

    include_patterns = [f"{page}.md" for page in translations.PAGES]
    suppress_warnings = ["myst.xref_missing", "toc.excluded", "toc.not_readable"]
else:
    exclude_patterns = ["_generated", "man"]


def setup(app: Sphinx) -> None:
    """Write the generated pages before anything is read; give each command its examples."""
    app.connect("builder-inited", _write)
    app.connect("source-read", _without_links_outwards)
    app.connect("source-read", _in_its_language)
    app.connect("sphinx-click-process-description", _with_examples)
    app.connect("sphinx-click-process-arguments", _without_mail_addresses)


def _write(_: Sphinx) -> None:
    generated.write(HERE / "_generated")
    if not MAN:  # on the site they stand once, above all commands
        generated.hide_common_options()


def _without_links_outwards(_: Sphinx, docname: str, source: list[str]) -> None:
    """What lies beside docs/ is named on the site, and linked where the repository is read."""

    def named(link: re.Match[str]) -> str:
        target = (HERE / docname).parent.joinpath(link[2]).resolve()
        return link[0] if target.is_relative_to(HERE) else link[1]

    source[0] = re.sub(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#]*)(?:#[^)]*)?\)", named, source[0])


def _in_its_language(app: Sphinx, docname: str, source: list[str]) -> None:
    """Generated tables in the reader's language; what has no translation says so."""
    if GETTEXT:  # what is generated is translated where it comes from
        source[0] = re.sub(r"```\{include\} _generated/.*?```", "", source[0], flags=re.DOTALL)
        source[0] = _ERRORS.sub("", source[0])
    if app.config.language != generated.CHINESE:
        return
    import translations

    chinese = f"```{{include}} _generated/{generated.CHINESE}/errors.md\n```\n"
    source[0] = _ERRORS.sub(lambda _: chinese, source[0])
    if docname not in translations.PAGES:
        source[0] = re.sub(
            r"^(# .*\n)", rf"\1\n```{{note}}\n{ONLY_ENGLISH}\n```\n", source[0], count=1, flags=re.MULTILINE
        )


def _with_examples(_: Sphinx, ctx: click.Context, lines: list[str]) -> None:
    examples = getattr(ctx.command, "examples", ())
    if examples:
        lines[:0] = [".. code-block:: console", "", *(f"   $ {example}" for example in examples), ""]


def _without_mail_addresses(_: Sphinx, _ctx: click.Context, lines: list[str]) -> None:
    """NAME@TIME is a run's name, and nobody's address to be linked."""
    lines[:] = [line.replace("@", r"\@") for line in lines]
