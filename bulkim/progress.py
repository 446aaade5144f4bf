"""Shows that a run goes on: a live block on a terminal, a line now and then elsewhere.

`Meter` turns what the executor's telemetry says into a `View`; `block` and `line` turn a view into text. All three are
pure: time is passed in. `observer` is what draws, and what `bulkim.runner` enters around the sending.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from bulkim.model import Status

FRAME_S = 0.22  # between two drawings
LINE_S = 30.0  # between two lines where there is no terminal
RATE_WINDOW_S = 5.0
ETA_WINDOW_S = 20.0
WIDTH_MAX = 100
DRAINING = "waiting for what is in flight"  # the executor's words after the first Ctrl-C


class Readings(Protocol):
    """What is read of `bulkim.executor.Telemetry`, or of the journal from another process."""

    @property
    def counts(self) -> Mapping[Status, int]: ...
    @property
    def limit_per_s(self) -> float: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def in_flight_max(self) -> int: ...
    @property
    def requests(self) -> int: ...
    @property
    def retries(self) -> int: ...
    @property
    def throttled(self) -> int: ...
    @property
    def latency_s(self) -> float | None: ...
    @property
    def waiting_for(self) -> str: ...
    @property
    def codes(self) -> Counter[str]: ...
    @property
    def stopping(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is shown at one moment."""

    title: str
    counts: Mapping[Status, int]
    before: Mapping[Status, int]  # what earlier sessions had ended
    elapsed_s: float
    eta_s: float | None
    calls_per_s: float | None
    users_per_s: float | None
    limit_per_s: float
    in_flight: int
    in_flight_max: int
    retries: int
    throttled: int
    latency_s: float | None
    codes: tuple[tuple[str, int], ...]
    pace: str  # what holds the speed where it is
    state: str  # running, slowed or stopping

    @property
    def items(self) -> int:
        """All items of the run."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Items that have ended."""
        return self.items - self.counts[Status.PENDING]

    @property
    def restored(self) -> int:
        """Items that an earlier session had ended."""
        return sum(self.before.values())


class Meter:
    """Keeps the last samples, for rates that follow what happens now."""

    def __init__(self, title: str, *, resumed: bool = False, capped: bool = False) -> None:
        """`capped`: the job sets the number of calls in flight itself."""
        self._title, self._resumed, self._capped = title, resumed, capped
        self._samples: deque[tuple[float, int, int]] = deque()  # (time, requests, done)
        self._waits: deque[str] = deque(maxlen=9)
        self._before: dict[Status, int] | None = None
        self._began = 0.0
        self._throttled = 0
        self._throttled_at = -RATE_WINDOW_S

    def read(self, now: float, readings: Readings) -> View:
        """Take a sample; returns what to show."""
        counts = dict(readings.counts)
        pending = counts.get(Status.PENDING, 0)
        done = sum(counts.values()) - pending
        if self._before is None:
            ended = {status: n if self._resumed else 0 for status, n in counts.items()}
            self._before = {**ended, Status.PENDING: 0}
            self._began = now
        self._samples.append((now, readings.requests, done))
        while now - self._samples[0][0] > ETA_WINDOW_S:
            self._samples.popleft()
        self._waits.append(self._limit(readings, pending))
        if readings.throttled > self._throttled:
            self._throttled, self._throttled_at = readings.throttled, now
        return View(
            self._title, counts, self._before,
            elapsed_s=now - self._began,
            eta_s=self._eta(now, done, pending),
            calls_per_s=self._rate(now, 1), users_per_s=self._rate(now, 2),
            limit_per_s=readings.limit_per_s,
            in_flight=readings.in_flight, in_flight_max=readings.in_flight_max,
            retries=readings.retries, throttled=readings.throttled, latency_s=readings.latency_s,
            codes=tuple(readings.codes.most_common(3)),
            pace=self._pace(now, readings),
            state=self._state(now, readings),
        )  # fmt: skip

    def _limit(self, readings: Readings, pending: int) -> str:
        if readings.waiting_for == "answers" and pending and readings.in_flight >= readings.in_flight_max:
            return "held by the job's own concurrency" if self._capped else "held by the vendor's latency"
        return LIMITS.get(readings.waiting_for, readings.waiting_for)

    def _pace(self, now: float, readings: Readings) -> str:
        if readings.stopping == DRAINING:
            return f"{DRAINING}; Ctrl-C again leaves at once"
        if readings.stopping:
            return readings.stopping
        if readings.waiting_for == "quota" and self._state(now, readings) == "slowed":
            return LIMITS["vendor"]
        return Counter(self._waits).most_common(1)[0][0]

    def _state(self, now: float, readings: Readings) -> str:
        if readings.stopping:
            return "stopping"
        if readings.waiting_for == "vendor" or now - self._throttled_at < RATE_WINDOW_S:
            return "slowed"
        return "running"

    def _rate(self, now: float, column: int) -> float | None:
        """How fast a column of the samples grows, over the last seconds."""
        first = next(sample for sample in self._samples if now - sample[0] <= RATE_WINDOW_S)
        last = self._samples[-1]
        span = last[0] - first[0]
        return (last[column] - first[column]) / span if span > 0.1 else None

    def _eta(self, now: float, done: int, pending: int) -> float | None:
        """What this session still needs at its own speed; what was restored came for free."""
        first = self._samples[0]
        grown, span = done - first[2], now - first[0]
        if not pending:
            return 0.0
        return pending * span / grown if grown > 0 and span >= 0.5 else None


