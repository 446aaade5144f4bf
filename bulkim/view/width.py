"""How much room words take on a terminal, where a Chinese character takes two columns and an accent none.

rich knows the widths, emoji made of several characters included. It is loaded for text that is not ASCII only.
"""

from __future__ import annotations

ELLIPSIS = "…"


def columns(text: str) -> int:
    """How many terminal columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits into so many columns with an ellipsis at its end."""
    if columns(text) <= width:
        return text
    if width <= 0:
        return ""
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS


def fitted(text: str, width: int) -> str:
    """The text cut or padded to so many columns."""
    text = cut(text, width)
    return text + " " * (width - columns(text))
