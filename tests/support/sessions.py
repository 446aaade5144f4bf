"""Terminal sessions in the documentation: what is typed, and what it is said to print."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Step:
    command: str  # with its further lines
    output: list[str] = field(default_factory=list)


def typed(page: str) -> list[Step]:
    """Every command of the page's consoles, in order."""
    steps: list[Step] = []
    for console in re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        for line in console.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:]))
            elif line.startswith("> "):
                steps[-1].command += f"\n{line[2:]}"
            else:
                steps[-1].output.append(line)
    return steps


def alike(line: str) -> str:
    """A line without what differs from run to run: ids, numbers, spaces between columns, and what a kill adds."""
    line = re.sub(r"; .*", "", line) if line.startswith("run ") else line
    return re.sub(r" +", " ", re.sub(r"[\d,.:-]+", "0", re.sub(r"\b[a-z2-9]{8}\b", "ID", line))).strip()
