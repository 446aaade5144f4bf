"""The nouns. Frozen dataclasses and closed enums; the standard library only.

Vendor declarations (what an operation looks like on the wire) are in `bulkim.catalogue.shapes`.
Units stand last in names: `timeout_s`, `began_at` (Unix seconds, float), `latency_s`.
"""

from __future__ import annotations

from bulkim.model.answers import Again, Answer, Decision, Final, Kind, Outcome, Page, Rest, Speaker, Stop
from bulkim.model.http import Call, Credentials, Fault, PageRequest, Reply
from bulkim.model.items import KEY_SEPARATOR, Batch, Item, Mode, Row, Status
from bulkim.model.job import FILE_KINDS, Auth, Connection, Guard, Job, Notify, Rate, Source, Where
from bulkim.model.rows import Column, Condition

__all__ = [
    "FILE_KINDS",
    "KEY_SEPARATOR",
    "Again",
    "Answer",
    "Auth",
    "Batch",
    "Call",
    "Column",
    "Condition",
    "Connection",
    "Credentials",
    "Decision",
    "Fault",
    "Final",
    "Guard",
    "Item",
    "Job",
    "Kind",
    "Mode",
    "Notify",
    "Outcome",
    "Page",
    "PageRequest",
    "Rate",
    "Reply",
    "Rest",
    "Row",
    "Source",
    "Speaker",
    "Status",
    "Stop",
    "Where",
]
