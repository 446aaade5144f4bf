"""Draws docs/images/live.svg from a real run on a terminal: `python tests/support/picture.py`.

A delete list meets a sandbox on an ordinary day: some users never existed, some are named twice, two are protected,
two calls are refused. The first process is killed; of the second, one moment is kept.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import sqlite3
import struct
import sys
import tempfile
import termios
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from xml.sax.saxutils import escape

from rich.ansi import AnsiDecoder
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from bulkim.sandbox import Embedded, SandboxConfig

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "live.svg"
COLUMNS = 96
JOB = """\
name: delete-leavers
provider: easemob
operation: delete
connection: {{base_url: "{url}", org: sandbox, app: demo, auth: {{token: sandbox-token}}}}
source: {{text: leavers.txt}}
guard: {{protect: ["admin.*"]}}
"""
USERS, GHOSTS, TWICE = 2400, 160, 25
THEME = TerminalTheme(
    (24, 26, 31), (214, 218, 224),
    [(24, 26, 31), (229, 104, 113), (126, 191, 115), (222, 184, 101), (97, 160, 234), (190, 130, 220), (86, 190, 196),
     (171, 178, 191)],
    [(74, 80, 92), (240, 130, 138), (150, 210, 140), (235, 205, 130), (130, 185, 245), (210, 160, 235), (120, 210, 215),
     (235, 238, 242)],
)  # fmt: skip


# ------------------------------------------------------------------------------------------ terminal


class Screen:
    """As much of a terminal as bulkim uses: lines, carriage return, cursor up, erase line. Colours stay in the text."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = 0
        self._rest = ""

    def feed(self, text: str) -> None:
        text = self._rest + text
        cut = text.rfind("\x1b") if re.search(r"\x1b(\[[0-9;?]*)?$", text) else len(text)
        text, self._rest = text[:cut], text[cut:]
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
            self._put(part)

    def _put(self, part: str) -> None:
        if part == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        elif part == "\r":
            return
        elif part.startswith("\x1b[") and not part.endswith("m"):
            if part.endswith("A"):
                self.row = max(0, self.row - int(part[2:-1] or 1))
            elif part == "\x1b[2K":
                self.lines[self.row] = ""
        else:
            self.lines[self.row] += part

    def shown(self) -> list[str]:
        lines = list(self.lines)
        while lines and not lines[-1]:
            lines.pop()
        return lines


def on_terminal(
    command: list[str], folder: Path, *, until: Callable[[], bool] = lambda: False, after: str = ""
) -> list[str]:
    """The screen when `until` says so (the process is then killed), or at its end."""
    screen = Screen()
    screen.feed(after)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), NO_PROXY="127.0.0.1")
        os.environ.pop("NO_COLOR", None)
        os.execv(sys.executable, [sys.executable, "-m", "bulkim", *command])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.05)
        try:
            screen.feed(os.read(terminal, 65536).decode() if ready else "")
        except OSError:
            break
        if until():
            os.kill(process, signal.SIGKILL)
            break
    os.waitpid(process, 0)
    os.close(terminal)
    return screen.shown()


# --------------------------------------------------------------------------------------------- story


