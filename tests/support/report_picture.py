"""Draws docs/images/report-light.png and report-dark.png from a real run: `python tests/support/report_picture.py [FOLDER]`.

A mute campaign on a bad day: the first process is killed, the vendor lowers its limit for a while and asks for a rest,
some users are not there, some are refused, and some answers are lost. In FOLDER the run's journal
and its reports stay.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bulkim.sandbox import Embedded, SandboxConfig
from support.browser import browsing
from support.picture import PICTURE, call, counted

IMAGES = PICTURE.parent
JOB = """\
name: quiet-hours
provider: easemob
operation: mute
connection: {{base_url: "{url}", org: sandbox, app: demo, auth: {{token: sandbox-token}}}}
source: {{csv: users.csv, columns: {{username: user_id}}}}
params: {{groupchat: 3600}}
rate: {{limit: 50, share: 0.9}}
timeout: 2
retries: 2
guard: {{protect: ["admin.*"]}}
"""
USERS, GHOSTS = 3600, 70
FAULTS = [
    {"match": {"operation": "mute", "user": "player-1[0-4].7"}, "do": {"error": {
        "http": 400, "error": "illegal_argument", "description": "mute is not allowed for this user"}}},
    {"match": {"operation": "mute", "user": "player-2.33"}, "do": "garbage"},
    {"match": {"operation": "mute"}, "after": 2900, "times": 1, "do": {"throttle": True, "retry_after": 4}},
    {"match": {"operation": "mute"}, "probability": 0.01, "seed": 3, "do": {"delay": 0.4, "when": "after"}},
]  # fmt: skip

WIDTH, HEIGHT_MAX = 1120, 1720
# Where the last section ends that fits whole, and as much air below it as beside it.
EDGE = f"""Math.ceil(Math.max(...[...document.querySelectorAll('section')]
  .map(each => each.getBoundingClientRect().bottom).filter(bottom => bottom < {HEIGHT_MAX} - 8)) + 8)"""


def run(folder: Path) -> None:
    """The run, with everything that may happen to one."""
    with Embedded(SandboxConfig(latency=(0.02, 0.09), faults=FAULTS)) as sandbox:
        users = [f"player-{n:04}" for n in range(1, USERS + 1)]
        call(sandbox.control, "POST", "/users", {"app": "sandbox/demo", "users": users})
        named = [
            *users[:1500],
            *(f"ghost-{n:03}" for n in range(1, GHOSTS + 1)),
            *users[1500:],
            *users[:12],
            "admin-1",
        ]
        rows = "".join(f"{name},{number % 7}\n" for number, name in enumerate(named))
        (folder / "users.csv").write_text("user_id,team\n" + rows)
        (folder / "quiet-hours.yaml").write_text(JOB.format(url=sandbox.base_url))
        words = [sys.executable, "-m", "bulkim", "run", "quiet-hours.yaml", "--progress", "none"]
        first = subprocess.Popen(words, cwd=folder)
        until(folder, first, 900)
        first.send_signal(signal.SIGKILL)
        first.wait()
        time.sleep(6)
        second = subprocess.Popen(words, cwd=folder)
        until(folder, second, 1500)
        call(sandbox.control, "PUT", "/limits", {"mute": 20})
        time.sleep(6)
        call(sandbox.control, "PUT", "/limits", {"mute": 100})
        second.wait()


def until(folder: Path, process: subprocess.Popen[bytes], items: int) -> None:
    while counted(folder) < items:
        assert process.poll() is None, "it ended before that"
        time.sleep(0.05)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else name).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "bulkim.db").exists():
            run(folder)
        page = folder / "report.html"
        words = ["report", "last", "-o", str(page)]
        subprocess.run(
            [sys.executable, "-m", "bulkim", *words], cwd=folder, check=True, env={**os.environ, "TZ": "UTC"}
        )
        for theme in ("light", "dark"):
            with browsing(page, dark=theme == "dark", size=(WIDTH, HEIGHT_MAX)) as tab:
                height = tab.evaluate(EDGE)
                tab.send(
                    "Emulation.setDeviceMetricsOverride",
                    width=WIDTH,
                    height=height,
                    deviceScaleFactor=1,
                    mobile=False,
                )
                (IMAGES / f"report-{theme}.png").write_bytes(tab.picture())


if __name__ == "__main__":
    main()
