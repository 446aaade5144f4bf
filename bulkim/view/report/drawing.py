"""Lines, bars and axes as SVG text. Colours are CSS classes, so that a page decides about light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from bulkim.view.width import columns

WIDTH, HALF, LEFT, RIGHT, TOP, BOTTOM = 1000, 470, 48, 14, 22, 32
UNIT_MAX = 5  # columns of an axis' unit that fit beside the axis; a longer one begins where the drawing does


def number(value: float) -> str:
    """A coordinate."""
    return f"{value:.1f}".removesuffix(".0")


def short(value: float) -> str:
    """An axis' number."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    if value >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def ticks(top: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 up to `top`."""
    rough = max(top, 1e-9) / wanted
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [step * place for place in range(int(top / step * 1.001) + 1)]


_STEPS_S = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    28800,
    86400,
    172800,
    604800,
)


def time_ticks(length_s: float, wanted: int = 8) -> list[float]:
    """Round moments of a time axis that begins at 0."""
    step = next((step for step in _STEPS_S if length_s / step <= wanted), length_s / wanted)
    return [step * place for place in range(int(length_s / step) + 1)]


@dataclass(slots=True)
class Plot:
    """A drawing with its axes: x in the data's unit from 0, y from 0 to `top`."""

    title: str
    x_max: float
    top: float
    height: int = 196
    width: int = WIDTH
    parts: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        return LEFT + (self.width - LEFT - RIGHT) * value / self.x_max

    def y(self, value: float) -> float:
        return self.height - BOTTOM - (self.height - TOP - BOTTOM) * min(value, self.top) / self.top

    @property
    def floor(self) -> float:
        return self.height - BOTTOM

    def grid(self, y_ticks: Iterable[float], unit: str = "") -> None:
        """Horizontal lines with their numbers."""
        for value in y_ticks:
            at = number(self.y(value))
            self.parts.append(f'<path class="grid" d="M{LEFT} {at}H{self.width - RIGHT}"/>')
            self.label(LEFT - 7, self.y(value) + 4, short(value), anchor="end")
        if unit:
            wide = columns(unit) > UNIT_MAX
            self.label(0 if wide else LEFT - 7, TOP - 11, unit, anchor="start" if wide else "end")

    def below(self, marks: Iterable[tuple[float, str]]) -> None:
        """Names under the x axis, in the data's unit."""
        for value, text in marks:
            anchor = "end" if self.x(value) > self.width - 40 else "middle"
            self.label(self.x(value), self.height - 8, text, anchor=anchor)

    def label(self, x: float, y: float, text: str, *, anchor: str = "start", css: str = "t") -> None:
        """Words."""
        self.parts.append(
            f'<text class="{css}" x="{number(x)}" y="{number(y)}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def box(  # noqa: PLR0917 - two points, as on paper
        self, x0: float, x1: float, y0: float, y1: float, css: str, hint: str = ""
    ) -> None:
        """A rectangle between two x and two y, in drawing units."""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        size = f'width="{number(max(x1 - x0, 0.6))}" height="{number(max(y1 - y0, 0.6))}"'
        end = f">{title}</rect>" if title else "/>"
        self.parts.append(f'<rect class="{css}" x="{number(x0)}" y="{number(y0)}" {size}{end}')

    def level(self, value: float, css: str) -> None:
        """A horizontal line."""
        self.parts.append(f'<path class="{css}" d="M{LEFT} {number(self.y(value))}H{self.width - RIGHT}"/>')

    def mark(self, x: float, y: float, hint: str) -> None:
        """A red triangle that points up at (x, y), in drawing units."""
        path = f"M{number(x - 4)} {number(y + 8)}h8l-4 -8z"
        self.parts.append(f'<path class="refused" d="{path}"><title>{escape(hint)}</title></path>')

    def upright(self, value: float, text: str, *, row: int = 0) -> None:
        """A vertical line with words at its top, in one of several rows."""
        at = number(self.x(value))
        self.parts.append(f'<path class="{text}" d="M{at} {TOP}V{number(self.floor)}"/>')
        beyond = self.x(value) > self.width - 40
        x, anchor = self.x(value) + (-4 if beyond else 4), "end" if beyond else "start"
        self.label(x, TOP + 8 + 14 * row, text, anchor=anchor, css=f"t {text}-t")

    def line(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """A line through points in the data's units."""
        if points:
            path = " ".join(f"{number(self.x(x))},{number(self.y(y))}" for x, y in points)
            self.parts.append(f'<polyline class="{css}" points="{path}"/>')

    def steps(self, boxes: Sequence[tuple[float, float, float]], css: str) -> None:
        """Filled steps: (from, to, height) in the data's units."""
        path = "".join(
            f"M{number(self.x(a))} {number(self.floor)}V{number(self.y(h))}H{number(self.x(b))}V{number(self.floor)}Z"
            for a, b, h in boxes
            if h
        )
        if path:
            self.parts.append(f'<path class="{css}" d="{path}"/>')

    def svg(self, words: str) -> Markup:
        """The drawing; `words` say what it shows to who cannot see it."""
        return Markup(  # noqa: S704 - every text in it was escaped
            f'<svg viewBox="0 0 {self.width} {number(self.height)}" role="img" aria-label="{escape(self.title)}: '
            f'{escape(words)}">{"".join(self.parts)}</svg>'
        )
