"""A page in a headless Chromium: what it asks the network for, what it says on its console, how it looks.

Chromium is driven over its DevTools protocol on a pair of pipes, so that a request is seen although this machine may
have no network to send it to.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE_S = 60.0


@dataclass
class Page:
    """A tab. Events arrive while a command is waited for."""

    write: int
    read: int
    session: str = ""
    console: list[str] = field(
        default_factory=list
    )  # messages, exceptions, and what the page's policy refused
    requests: list[str] = field(default_factory=list)  # all but the page itself and data: addresses
    loaded: bool = False
    _number: int = 0
    _rest: bytes = b""

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command; returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def open(self, url: str) -> None:
        """Go there, and wait until everything was loaded."""
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.send("Page.navigate", url=url)
        while not self.loaded:
            self._next()

    def evaluate(self, expression: str) -> Any:
        """A JavaScript expression's value."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """A key, as a person would."""
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        code = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}.get(key, 0)
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page."""
        return base64.b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def printed(self) -> bytes:
        """A PDF."""
        return base64.b64decode(self.send("Page.printToPDF", preferCSSPageSize=True)["data"])

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self.read], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "Chromium says nothing"
            some = os.read(self.read, 1 << 20)
            assert some, "Chromium is gone"
            self._rest += some
        line, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(line)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, params: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self.loaded = True
        elif event == "Network.requestWillBeSent" and params["type"] != "Document":
            url = params["request"]["url"]
            self.requests += [] if url.startswith("data:") else [url]
        elif event == "Runtime.consoleAPICalled":
            self.console.append(" ".join(str(each.get("value")) for each in params["args"]))
        elif event == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"]))
        elif event == "Log.entryAdded":
            self.console.append(params["entry"]["text"])


@contextmanager
def browsing(page: Path, *, dark: bool = False, size: tuple[int, int] = (1280, 1720)) -> Iterator[Page]:
    """A file, opened; needs CHROMIUM."""
    assert CHROMIUM
    to_browser, from_us = os.pipe()
    from_browser, to_us = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium listens on descriptor 3 and answers on 4.
        wired = 'exec 3<"/proc/self/fd/$0" 4>"/proc/self/fd/$1"; shift; exec "$@"'
        words = [
            "sh",
            "-c",
            wired,
            str(to_browser),
            str(to_us),
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={profile}",
        ]
        process = subprocess.Popen(words, pass_fds=(to_browser, to_us), stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(to_us)
        try:
            tab = Page(from_us, from_browser)
            target = tab.send("Target.createTarget", url="about:blank")["targetId"]
            tab.session = tab.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            tab.send("Emulation.setEmulatedMedia", features=[theme])
            tab.send("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1,
                     mobile=False)  # fmt: skip
            tab.open(page.as_uri())
            yield tab
        finally:
            process.kill()
            process.wait()
            os.close(from_us)
            os.close(from_browser)
