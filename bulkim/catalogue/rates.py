"""Limits as vendors write them: so many calls in so long."""

from __future__ import annotations

import re
from math import inf

_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*/\s*([0-9]*(?:\.[0-9]+)?)\s*(s|min|h|d)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def window(limit: float | str) -> tuple[float, float]:
    """Calls, and the seconds in which so many are allowed. Raises ValueError for text that is none."""
    if not isinstance(limit, str):
        return float(limit), 1.0
    if (found := _RATE.fullmatch(limit.strip())) is None:
        raise ValueError('must be calls a second, or text such as "50/s", "1200/min" or "1000/10s"')
    return float(found[1]), float(found[2] or 1) * _SECONDS[found[3]]


def per_second(limit: float | str) -> float:
    """Calls a second on the whole. Raises ValueError."""
    calls, seconds = window(limit)
    if not (0 < calls < inf and seconds > 0):
        raise ValueError("must be more than 0")
    return calls / seconds
