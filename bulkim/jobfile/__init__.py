"""Job files: YAML or JSON text -> `Job`, every problem with its line; and the JSON Schema that editors complete from."""

from __future__ import annotations

from bulkim.jobfile.connection import build as build_connection
from bulkim.jobfile.kept import Kept, kept_connection, kept_section, kept_value
from bulkim.jobfile.load import Written, load
from bulkim.jobfile.published import json_schema
from bulkim.jobfile.recorded import REFERENCE, entry_now

__all__ = [
    "REFERENCE",
    "Kept",
    "Written",
    "build_connection",
    "entry_now",
    "json_schema",
    "kept_connection",
    "kept_section",
    "kept_value",
    "load",
]
