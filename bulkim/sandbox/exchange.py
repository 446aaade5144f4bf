"""The seam between the server and a vendor: one call that has been recognised and not yet carried out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bulkim.sandbox.fault_rules import Fault
from bulkim.sandbox.faults import Verdict
from bulkim.sandbox.http import Response
from bulkim.sandbox.state import AppState


class Exchange(Protocol):
    @property
    def app(self) -> AppState: ...

    @property
    def operation(self) -> str:
        """The operation's name, the same at every vendor."""

    @property
    def pools(self) -> Sequence[str]:
        """The quota pools the call counts in."""

    def users(self) -> Sequence[str]:
        """The ids the call is about, as it spells them."""

    def run(self, verdict: Verdict) -> Response:
        """Authenticate, validate, carry out, answer: all at once, so that an effect is never half there."""

    def throttled(self, retry_after: float | None) -> Response:
        """The vendor's answer to one call too many."""

    def error(self, fault: Fault) -> Response:
        """The error that a fault rule asks for, in the vendor's shape."""