# ------------------------------------------------------------------------------------------- drawing

LIMITS = {  # what the executor waits for, in words
    "start": "starting",
    "quota": "held by the vendor's limit",
    "vendor": "slower for a while: the vendor refused calls",
    "credentials": "waiting for a token",
    "back-off": "waiting for retries whose turn has not come",
    "answers": "waiting for the last answers",
}
Spans = list[tuple[str, str]]  # (text, style) of one line

STYLES = {
    Status.SUCCEEDED: "green",
    Status.UNCHANGED: "cyan",
    Status.FAILED: "red",
    Status.UNKNOWN: "magenta",
    Status.SKIPPED: "yellow",
    Status.PENDING: "bright_black",
}
GLYPHS = {
    Status.SUCCEEDED: "✓",
    Status.UNCHANGED: "=",
    Status.FAILED: "✗",
    Status.UNKNOWN: "?",
    Status.SKIPPED: "-",
    Status.PENDING: "·",
}
ASCII = str.maketrans("✓✗·█▒░…", "+x.#%. ")
SHOWN_ALWAYS = (Status.SUCCEEDED, Status.FAILED)


def block(view: View, width: int = 80) -> list[Spans]:
    """The live block: at most eight lines of at most `width` columns."""
    lines = [_head(view, width), _bar(view, width), _outcomes(view), _speed(view), _calls(view)]
    if view.codes:
        lines.append(_codes(view))
    lines.append(_limited(view))
    return [_cut(line, width) for line in lines]


def _head(view: View, width: int) -> Spans:
    left = "about " + clock(view.eta_s) + " left" if view.eta_s is not None else "time left not known yet"
    right = f"{clock(view.elapsed_s)}, {left}"
    room = width - len(right) - 2
    title = view.title if len(view.title) <= room else view.title.rpartition(" · ")[0][: max(8, room)]
    return [(title, "bold"), (" " * (width - len(title) - len(right)), ""), (right, "")]


def _bar(view: View, width: int) -> Spans:
    percent = f" {100 * view.done // view.items if view.items else 100:>3}%"
    cells = width - len(percent)
    parts: list[tuple[int, str, str]] = [(view.restored, "▒", "green")]
    parts += [
        (view.counts[status] - view.before[status], "█", STYLES[status])
        for status in Status
        if status is not Status.PENDING
    ]
    parts.append((view.counts[Status.PENDING], "░", STYLES[Status.PENDING]))
    sizes = shares([size for size, _, _ in parts], cells)
    spans = [(glyph * size, style) for size, (_, glyph, style) in zip(sizes, parts, strict=True) if size]
    return [*spans, (percent, "bold")]


