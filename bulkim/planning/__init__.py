"""Job + operation + source -> items that may be sent, why the others may not, and what it will cost."""

from __future__ import annotations

from bulkim.catalogue.values import Check, Invalid, checker, quoted
from bulkim.planning.cost import (
    Estimate,
    Survey,
    Tally,
    batch_size,
    batches,
    before,
    estimate,
    limits,
    pools,
    settings,
    survey,
)
from bulkim.planning.items import RESULT_COLUMNS, prepare, stretches
from bulkim.planning.planned import Planned, Skip, Stretch
from bulkim.planning.seen import Seen

__all__ = [
    "RESULT_COLUMNS",
    "Check",
    "Estimate",
    "Invalid",
    "Planned",
    "Seen",
    "Skip",
    "Stretch",
    "Survey",
    "Tally",
    "batch_size",
    "batches",
    "before",
    "checker",
    "estimate",
    "limits",
    "pools",
    "prepare",
    "quoted",
    "settings",
    "stretches",
    "survey",
]
