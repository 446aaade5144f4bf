"""A view as text: the live block of at most eight lines, or one line for a log. Pure; no terminal is asked."""

from __future__ import annotations

from bulkim.model import Status
from bulkim.text import clock, counted, per_second
from bulkim.view.live.meter import View
from bulkim.view.width import columns, cut

LINE_S = 30.0  # between two lines where there is no terminal

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
    return [_fitting(line, width) for line in lines]


def _head(view: View, width: int) -> Spans:
    left = "about " + clock(view.eta_s) + " left" if view.eta_s is not None else "time left not known yet"
    right = f"{clock(view.elapsed_s)}, {left}"
    room = width - len(right) - 2
    title = view.title if columns(view.title) <= room else cut(view.title.rpartition(" · ")[0], max(8, room))
    return [(title, "bold"), (" " * (width - columns(title) - len(right)), ""), (right, "")]


def _bar(view: View, width: int) -> Spans:
    percent = "" if view.open_ended else f" {100 * view.done // view.items if view.items else 100:>3}%"
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
    amount = f"{view.items:,} so far" if view.open_ended else f"{view.done:,} of {view.items:,}"
    spans: Spans = [(amount, "bold")]
    for status in Status:
        number = view.counts[status]
        if status is not Status.PENDING and (number or status in SHOWN_ALWAYS):
            spans += [
                ("  ", ""),
                (
                    f"{GLYPHS[status]} {number:,} {view.names.get(status, status)}",
                    STYLES[status] if number else "dim",
                ),
            ]
    if view.restored:
        spans.append((f"  ▒ {view.restored:,} restored", "dim"))
    return spans


def _speed(view: View) -> Spans:
    spans: Spans = [
        ("speed   ", "dim"),
        (f"{_number(view.calls_per_s)} of {_number(view.limit_per_s)} calls/s", ""),
        (_left(view), "yellow"),
    ]
    filled = round(10 * min(1.0, (view.calls_per_s or 0.0) / view.limit_per_s)) if view.limit_per_s else 0
    spans += [("  ", ""), ("█" * filled, "blue"), ("░" * (10 - filled), "bright_black")]
    return [*spans, (f"  {_number(view.users_per_s)} users/s", "")]


def _left(view: View) -> str:
    """What refusals left of the limit."""
    if view.allowed_per_s >= view.limit_per_s:
        return ""
    return (
        f" ({_number(view.allowed_per_s)} after refusals)"
        if view.allowed_per_s
        else " (resting after refusals)"
    )


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


def _fitting(spans: Spans, width: int) -> Spans:
    """As much as fits; what a terminal would obey instead of showing it (a vendor's code may hold it) becomes �."""
    kept: Spans = []
    for text, style in spans:
        whole = "".join(char if char.isprintable() else "�" for char in text)
        shown = cut(whole, width)
        kept.append((shown, style))
        if shown != whole:
            break
        width -= columns(shown)
    return kept


def line(view: View) -> str:
    """The same in one line for a log, in ASCII."""
    ended = ", ".join(
        f"{n:,} {view.names.get(status, status)}"
        for status, n in view.counts.items()
        if n and status is not Status.PENDING
    )
    percent = f"{100 * view.done // view.items if view.items else 100}%"
    amount = f"{view.items:,} so far" if view.open_ended else f"{view.done:,} of {view.items:,} ended"
    details = ": ".join(part for part in (percent if not view.open_ended else "", ended) if part)
    parts = [
        f"{clock(view.elapsed_s)} {amount}" + (f" ({details})" if details else ""),
        f"{_number(view.calls_per_s)} of {_number(view.limit_per_s)} calls/s{_left(view)}",
    ]
    if view.restored:
        parts.append(f"{view.restored:,} restored")
    if view.throttled:
        parts.append(f"{view.throttled:,} refused (429)")
    if view.eta_s is not None:
        parts.append(f"about {clock(view.eta_s)} left")
    parts.append(f"{'stopping: ' if view.state == 'stopping' else ''}{view.pace}")
    return f"{view.title}: " + "; ".join(parts)


def beginning(view: View) -> str:
    """The first line of a log."""
    pending, limit = view.counts[Status.PENDING], _number(view.limit_per_s)
    if view.open_ended:
        return f"{view.title}: begins, at most {limit} calls/s"
    what = "to ask about" if view.names else "to send"
    return f"{view.title}: {pending:,} of {counted(view.items, 'item')} {what}, at most {limit} calls/s"


def _number(value: float | None) -> str:
    return "-" if value is None else per_second(value)


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
        return beginning(view) if first else line(view)
