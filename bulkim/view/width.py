"""How much room words take on a terminal, where a Chinese character takes two columns and an accent none.

rich knows the widths, emoji made of several characters included. It is loaded for text that is not ASCII only.
"""

from __future__ import annotations

import textwrap

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


def wrapped(text: str, width: int, *, lines_max: int | None = None) -> list[str]:
    """Lines of so many columns; what is beyond the last one is cut. Chinese, which has no spaces, is broken anywhere."""
    if text.isascii():
        return textwrap.wrap(text, width, max_lines=lines_max, placeholder=" " + ELLIPSIS)
    from rich.console import Console
    from rich.text import Text

    lines = [line.plain.rstrip() for line in Text(text).wrap(Console(width=width), width)]
    if lines_max is not None and len(lines) > lines_max:
        lines[lines_max - 1 :] = [cut(lines[lines_max - 1] + "  ", width - 1) + ELLIPSIS]
    return lines


def fitted(text: str, width: int) -> str:
    """The text cut or padded to so many columns."""
    text = cut(text, width)
    return text + " " * (width - columns(text))
