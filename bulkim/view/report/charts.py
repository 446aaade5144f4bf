"""A run's drawings: speed, latency, the map of its items, its sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from bulkim.language import counted
from bulkim.language import gettext as _
from bulkim.text import clock, milliseconds, per_second, span
from bulkim.view.report.drawing import HALF, TOP, WIDTH, Plot, ticks, time_ticks
from bulkim.view.report.figures import Cell, Figures
from bulkim.view.report.limits import Level
from bulkim.view.report.timeline import Bin, Timeline
from bulkim.view.width import columns

LATENCY_BINS = 45
COLUMN = 7.2  # pixels of a letter in a bar
GAP_S = 0.001  # apart on the axis: another session
PAUSE_BINS = 2  # so many empty ones in a row are a pause
ENDINGS = {"finished": "✓", "interrupted": "■", "stopped": "■", "lost": "✗", "running": "▶"}
WORDS = {"lost": "died"}  # of an ending, where they are not its name


def _time_axis(plot: Plot, timeline: Timeline, *, shaded: bool = True) -> None:
    """Moments below, and what was left out between sessions."""
    for each in timeline.breaks:
        if shaded and each.real_s > (each.end_s - each.start_s) * 1.5:
            plot.box(
                plot.x(each.start_s),
                plot.x(each.end_s),
                TOP,
                plot.floor,
                "gap",
                _("{time} between two sessions", time=span(each.real_s)),
            )
    taken = [(each.start_s, each.end_s) for each in timeline.breaks]
    marks = [
        at for at in time_ticks(timeline.length_s, plot.width // 120) if not any(a < at < b for a, b in taken)
    ]
    exact = any(60 <= at < 3600 and at % 60 for at in marks)  # which whole minutes would not tell apart
    plot.below((at, (clock(at) if exact else span(at)) if at else "0") for at in marks)


# ------------------------------------------------------------------------------------------- speed


def speed(figures: Figures, width: int = WIDTH) -> Markup:
    """Calls a second over time, against what was allowed; refusals and pauses."""
    timeline, allowed = figures.timeline, figures.allowed
    fastest = max((each.calls_per_s for each in timeline.bins), default=0.0)
    near = [each for each in (allowed.own, allowed.documented) if each and each <= max(fastest * 4, 1)]
    near += [max((each.limit_per_s for each in figures.levels), default=0.0)]
    top = max([fastest, 1.0, *near]) * 1.08
    plot = Plot(_("Calls per second"), timeline.length_s, top, width=width)
    plot.grid(ticks(top), _("calls/s"))
    for start, end in _pauses(timeline):
        plot.box(
            plot.x(start),
            plot.x(end),
            TOP,
            plot.floor,
            "pause",
            _("nothing sent for {time}", time=span(end - start)),
        )
    plot.steps(
        [(each.start_s, each.start_s + each.width_s, each.calls_per_s) for each in timeline.bins], "area"
    )
    refused = [each for each in timeline.bins if each.refused]
    for each in refused:
        middle = plot.x(each.start_s + each.width_s / 2)
        hint = _("{n} refused (429) at {time}", n=each.refused, time=span(each.start_s))
        plot.mark(middle, plot.floor, hint)
    if allowed.documented and allowed.documented in near and allowed.documented != allowed.own:
        plot.level(allowed.documented, "vendor")
    if figures.levels:
        _allowed(plot, figures.levels)
    elif allowed.own and allowed.own in near:
        plot.level(allowed.own, "limit")
    _time_axis(plot, timeline)
    lowest = figures.lowest
    left = (
        _(", of which refusals left {limit} at the lowest", limit=f"{lowest:.1f}")
        if lowest is not None
        else ""
    )
    total = _("; {n} refused", n=f"{sum(each.refused for each in refused):,}")
    return plot.svg(f"{busiest(figures)}{left}{total}")


def busiest(figures: Figures) -> str:
    """``busiest second: 100 of 100 calls``."""
    most, own = figures.timeline.busiest, figures.allowed.own
    if own:
        return _("busiest second: {most} of {limit} calls", most=f"{most:,}", limit=per_second(own))
    return _("busiest second: {most}", most=counted(most, "{n} call", "{n} calls"))


def map_legend(figures: Figures) -> Markup:
    """What is in the map of the items."""
    counts, one = figures.counts, figures.cells[0].first == figures.cells[0].last
    shown = {_most(each) for each in figures.cells}
    names = [
        name
        for name in ("succeeded", "unchanged", "skipped", "pending")
        if name in shown or name == "succeeded"
    ]
    entries = [(f"b-{name}", _(name)) for name in names]
    if any(_cornered(each) for each in figures.cells):
        entries.append(("b-corner", _("skipped, half of the cell or less")))
    if figures.bad_total:
        entries.append(("b-failed", _("failed") if one else _("failed; the larger, the more of the cell")))
    if counts["unknown"]:
        entries.append(("b-unknown", _("unknown")))
    return legend(*entries)


def _allowed(plot: Plot, levels: Sequence[Level]) -> None:
    """The run's own limit, and what refusals left of it; a line ends where its session does."""
    if any(each.lowered for each in levels):
        _steps(plot, [(each.start_s, each.end_s, each.allowed_per_s) for each in levels], "allowed")
    _steps(plot, [(each.start_s, each.end_s, each.limit_per_s) for each in levels], "limit")


