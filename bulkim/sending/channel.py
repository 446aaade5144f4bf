"""One app's way to its vendor: credentials, quota, transport. What is sent goes through here, whoever sends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

from bulkim.auth.credentials import Credential
from bulkim.errors import RefusedError
from bulkim.model import Call, Credentials, Fault, Kind, Reply, Stop
from bulkim.quota.pacer import Mark, Pacer, Pool
from bulkim.transport import Transport

_DEALT_WITH = frozenset(map(str, (Kind.SUCCEEDED, Kind.ALREADY, Kind.ABSENT, Kind.REJECTED, Kind.POISONED)))


@dataclass(slots=True)
class Wire:
    """The parts that every call of a session shares."""

    transport: Transport
    pacer: Pacer
    credential: Credential
    clock: Callable[[], float] = time.time
    _fetch_after: float = field(default=0.0, init=False)

    async def credentials(self) -> Credentials:
        """Valid credentials, fetched if need be. Called by one task only, so never fetched twice at once.

        Raises RefusedError when the vendor gives none, GuardError when it cannot be reached.
        """
        while True:
            now = self.clock()
            call, current = self.credential.needs(now), self.credential.current(now)
            if current is not None and (call is None or now < self._fetch_after):
                return current
            assert call is not None, "what has nothing to fetch always has credentials"
            await anyio.sleep(max(0.0, self._fetch_after - now))
            wait_s = self.credential.accept(await self.transport.send(call), self.clock())
            self._fetch_after = self.clock() + (wait_s or 0.0)

    def told(self, kind: str, credentials: Credentials) -> None:
        """What a call that was sent with `credentials` ended as."""
        if kind in _DEALT_WITH:
            self.credential.accepted(credentials)

    def renew(self, credentials: Credentials) -> Stop | None:
        """The vendor refused `credentials`; a Stop when there are no better ones."""
        try:
            self.credential.refused(credentials, self.clock())
        except RefusedError as error:
            return Stop(error.exit_code, "unauthorized", error.message, error.hint or "")
        return None

    async def send(
        self, call: Call, credentials: Credentials, marks: Sequence[tuple[Pool, Mark]]
    ) -> Reply | Fault:
        """Send a call that has its place in the quota (`marks`, from `Pacer.sent`)."""
        self.pacer.leaving(marks)
        reply = await self.transport.send(call, credentials)
        self.pacer.answered(marks)
        return reply
