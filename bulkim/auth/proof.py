"""A proof and its life, and how long one goes on when it is refused."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TypeGuard

from bulkim.errors import RefusedError
from bulkim.model import Credentials

MARGIN_S = 300.0  # renewed this long before it expires, or after nine tenths of its life
FRESH_S = 60.0  # a token that is refused younger than this, and was never accepted, was never good
REFUSALS_MAX = 10  # in FRESH_S, of credentials that had been accepted before


def basic(identity: str, secret: str) -> str:
    return base64.b64encode(f"{identity}:{secret}".encode()).decode()


def bearer(token: str) -> Credentials:
    return Credentials(headers=(("authorization", f"Bearer {token}"),))


def sendable(token: object) -> TypeGuard[str]:
    """Whether it can stand in a header: what has a line end or half an emoji in it is no token."""
    return isinstance(token, str) and token.isascii() and token.isprintable() and bool(token.strip())


@dataclass(frozen=True, slots=True)
class Proof:
    """A token or signature and its life, in Unix seconds."""

    text: str = field(repr=False)
    since: float
    expires_at: float

    @property
    def renew_at(self) -> float:
        return self.expires_at - min(MARGIN_S, 0.1 * (self.expires_at - self.since))

    def made(self, credentials: Credentials) -> bool:
        """Whether this is what stands in `credentials`."""
        return any(self.text in value for _, value in (*credentials.headers, *credentials.query))


@dataclass(slots=True)
class Patience:
    """Ends the run when what was made in answer to a refusal is refused as well."""

    hint: str
    good: bool = False  # what is sent now was accepted at least once
    refusals: list[float] = field(default_factory=list)  # of the last FRESH_S

    def accepted(self, proof: Proof | None, credentials: Credentials) -> None:
        self.good = self.good or (proof is not None and proof.made(credentials))

    def refused(self, proof: Proof, now: float) -> None:
        made_anew = any(0 <= proof.since - at < FRESH_S for at in self.refusals)
        if made_anew and not self.good and now - proof.since < FRESH_S:
            raise RefusedError("the vendor refused new credentials as well", hint=self.hint)
        self.refusals = [*(at for at in self.refusals if now - at < FRESH_S), now]
        if len(self.refusals) > REFUSALS_MAX:
            raise RefusedError("the vendor keeps refusing what it accepted before", hint=self.hint)
        self.good = False
