"""What happened to a run while it went, beside its calls: what people asked it to do, and what its vendor asked it to wait for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bulkim.journal.records import Allowance, Order
from bulkim.language import gettext as _

LISTED_MAX = 50


@dataclass(frozen=True, slots=True)
class Event:
    """One of them."""

    at: float  # Unix seconds
    words: str


def events(orders: Iterable[Order], allowances: Iterable[Allowance]) -> Sequence[Event]:
    """In order of time; orders that nobody obeyed are left out."""
    found = [Event(each.obeyed_at, _said(each)) for each in orders if each.obeyed_at is not None]
    return sorted([*found, *_rests(allowances)], key=lambda each: each.at)


def _said(order: Order) -> str:
    match order.verb:
        case "rate":
            return _("at most {rate} calls/s from here on (`ctl rate`)", rate=f"{order.calls_per_s or 0:g}")
        case "pause":
            return _("paused (`ctl pause`)")
        case "resume":
            return _("goes on (`ctl resume`)")
        case "stop":
            return _("asked to stop (`ctl stop`)")
        case _:
            return order.verb


def _rests(allowances: Iterable[Allowance]) -> Iterable[Event]:
    """A rest is told of again while it lasts: its end tells it from the next one."""
    ends: dict[str, float] = {}
    for each in allowances:
        rate = each.rate
        if (
            rate.rest_until is None
            or rate.asked_s is None
            or rate.rest_until <= ends.get(rate.pool, 0.0) + 1.0
        ):
            continue
        ends[rate.pool] = rate.rest_until
        yield Event(
            each.at,
            _(
                "the vendor asked for a rest of {seconds} s ({pool})",
                seconds=f"{rate.asked_s:,.0f}",
                pool=rate.pool,
            ),
        )
