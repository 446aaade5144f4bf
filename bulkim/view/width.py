"""How much room words take on a terminal, where a Chinese character takes two columns and an accent none.

rich knows the widths, emoji made of several characters included. It is loaded for text that is not ASCII only.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

ELLIPSIS = "…"
URL = "://"  # a word that has it is one


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


# A word; or a wide character, with what may not begin a line behind it and what may not end one before it.
_OPENING, _CLOSING = "（《〈「『【〔“‘", "，。、；：！？）》〉」』】〕”’…·％"
_UNIT = re.compile(
    rf"[{_OPENING}]*(?:[^\s\u2e80-\uffef{_OPENING}{_CLOSING}]+|[\u2e80-\uffef])?[{_CLOSING}]*|\s"
)


def wrapped(text: str, width: int, *, lines_max: int | None = None) -> list[str]:
    """Lines of so many columns; what is beyond the last one is cut. Chinese, which has no spaces, is broken anywhere but before
    what closes and behind what opens. A URL is never broken: it is copied."""
    if text.isascii():
        return textwrap.wrap(
            text, width, max_lines=lines_max, placeholder=" " + ELLIPSIS,
            break_on_hyphens=False, break_long_words=URL not in text,
        )  # fmt: skip
    lines = [""]
    for unit in _UNIT.findall(" ".join(text.split())):
        if columns(lines[-1] + unit) <= width:
            lines[-1] += unit
            continue
        lines[-1] = lines[-1].rstrip()
        *full, rest = [unit.lstrip()] if URL in unit else chopped(unit.lstrip(), width)
        lines += [*full, rest]
    lines = [line for line in lines if line]
    if lines_max is not None and len(lines) > lines_max:
        lines[lines_max - 1 :] = [cut(lines[lines_max - 1] + "  ", width - 1) + ELLIPSIS]
    return lines


def wrapped_spans(line: Sequence[tuple[str, str]], width: int) -> list[list[tuple[str, str]]]:
    """Text in styles, on lines of so many columns: broken between words, styles and all. A word that is longer stays in one piece.

    What goes on stands two columns further in than the line begins.
    """
    text = "".join(part for part, _ in line)
    if columns(text) <= width:
        return [list(line)]
    indent = " " * min(len(text) - len(text.lstrip()) + 2, width // 2)
    return [
        [*([(indent, "")] if start else []), *_between(line, start, end)]
        for start, end in _stretches(text, width, len(indent))
    ]


def _stretches(text: str, width: int, indent: int) -> Iterator[tuple[int, int]]:
    """From where to where each line goes; blanks at a break belong to none."""
    start, end, room = 0, 0, width
    for unit in _UNIT.finditer(text):
        if unit[0].isspace() or not unit[0]:
            continue
        if text[start : unit.start()].strip() and columns(text[start : unit.end()]) > room:
            yield start, end
            start, room = unit.start(), width - indent
        end = unit.end()
    yield start, end


def _between(line: Sequence[tuple[str, str]], start: int, end: int) -> Iterator[tuple[str, str]]:
    """The part of a line of spans between two places."""
    at = 0
    for part, style in line:
        if kept := part[max(0, start - at) : max(0, end - at)]:
            yield kept, style
        at += len(part)


def chopped(text: str, width: int) -> list[str]:
    """A text in pieces that fit, every character of it."""
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)] or [""]
    from rich.cells import chop_cells

    return chop_cells(text, width) or [""]


def fitted(text: str, width: int) -> str:
    """The text cut or padded to so many columns."""
    text = cut(text, width)
    return text + " " * (width - columns(text))
