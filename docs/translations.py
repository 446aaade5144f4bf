"""The Chinese pages: which they are, and what of the English ones they do not have yet. `make docs-locale` renews them.

A page's translation is `locale/zh_CN/LC_MESSAGES/PAGE.po`. What has changed in English is marked fuzzy there, and Sphinx shows it in
English until somebody has looked at it; `tests/docs/test_translations.py` names it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import normalize, read_po

HERE = Path(__file__).parent
LANGUAGE = "zh_CN"
CATALOGUES = HERE / "locale" / LANGUAGE / "LC_MESSAGES"
# In the order in which people read them. Of all other pages the title alone is translated, and a line says that they are English.
PAGES = (
    "index", "tutorial", "errors", "glossary", "exit-codes",
    *(f"how-to/{page.stem}" for page in sorted((HERE / "how-to").glob("*.md"))),
)  # fmt: skip
WIDTH = 110
HEAD = """\
# Simplified Chinese of docs/{page}.md. `make docs-locale` renews it.
msgid ""
msgstr ""
"Language: zh_CN\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def templates(folder: Path) -> dict[str, Catalog]:
    """What there is to translate, by page. Takes some seconds: Sphinx reads the pages."""
    words = ["--quiet", "-b", "gettext", "-t", "gettext", "-d", str(folder / "doctrees")]
    subprocess.run([sys.executable, "-m", "sphinx", *words, str(HERE), str(folder)], check=True)  # noqa: S603 - ours
    return {page: _read(folder / f"{page}.pot") for page in PAGES}


def translated(page: str) -> Catalog:
    """The page's translation; an empty one where there is none."""
    return _read(CATALOGUES / f"{page}.po")


def _read(file: Path) -> Catalog:
    if not file.exists():
        return Catalog(locale=LANGUAGE)
    with file.open("rb") as stream:
        return read_po(stream, locale=LANGUAGE)


def lacking(page: str, template: Catalog) -> Iterator[str]:
    """What the page says in English that is not in its translation, or has changed since."""
    found = translated(page)
    for message in template:
        known = found.get(message.id) if message.id else None
        if message.id and (known is None or not known.string or known.fuzzy):
            yield str(message.id)


def renew() -> int:
    """Bring every translation up to its English page. Returns how many messages somebody has to look at."""
    with tempfile.TemporaryDirectory() as name:
        found = templates(Path(name))
    wanting = 0
    for page, template in found.items():
        catalogue = translated(page)
        catalogue.update(template)
        write(page, catalogue)
        lacks = list(lacking(page, template))
        wanting += len(lacks)
        sys.stdout.writelines(f"{page}: {text[:90]}\n" for text in lacks)
    return wanting


def write(page: str, catalogue: Catalog) -> None:
    """A catalogue without dates and places: it changes when the words do."""
    file = CATALOGUES / f"{page}.po"
    file.parent.mkdir(parents=True, exist_ok=True)
    parts = [HEAD.format(page=page), *(_entry(each) for each in catalogue if each.id)]
    file.write_text("\n".join(parts), encoding="utf-8")


def _entry(message: Message) -> str:
    notes = "#, fuzzy\n" if message.fuzzy else ""
    before = [
        f"#| msgid {normalize(str(each), width=WIDTH)}\n".replace('\n"', '\n#| "')
        for each in message.previous_id
    ]
    return f"{''.join(before)}{notes}msgid {_words(message.id)}\nmsgstr {_words(message.string)}\n"


def _words(text: object) -> str:
    return normalize(str(text), width=WIDTH)


if __name__ == "__main__":
    sys.exit(f"{wanting} messages to translate in docs/locale" if (wanting := renew()) else None)
