"""What a code means and what to do about it: the vendor's table, and bulkim's own codes."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from bulkim import codes
from bulkim.catalogue.shapes import Effect, ErrorRule, Never, Operation, Probe, Provider, Repeat
from bulkim.codes import Meaning
from bulkim.model import Status


def meaning(
    provider: Provider | None, operation: Operation | None, code: str, reason: str | None, outcome: str = ""
) -> Meaning | None:
    """What `code` means for an item of this operation; None: it is in no table. The vendor's word stands first.

    `outcome`: how the item ended. What to do about an unknown one depends on the operation, not on the code.
    """
    from bulkim.codec.refusals import decided_by

    found = None
    if provider is not None and operation is not None:
        rule = decided_by(provider, operation, code, reason)
        if rule is not None:
            found = of_rule(rule)
            if outcome == Status.UNKNOWN:
                return replace(found, remedy=codes.ENDED_UNKNOWN[doubt(operation)])
    if code == "reconciled" and operation is not None and isinstance(operation.doubt, Repeat):
        return replace(codes.OWN[code], meaning=codes.REPEATED)
    return found or codes.own(code)


def doubt(operation: Operation) -> str:
    """How an operation finds out what an unanswered request did, as `bulkim.codes` calls it."""
    if operation.paging is not None and operation.effect is Effect.DELETE:
        return "nobody"  # who is meant is listed before each call
    match operation.doubt:
        case Repeat():
            return "repeat"
        case Probe():
            return "probe"
        case Never():
            return "never"
        case never:
            assert_never(never)


def of_rule(rule: ErrorRule) -> Meaning:
    """A row of a vendor's table."""
    return Meaning(rule.meaning, rule.remedy, rule.page)
