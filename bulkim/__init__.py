"""Bulk user administration for chat vendors' REST APIs that never loses track of a user."""

from __future__ import annotations

__version__ = "0.1.0"
