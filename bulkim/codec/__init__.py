"""Items to a Call, a Reply to Outcomes: pure, and the only place that knows the catalogue's shapes."""

from __future__ import annotations

from bulkim.codec.decoding import decode, pages
from bulkim.codec.encoding import encode, parting, wire_fields

__all__ = ["decode", "encode", "pages", "parting", "wire_fields"]
