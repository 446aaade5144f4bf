"""Drawing while a run goes on, on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from bulkim.text import vendor_app
from bulkim.view.live.block import ASCII, Lines, Spans, block
from bulkim.view.live.meter import Meter, View
from bulkim.view.width import columns

FRAME_S = 0.22  # between two drawings
WIDTH_MAX = 100


def chosen(wish: str, *, quiet: bool) -> str:
    """bar, plain or none: what `--progress` comes to here."""
    if quiet:
        return "none"
    if wish != "auto":
        return wish
    return "bar" if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" else "plain"


@asynccontextmanager
async def drawing(style: str, meter: Meter, worker: Any) -> AsyncIterator[None]:
    """Draw what a worker's telemetry says, meanwhile."""
    import asyncio

    if style == "none":
        yield
        return
    show, close = screen(style)

    async def draw() -> None:
        with suppress(OSError, ValueError):  # a terminal that went away must not end the run
            while True:
                now = asyncio.get_running_loop().time()
                show(now, meter.read(now, worker.telemetry))
                await asyncio.sleep(FRAME_S)

    # Not a task group: it would wrap the errors of what it stands around.
    task = asyncio.get_running_loop().create_task(draw())
    try:
        yield
    finally:
        task.cancel()
        with suppress(OSError, ValueError):
            close()


Observe = Callable[[Any, Any], AbstractAsyncContextManager[None]]


def observer(style: str) -> Observe:
    """What is entered around the sending: (worker, preview) -> an async context manager that draws meanwhile."""

    @asynccontextmanager
    async def observe(worker: Any, preview: Any) -> AsyncIterator[None]:
        meter = Meter(
            _title(preview),
            resumed=preview.resumed,
            capped=preview.job.concurrency is not None,
            own_limit=preview.job.rate.own,
            open_ended=preview.operation.paging is not None or _listing(preview),
            expected=preview.expected,
        )
        async with drawing(style, meter, worker):
            yield

    return observe


def _listing(preview: Any) -> bool:
    """Whether this is the reading of a listing, before the run's own work."""
    return preview.job.source.is_listing and preview.record.planned_at is None


def _title(preview: Any) -> str:
    job, record = preview.job, preview.record
    name = "" if record.name == job.operation else f"{record.name} · "
    doing = f"listing {job.source.listing}" if _listing(preview) else job.operation
    return f"{name}{doing} at {vendor_app(job.provider, job.connection.app_name)} · run {record.run}"


Show = Callable[[float, View], None]


def screen(style: str) -> tuple[Show, Callable[[], None]]:
    """What draws a view (now, view), and what ends the drawing."""
    return _live() if style == "bar" else _lines()


def _lines() -> tuple[Show, Callable[[], None]]:
    lines = Lines()

    def show(now: float, view: View) -> None:
        if text := lines.due(now, view):
            sys.stderr.write(text.translate(ASCII) + "\n")
            sys.stderr.flush()

    return show, lambda: None


def _live() -> tuple[Show, Callable[[], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    class Undisturbed(Console):
        """Leaves the cursor alone: a process that is killed cannot show it again."""

        def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002 - as Rich calls it
            return False

    console = Undisturbed(stderr=True, highlight=False, force_terminal=True)
    plain = not console.encoding.lower().startswith("utf")
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)

    drawn: list[int] = []  # columns of each line on the screen

    def show(_: float, view: View) -> None:
        width = console.width
        if (
            drawn and max(drawn) > width
        ):  # the window became narrower, and the terminal wrapped what was there
            rows = sum(max(1, -(-each // width)) for each in drawn)
            live._live_render._shape = (width, rows)  # noqa: SLF001 - else Rich clears too few of them
        # An empty line at the end: after a kill, the shell's prompt stands there.
        spans: list[Spans] = [*block(view, min(width, WIDTH_MAX)), []]
        drawn[:] = [sum(columns(part) for part, _ in line) for line in spans]
        text = Text("\n", no_wrap=True).join(
            Text.assemble(*((part.translate(ASCII) if plain else part, style) for part, style in line))
            for line in spans
        )
        if not live.is_started:
            live.start()
        live.update(text, refresh=True)

    return show, live.stop
