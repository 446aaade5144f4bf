"""The vendors' catalogues. A new vendor is its own module and one line here; a user's own is a file that a job names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from bulkim.catalogue.shapes import Provider
from bulkim.errors import InputError, UsageError
from bulkim.vendors.agora import AGORA
from bulkim.vendors.easemob import EASEMOB
from bulkim.vendors.tencent import TENCENT

PROVIDERS: Mapping[str, Provider] = {each.name: each for each in (EASEMOB, AGORA, TENCENT)}


def provider(name: str, text: str | None = None) -> Provider:
    """The vendor of that name; with `text`, the one that it declares, as a job or a run has it.

    Raises UsageError; InputError for a text that does not hold together.
    """
    if text is not None:
        return _declared(text, f"{name}.yaml")
    try:
        return PROVIDERS[name]
    except KeyError:
        raise UsageError(f"there is no provider {name!r}", hint=f"one of {', '.join(PROVIDERS)}") from None


def known(name: str, text: str | None = None) -> Provider | None:
    """The same for people who look at a run: None where this program does not know the vendor, or not any more."""
    try:
        return provider(name, text)
    except (UsageError, InputError):
        return None


def folding(found: Provider | None) -> Callable[[str], str]:
    """How a run's vendor compares usernames; one that is not known, letter for letter."""
    return found.folded if found else str


@lru_cache(maxsize=8)
def _declared(text: str, file: str) -> Provider:
    from bulkim.catalogue.load import load  # and the YAML parser with it

    return load(text, file, PROVIDERS)
