"""SQLite journal: what was asked, what was sent, what came back. The only package that imports sqlite_utils."""

from __future__ import annotations

from bulkim.journal.intake import read_input
from bulkim.journal.records import Closing, Entry, NewRun, Pace, Pending
from bulkim.journal.store import Journal
from bulkim.journal.turns import Turns

__all__ = ["Closing", "Entry", "Journal", "NewRun", "Pace", "Pending", "Turns", "read_input"]
