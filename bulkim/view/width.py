"""How much room words take on a terminal, where a Chinese character takes two columns and an accent none."""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"


def columns(text: str) -> int:
    """How many terminal columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits into so many columns with an ellipsis at its end."""
    if columns(text) <= width:
        return text
    left, kept = width - 1, ""
    for char in text:
        left -= _columns(char)
        if left < 0:
            break
        kept += char
    return kept + ELLIPSIS if width > 0 else ""


def fitted(text: str, width: int) -> str:
    """The text cut or padded to so many columns."""
    text = cut(text, width)
    return text + " " * (width - columns(text))
