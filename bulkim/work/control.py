"""Asking a run that another process works on for something, through the journal, and waiting until it has been done."""

from __future__ import annotations

import time
from pathlib import Path

from bulkim.errors import BusyError, UsageError
from bulkim.journal import Journal
from bulkim.journal.records import Order, RunRecord

HEARD_S = 5.0  # a session looks twice a second: one that has not heard by now is stopped, or an older bulkim
LOOK_S = 0.05


def ask(path: Path, record: RunRecord, verb: str, calls_per_s: float | None = None) -> Order:
    """Returns the order as it was obeyed. `calls_per_s` goes with `rate`.

    Raises UsageError where nobody works on the run, BusyError where whoever does has not heard: they may still.
    """
    with Journal.open(path) as journal:
        holder = journal.reader.holder(record.id)
        if holder is None:
            raise UsageError(
                f"run {record.run} is not running: it is {record.state}.", hint="`bulkim runs` lists what is"
            )
        number = journal.ask(record.id, verb, calls_per_s, now=time.time())
        until = time.monotonic() + HEARD_S
        while True:
            order = next(each for each in journal.reader.orders(record.id) if each.id == number)
            if order.obeyed_at is not None:
                return order
            if journal.reader.holder(record.id) is None:
                raise UsageError(
                    f"run {record.run} ended before it heard.", hint=f"`bulkim show {record.run}` says how"
                )
            if time.monotonic() > until:
                raise BusyError(
                    f"process {holder.pid} on {holder.host} has not answered for {HEARD_S:g} s.",
                    hint="it is written down: a process that was stopped will hear of it when it goes on",
                )
            time.sleep(LOOK_S)
