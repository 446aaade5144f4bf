"""What a report tells of a run beside its calls."""

from __future__ import annotations

from bulkim.journal.records import Allowance, Order, PoolRate
from bulkim.view.report.events import events


def test_orders_and_rests_in_order_of_time():
    orders = [
        Order(1, 1, "rate", 40.0, 10.0, 10.5), Order(2, 1, "pause", None, 30.0, 30.5), Order(3, 1, "resume", None, 40.0, 40.5),
        Order(4, 1, "stop", None, 50.0, 50.5), Order(5, 1, "pause", None, 60.0, None),
    ]  # fmt: skip
    resting = PoolRate("users", 100.0, 0.0, 320.0, 300.0)
    allowances = [
        Allowance(1, 1.0, PoolRate("users", 100.0, 100.0)), Allowance(1, 20.0, resting), Allowance(1, 25.0, resting),
        Allowance(1, 35.0, PoolRate("users", 100.0, 0.0, 900.0, 600.0)),
    ]  # fmt: skip
    assert [(each.at, each.words) for each in events(orders, allowances)] == [
        (10.5, "at most 40 calls/s from here on (`ctl rate`)"),
        (20.0, "the vendor asked for a rest of 300 s (users)"),
        (30.5, "paused (`ctl pause`)"),
        (35.0, "the vendor asked for a rest of 600 s (users)"),
        (40.5, "goes on (`ctl resume`)"),
        (50.5, "asked to stop (`ctl stop`)"),
    ]
