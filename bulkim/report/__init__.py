"""Views of the journal: the end of a run in words, and its items as CSV, JSON lines, a table or JUnit XML."""

from __future__ import annotations

from bulkim.report.meanings import Meaning, meaning
from bulkim.report.rows import FORMATS, write_results
from bulkim.report.text import reconciliation

__all__ = ["FORMATS", "Meaning", "meaning", "reconciliation", "write_results"]