def tell() -> list[str]:
    """The live block of a run that was killed and continues."""
    faults = [
        {"match": {"operation": "delete"}, "after": 1030, "times": 2, "do": "throttle"},
        {"match": {"operation": "delete"}, "do": {"delay": 0.12, "when": "after"}},
    ]  # fmt: skip
    with (
        Embedded(SandboxConfig(latency=(0.02, 0.06), faults=faults)) as sandbox,
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        users = [f"user-{n:04}" for n in range(1, USERS + 1)]
        call(sandbox.control, "POST", "/users", {"app": "sandbox/demo", "users": users})
        goners = [*users, "admin-1", "admin-2", *(f"ghost-{n:03}" for n in range(1, GHOSTS + 1))]
        goners = [*sorted(goners, key=mixed), *users[:TWICE]]
        (folder / "leavers.txt").write_text("\n".join(goners) + "\n")
        (folder / "delete.yaml").write_text(JOB.format(url=sandbox.base_url))

        command = ["run", "delete.yaml", "--confirm", f"demo:{USERS + GHOSTS}"]
        on_terminal(command, folder, until=lambda: counted(folder) >= 1000)
        time.sleep(0.5)
        typed = f"\x1b[32m$\x1b[0m bulkim {' '.join(command)}\n"
        return on_terminal(command, folder, until=lambda: counted(folder) >= 2330, after=typed)


def mixed(name: str) -> int:
    return sum(ord(char) * 7919**place for place, char in enumerate(name)) % 10007


def counted(folder: Path) -> int:
    """Items that have ended."""
    if not (folder / "bulkim.db").exists():
        return 0
    with closing(sqlite3.connect(folder / "bulkim.db")) as db:
        found = db.execute("SELECT total(items) FROM tally") if tables(db) else ((0,),)
        return int(next(iter(found))[0])


def tables(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'tally'").fetchone() is not None


def call(control: str, method: str, path: str, document: object = None) -> dict:
    data = None if document is None else json.dumps(document).encode()
    with urllib.request.urlopen(urllib.request.Request(control + path, data, method=method)) as answer:
        return json.load(answer)


# ---------------------------------------------------------------------------------------------- SVG

CONSOLE = Console(width=COLUMNS, color_system="truecolor", force_terminal=True)
CHAR, LINE, PAD, BAR = 8.43, 20, 18, 34
FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
BLOCKS = {"█": 1.0, "▒": 0.55, "░": 0.28}  # drawn as boxes: fonts leave gaps between them


def svg(lines: list[str], title: str) -> str:
    """A terminal window with these lines, without fonts or scripts from anywhere."""
    width, height = COLUMNS * CHAR + 2 * PAD, len(lines) * LINE + BAR + PAD
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">',
        f"<style>text{{font:14px {FONT};white-space:pre}}.b{{font-weight:bold}}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="9" fill="{css(THEME.background_color)}"/>',
        *(f'<circle cx="{20 + 18 * n}" cy="18" r="5.5" fill="{fill}"/>' for n, fill in enumerate(("#e56871", "#deb865", "#7ebf73"))),
        f'<text x="{width / 2:.0f}" y="23" text-anchor="middle" fill="#8b919c">{escape(title)}</text>',
    ]  # fmt: skip
    decoder = AnsiDecoder()
    for row, line in enumerate(lines):
        y = BAR + PAD + row * LINE
        column = 0
        for text in decoder.decode(line):
            for segment in text.render(CONSOLE):
                for run in re.findall(r"█+|▒+|░+|[^█▒░]+", segment.text):
                    parts.append(drawn(run, segment.style or Style(), PAD + column * CHAR, y))
                    column += cell_len(run)
    return "\n".join([*filter(None, parts), "</svg>", ""])


def drawn(run: str, style: Style, x: float, y: float) -> str:
    color = css(style.color.get_truecolor(THEME)) if style.color else css(THEME.foreground_color)
    width = cell_len(run) * CHAR
    if run[0] in BLOCKS:
        return f'<rect x="{x:.1f}" y="{y - 11}" width="{width:.1f}" height="13" fill="{color}" opacity="{BLOCKS[run[0]]}"/>'
    if not run.strip():
        return ""
    attributes = (' class="b"' if style.bold else "") + (' opacity="0.62"' if style.dim else "")
    return (
        f'<text x="{x:.1f}" y="{y}" fill="{color}"{attributes} textLength="{width:.1f}" '
        f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(run)}</text>'
    )


def css(color: object) -> str:
    return "#" + "".join(f"{part:02x}" for part in tuple(color))  # type: ignore[call-overload]


def main() -> None:
    lines = tell()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(svg(lines, "bulkim"), encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\x1b[0m\n")


if __name__ == "__main__":
    main()
