"""The language of what people read at a run's end: English, or Simplified Chinese by ``BULKIM_LANG`` or the locale.

Only what explains is translated: the account of a run, the report, outcomes, what codes mean. Errors, hints, help and logs stay
English, because people search for them; JSON, CSV, exit codes and event names never change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path

DOMAIN = "bulkim"
LOCALES = Path(__file__).parent / "locale"
VARIABLES = ("BULKIM_LANG", "LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set decides


def wanted(environment: Mapping[str, str] = os.environ) -> str:
    """A locale's name such as ``zh_CN``; ``en`` where nothing is set, or what is set names no language."""
    for name in VARIABLES:
        if value := environment.get(name, "").strip():
            plain = value.partition(".")[0].partition("@")[0].replace("-", "_")
            return "en" if plain in {"C", "POSIX"} else plain
    return "en"


def tag(environment: Mapping[str, str] = os.environ) -> str:
    """The language that is really spoken, as HTML writes it: ``en`` or ``zh-CN``."""
    return "en" if type(_catalogue(wanted(environment))) is NullTranslations else "zh-CN"


def gettext(text: str, /, **values: object) -> str:
    """The text in the reader's language, its ``{names}`` filled in. The text itself is the key of its translation."""
    found = _catalogue(wanted()).gettext(text) if text else text
    return found.format(**values) if values else found


def counted(number: int, one: str, many: str) -> str:
    """``1 item``, ``8,120 items``: both forms hold ``{n}``."""
    return _catalogue(wanted()).ngettext(one, many, number).format(n=f"{number:,}")


@cache
def _catalogue(name: str) -> NullTranslations:
    return translation(DOMAIN, LOCALES, languages=list(_nearest(name)), fallback=True)


def _nearest(name: str) -> Iterator[str]:
    """Whoever reads Chinese reads what there is of it; Traditional is not there, and Simplified helps more than English."""
    yield name
    if name.partition("_")[0] == "zh":
        yield "zh_CN"
