"""A page in a headless Chromium: what it asks the network for, what it says on its console, how it looks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


@dataclass(frozen=True)
class Opened:
    dom: str  # after its scripts
    console: list[str]


def open_page(
    page: Path, *, dark: bool = False, picture: Path | None = None, size: tuple[int, int] = (1120, 1720)
) -> Opened:
    """Open a file; needs CHROMIUM."""
    assert CHROMIUM
    with tempfile.TemporaryDirectory() as profile:
        words = [
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={profile}",
            f"--window-size={size[0]},{size[1]}",
            "--enable-logging=stderr",
        ]
        words += ["--blink-settings=preferredColorScheme=0"] if dark else []
        words += [f"--screenshot={picture}"] if picture else ["--dump-dom"]
        ended = subprocess.run(
            [*words, page.as_uri()], capture_output=True, text=True, check=True, timeout=60
        )
    console = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    return Opened(ended.stdout, console)
