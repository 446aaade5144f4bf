"""What bulkim's own codes mean, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
