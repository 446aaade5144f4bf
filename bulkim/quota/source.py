"""Where an app's quota comes from when others draw on it, too: what a pacer asks before its own limiters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bulkim.model import Connection
from bulkim.quota.pool import Limiter


class Source(Protocol):
    """One holder's side of a shared quota.

    The host's ledger (`host.HostPlaces`) gives places in time. Leased shares need no `place`: whoever holds the lease
    calls `Limiter.grant` each time that it is renewed, and the limiter waits.
    """

    @property
    def waiting_for(self) -> str:
        """What a call waits for that has no place yet, in words."""

    async def place(self, limiters: Sequence[Limiter]) -> None:
        """Wait for this holder's turn in all of these pools. Raises QuotaUnavailable."""

    def refused(self, limiter: Limiter) -> None:
        """The vendor refused a call: let the others rest until `limiter.rest_until`, too. Raises QuotaUnavailable."""

    def forgotten(self, limiters: Sequence[Limiter]) -> Sequence[Limiter]:
        """Which of these, that rest because the vendor asked for it, need not any longer: somebody said so. Raises QuotaUnavailable."""


Sharing = Callable[[Connection, Mapping[str, Limiter]], AbstractAsyncContextManager[Source | None]]
"""Opens what is shared of an app's pools (pool name -> limiter); None: this process keeps the limit alone."""