def _steps(plot: Plot, values: Sequence[tuple[float, float, float]], css: str) -> None:
    points: list[tuple[float, float]] = []
    for start_s, end_s, value in values:
        if points and start_s - points[-1][0] > GAP_S:
            plot.line(points, css)
            points = []
        points += [(start_s, value), (end_s, value)]
    plot.line(points, css)


def speed_legend(figures: Figures) -> Markup:
    """What is in the drawing of the speed."""
    entries = [("b-area", _("calls a second"))]
    if figures.allowed.own:
        own = per_second(figures.allowed.own)
        same = all(each.limit_per_s == figures.allowed.own for each in figures.levels)
        words = (
            _("this run's limit, {limit}/s", limit=own)
            if same
            else _("this run's limit, at most {limit}/s", limit=own)
        )
        entries.append(("dash", words))
        if figures.allowed.documented != figures.allowed.own:
            entries.append(
                (
                    "thin",
                    _(
                        "the vendor's documented limit, {limit}/s",
                        limit=per_second(figures.allowed.documented or 0.0),
                    ),
                )
            )
    if figures.lowest is not None:
        rests = (
            _(" (0: resting after one)")
            if figures.lowest < 1
            else _(", {limit}/s at the lowest", limit=f"{figures.lowest:.3g}")
        )
        entries.append(("solid", _("what refusals left of it") + rests))
    if any(each.refused for each in figures.timeline.bins):
        entries.append(("tri", _("refused for the quota (429)")))
    if any(True for _pause in _pauses(figures.timeline)):
        entries.append(("b-pause", _("nothing sent for a while")))
    if any(each.real_s > (each.end_s - each.start_s) * 1.5 for each in figures.timeline.breaks):
        entries.append(("b-gap", _("between two sessions, cut short")))
    return legend(*entries)


def _pauses(timeline: Timeline) -> Iterator[tuple[float, float]]:
    """Where a session lived, but sent nothing for a while."""
    empty: list[Bin] = []
    ends = {round(each.offset_s + each.lasted_s, 3) for each in timeline.sessions}
    for each in timeline.bins:
        if not each.calls:
            empty.append(each)
        if each.calls or round(each.start_s + each.width_s, 3) in ends:
            if len(empty) >= PAUSE_BINS and each.calls:
                yield empty[0].start_s, empty[-1].start_s + empty[-1].width_s
            empty = []


# ----------------------------------------------------------------------------------------- latency

QUANTILES = ((0.99, "p99"), (0.95, "p95"), (0.5, "p50"))


def latency_over_time(figures: Figures) -> Markup:
    """p50, p95 and p99 along the run, in fewer steps than the speed: a percentile needs many calls."""
    timeline = figures.timeline
    coarse = timeline.merged(LATENCY_BINS)
    lines: dict[str, list[list[tuple[float, float]]]] = {name: [] for _share, name in QUANTILES}
    highest, before = 0.0, -1.0
    for each in coarse:
        if not each.latencies.count:
            continue
        for share, name in QUANTILES:
            value = each.latencies.percentile(share) or 0.0
            highest = max(highest, value)
            if each.start_s - before > 0.001 or not lines[name]:
                lines[name].append([])
            lines[name][-1].append((each.start_s + each.width_s / 2, value))
        before = each.start_s + each.width_s
    top = (highest or 1.0) * 1.1
    plot = Plot(_("Latency over time"), timeline.length_s, top, width=HALF)
    plot.grid(ticks(top), "ms")
    _time_axis(plot, timeline)
    for quantile in QUANTILES:
        name = quantile[1]
        for part in lines[name]:
            (at_s, value), *more = part
            alone = [(min(at_s + timeline.width_s / 3, timeline.length_s), value)]  # a point cannot be seen
            plot.line([part[0], *(more or alone)], name)
    return plot.svg(
        _("; ").join(
            f"{name} {milliseconds(figures.latencies.percentile(share) or 0.0)}" for share, name in QUANTILES
        )
    )


