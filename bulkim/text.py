"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 item``, ``8,120 items``."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
