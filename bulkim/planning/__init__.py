"""Job + operation + source -> items that may be sent, why the others may not, and what it will cost."""

from __future__ import annotations

from bulkim.catalogue.values import Check, Invalid, checker, quoted
from bulkim.planning.cost import (
    Estimate,
    Survey,
    batch_size,
    batches,
    before,
    estimate,
    limits,
    pools,
    settings,
    survey,
)
from bulkim.planning.items import RESULT_COLUMNS, Planned, Skip, prepare
from bulkim.planning.seen import Seen

__all__ = [
    "RESULT_COLUMNS",
    "Check",
    "Estimate",
    "Invalid",
    "Planned",
    "Seen",
    "Skip",
    "Survey",
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
    "survey",
]