def shares(sizes: list[int], cells: int) -> list[int]:
    """Divide `cells` in proportion; whatever is there at all gets a cell."""
    total = sum(sizes)
    if not total:
        return [0] * len(sizes)
    given = [max(1, cells * size // total) if size else 0 for size in sizes]
    given[given.index(max(given))] += cells - sum(given)
    return given


def _outcomes(view: View) -> Spans:
    spans: Spans = [(f"{view.done:,} of {view.items:,}", "bold")]
    for status in Status:
        number = view.counts[status]
        if status is not Status.PENDING and (number or status in SHOWN_ALWAYS):
            spans += [
                ("  ", ""),
                (f"{GLYPHS[status]} {number:,} {status}", STYLES[status] if number else "dim"),
            ]
    if view.restored:
        spans.append((f"  ▒ {view.restored:,} restored", "dim"))
    return spans


def _speed(view: View) -> Spans:
    spans: Spans = [
        ("speed   ", "dim"),
        (f"{_number(view.calls_per_s)} of {_number(view.limit_per_s)} calls/s", ""),
    ]
    filled = round(10 * min(1.0, (view.calls_per_s or 0.0) / view.limit_per_s)) if view.limit_per_s else 0
    spans += [("  ", ""), ("█" * filled, "blue"), ("░" * (10 - filled), "bright_black")]
    return [*spans, (f"  {_number(view.users_per_s)} users/s", "")]


def _calls(view: View) -> Spans:
    latency = f"   latency {view.latency_s * 1000:.0f} ms" if view.latency_s is not None else ""
    refused = (f"   refused (429) {view.throttled:,}", "yellow" if view.throttled else "")
    flight = f"in flight {view.in_flight} of {view.in_flight_max}"
    return [("calls   ", "dim"), (f"{flight}{latency}   retries {view.retries:,}", ""), refused]


def _codes(view: View) -> Spans:
    return [("codes   ", "dim"), (" · ".join(f"{code} {number:,}" for code, number in view.codes), "")]


def _limited(view: View) -> Spans:
    label, style = ("stopping", "yellow") if view.state == "stopping" else ("pace    ", "dim")
    return [
        (f"{label}{' ' if label == 'stopping' else ''}", style),
        (view.pace, "yellow" if view.state != "running" else ""),
    ]


def _cut(spans: Spans, width: int) -> Spans:
    cut: Spans = []
    left = width
    for text, style in spans:
        if left <= 0:
            break
        shown = text if len(text) <= left else text[: left - 1] + "…"
        cut.append((shown, style))
        left -= len(shown)
    return cut


def line(view: View) -> str:
    """The same in one line for a log, in ASCII."""
    ended = ", ".join(
        f"{n:,} {status}" for status, n in view.counts.items() if n and status is not Status.PENDING
    )
    percent = 100 * view.done // view.items if view.items else 100
    parts = [
        f"{clock(view.elapsed_s)} {view.done:,} of {view.items:,} done ({percent}%{': ' + ended if ended else ''})",
        f"{_number(view.calls_per_s)} of {_number(view.limit_per_s)} calls/s",
    ]
    if view.restored:
        parts.append(f"{view.restored:,} restored")
    if view.throttled:
        parts.append(f"{view.throttled:,} refused (429)")
    if view.eta_s is not None:
        parts.append(f"about {clock(view.eta_s)} left")
    parts.append(f"{'stopping: ' if view.state == 'stopping' else ''}{view.pace}")
    return f"{view.title}: " + "; ".join(parts)


def clock(seconds: float | None) -> str:
    """Seconds as 0:07, 12:30 or 3:05:00."""
    if seconds is None:
        return "-"
    whole = int(seconds + 0.5)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


class Lines:
    """Where there is no terminal: a line at the start, at each change of state, and every 30 s."""

    def __init__(self) -> None:
        self._last_at: float | None = None
        self._state = "running"

    def due(self, now: float, view: View) -> str | None:
        """The line to print now, if any."""
        first, changed = self._last_at is None, view.state != self._state
        if not first and not changed and now - (self._last_at or 0.0) < LINE_S:
            return None
        self._last_at, self._state = now, view.state
        return line(view)


# ------------------------------------------------------------------------------------------- showing


def chosen(wish: str, *, quiet: bool) -> str:
    """bar, plain or none: what `--progress` comes to here."""
    import os

    if quiet:
        return "none"
    if wish != "auto":
        return wish
    return "bar" if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" else "plain"


Observe = Callable[[Any, Any], AbstractAsyncContextManager[None]]


def observer(style: str, *, began: Callable[[Any, Any], None] | None = None) -> Observe:
    """What `bulkim.runner` enters around the sending. `began` is told the executor and the preview first."""

    @asynccontextmanager
    async def observe(executor: Any, preview: Any) -> AsyncIterator[None]:
        import asyncio

        if began is not None:
            began(executor, preview)
        if style == "none":
            yield
            return
        meter = Meter(_title(preview), resumed=preview.resumed, capped=preview.job.concurrency is not None)
        show, close = _live() if style == "bar" else _lines()

        async def draw() -> None:
            while True:
                now = asyncio.get_running_loop().time()
                show(now, meter.read(now, executor.telemetry))
                await asyncio.sleep(FRAME_S)

        # Not a task group: it would wrap the errors of what it stands around.
        drawing = asyncio.get_running_loop().create_task(draw())
        try:
            yield
        finally:
            drawing.cancel()
            close()

    return observe


def _title(preview: Any) -> str:
    job, record = preview.job, preview.record
    name = "" if record.name == job.operation else f"{record.name} · "
    return f"{name}{job.operation} at {job.provider} {job.connection.app_name} · run {record.run}"


Show = Callable[[float, View], None]


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

    console = Console(stderr=True, highlight=False, force_terminal=True)
    plain = not console.encoding.lower().startswith("utf")
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)

    def show(_: float, view: View) -> None:
        spans = block(view, min(console.width, WIDTH_MAX))
        text = Text("\n", no_wrap=True).join(
            Text.assemble(*((part.translate(ASCII) if plain else part, style) for part, style in line))
            for line in spans
        )
        if not live.is_started:
            live.start()
        live.update(text, refresh=True)

    return show, live.stop
