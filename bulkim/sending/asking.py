"""Asking the vendor about users, batch by batch, until each has an answer. Nothing is changed by it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bulkim.catalogue.shapes import Operation
from bulkim.codec.encoding import field_value
from bulkim.model import Answer, Item, Kind, Outcome
from bulkim.sending.channel import Channel, Heard, Permit, Stopped

TELLING = {Kind.SUCCEEDED, Kind.ALREADY, Kind.ABSENT, Kind.REJECTED}  # answers about the user

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asking(Generic[T]):
    """How a batch is asked about, and who hears of it."""

    channel: Channel
    send: Callable[[Sequence[T]], Awaitable[tuple[Answer, Permit]]]  # once
    told: Callable[[T, Outcome], object]  # what the vendor says of one
    untold: Callable[[T, Outcome], object]  # it says nothing of that one, and will not

    async def about(self, batch: Sequence[T]) -> None:
        """Ask until every one has an answer. Raises Stopped: the vendor cannot be asked."""
        left, said = list(batch), list[Outcome]()

        async def attempt() -> Heard[bool]:
            nonlocal left, said
            answer, permit = await self.send(left)
            waiting = [pair for pair in zip(left, answer.outcomes, strict=True) if not self._heard(*pair)]
            left, said = [each for each, _ in waiting], [outcome for _, outcome in waiting]
            first = said[0] if said else answer.outcomes[0]
            over = not left or first.kind is Kind.POISONED
            return Heard(first, permit, True if over else None)

        try:
            await self.channel.until_answered(attempt)
        except Stopped as stopped:
            if (stopped.outcome.kind, stopped.outcome.code) != (Kind.UNKNOWN, "bad_response"):
                raise
            alone = True
        else:
            alone = len(batch) == 1
        for each, outcome in zip(left, said, strict=True):
            if alone:
                self.untold(each, outcome)
            else:
                await self.about([each])

    def _heard(self, each: T, outcome: Outcome) -> bool:
        if outcome.kind not in TELLING:
            return False
        self.told(each, outcome)
        return True


def question(asking: Operation, sent: Item) -> Item:
    """The user as the asking operation wants them; a map's names are what is asked about."""
    given = ((each.name, field_value(sent, each.name)) for each in asking.fields)
    fields = {name: value for name, value in given if value is not None}
    for each in asking.fields:
        if each.type == "names" and each.name in fields:
            fields[each.name] = names_of(fields[each.name])
    return sent._replace(fields=fields)


def names_of(value: Any) -> list[str]:
    """The names in a list of names, in a map, or the one that is there."""
    if isinstance(value, list | tuple | Mapping):
        return [str(name) for name in value]
    return [] if value is None else [str(value)]
