"""`bulkim` that dies at a place of `launcher`, or not: forked, so that hundreds cost little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from support.processes import PATIENCE_S, Ended, environment
from support.spawn import spawn


def bulkim(
    words: Sequence[str], *, cwd: Path, place: str = "none", calls: int = 0, env: Mapping[str, str]
) -> Ended:
    """One run to its end, or to its death. Raises subprocess.TimeoutExpired: it hangs."""
    process = spawn(words, cwd=cwd, env=environment(**env), death=(place, calls))
    out, err = process.communicate(PATIENCE_S)
    assert process.returncode is not None
    return Ended(process.returncode, out, err)
