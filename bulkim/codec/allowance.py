"""What an answer's headers say of the quota that is left."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from bulkim.catalogue.shapes import Learn

RESET_S_MAX = 86_400.0  # beyond it, the header means something else


def allowance(learn: Learn, headers: Mapping[str, str], now: float) -> tuple[float, float] | None:
    """Calls that are left, and the seconds until the quota is whole again; None where the headers do not say.

    `headers` have names in lower case, `now` is Unix seconds.
    """
    left, reset = (_number(headers.get(name.lower())) for name in (learn.remaining, learn.reset))
    if left is None or reset is None:
        return None
    seconds = reset - now if learn.unit == "epoch" else reset
    return (left, seconds) if 0 < seconds <= RESET_S_MAX else None


def _number(text: str | None) -> float | None:
    try:
        found = float((text or "").strip())
    except ValueError:
        return None
    return found if isfinite(found) and found >= 0 else None
