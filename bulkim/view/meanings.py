"""What a code means and what to do about it: the vendor's table, and bulkim's own codes."""

from __future__ import annotations

import re

from bulkim.catalogue.shapes import ErrorRule, Operation, Provider
from bulkim.codes import OWN, Meaning


def meaning(
    provider: Provider | None, operation: Operation | None, code: str, reason: str | None
) -> Meaning | None:
    """What `code` means for an item of this operation; None: it is in no table."""
    from bulkim.codec.refusals import lookup

    if own := OWN.get(code):
        return own
    if provider is None or operation is None:
        return None
    rule, _ = lookup(provider, operation, code=code, reason=reason)
    return of_rule(rule) if rule is not None else _of_status(code)


def _of_status(code: str) -> Meaning | None:
    """An answer without a code of the vendor's has its HTTP status for one."""
    if not re.fullmatch(r"5\d\d", code):
        return None
    return Meaning(
        f"The vendor, or a gateway before it, answered HTTP {code} and said nothing else that is known.",
        "`bulkim retry` sends it again.",
    )


def of_rule(rule: ErrorRule) -> Meaning:
    """A row of a vendor's table."""
    return Meaning(rule.meaning, rule.remedy, rule.page)