def latency_histogram(figures: Figures) -> Markup:
    """How many calls took how long; each bar a quarter longer than the one before."""
    bars = figures.latencies.bars()
    if not bars:
        return Markup("")
    top = max(calls for *_ends, calls in bars) * 1.12
    plot = Plot(_("Latency histogram"), max(len(bars), 6), top, width=HALF)
    plot.grid(ticks(top), _("calls"))
    every = -(-len(bars) // 5)
    for place, (low, high, calls) in enumerate(bars):
        share = f"{100 * calls / figures.latencies.count:.1f} %"
        if calls:
            plot.box(plot.x(place + 0.06), plot.x(place + 0.94), plot.y(calls), plot.floor, "hist",
                     f"{milliseconds(low)} – {milliseconds(high)}{_(': ')}{counted(calls, '{n} call', '{n} calls')}{_(' ({note})', note=share)}")  # fmt: skip
        if place % every == 0:
            plot.below([(place, milliseconds(low))])
    for place, (quantile, name) in enumerate(reversed(QUANTILES)):
        value = figures.latencies.percentile(quantile) or 0.0
        middle = next(
            (n + (value - low) / (high - low) for n, (low, high, _calls) in enumerate(bars) if value <= high),
            float(len(bars)),
        )
        plot.upright(middle, name, row=place)
    return plot.svg(counted(figures.latencies.count, "{n} call", "{n} calls"))


# --------------------------------------------------------------------------------------------- map


def item_map(figures: Figures, width: int = WIDTH) -> Markup:
    """Items in the order in which the run met them. How red, and how large the red, is the share that failed."""
    cells = figures.cells
    if not cells:
        return Markup("")
    across = min(60 if width == WIDTH else 36, len(cells))
    size = min((width - 2) / across, 34.0)
    rows = -(-len(cells) // across)
    plot = Plot(_("Map of the items"), 1, 1, height=int(rows * size + 2), width=width)
    for place, cell in enumerate(cells):
        x, y = 1 + place % across * size, 1 + place // across * size
        plot.box(x, x + size - 2, y, y + size - 2, f"cell c-{_most(cell)}", _hint(cell))
        worst, css = max((cell.share("failed"), "failed"), (cell.share("unknown"), "unknown"))
        if worst:
            side = (size - 2) * max(0.34, worst**0.5)
            left, up = x + (size - 2 - side) / 2, y + (size - 2 - side) / 2
            plot.box(left, left + side, up, up + side, f"f-{css} off")
        if _cornered(cell):
            corner = max((size - 2) * 0.3, 4)
            plot.box(
                x + size - 2 - corner, x + size - 2, y + size - 2 - corner, y + size - 2, "f-skipped off"
            )
    return plot.svg(map_words(figures))


def map_words(figures: Figures) -> str:
    """How the map is to be read."""
    size = figures.cells[0].last - figures.cells[0].first + 1
    words = counted(
        size,
        "in the order in which they came; a cell is {n} item",
        "in the order in which they came; a cell is {n} items at most",
    )
    return words + (_(", and shows what most of them are") if size > 1 else "")


def _most(cell: Cell) -> str:
    """What more than half of a cell is; what failed or is unknown is drawn over it."""
    most = (name for name in ("pending", "skipped", "unchanged") if cell.share(name) > 0.5)
    return next(most, "succeeded")


def _cornered(cell: Cell) -> bool:
    """Whether it has skipped items that its ground does not tell of."""
    return 0 < cell.share("skipped") <= 0.5


def _hint(cell: Cell) -> str:
    counts = _(", ").join(f"{items:,} {_(outcome)}" for outcome, items in sorted(cell.counts.items()))
    first, last = f"{cell.first:,}", f"{cell.last:,}"
    where = (
        _("item {first}", first=first)
        if first == last
        else _("items {first} to {last}", first=first, last=last)
    )
    return f"{where}{_(': ')}{counts}"


# ---------------------------------------------------------------------------------------- sessions


def sessions(figures: Figures, width: int = WIDTH) -> Markup:
    """Each process that worked on the run, how it ended, and the time in between."""
    timeline = figures.timeline
    plot = Plot(_("Sessions"), timeline.length_s, 1, height=70, width=width)
    for number_, each in enumerate(timeline.sessions, 1):
        start, end = plot.x(each.offset_s), plot.x(each.offset_s + each.lasted_s)
        words = _(WORDS.get(each.ended, each.ended))
        calls, lasted = counted(each.calls, "{n} call", "{n} calls"), span(each.lasted_s)
        plot.box(start, max(end, start + 2), 8, 34, f"s-{each.ended}",
                 _("session {number}: {words} after {time}, {calls}", number=number_, words=words, time=lasted, calls=calls))  # fmt: skip
        label = f"{ENDINGS[each.ended]} {words}{_(', ')}{span(each.lasted_s)}"
        if end - start > COLUMN * columns(label) + 16:
            plot.label(start + 8, 26, label, css="t on")
        elif end - start > 16:
            plot.label(start + 4, 26, ENDINGS[each.ended], css="t on")
    for pause in timeline.breaks:
        start, end, label = plot.x(pause.start_s), plot.x(pause.end_s), span(pause.real_s)
        if pause.real_s >= 1 and end - start > COLUMN * columns(label):
            plot.label((start + end) / 2, 26, label, anchor="middle")
    _time_axis(plot, timeline, shaded=False)
    return plot.svg(worked(figures))


def worked(figures: Figures) -> str:
    """How many processes there were."""
    number = len(figures.timeline.sessions)
    return counted(number, "{n} process worked on this run", "{n} processes worked on this run")


# -------------------------------------------------------------------------------------------- words


def legend(*entries: tuple[str, str]) -> Markup:
    """What a drawing's colours mean: (class, words)."""
    return Markup("").join(
        Markup('<span class="key"><i class="{}"></i>{}</span>').format(escape(css), escape(words))
        for css, words in entries
    )


def sparkline(values: list[float], top: float) -> str:
    """Numbers as a line of blocks, for Markdown."""
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * value / top))] if top and value else " " for value in values)
