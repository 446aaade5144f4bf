"""The journal of runs: what was asked, what was sent, what came back; the only state there is.

`Journal` is opened by whoever runs something, `Reader` by whoever looks at it; `completion` is what Tab asks, `transfer` moves runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulkim.journal.sqlite import completion, transfer
    from bulkim.journal.sqlite.reader import Reader
    from bulkim.journal.sqlite.writer import Journal

__all__ = ["Journal", "Reader", "completion", "transfer"]

_PLACES = {
    "Journal": ("writer", "Journal"),
    "Reader": ("reader", "Reader"),
    "completion": ("completion", ""),
    "transfer": ("transfer", ""),
}


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: a command that opens no journal does not wait for its library."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    found = import_module(f"bulkim.journal.sqlite.{module}")
    return getattr(found, attribute) if attribute else found
