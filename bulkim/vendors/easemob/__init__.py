"""Easemob (环信): the catalogue."""

from __future__ import annotations

from bulkim.catalogue.shapes import Envelope, Provider
from bulkim.vendors.easemob.errors import ERRORS
from bulkim.vendors.easemob.operations import OPERATIONS, POOLS

ENVELOPE = Envelope(code="error", reason="error_description", timestamp_ms="timestamp")

EASEMOB = Provider(
    name="easemob",
    label="Easemob",
    fold="lower",
    operations=OPERATIONS,
    errors=ERRORS,
    pools=POOLS,
    envelope=ENVELOPE,
    auth=("token", "client", "none"),
    headers=(("accept", "application/json"),),
    hosts=("https://a1.easemob.com",),
)
