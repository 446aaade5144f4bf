"""What the benchmarks say, as text that can stand in a page."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import measure


@dataclass
class Report:
    """Prints tables, and says where charts go."""

    images: Path
    machine: str = field(default_factory=measure.machine)
    date: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))

    def head(self, title: str) -> None:
        say(f"\n## {title}\n")

    def note(self, text: str) -> None:
        say(f"\n{text}\n")

    def table(self, title: str, rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
        say(f"\n{title}\n")
        for row in (header, ["---", *["---:"] * (len(header) - 1)], *rows):
            say("| " + " | ".join(row) + " |")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
