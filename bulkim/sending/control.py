"""What people ask a session to do while it works, from another terminal: slower or faster, pause, go on, stop.

They write it into the journal, and the session looks there: no port, no daemon, nothing to configure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import anyio

from bulkim.errors import BulkimError
from bulkim.journal.port import Steered
from bulkim.journal.records import Order
from bulkim.log.events import log
from bulkim.model import Stop
from bulkim.quota.pacer import Pacer
from bulkim.sending.telemetry import Telemetry

LOOK_S = 0.5  # between two looks; whoever asked waits no longer than this and a commit
STOPPED = Stop(
    75, "ctl", "somebody asked it to stop (`bulkim ctl RUN stop`)", "run the same command again: it continues"
)


@dataclass(slots=True)
class Control:
    """One session's ear. Orders that an earlier part of the session has obeyed (a listing, say) are obeyed again."""

    journal: Steered
    pacer: Pacer
    pool: str | None  # the operation's own, which a rate is about; None: it has none
    telemetry: Telemetry
    _last: int = field(default=0, init=False)

    async def listen(self, drain: Callable[[Stop], None]) -> None:
        """For ever. `drain` ends the session gently."""
        while True:
            with suppress(BulkimError):  # whoever writes next will say it
                self.look(drain)
            await anyio.sleep(LOOK_S)

    def look(self, drain: Callable[[Stop], None]) -> None:
        """Do what was asked since the last look. Raises BulkimError where the journal cannot be used."""
        for order in self.journal.orders(after=self._last):
            self._obey(order, drain)
            self._last = order.id
            if order.obeyed_at is None:
                log.info("run.steered", verb=order.verb, calls_per_s=order.calls_per_s)
                self.journal.obeyed(order.id, now=time.time())

    def _obey(self, order: Order, drain: Callable[[Stop], None]) -> None:
        match order.verb:
            case "rate" if order.calls_per_s and self.pool in self.pacer.limiters:
                self._rate(self.pool, order.calls_per_s)
            case "pause" | "resume":
                self.telemetry.paused = order.verb == "pause"
                self.pacer.hold(self.telemetry.paused)
            case "stop":
                drain(STOPPED)
            case _:
                pass  # a newer bulkim's

    def _rate(self, pool: str, calls_per_s: float) -> None:
        before, shown = self.pacer.limiters[pool].limit_per_s, self.telemetry.limit_per_s
        self.pacer.limit_to(pool, calls_per_s)
        self.telemetry.limit_per_s = calls_per_s if shown == before else min(shown, calls_per_s)
