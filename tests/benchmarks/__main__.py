"""`make bench`: everything that bulkim claims about its cost, measured side by side in one go.

Absolute numbers belong to the machine; the ratios are what to compare.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from . import calls, growth, journaling, pacing, plans, profile, startup
from .report import Report, say

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        help="which: calls, pacing, journal, growth, plans, startup, profile (default: all)",
    )
    parser.add_argument("--tiny", action="store_true", help="only to see that it works")
    parser.add_argument(
        "--huge", action="store_true", help="growth to ten million rows, too (ten minutes more)"
    )
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the charts go")
    options = parser.parse_args(words)
    report = Report(options.images)
    tiny = options.tiny
    parts: dict[str, Callable[[Path], None]] = {
        "calls": lambda folder: calls.run(report, folder, tiny=tiny),
        "pacing": lambda folder: pacing.run(report, folder, tiny=tiny),
        "journal": lambda folder: journaling.run(report, folder, tiny=tiny),
        "growth": lambda folder: growth.run(report, folder, tiny=tiny, huge=options.huge),
        "plans": lambda folder: plans.run(report, folder, tiny=tiny),
        "startup": lambda folder: startup.run(report, folder, tiny=tiny),
        "profile": lambda folder: profile.run(report, folder, tiny=tiny),
    }
    if unknown := set(options.parts) - set(parts):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    say(f"{report.machine}; {report.date}")
    for name in options.parts or parts:
        with tempfile.TemporaryDirectory(prefix=f"bulkim-bench-{name}-") as folder:
            parts[name](Path(folder))


if __name__ == "__main__":
    main()
