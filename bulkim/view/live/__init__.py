"""Shows that a run goes on: a live block on a terminal, a line now and then elsewhere.

`Meter` turns what the executor's telemetry says into a `View`; `block` and `line` turn a view into text. All three are
pure: time is passed in. `observer` is what draws, and what `bulkim.work.runner` enters around the sending.
"""

from __future__ import annotations

from bulkim.view.live.block import ASCII, GLYPHS, LINE_S, STYLES, Lines, Spans, block, line, shares
from bulkim.view.live.meter import PAUSED, Meter, Readings, View
from bulkim.view.live.screen import FRAME_S, chosen, drawing, observer, screen

__all__ = [
    "ASCII",
    "FRAME_S",
    "GLYPHS",
    "LINE_S",
    "PAUSED",
    "STYLES",
    "Lines",
    "Meter",
    "Readings",
    "Spans",
    "View",
    "block",
    "chosen",
    "drawing",
    "line",
    "observer",
    "screen",
    "shares",
]
