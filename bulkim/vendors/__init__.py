"""The vendors' catalogues. A new vendor is its own module and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from bulkim.catalogue.shapes import Provider
from bulkim.errors import UsageError
from bulkim.vendors.agora import AGORA
from bulkim.vendors.easemob import EASEMOB
from bulkim.vendors.tencent import TENCENT

PROVIDERS: Mapping[str, Provider] = {each.name: each for each in (EASEMOB, AGORA, TENCENT)}


def provider(name: str) -> Provider:
    """The vendor of that name. Raises UsageError."""
    try:
        return PROVIDERS[name]
    except KeyError:
        raise UsageError(f"there is no provider {name!r}", hint=f"one of {', '.join(PROVIDERS)}") from None
