"""Charts as small hand-made SVG: bars for comparisons, lines for growth. Readable on white and on black."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 760, 250, 110  # at least so much stands beside the bars
LETTER = 8  # of text, as wide as the widest fonts that readers have make it
OURS, THEIRS = "#2f81f7", "#8b949e"
COLOURS = (OURS, "#db6d28", "#3fb950", "#a371f7")


def bars(path: Path, title: str, rows: Sequence[tuple[str, float, str]], *, note: str = "") -> None:
    """Horizontal bars (label, value, what stands beside it); those whose label starts with bulkim stand out."""
    most = max(value for _, value, _ in rows)
    left = max(LEFT, 22 + LETTER * max(len(label) for label, _, _ in rows))
    right = max(RIGHT, 20 + LETTER * max(len(beside) for _, _, beside in rows))
    parts = [_text(12, 24, title, size=15, weight="bold")]
    for number, (label, value, beside) in enumerate(rows):
        y = 44 + number * 28
        long = max(1.0, (WIDTH - left - right) * value / most)
        colour = OURS if label.startswith("bulkim") else THEIRS
        parts += [
            _text(left - 10, y + 14, label, anchor="end"),
            f'<rect x="{left}" y="{y}" width="{long:.1f}" height="20" rx="2" fill="{colour}"/>',
            _text(left + long + 8, y + 14, beside),
        ]
    _write(path, parts, 44 + len(rows) * 28, note)


def lines(
    path: Path, title: str, series: Mapping[str, Sequence[tuple[float, float]]], *, unit: str, note: str = ""
) -> None:
    """Lines over logarithmic axes: name -> (x, y) points."""
    points = [point for line in series.values() for point in line]
    x_low, x_high = (f(math.log10(x) for x, _ in points) for f in (min, max))
    y_low, y_high = (
        math.floor(min(math.log10(y) for _, y in points)),
        math.ceil(max(math.log10(y) for _, y in points)),
    )
    left, right, top, bottom = 70, WIDTH - 170, 50, 290

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / ((x_high - x_low) or 1)
        up = (math.log10(y) - y_low) / ((y_high - y_low) or 1)
        return left + across * (right - left), bottom - up * (bottom - top)

    parts = [_text(12, 24, title, size=15, weight="bold")]
    for power in range(y_low, y_high + 1):
        _, y = place(10**x_low, 10**power)
        parts += [
            f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8b949e" stroke-opacity=".35"/>',
            _text(left - 8, y + 4, f"{10**power:g} {unit}", anchor="end"),
        ]
    for x in sorted({x for x, _ in points}):
        parts.append(_text(place(x, 10**y_low)[0], bottom + 20, f"{x:,.0f}", anchor="middle"))
    for (name, line), colour in zip(series.items(), COLOURS, strict=False):
        placed = [place(x, y) for x, y in line]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in placed]
        parts.append(
            _text(placed[-1][0] + 10, placed[-1][1] + 4, f"{name} {line[-1][1]:,.3g} {unit}", fill=colour)
        )
    _write(path, parts, bottom + 30, note)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    size: int = 13,
    weight: str = "normal",
    fill: str = "",
) -> str:
    style = f' fill="{fill}"' if fill else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}"{style}>'
        f"{escape(text)}</text>"
    )


def _write(path: Path, parts: Sequence[str], height: float, note: str) -> None:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + 34:.0f}" width="{WIDTH}"'
        ' font-family="system-ui, sans-serif"><style>text{fill:#24292f}'
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>"
    )
    foot = _text(12, height + 20, note, size=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *parts, foot, "</svg>", ""]), encoding="utf-8")
