"""What a code means and what to do about it: the vendor's table, and bulkim's own codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bulkim.catalogue import ErrorRule, Operation, Provider


@dataclass(frozen=True, slots=True)
class Meaning:
    """One code, explained."""

    meaning: str
    remedy: str
    page: str = ""


OWN: Mapping[str, Meaning] = {
    "duplicate": Meaning("The input names the user more than once.", "Nothing: the first row counts."),
    "protected": Meaning("The name matches one of `guard.protect`.", "Nothing, if it is meant to be safe."),
    "invalid": Meaning(
        "The row cannot be sent: the vendor would refuse it, or take it for something else.",
        "Correct the row (the reason says what is wrong), then run the same job again.",
    ),
    "removed": Meaning(
        "The item was taken out of the input before it was sent.", "Nothing, if it was taken out on purpose."
    ),
    "timeout": Meaning(
        "The vendor did not answer in time.",
        "`bulkim retry` sends it again; raise `timeout` if the vendor is slow.",
    ),
    "connection": Meaning("The connection broke.", "`bulkim retry` sends it again."),
    "bad_response": Meaning(
        "The answer was not the vendor's: half of it, another format, or a gateway's page.",
        "`bulkim retry` sends it again; look for a proxy in between if it stays so.",
    ),
    "reconciled": Meaning(
        "The answer got lost; bulkim asked afterwards and found it done.", "Nothing: it is settled."
    ),
}


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
