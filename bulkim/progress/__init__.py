"""Shows that a run goes on: a live block on a terminal, a line now and then elsewhere.

`Meter` turns what the executor's telemetry says into a `View`; `block` and `line` turn a view into text. All three are
pure: time is passed in. `observer` is what draws, and what `bulkim.runner` enters around the sending.
"""

from __future__ import annotations

from bulkim.progress.block import ASCII, GLYPHS, LINE_S, STYLES, Lines, Spans, block, clock, line, shares
from bulkim.progress.live import FRAME_S, chosen, observer, screen
from bulkim.progress.meter import Meter, Readings, View

__all__ = [
    "ASCII",
    "FRAME_S",
    "GLYPHS",
    "LINE_S",
    "STYLES",
    "Lines",
    "Meter",
    "Readings",
    "Spans",
    "View",
    "block",
    "chosen",
    "clock",
    "line",
    "observer",
    "screen",
    "shares",
]
