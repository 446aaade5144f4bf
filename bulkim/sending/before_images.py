"""Reading what is there before it is written over, and keeping that in the journal: what `undo` restores."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from bulkim.catalogue.shapes import Operation, Provider
from bulkim.codec import decode, encode, parting
from bulkim.journal.port import Remembering, Writer
from bulkim.journal.records import Closing
from bulkim.model import Answer, Batch, Connection, Item, Kind, Mode, Outcome
from bulkim.sending.asking import TELLING, Asking, question
from bulkim.sending.channel import Channel, Permit
from bulkim.sending.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Looker:
    """Asks about items that nobody has sent yet. An image that is kept is never read again."""

    provider: Provider
    connection: Connection
    asking: Operation
    journal: Writer
    images: Remembering
    channel: Channel
    telemetry: Telemetry
    waiting: Callable[[str], None]
    beside: bool  # its calls have limits of their own
    next: anyio.Lock = field(
        default_factory=anyio.Lock
    )  # permits are given in turn: one asks, and the sendings between

    def unseen(self, batch: Batch) -> Sequence[Item]:
        """Those of a batch to be sent who must be looked at before. Of who was sent to already it is too late."""
        if batch.mode is not Mode.SEND:
            return ()
        fresh = [item for item in batch.items if not item.attempts and item.doubt_since is None]
        return self.images.unseen(fresh) if fresh else ()

    async def look(self, items: Sequence[Item]) -> None:
        """Ask about them; afterwards each has an image. Cancelled, it waits for the answer that is under way. Raises Stopped."""
        size, part = self.asking.batch_max, parting(self.asking)
        asking: Asking[Item] = Asking(self.channel, self._send, told=_kept, untold=self._untold)
        groups: dict[Hashable, list[Item]] = {}
        for item in items:
            groups.setdefault(part(question(self.asking, item)) if part else None, []).append(item)
        for group in groups.values():
            for start in range(0, len(group), size):
                await asking.about(group[start : start + size])

    async def _send(self, items: Sequence[Item]) -> tuple[Answer, Permit]:
        asked = tuple(question(self.asking, item) for item in items)
        async with self.next:
            permit = await self.channel.permit(self.asking, waiting=self.waiting)
        with anyio.CancelScope(shield=True):  # what is written down is answered for
            call = encode(self.provider, self.asking, self.connection, asked)
            attempt = self.journal.begin(Batch(asked, Mode.LOOK), now=self.channel.clock())
            self.telemetry.called(beside=self.beside)
            await self.journal.durable()
            reply = await self.channel.send(call, permit)
            answer = decode(self.provider, self.asking, asked, reply)
            self.channel.heard(reply, answer.speaker)
            self.telemetry.throttled += answer.outcomes[0].kind is Kind.THROTTLED
            found = zip(asked, answer.outcomes, strict=True)
            images = {item.ordinal: image(outcome) for item, outcome in found if outcome.kind in TELLING}
            self.images.remember(attempt, self._closing(answer), images)
        return answer, permit

    def _closing(self, answer: Answer) -> Closing:
        first = answer.outcomes[0]
        return Closing(self.channel.clock(), str(first.kind), answer.http_status, first.code, first.reason)

    def _untold(self, item: Item, outcome: Outcome) -> None:
        closing = Closing(self.channel.clock(), str(outcome.kind))
        self.images.remember(None, closing, {item.ordinal: {"unknown": outcome.reason or "no answer"}})


def _kept(_item: Item, _outcome: Outcome) -> None:
    """It is in the journal already, with the answer that told it."""


def image(outcome: Outcome) -> Mapping[str, Any]:
    """What an answer about a user says was there."""
    if outcome.kind is Kind.ABSENT:
        return {"absent": True}
    if outcome.kind is Kind.REJECTED or outcome.reason is not None:  # it may be said of nobody
        return {"unknown": f"{outcome.code}: {outcome.reason}"}
    return {"data": outcome.data}
