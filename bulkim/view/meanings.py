"""What a code means and what to do about it: the vendor's table, and bulkim's own codes."""

from __future__ import annotations

from bulkim import codes
from bulkim.catalogue.shapes import ErrorRule, Operation, Provider
from bulkim.codes import Meaning


def meaning(
    provider: Provider | None, operation: Operation | None, code: str, reason: str | None
) -> Meaning | None:
    """What `code` means for an item of this operation; None: it is in no table. The vendor's word stands first."""
    from bulkim.codec.refusals import decided_by

    if provider is not None and operation is not None:
        rule = decided_by(provider, operation, code, reason)
        if rule is not None:
            return of_rule(rule)
    return codes.own(code)


def of_rule(rule: ErrorRule) -> Meaning:
    """A row of a vendor's table."""
    return Meaning(rule.meaning, rule.remedy, rule.page)
